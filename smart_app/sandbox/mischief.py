"""Misbehaviour on demand: one launch shows the named faults, at sign-in, in its token or on the FHIR interface.

The launcher page offers them, and tests name them in ``Context.mischief``. Faults of the FHIR interface concern the
search for Observations, so that the page must say which part of the chart it lacks; ``patient.*`` the Patient itself,
``write.*`` the creation of a CarePlan.
"""

from __future__ import annotations

import gzip
import hmac
import json
import time
from base64 import urlsafe_b64encode
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Flask, Response, request
from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from werkzeug.wrappers import Response as Answer

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items
from smart_app.sandbox.guard import token_of
from smart_app.sandbox.registry import Sessions

SLOW = 11.0  # seconds: longer than the app waits
FAULTS = {
    "authorize.denied": "sign-in: the user refuses",
    "authorize.server_error": "sign-in: reports an error",
    "authorize.invalid_scope": "sign-in: does not allow the access asked for",
    "authorize.unauthorized_client": "sign-in: the app is not allowed",
    "authorize.invalid_client": "sign-in: does not know the app",
    "authorize.temporarily_unavailable": "sign-in: not available just now",
    "authorize.other_state": "sign-in: comes back with another state",
    "authorize.other_issuer": "sign-in: comes back in another server's name",
    "authorize.no_state": "sign-in: comes back without a state",
    "authorize.no_issuer": "sign-in: does not name itself although it promises to",
    "authorize.no_code": "sign-in: comes back without a code",
    "authorize.two_codes": "sign-in: comes back with two codes",
    "authorize.other_code": "sign-in: comes back with a code that is none",
    "token.invalid_client": "token: the app is refused",
    "token.invalid_grant": "token: the code has expired",
    "token.invalid_scope": "token: the access asked for is refused",
    "token.unavailable": "token: asks to come back later",
    "token.redirect": "token: sends the app to another server",
    "token.server_error": "token: fails with an HTML page",
    "token.html": "token: HTML instead of JSON",
    "token.error_200": "token: an error with status 200",
    "token.slow": "token: no answer within ten seconds",
    "token.no_patient": "token: no patient",
    "token.two_patients": "token: names a second patient",
    "token.visit_as_patient": "token: a visit in place of the patient",
    "token.no_id_token": "token: no id_token",
    "token.mac": "token: is no bearer token",
    "token.narrow": "token: fewer scopes than asked",
    "token.short": "token: ends after two seconds",
    "refresh.refused": "token: ends after two seconds and is not renewed",
    "refresh.failing": "token: ends after two seconds, and renewing it fails",
    "refresh.other_patient": "token: renewed after two seconds for another patient",
    "refresh.narrow": "token: renewed after two seconds with fewer scopes",
    "id.wrong_issuer": "id_token: of another issuer",
    "id.wrong_audience": "id_token: for another app",
    "id.wrong_nonce": "id_token: of another launch",
    "id.expired": "id_token: expired",
    "id.unsigned": "id_token: unsigned (alg none)",
    "id.symmetric": "id_token: signed with the public key as a secret (HS256)",
    "id.foreign_key": "id_token: signed by an unpublished key",
    "id.keys_failing": "id_token: signed by a new key, and the published keys cannot be read",
    "id.future": "id_token: from the future",
    "id.twice": "id_token: says twice for whom it is",
    "id.as_the_launcher": "id_token: of the token endpoint's neighbour, as the SMART launcher signs (must work)",
    "id.rotated": "id_token: signed by a new, published key (must work)",
    "id.foreign_user": "id_token: names a user on another server",
    "fhir.401": "FHIR: token no longer accepted",
    "fhir.403": "FHIR: refused",
    "fhir.429": "FHIR: asks to slow down",
    "fhir.500": "FHIR: fails",
    "fhir.html": "FHIR: HTML instead of JSON",
    "fhir.truncated": "FHIR: the answer is cut off",
    "fhir.deep": "FHIR: the answer nests a hundred thousand levels deep",
    "fhir.bomb": "FHIR: the answer unpacks to more than the app takes",
    "fhir.redirect": "FHIR: sends the app to another server",
    "fhir.slow": "FHIR: no answer within ten seconds",
    "fhir.foreign_next": "FHIR: the next page lies on another server",
    "fhir.other_patient": "FHIR: a result of another patient among the results",
    "fhir.fewer": "FHIR: fewer results than announced",
    "patient.other": "Patient: another one than asked for",
    "patient.gone": "Patient: not there any more",
    "patient.failing": "Patient: fails",
    "write.refused": "writing a plan: refused",
    "write.invalid": "writing a plan: not understood",
    "write.failing": "writing a plan: fails, nothing is stored",
    "write.lost": "writing a plan: stored, and the answer is lost",
}


