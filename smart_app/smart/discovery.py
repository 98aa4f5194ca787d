"""Where an issuer signs people in: ``.well-known/smart-configuration``, else the CapabilityStatement's oauth-uris."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir import jsontext
from smart_app.fhir.gate import Gate, is_loopback, origin_of
from smart_app.smart.issuers import HOST, Issuer

_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What discovery found. ``scopes`` and ``capabilities`` are empty where the server does not list them."""

    authorize: str
    token: str
    jwks: str | None = None
    issuer: str | None = None  # the OpenID issuer, where announced
    revocation: str | None = None
    end_session: str | None = None
    scopes: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] = ()
    signing_algorithms: tuple[str, ...] = ()  # for private_key_jwt
    names_itself: bool = False  # promises ``iss`` on every callback (RFC 9207)

    def open(self, issuer: Issuer, gate: Gate) -> None:
        """Opens the gate for what the app itself calls; private networks only where the registration trusts them."""
        for url in filter(None, (self.token, self.jwks, self.revocation)):
            gate.allow(url, private=trusted(issuer, url) or is_loopback(urlsplit(issuer.base).hostname or ""))


def discover(issuer: Issuer, gate: Gate) -> Endpoints:
    """LaunchError ``discovery.*`` where the launch cannot go on. Opens the gate for the endpoints found."""
    document = _fetch(gate, f"{issuer.base}/.well-known/smart-configuration")
    if document is None:
        document = _from_metadata(_fetch(gate, f"{issuer.base}/metadata"))
    methods = document.get("code_challenge_methods_supported")
    if methods is not None and "S256" not in (methods if isinstance(methods, list) else [methods]):
        raise LaunchError("The EHR's sign-in does not support PKCE with S256.", code="discovery.no_s256")
    made = Endpoints(
        authorize=_endpoint(issuer, document, "authorization_endpoint") or "",
        token=_endpoint(issuer, document, "token_endpoint") or "",
        jwks=_endpoint(issuer, document, "jwks_uri"),
        issuer=document["issuer"] if isinstance(document.get("issuer"), str) else None,
        revocation=_endpoint(issuer, document, "revocation_endpoint"),
        end_session=_endpoint(issuer, document, "end_session_endpoint"),
        scopes=_texts(document.get("scopes_supported")),
        capabilities=_texts(document.get("capabilities")),
        auth_methods=_texts(document.get("token_endpoint_auth_methods_supported")),
        signing_algorithms=_texts(document.get("token_endpoint_auth_signing_alg_values_supported")),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )
    if not made.authorize or not made.token:
        raise LaunchError("The EHR does not say where to sign in.", code="discovery.incomplete")
    made.open(issuer, gate)
    return made


def key_set_of(issuer: Issuer, endpoints: Endpoints, gate: Gate) -> str | None:
    """``jwks_uri``, where SMART discovery gave none, from OpenID discovery (OpenID Connect Discovery 4); else None.

    Asked only on origins that the registration or the SMART discovery already named.
    """
    if endpoints.jwks is not None:
        return endpoints.jwks
    named = (endpoints.issuer or issuer.base).rstrip("/")
    if not trusted(issuer, named) and origin_of(named) != origin_of(endpoints.token):
        return None
    try:
        document = _fetch(gate, f"{named}/.well-known/openid-configuration") or {}
    except LaunchError:
        return None
    found = _endpoint(issuer, document, "jwks_uri")
    if found is None or str(document.get("issuer")).rstrip("/") != named:
        return None
    gate.allow(found, private=trusted(issuer, found) or is_loopback(urlsplit(issuer.base).hostname or ""))
    return found


def trusted(issuer: Issuer, url: str) -> bool:
    """The issuer's own origin, or one that the registration pins."""
    return origin_of(url) in {origin_of(o) for o in (issuer.base, *issuer.authorization_origins)}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _fetch(gate: Gate, url: str) -> dict[str, Any] | None:
    """The JSON object at the address; None where the server has no such document (4xx)."""
    try:
        reply = gate.request("GET", url, headers={"Accept": "application/json, application/fhir+json"})
    except FhirError as error:
        raise LaunchError(f"The EHR's sign-in could not be looked up. {error.message}", code=error.code) from error
    if reply.status >= 500 or reply.status == 429:
        raise LaunchError(
            f"The EHR's server failed while its sign-in was looked up (HTTP {reply.status}).", code="discovery.failed"
        )
    if reply.status != 200:
        return None
    try:
        document = jsontext.loads(reply.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        # a proxy's or sign-in page: what follows could not be trusted, so there is no falling back from here
        raise LaunchError(
            "The EHR's sign-in could not be looked up: the answer is not JSON.", code="discovery.not_json"
        )
    return document


def _from_metadata(statement: dict[str, Any] | None) -> dict[str, Any]:
    """The older way: the oauth-uris extension of ``rest.security`` (SMART App Launch 1.0)."""
    found: dict[str, Any] = {}
    names = {"authorize": "authorization_endpoint", "token": "token_endpoint", "revoke": "revocation_endpoint"}
    for rest in _objects((statement or {}).get("rest")):
        security = rest.get("security")
        for extension in _objects(security.get("extension") if isinstance(security, dict) else None):
            if extension.get("url") == _OAUTH_URIS:
                for part in _objects(extension.get("extension")):
                    if part.get("url") in names and isinstance(part.get("valueUri"), str):
                        found[names[part["url"]]] = part["valueUri"]
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _endpoint(issuer: Issuer, document: dict[str, Any], name: str) -> str | None:
    """An endpoint as an absolute URL; relative ones are resolved against the FHIR base."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        return None
    url = urljoin(issuer.base + "/", value)
    try:
        origin_of(url)
    except FhirError as error:
        raise LaunchError("The EHR names an address that is none.", code="discovery.bad_endpoint") from error
    parts = urlsplit(url)
    local = is_loopback(parts.hostname or "") and is_loopback(urlsplit(issuer.base).hostname or "")
    if not set(parts.netloc) <= HOST - {"*"}:  # it goes into headers
        raise LaunchError("The EHR names an address that is none.", code="discovery.bad_endpoint")
    if parts.fragment or (parts.scheme != "https" and not local):
        raise LaunchError("The EHR names a sign-in address without https.", code="discovery.insecure")
    if issuer.authorization_origins and not trusted(issuer, url):
        raise LaunchError("The EHR names a sign-in server that is not registered.", code="discovery.other_origin")
    return url
