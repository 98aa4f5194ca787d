"""The token endpoint: code for token, refresh, revocation; and what a token answer must hold to be used."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir import jsontext
from smart_app.fhir.gate import Gate
from smart_app.smart.discovery import Endpoints
from smart_app.smart.issuers import Issuer
from smart_app.smart.keys import client_assertion
from smart_app.smart.launches import ABSOLUTE_SECONDS, Launch
from smart_app.smart.store import Store

EARLY = 30.0  # seconds before its end that a token is renewed
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def challenge(verifier: str) -> str:
    made: str = create_s256_code_challenge(verifier)
    return made


def token_request(issuer: Issuer, endpoints: Endpoints, gate: Gate, form: dict[str, str]) -> dict[str, Any]:
    """One POST, never repeated. LaunchError ``token.*`` where no usable token came."""
    headers = {"Accept": "application/json"}
    form = dict(form)
    if issuer.auth == "client_secret_basic":
        pair = f"{quote_plus(issuer.client_id)}:{quote_plus(issuer.client_secret or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    elif issuer.auth == "client_secret_post":
        form.update(client_id=issuer.client_id, client_secret=issuer.client_secret or "")
    elif issuer.auth == "private_key_jwt" and issuer.key_file is not None:
        form["client_assertion_type"] = _ASSERTION_TYPE
        form["client_assertion"] = client_assertion(issuer.key_file, issuer.client_id, endpoints.token)
    else:
        form["client_id"] = issuer.client_id
    try:
        reply = gate.request("POST", endpoints.token, headers=headers, form=form)
    except FhirError as error:
        raise LaunchError(f"The EHR's sign-in gave no token. {error.message}", code=error.code) from error
    try:
        answer = jsontext.loads(reply.body)
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
    """What is kept of a token answer. A server that sends no new refresh token lets the old one live on."""
    lifetime = answer.get("expires_in")
    seconds = float(str(lifetime)) if str(lifetime).replace(".", "", 1).isdigit() else None
    return {
        "access": answer["access_token"],
        "refresh": answer.get("refresh_token") or (old or {}).get("refresh"),
        "expires": now + seconds if seconds is not None else None,
        "token_endpoint": endpoints.token,
        "revocation": endpoints.revocation,
    }


@dataclass(slots=True)
class Tokens:
    """Bearer tokens of launches: renewed before they end, once at a time, and once more on a 401."""

    store: Store
    gate: Gate
    clock: Callable[[], float] = time.time
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def bearer(self, launch: Launch) -> Callable[[bool], str | None] | None:
        """For FhirClient: the access token, renewed where it is due or where ``force`` says the server refused it."""
        if launch.open_server:
            return None
        used: list[str] = []

        def give(force: bool) -> str | None:
            token = self.store.get("token", launch.id)
            if token is None:
                raise LaunchError("This session has ended.", code="session.ended")
            due = token["expires"] is not None and token["expires"] - EARLY <= self.clock()
            refused = force and used and used[-1] == token["access"]
            if refused or due:
                token = self._renewed(launch, token)
            used[:] = [token["access"]]
            access: str = token["access"]
            return access

        return give

    def _renewed(self, launch: Launch, token: dict[str, Any]) -> dict[str, Any]:
        with self._guard:
            lock = self._locks.setdefault(launch.id, threading.Lock())
        with lock:
            current = self.store.get("token", launch.id)
            if current is None:
                raise LaunchError("This session has ended.", code="session.ended")
            if current["access"] != token["access"]:
                return current  # another request renewed it meanwhile
            if not current.get("refresh"):
                if current["expires"] is not None and current["expires"] > self.clock():
                    return current
                raise LaunchError("The EHR's sign-in has run out.", code="session.expired")
            endpoints = Endpoints("", current["token_endpoint"], revocation=current["revocation"])
            self.gate.allow(endpoints.token)
            form = {"grant_type": "refresh_token", "refresh_token": current["refresh"]}
            try:
                answer = token_request(launch.issuer, endpoints, self.gate, form)
            except LaunchError as error:
                raise LaunchError("The EHR's sign-in could not be renewed.", code="session.expired") from error
            renewed = as_stored(answer, endpoints, self.clock(), current)
            self.store.put("token", launch.id, renewed, ABSOLUTE_SECONDS)
            return renewed

    def revoke(self, launch: Launch) -> None:
        """Best effort (RFC 7009): what the server says to it changes nothing here."""
        token = self.store.get("token", launch.id)
        if token is None or not token.get("revocation"):
            return
        for name in ("refresh", "access"):
            if token.get(name):
                form = {"token": token[name], "client_id": launch.issuer.client_id}
                try:
                    self.gate.allow(token["revocation"])
                    self.gate.request("POST", token["revocation"], form=form, timeout=3)
                except FhirError:
                    return
