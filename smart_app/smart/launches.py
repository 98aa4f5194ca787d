"""Launches: begun at ``/launch``, opened at ``/callback``, each bound to one browser and to one patient."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from smart_app.errors import LaunchError
from smart_app.smart.discovery import Endpoints
from smart_app.smart.issuers import Issuer, Issuers
from smart_app.smart.store import Store

PENDING_SECONDS = 600.0  # a sign-in that takes longer starts again
IDLE_SECONDS = 900.0
ABSOLUTE_SECONDS = 8 * 3600.0
_SEEN = 15.0  # seconds within which a further page does not count as seen anew: not every page needs a write


# FHIR R4 ids, and the underscore that some servers use; anything else is no id and goes into no address
_ID = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def fhir_id(value: object, kind: str = "Patient") -> str | None:
    """A resource id; ``Patient/x`` is taken as ``x``, where a patient is meant, and never an ``Encounter/x``."""
    if not isinstance(value, str):
        return None
    ident = value.removeprefix(f"{kind}/")
    return ident if ident and len(ident) <= 64 and set(ident) <= _ID and ident.strip(".") else None


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in under way, stored under its ``state``; used once."""

    issuer_id: str
    endpoints: Endpoints
    verifier: str
    nonce: str
    redirect_uri: str
    browser: str  # digest of the secret that the browser was given for this sign-in
    scopes: tuple[str, ...]
    standalone: bool


@dataclass(frozen=True, slots=True)
class Launch:
    """One run of the app for one user and one patient. Everything a page shows belongs to exactly one launch."""

    id: str
    issuer: Issuer
    patient_id: str
    browser: str
    encounter_id: str | None = None
    user_reference: str | None = None
    user_name: str | None = None
    scopes_asked: tuple[str, ...] = ()
    scopes_granted: tuple[str, ...] | None = None
    need_patient_banner: bool = True
    intent: str | None = None
    tenant: str | None = None
    opened_from: tuple[str, ...] = ()  # Type/id of what the EHR had open
    style: str = ""  # checked CSS in the EHR's colours
    created: float = 0.0
    last_seen: float = 0.0

    @property
    def open_server(self) -> bool:
        return self.issuer.open_server

    @property
    def ends_idle(self) -> float:
        """When it ends unless a page is opened before, in seconds since 1970."""
        return min(self.last_seen + IDLE_SECONDS, self.ends_at_last)

    @property
    def ends_at_last(self) -> float:
        return self.created + ABSOLUTE_SECONDS


