"""The token endpoint: code for token, and what a token answer must hold to be used."""

from __future__ import annotations

import math
from typing import Any

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir import jsontext
from smart_app.fhir.gate import Gate
from smart_app.smart.client_auth import authenticated
from smart_app.smart.discovery import Endpoints
from smart_app.smart.issuers import Issuer


def challenge(verifier: str) -> str:
    made: str = create_s256_code_challenge(verifier)
    return made


def token_request(issuer: Issuer, endpoints: Endpoints, gate: Gate, form: dict[str, str]) -> dict[str, Any]:
    """One POST, never repeated. LaunchError ``token.*`` or ``net.*`` where no usable token came."""
    endpoints.open(issuer, gate)
    headers, sent = authenticated(issuer, endpoints, form)
    try:
        reply = gate.request("POST", endpoints.token, headers=headers, form=sent)
    except FhirError as error:
        raise LaunchError(f"The EHR's sign-in gave no token. {error.message}", code=error.code) from error
    try:
        answer = jsontext.loads_plain(reply.body)
    except ValueError:
        answer = None
    if reply.status == 200 and isinstance(answer, dict) and "error" not in answer:
        return _checked(answer)
    known = answer.get("error") if isinstance(answer, dict) else None
    if known == "invalid_grant":
        raise LaunchError("The EHR no longer accepts this sign-in; its code has expired.", code="token.invalid_grant")
    if known == "invalid_client":
        raise LaunchError("The EHR does not accept this app's registration.", code="token.invalid_client")
    if reply.status == 200:
        raise LaunchError("The EHR's sign-in answered with something that is no token.", code="token.malformed")
    if reply.status >= 500 or reply.status == 429:
        raise LaunchError(f"The EHR's sign-in failed (HTTP {reply.status}).", code="token.failed")
    raise LaunchError(f"The EHR's sign-in refused to give a token (HTTP {reply.status}).", code="token.refused")


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    access, kind = answer.get("access_token"), answer.get("token_type")
    if not isinstance(access, str) or not access or not isinstance(kind, str) or kind.lower() != "bearer":
        raise LaunchError("The EHR's sign-in answered with something that is no bearer token.", code="token.malformed")
    if any(ord(c) < 33 or ord(c) > 126 for c in access):
        raise LaunchError("The EHR's token cannot be used.", code="token.malformed")
    return answer


def granted_scopes(answer: dict[str, Any], asked: tuple[str, ...]) -> tuple[str, ...]:
    """The granted scopes; where the server does not say, they are those asked for (RFC 6749, 5.1)."""
    scope = answer.get("scope")
    return tuple(scope.split()) if isinstance(scope, str) else asked


def as_stored(
    answer: dict[str, Any], endpoints: Endpoints, now: float, old: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What is kept of a token answer. A server that sends no new refresh token lets the old one live on.

    ``renew`` is when a fresh one is due: a minute before the end, for short lives after three fifths of them.
    """
    seconds = _seconds(answer.get("expires_in"))
    refresh = answer.get("refresh_token")
    return {
        "access": answer["access_token"],
        "refresh": refresh if isinstance(refresh, str) and refresh else (old or {}).get("refresh"),
        "expires": now + seconds if seconds is not None else None,
        "renew": now + max(seconds - 60, seconds * 0.6) if seconds is not None else None,
        "token_endpoint": endpoints.token,
        "revocation": endpoints.revocation,
        "end_session": endpoints.end_session,
        "signing_algorithms": list(endpoints.signing_algorithms),
    }


def stored_endpoints(token: dict[str, Any]) -> Endpoints:
    """Where a stored token came from, so that no later discovery can send it elsewhere."""
    return Endpoints(
        "",
        token["token_endpoint"],
        revocation=token["revocation"],
        signing_algorithms=tuple(token["signing_algorithms"]),
    )


def _seconds(value: object) -> float | None:
    """A lifetime; texts are taken too, and what is no positive number counts as not said."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if math.isfinite(found) and found > 0 else None