def at_authorize(faults: tuple[str, ...], answer: Answer) -> Answer:
    """The redirect back to the app, spoilt where a fault says so."""
    if not answer.location:
        return answer
    parts = urlsplit(answer.location)
    query = dict(parse_qsl(parts.query))
    state: dict[str, str] = {name: query[name] for name in ("state", "iss") if name in query}
    for fault, error in _ERRORS.items():
        if fault in faults:
            query = {"error": error, "error_description": "<b>It went wrong</b>", **state}
    changes = {
        "authorize.other_state": {"state": "of-somebody-else"},
        "authorize.other_issuer": {"iss": "https://elsewhere.example.org/fhir"},
        "authorize.other_code": {"code": "never-given"},
    }
    for fault, changed in changes.items():
        query.update(changed if fault in faults else {})
    for fault, name in (("authorize.no_state", "state"), ("authorize.no_issuer", "iss"), ("authorize.no_code", "code")):
        if fault in faults:
            query.pop(name, None)
    pairs = list(query.items())
    if "authorize.two_codes" in faults:
        pairs.append(("code", "another"))
    answer.location = urlunsplit(parts._replace(query=urlencode(pairs)))
    return answer


_ERRORS = {
    "authorize.denied": "access_denied",
    "authorize.server_error": "server_error",
    "authorize.invalid_scope": "invalid_scope",
    "authorize.unauthorized_client": "unauthorized_client",
    "authorize.invalid_client": "invalid_client",
    "authorize.temporarily_unavailable": "temporarily_unavailable",
}


def at_token(answer: Answer, sessions: Sessions) -> Answer:
    """The token endpoint's answer, spoilt where the launch it belongs to says so."""
    sent = json.loads(answer.get_data()) if answer.status_code == 200 else {}
    token = sessions.tokens.get(sent.get("access_token", ""))
    faults = token.context.mischief if token is not None else ()
    if token is None or not faults:
        return answer
    if "token.slow" in faults:
        time.sleep(SLOW)
    renewing = request.form.get("grant_type") == "refresh_token"
    for fault, status, body in _REFUSALS:
        if fault in faults and (renewing or not fault.startswith("refresh.")):
            return Response(body, status, content_type="application/json" if body[0] == "{" else "text/html")
    if "token.redirect" in faults:
        return Response("", 307, {"Location": "http://elsewhere.example.org/token"})
    if renewing and "refresh.other_patient" in faults:
        sent["patient"] = "somebody-else"
    if "token.no_patient" in faults:
        sent.pop("patient", None)
    if "token.visit_as_patient" in faults:
        sent["patient"] = f"Encounter/{sent.get('patient')}"
    if "token.no_id_token" in faults:
        sent.pop("id_token", None)
    if "token.mac" in faults:
        sent["token_type"] = "mac"
    if "token.narrow" in faults or (renewing and "refresh.narrow" in faults):
        kept = ("openid", "fhirUser", "launch", "launch/patient", "patient/Patient.rs", "patient/Observation.rs")
        token.scope = sent["scope"] = " ".join(s for s in token.scope.split() if s in kept)
    if "token.short" in faults or any(f.startswith("refresh.") for f in faults):
        sent["expires_in"] = 2
        token.expires = time.time() + 2
    if "id_token" in sent:
        sent["id_token"] = _id_token(sent["id_token"], faults, sessions)
    body = json.dumps(sent)
    if "token.two_patients" in faults:
        body = body[:-1] + ', "patient": "somebody-else"}'
    return Response(body, 200, {"Cache-Control": "no-store"}, content_type="application/json")


_REFUSALS = (
    ("token.invalid_client", 401, '{"error": "invalid_client"}'),
    ("token.invalid_grant", 400, '{"error": "invalid_grant"}'),
    ("token.invalid_scope", 400, '{"error": "invalid_scope"}'),
    ("token.unavailable", 503, '{"error": "temporarily_unavailable"}'),
    ("token.server_error", 500, "<h1>Internal error</h1>"),
    ("token.html", 200, "<h1>Please sign in</h1>"),
    ("token.error_200", 200, '{"error": "server_error"}'),
    ("refresh.refused", 400, '{"error": "invalid_grant"}'),
    ("refresh.failing", 500, "<h1>Internal error</h1>"),
)


