"""The sandbox's authorization server, on Authlib's server side: SMART App Launch 2.2 for the sandbox's patients.

There is no login: the launcher page plays the EHR in which a clinician is signed in and a chart is open. A launch
context (patient, encounter, user) is minted there and comes back in ``launch``.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidClientError, OAuth2Error
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, redirect, render_template_string, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from werkzeug.wrappers import Response as Answer

from smart_app.fhir.reading.record import Json
from smart_app.sandbox.fhirstore import Refused

os.environ.setdefault("AUTHLIB_INSECURE_TRANSPORT", "1")  # the sandbox speaks http on the loopback only

METHODS = {
    "none": ["none"],
    "client_secret_basic": ["client_secret_basic"],
    "client_secret_post": ["client_secret_post"],
    "private_key_jwt": ["client_assertion_jwt", "private_key_jwt"],
}


@dataclass
class Client(ClientMixin):  # type: ignore[misc]
    """One registered app."""

    client_id: str
    redirect_uris: list[str]
    method: str = "none"
    secret: str = ""
    jwks: Json | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        return method in METHODS[self.method]

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Context:
    """What the EHR has open: the launch context. Also the "user" in Authlib's sense."""

    patient: str | None
    encounter: str | None = None
    user: str = "Practitioner/sandbox-oncologist"
    banner: bool = True


@dataclass
class Code:
    code: str
    client_id: str
    redirect_uri: str
    scope: str
    context: Context
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    expires: float

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass
class Token:
    client_id: str
    scope: str
    context: Context
    expires: float
    refresh: str | None = None
    access: str = ""
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return time.time() > self.expires

    def is_revoked(self) -> bool:
        return self.revoked


@dataclass
class Sessions:
    """Launches, codes and tokens of the running sandbox; gone when it stops."""

    clients: dict[str, Client]
    key: RSAKey
    issuer: str  # the FHIR base
    lifetime: int = 3600
    launches: dict[str, Context] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    refreshes: dict[str, Token] = field(default_factory=dict)
    jtis: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def launch(self, context: Context) -> str:
        token = secrets.token_urlsafe(16)
        self.launches[token] = context
        return token


def load_signing_key(file: Path) -> RSAKey:
    """The sandbox's id_token key, made once per data folder."""
    if file.exists():
        return RSAKey.import_key(json.loads(file.read_text()))
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": secrets.token_hex(8)})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(key.as_dict(private=True)))
    file.chmod(0o600)
    return key