@dataclass(slots=True)
class Launches:
    """Keeps launches in the store. The token lies apart from the launch, so that a page never holds it."""

    store: Store
    issuers: Issuers
    clock: Callable[[], float] = time.time

    def begin(self, pending: Pending, state: str) -> None:
        """Stores a sign-in under its ``state``."""
        self.store.put("pending", digest(state), asdict(pending), PENDING_SECONDS)

    def claim(self, state: str, browser: str | None) -> Pending:
        """The sign-in of this state, once, and only for the browser that began it; LaunchError ``launch.*`` else."""
        key = digest(state)
        value = self.store.get("pending", key)
        if value is None:
            used = self.store.get("used", key)
            if used is not None:
                raise LaunchError("This sign-in was used already.", code="launch.replayed")
            raise LaunchError("This sign-in is not known here, or took too long.", code="launch.unknown_state")
        if browser is None:
            raise LaunchError("This browser did not begin this sign-in.", code="launch.other_browser")
        if not hmac.compare_digest(value["browser"], digest(browser)):
            raise LaunchError("This sign-in was begun in another browser.", code="launch.other_browser")
        if self.store.take("pending", key) is None:
            raise LaunchError("This sign-in was used already.", code="launch.replayed")
        self.store.put("used", key, {}, PENDING_SECONDS)
        endpoints: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in value.pop("endpoints").items()
        }
        scopes = tuple(value.pop("scopes"))
        return Pending(endpoints=Endpoints(**endpoints), scopes=scopes, **value)

    def issuer_of(self, state: str) -> Issuer | None:
        """The issuer of a sign-in that is still under way."""
        value = self.store.get("pending", digest(state))
        return self.issuers.by_id(value["issuer_id"]) if value is not None else None

    def opened_by(self, state: str) -> str | None:
        """The id of the launch that this used ``state`` opened. What it shows is still for its own browser only."""
        used = self.store.get("used", digest(state))
        return used.get("launch") if used is not None else None

    def open(self, launch: Launch, token: dict[str, Any] | None, state: str | None = None) -> None:
        """Stores a new launch, and that this ``state`` led to it."""
        if token is not None:
            self.store.put("token", launch.id, token, ABSOLUTE_SECONDS)
        self.store.put("launch", launch.id, _as_value(launch), ABSOLUTE_SECONDS)
        if state is not None:
            self.store.put("used", digest(state), {"launch": launch.id}, PENDING_SECONDS)

    def narrow(self, launch_id: str, scopes: tuple[str, ...]) -> None:
        """What a renewed token may do (it is often the same, sometimes less)."""
        value = self.store.get("launch", launch_id)
        if value is not None and tuple(value["scopes_granted"] or ()) != scopes:
            value["scopes_granted"] = scopes
            self.store.replace("launch", launch_id, value, ABSOLUTE_SECONDS)

    def new(self, issuer: Issuer, patient_id: str, browser: str, **more: Any) -> Launch:
        now = self.clock()
        return Launch(
            id=secrets.token_urlsafe(24),
            issuer=issuer,
            patient_id=patient_id,
            browser=digest(browser),
            created=now,
            last_seen=now,
            **more,
        )

    def find(self, launch_id: str, browser: str | None) -> Launch:
        """The launch, where path id, browser secret and server record agree; LaunchError ``session.*`` otherwise."""
        value = self.store.get("launch", launch_id)
        issuer = self.issuers.by_id(value["issuer_id"]) if value is not None else None
        if value is None or issuer is None:
            raise LaunchError("This session has ended.", code="session.ended")
        if browser is None or not hmac.compare_digest(value["browser"], digest(browser)):
            raise LaunchError("This session belongs to another browser.", code="session.other_browser")
        now = self.clock()
        if now - value["last_seen"] > IDLE_SECONDS or now - value["created"] > ABSOLUTE_SECONDS:
            self.end(launch_id)
            raise LaunchError("This session ended because it was not used.", code="session.idle")
        if now - value["last_seen"] > _SEEN:
            value["last_seen"] = now
            if not self.store.replace("launch", launch_id, value, ABSOLUTE_SECONDS):
                raise LaunchError("This session has ended.", code="session.ended")
        return _from_value({**value, **(self.store.get("extras", launch_id) or {})}, issuer)

    def add_extras(self, launch_id: str, extras: dict[str, Any]) -> None:
        """What was learnt after opening (``user_name``, ``style``): apart from the record, which pages write to."""
        with_before = {**(self.store.get("extras", launch_id) or {}), **extras}
        if self.store.get("launch", launch_id) is not None:
            self.store.put("extras", launch_id, with_before, ABSOLUTE_SECONDS)

    def with_extras(self, launch: Launch) -> Launch:
        return replace(launch, **(self.store.get("extras", launch.id) or {}))

    def end(self, launch_id: str) -> None:
        self.store.delete("token", launch_id)
        self.store.delete("extras", launch_id)
        self.store.delete("launch", launch_id)
        self.store.delete("attested", launch_id)  # what a clinician attested dies with the launch


_KEPT = (
    "id",
    "patient_id",
    "browser",
    "encounter_id",
    "user_reference",
    "user_name",
    "scopes_asked",
    "scopes_granted",
    "need_patient_banner",
    "intent",
    "tenant",
    "opened_from",
    "style",
    "created",
    "last_seen",
)


def _as_value(launch: Launch) -> dict[str, Any]:
    return {"issuer_id": launch.issuer.id, **{name: getattr(launch, name) for name in _KEPT}}


def _from_value(value: dict[str, Any], issuer: Issuer) -> Launch:
    kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items() if k in _KEPT}
    return Launch(issuer=issuer, **kept)
