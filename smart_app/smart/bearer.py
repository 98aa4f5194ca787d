"""Bearer tokens of open launches: renewed before they end, one at a time, once more on a 401; revoked at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir.gate import Gate
from smart_app.smart.client_auth import authenticated
from smart_app.smart.launches import ABSOLUTE_SECONDS, Launch, Launches, fhir_id
from smart_app.smart.store import Store
from smart_app.smart.tokens import as_stored, stored_endpoints, token_request

_LOCK_SECONDS = 20.0  # longer than a token request may take
_PAUSE = 0.05
_SEEN = 1.0  # seconds that a token just looked up serves a page's other searches
_AGAIN = 15.0  # seconds until a renewal that the network lost is tried again while the token still lives
_LASTING = ("net.", "token.failed")  # causes that say nothing about the refresh token itself


def _ended() -> LaunchError:
    return LaunchError("This session has ended.", code="session.ended")


def _expired() -> LaunchError:
    return LaunchError("The EHR's sign-in has run out.", code="session.expired")


@dataclass(slots=True)
class Tokens:
    """``clock`` in seconds since 1970, the same as the store's."""

    store: Store
    gate: Gate
    launches: Launches
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _locks: tuple[threading.Lock, ...] = field(default_factory=lambda: tuple(threading.Lock() for _ in range(64)))

    def bearer(self, launch: Launch) -> Callable[[bool], str | None] | None:
        """For FhirClient: the access token, renewed where it is due or where ``force`` says the server refused it.

        LaunchError ``session.*`` where there is none any more.
        """
        if launch.open_server:
            return None
        used: dict[int, str] = {}  # which token each thread sent last: only that one was refused
        seen: list[tuple[float, dict[str, Any]]] = []  # the many searches of one page look it up once
        looking = threading.Lock()

        def kept(force: bool) -> dict[str, Any]:
            with looking:
                if not force and seen and 0 <= self.clock() - seen[-1][0] < _SEEN:
                    return seen[-1][1]
                token = self.store.get("token", launch.id)
                seen[:] = [(self.clock(), token)] if token is not None else []
            if token is None:
                raise _ended()
            return token

        def give(force: bool) -> str | None:
            token = kept(force)
            refused = force and used.get(threading.get_ident()) == token["access"]
            if refused or (token["renew"] is not None and token["renew"] <= self.clock()):
                token = self._renewed(launch, token, refused)
                seen[:] = [(self.clock(), token)]
            access: str = token["access"]
            used[threading.get_ident()] = access
            return access

        return give

    def _renewed(self, launch: Launch, old: dict[str, Any], refused: bool) -> dict[str, Any]:
        with self._alone(launch):
            token = self.store.get("token", launch.id)
            if token is None:
                raise _ended()
            if token["access"] != old["access"]:
                return token  # another request renewed it meanwhile
            lives = not refused and (token["expires"] is None or token["expires"] > self.clock())
            if not refused and token["renew"] is not None and token["renew"] > self.clock():
                return token  # another request found just now that it cannot be renewed yet
            if not token["refresh"] or (not lives and token.get("paused", 0.0) > self.clock()):
                if lives:
                    return token
                raise _expired()
            endpoints = stored_endpoints(token)
            form = {"grant_type": "refresh_token", "refresh_token": token["refresh"]}
            try:
                answer = token_request(launch.issuer, endpoints, self.gate, form)
            except LaunchError as error:
                if not error.code.startswith(_LASTING):
                    token["refresh"] = None  # refused: the token is used until it ends, and then launch again
                else:  # a page's other searches wait for this one; none of them tries it all over again
                    token["renew" if lives else "paused"] = self.clock() + _AGAIN
                self._keep(launch, token)
                if lives:
                    return token
                raise LaunchError("The EHR's sign-in could not be renewed.", code="session.expired") from error
            self._check_context(launch, answer)
            return self._keep(launch, as_stored(answer, endpoints, self.clock(), token))

    def _keep(self, launch: Launch, token: dict[str, Any]) -> dict[str, Any]:
        if not self.store.replace("token", launch.id, token, ABSOLUTE_SECONDS):
            raise _ended()
        return token

    def _check_context(self, launch: Launch, answer: dict[str, Any]) -> None:
        """A renewed token for another patient must never read this launch's pages full; narrower scopes are kept."""
        if "patient" in answer and fhir_id(answer["patient"]) != launch.patient_id:
            self.launches.end(launch.id)
            raise LaunchError("The EHR's renewed sign-in is for another patient.", code="session.other_patient")
        if isinstance(answer.get("scope"), str):
            self.launches.narrow(launch.id, tuple(answer["scope"].split()))

    @contextmanager
    def _alone(self, launch: Launch) -> Iterator[None]:
        """One renewal of a launch at a time, over threads and processes: a rotated refresh token works once."""
        with self._locks[hash(launch.id) % len(self._locks)]:
            until = time.monotonic() + _LOCK_SECONDS
            while not self.store.add("refresh-lock", launch.id, {}, _LOCK_SECONDS):
                if time.monotonic() > until:
                    raise LaunchError("The EHR's sign-in is being renewed; try again.", code="session.busy")
                self.sleep(_PAUSE)
            try:
                yield
            finally:
                self.store.delete("refresh-lock", launch.id)

    def end_session(self, launch: Launch) -> str | None:
        """Where the user may sign out of the EHR's sign-in as well, where the server offers it."""
        token = self.store.get("token", launch.id)
        return token.get("end_session") if token is not None else None

    def revoke(self, launch: Launch) -> None:
        """Best effort (RFC 7009): what the server says to it changes nothing here."""
        token = self.store.get("token", launch.id)
        if token is None or not token["revocation"]:
            return
        endpoints = stored_endpoints(token)
        for name in ("refresh", "access"):
            if token[name]:
                try:
                    endpoints.open(launch.issuer, self.gate)
                    headers, form = authenticated(
                        launch.issuer, endpoints, {"token": token[name], "token_type_hint": f"{name}_token"}
                    )
                    self.gate.request("POST", token["revocation"], headers=headers, form=form, timeout=3)
                except FhirError:
                    return