def install(app: Flask, sessions: Sessions, prefix: str = "/auth", fhir: str = "/fhir", patients: Any = None) -> None:
    """Adds discovery, authorize, token, revoke and JWKS to the app. ``patients``: () -> [(id, name)] for the picker."""
    root = sessions.issuer.removesuffix(fhir)

    def save_token(token: Json, req: Any) -> None:
        context: Context = req.user
        kept = Token(req.client.client_id, token.get("scope", ""), context, time.time() + token["expires_in"])
        kept.access = token["access_token"]
        kept.refresh = token.get("refresh_token")
        with sessions.lock:
            sessions.tokens[kept.access] = kept
            if kept.refresh:
                sessions.refreshes[kept.refresh] = kept
        scopes = kept.scope.split()
        if context.patient and any(s == "launch" or s.startswith(("launch/", "patient/")) for s in scopes):
            token["patient"] = context.patient
        if context.encounter:
            token["encounter"] = context.encounter
        token["need_patient_banner"] = context.banner

    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post", "client_assertion_jwt"]  # noqa: RUF012

        def save_authorization_code(self, code: str, req: Any) -> None:
            data = req.payload.data
            sessions.codes[code] = Code(
                code,
                req.client.client_id,
                req.payload.redirect_uri,
                req.scope or data.get("scope", ""),
                req.user,
                data.get("nonce"),
                data.get("code_challenge"),
                data.get("code_challenge_method"),
                time.time() + 60,
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            with sessions.lock:
                found = sessions.codes.pop(code, None)  # single use, whatever comes of it
            good = found is not None and found.client_id == client.client_id and found.expires > time.time()
            return found if good else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            pass  # taken when it was looked up

        def authenticate_user(self, authorization_code: Code) -> Context:
            return authorization_code.context

    class Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            found = sessions.refreshes.get(refresh_token)
            return found if found is not None and not found.revoked else None

        def authenticate_user(self, refresh_token: Token) -> Context:
            return refresh_token.context

        def revoke_old_credential(self, refresh_token: Token) -> None:
            refresh_token.revoked = True

    class IdToken(OpenIDCode):  # type: ignore[misc]
        def exists_nonce(self, nonce: str, req: Any) -> bool:
            return any(c.nonce == nonce and c.client_id == req.payload.client_id for c in sessions.codes.values())

        def resolve_client_private_key(self, client: Client) -> RSAKey:  # noqa: ARG002 - Authlib's signature
            return sessions.key

        def get_client_algorithm(self, client: Client) -> str:  # noqa: ARG002 - Authlib's signature
            return "RS256"

        def get_encode_header(self, client: Client) -> Json:  # noqa: ARG002 - Authlib's signature
            return {"alg": "RS256", "kid": sessions.key.kid, "typ": "JWT"}

        def get_client_claims(self, client: Client) -> Json:
            return {"iss": sessions.issuer, "aud": client.client_id}

        def generate_user_info(self, user: Context, scope: str) -> Json:
            claims = {"sub": user.user.partition("/")[2]}
            if "fhirUser" in scope.split():
                claims["fhirUser"] = f"{sessions.issuer}/{user.user}"
            return claims

    class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
        def get_audiences(self) -> list[str]:
            return [f"{root}{prefix}/token"]

        def process_assertion_claims(self, assertion: str, resolve_key: Any) -> Json:
            # SMART asks for RS384 and ES384, which are not among the decoder's defaults
            try:
                claims = jwt.decode(assertion, resolve_key, algorithms=["RS384", "ES384"]).claims
            except (JoseError, ValueError) as error:
                raise InvalidClientError(description="The assertion is not valid.") from error
            self.verify_claims(claims)
            return dict(claims)

        def validate_jti(self, claims: Json, jti: str) -> bool:
            key = f"{claims['sub']} {jti}"
            with sessions.lock:
                fresh = key not in sessions.jtis
                sessions.jtis.add(key)
            return fresh

        def resolve_client_public_key(self, client: Client) -> KeySet:
            return KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]

    class Revoke(RevocationEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS

        def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:  # noqa: ARG002
            return sessions.tokens.get(token_string) or sessions.refreshes.get(token_string)

        def revoke_token(self, token: Token, req: Any) -> None:  # noqa: ARG002 - Authlib's signature
            token.revoked = True

    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {
        "authorization_code": sessions.lifetime,
        "refresh_token": sessions.lifetime,
    }
    server = AuthorizationServer(app, query_client=sessions.clients.get, save_token=save_token)
    server.register_client_auth_method("client_assertion_jwt", Assertion())
    server.register_grant(CodeGrant, [IdToken(), CodeChallenge(required=True)])
    server.register_grant(Refresh)
    server.register_endpoint(Revoke)

    @app.get(f"{fhir}/.well-known/smart-configuration")
    def smart_configuration() -> Response:
        return jsonify(
            {
                "issuer": sessions.issuer,
                "jwks_uri": f"{root}{prefix}/jwks",
                "authorization_endpoint": f"{root}{prefix}/authorize",
                "token_endpoint": f"{root}{prefix}/token",
                "revocation_endpoint": f"{root}{prefix}/revoke",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                    "private_key_jwt",
                ],
                "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": [
                    "openid",
                    "fhirUser",
                    "launch",
                    "launch/patient",
                    "patient/*.rs",
                    "patient/CarePlan.cu",
                ],
                "capabilities": [
                    "launch-ehr",
                    "launch-standalone",
                    "authorize-post",
                    "client-public",
                    "client-confidential-symmetric",
                    "client-confidential-asymmetric",
                    "sso-openid-connect",
                    "context-ehr-patient",
                    "context-ehr-encounter",
                    "context-standalone-patient",
                    "context-banner",
                    "permission-patient",
                    "permission-offline",
                    "permission-v1",
                    "permission-v2",
                ],
            }
        )

    @app.route(f"{prefix}/authorize", methods=["GET", "POST"])
    def authorize() -> Answer | tuple[str, int]:
        values = request.values
        if values.get("aud", "").rstrip("/") != sessions.issuer:
            return "The aud parameter is not this server's FHIR base.", 400
        if not values.get("code_challenge") or values.get("code_challenge_method") != "S256":
            return "PKCE with S256 is required.", 400
        try:
            grant = server.get_consent_grant()
        except OAuth2Error as error:
            return server.handle_error_response(server.create_oauth2_request(None), error)  # type: ignore[no-any-return]
        launch = values.get("launch")
        if launch is not None:
            context = sessions.launches.pop(launch, None)
            if context is None:
                return "This launch is not known, or was used already.", 400
        elif values.get("picked"):
            context = Context(values["picked"])
        else:
            hidden = [(k, v) for k, v in values.items(multi=True) if k != "picked"]
            return render_template_string(_PICKER, hidden=hidden, patients=patients() if patients else []), 200
        return server.create_authorization_response(grant=grant, grant_user=context)  # type: ignore[no-any-return]

    @app.post(f"{prefix}/token")
    def token() -> Answer:
        return server.create_token_response()  # type: ignore[no-any-return]

    @app.post(f"{prefix}/revoke")
    def revoke() -> Answer:
        return server.create_endpoint_response(Revoke.ENDPOINT_NAME)  # type: ignore[no-any-return]

    @app.get(f"{prefix}/jwks")
    def jwks() -> Response:
        return jsonify({"keys": [sessions.key.as_dict(private=False)]})

    @app.get(f"{prefix}/start/<launch_token>")
    def start(launch_token: str) -> Answer:  # a stable address for tests: the launch itself is in the app
        return redirect(f"/?launch={launch_token}")