def _id_token(raw: str, faults: tuple[str, ...], sessions: Sessions) -> str:
    claims = json.loads(jws.extract_compact(raw.encode()).payload)
    edits = {
        "id.wrong_issuer": {"iss": "https://elsewhere.example.org/fhir"},
        "id.as_the_launcher": {"iss": f"{sessions.issuer.removesuffix('/fhir')}/auth/fhir"},
        "id.wrong_audience": {"aud": "another-app"},
        "id.wrong_nonce": {"nonce": "of-another-launch"},
        "id.expired": {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 7200},
        "id.future": {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200},
        "id.foreign_user": {"fhirUser": "https://elsewhere.example.org/fhir/Practitioner/1"},
    }
    for fault, changed in edits.items():
        claims.update(changed if fault in faults else {})
    key, header = sessions.key, {"alg": "RS256", "kid": sessions.key.kid, "typ": "JWT"}
    if "id.foreign_key" in faults:
        key = RSAKey.generate_key(2048)
    if "id.rotated" in faults or "id.keys_failing" in faults:
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": f"new-{len(sessions.more_keys)}"})
        sessions.more_keys.append(key)
        header["kid"] = key.kid
    if "id.keys_failing" in faults:
        sessions.keys_failing += 1
    if "id.unsigned" in faults:
        return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."
    if "id.symmetric" in faults:
        signed = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
        digest = hmac.digest(sessions.key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{_base64(digest)}"
    if "id.twice" in faults:
        return jws.serialize_compact(header, b'{"aud":"another-app",' + json.dumps(claims).encode()[1:], key, ["RS256"])
    return jwt.encode(header, claims, key, ["RS256"])


def _part(value: Json) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def install(app: Flask, sessions: Sessions, fhir: str = "/fhir") -> None:
    """Hangs the faults before and after the searches for Observations and the reading of the Patient."""

    def faults() -> tuple[str, ...]:
        place = {f"{fhir}/Observation": "fhir."}.get(request.path, "")
        place = "patient." if request.path.startswith(f"{fhir}/Patient/") else place
        place = "write." if (request.method, request.path) == ("POST", f"{fhir}/CarePlan") else place
        token = token_of(sessions) if place else None
        return tuple(f for f in token.context.mischief if f.startswith(place)) if token is not None else ()

    @app.before_request
    def before() -> Response | None:
        named = faults()
        if "fhir.slow" in named:
            time.sleep(SLOW)
        for fault, status, body in _ANSWERS:
            if fault in named:
                made = Response(body, status, content_type="application/fhir+json" if not body else "text/html")
                if status == 429:
                    made.headers["Retry-After"] = "90"
                if status == 302:
                    made.headers["Location"] = "http://elsewhere.example.org/fhir/Observation"
                return made
        if "fhir.deep" in named:
            return Response("[" * 100_000, 200, content_type="application/fhir+json")
        if "fhir.bomb" in named:
            packed = gzip.compress(b" " * 1024 * 1024) * BOMB  # members one after another, made in no time
            return Response(packed, 200, {"Content-Encoding": "gzip"}, content_type="application/fhir+json")
        return None

    @app.after_request
    def after(answer: Response) -> Response:
        named = faults()
        if "write.lost" in named:
            return Response("<h1>Internal error</h1>", 500)
        if not any(n in named for n in _SPOILT):
            return answer
        found = jsontext.loads(answer.get_data())
        if "fhir.foreign_next" in named:
            link = {"relation": "next", "url": "http://elsewhere.example.org/fhir?_getpages=1"}
            found["link"] = [*items(found.get("link")), link]
        if "fhir.other_patient" in named:
            found["entry"] = [*items(found.get("entry")), {"resource": _of_somebody_else()}]
        if "fhir.fewer" in named:
            found["total"] = len(items(found.get("entry"))) + 3
        if "patient.other" in named:
            found["id"] = "somebody-else"
        body = jsontext.dumps(found)
        answer.set_data(body[: len(body) // 2] if "fhir.truncated" in named else body)
        return answer


BOMB = 65  # megabytes once unpacked
_SPOILT = ("fhir.truncated", "fhir.foreign_next", "fhir.other_patient", "fhir.fewer", "patient.other")
_ANSWERS = (
    ("fhir.401", 401, ""),
    ("fhir.403", 403, ""),
    ("fhir.429", 429, ""),
    ("fhir.500", 500, "<h1>Internal error</h1>"),
    ("fhir.html", 200, "<h1>Please sign in</h1>"),
    ("fhir.redirect", 302, ""),
    ("patient.gone", 410, ""),
    ("write.refused", 403, ""),
    ("write.invalid", 422, ""),
    ("write.failing", 500, "<h1>Internal error</h1>"),
    ("patient.failing", 500, "<h1>Internal error</h1>"),
)


def _of_somebody_else() -> Json:
    """A positive result that must never be shown as this patient's."""
    return {
        "resourceType": "Observation",
        "id": "of-somebody-else",
        "status": "final",
        "subject": {"reference": "Patient/somebody-else"},
        "code": {"text": "ESR1 mutation, ctDNA, plasma"},
        "effectiveDateTime": "2026-01-02",
        "valueString": "ESR1 p.Leu536Arg (L536R) detected, VAF 44 %",
    }
