"""What a token allows on the FHIR interface: its scopes (SMART v1 and v2), for the patient it was issued for."""

from __future__ import annotations

from flask import request

from smart_app.sandbox.fhirapi import Guard
from smart_app.sandbox.fhirstore import Refused
from smart_app.sandbox.registry import Sessions, Token

_LETTERS = {"read": "r", "search": "s", "create": "c", "update": "u", "delete": "d"}
_OLD = {"read": "rs", "write": "cud", "*": "cruds"}
SHARED = frozenset({"Practitioner", "PractitionerRole", "Organization", "Medication"})  # belong to no patient


def token_of(sessions: Sessions) -> Token | None:
    """The valid token of this request."""
    header = request.headers.get("Authorization", "")
    token = sessions.tokens.get(header[7:]) if header.startswith("Bearer ") else None
    return None if token is None or token.is_expired() or token.revoked else token


def guard_for(sessions: Sessions) -> Guard:
    """The FHIR interface's guard: bearer token, its scopes, and the patient it was issued for."""

    def guard(interaction: str, kind: str, patient: str | None) -> None:
        token = token_of(sessions)
        if token is None:
            raise Refused(401, "login", "A valid bearer token is needed.")
        scopes = token.scope.split()
        if kind in SHARED and interaction == "read" and ("fhirUser" in scopes or kind == "Medication"):
            return
        if not any(covers(s, kind, _LETTERS.get(interaction, "-")) for s in scopes):
            raise Refused(403, "forbidden", f"The token does not allow to {interaction} {kind}.")
        if patient is not None and patient != f"Patient/{token.context.patient}":
            raise Refused(403, "forbidden", "The token was issued for another patient.")
        if patient is None and interaction in ("search", "create", "update") and kind not in SHARED:
            raise Refused(403, "forbidden", "It must be for the token's patient.")

    return guard


def covers(scope: str, kind: str, letter: str) -> bool:
    """Whether one scope allows one interaction; a scope that is narrowed by a query allows no writing here."""
    context, _, rest = scope.partition("/")
    name, _, access = rest.partition("?")[0].partition(".")
    if context not in ("patient", "user") or name not in (kind, "*"):
        return False
    return letter in _OLD.get(access, access) and ("?" not in rest or letter in "rs")