_PICKER = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Choose a patient</title>
<link rel="stylesheet" href="/static/launcher.css"><main><h1>Choose a patient</h1><form method="post">
{% for key, value in hidden %}<input type="hidden" name="{{ key }}" value="{{ value }}">{% endfor %}
<ul>{% for ident, name in patients %}
<li><button name="picked" value="{{ ident }}">{{ name }}</button></li>{% endfor %}</ul>
</form></main></html>"""


def guard_for(sessions: Sessions) -> Any:
    """The FHIR interface's guard: bearer token, its scopes, and the patient it was issued for."""
    letters = {"read": "r", "search": "s", "create": "c", "update": "u", "delete": "d"}
    shared = {"Practitioner", "PractitionerRole", "Organization", "Medication"}

    def guard(interaction: str, kind: str, patient: str | None) -> None:
        header = request.headers.get("Authorization", "")
        token = sessions.tokens.get(header.removeprefix("Bearer ")) if header.startswith("Bearer ") else None
        if token is None or token.is_expired() or token.revoked:
            raise Refused(401, "login", "A valid bearer token is needed.")
        scopes = token.scope.split()
        if kind in shared and interaction == "read" and ("fhirUser" in scopes or kind == "Medication"):
            return
        if not any(_covers(s, kind, letters.get(interaction, "-")) for s in scopes):
            raise Refused(403, "forbidden", f"The token does not allow to {interaction} {kind}.")
        if patient is not None and patient != f"Patient/{token.context.patient}":
            raise Refused(403, "forbidden", "The token was issued for another patient.")
        if patient is None and interaction == "search" and kind not in shared:
            raise Refused(403, "forbidden", "A search needs the patient.")

    return guard


def _covers(scope: str, kind: str, letter: str) -> bool:
    context, _, rest = scope.partition("/")
    name, _, access = rest.partition(".")
    if context not in ("patient", "user") or name not in (kind, "*"):
        return False
    old = {"read": "rs", "write": "cud", "*": "cruds"}
    return letter in old.get(access, access)
