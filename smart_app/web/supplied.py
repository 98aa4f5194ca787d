"""What clinicians attested, as it counts in one launch: read from our plan, added or withdrawn here, not yet written.

Until the care plan is confirmed it lies in the launch's own encrypted record of the short-lived store and nowhere else;
it goes with the launch. After the confirmed write the plan has it, and the launch's record gives it up.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from smart_app.domain.attested import Attestation, same_subject
from smart_app.errors import AppError, LaunchError
from smart_app.fhir import jsontext
from smart_app.fhir.reading.attested import Unreadable, read_attested, read_one
from smart_app.fhir.reading.record import Json
from smart_app.fhir.receipt import Receipt
from smart_app.fhir.writing.attested import contained
from smart_app.fhir.writing.stored import living
from smart_app.smart.launches import ABSOLUTE_SECONDS, Launch
from smart_app.web.i18n import N_
from smart_app.web.settings import services

RECORD, _LOCK = "attested", "attested-lock"
_PATIENCE = 5.0  # seconds; the lock is held for one read and one write of the store


@dataclass(frozen=True, slots=True)
class Supplied:
    """``standing`` counts; ``pending`` (ids) is not in the plan yet; ``withdrawn`` goes at the next confirmed write."""

    standing: tuple[Attestation, ...] = ()
    pending: frozenset[str] = frozenset()
    withdrawn: tuple[Attestation, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    gone: frozenset[str] = frozenset()  # "#att-…" of everything withdrawn here
    unread: bool = False  # our plans could not be read, so that more may be attested than is shown
    resources: dict[str, Json] = field(default_factory=dict)  # by the reference that the facts' sources name

    def is_pending(self, reference: str) -> bool:
        return reference.rpartition("/")[2] in self.pending


def new_id() -> str:
    return f"att-{secrets.token_hex(8)}"


def supplied(launch: Launch, plans: list[Json], receipt: Receipt) -> Supplied:
    """For this launch's patient, from this launch's record and our living plan."""
    stored, unreadable = read_attested(living(plans), launch.patient_id)
    value = _value(launch)
    in_plan = {one.id for one in stored}
    fresh = [one for one in _facts(value, launch) if one.id not in in_plan]
    if len(fresh) < len(value["facts"]):
        with _changing(launch) as held:  # the plan has them now
            held["facts"] = [f for f in held["facts"] if _read(f, launch).id not in in_plan]
    gone = frozenset(value["withdrawn"])
    standing = (*(one for one in stored if one.id not in gone), *fresh)
    asked = [s for s in receipt.searches if s.resource_type == "CarePlan" and s.offered]
    return Supplied(
        standing=standing,
        pending=frozenset(one.id for one in fresh),
        withdrawn=tuple(one for one in stored if one.id in gone),
        unreadable=tuple(u for u in unreadable if u.id not in gone),
        gone=frozenset(f"#{ident}" for ident in gone),
        unread=bool(asked) and not any(s.complete for s in asked),
        resources={one.reference: contained(one, launch.patient_id) for one in (*standing, *fresh)},
    )


def add(launch: Launch, one: Attestation, standing: tuple[Attestation, ...]) -> Attestation | None:
    """Keeps it for this launch; None where it was done, else the attestation on the same matter that stands."""
    with _changing(launch) as held:
        known = (*standing, *_facts(held, launch))
        there = next((other for other in known if same_subject(one, other)), None)
        if there is not None:
            told = (one.fact, one.basis, one.by, one.first_line)
            return None if (there.fact, there.basis, there.by, there.first_line) == told else there
        resource = contained(one, launch.patient_id)
        held["facts"] = [*held["facts"], jsontext.dumps(resource).decode()]
    return None


def withdraw(launch: Launch, ident: str) -> None:
    """It counts no longer in this launch, and leaves the plan with the next confirmed write."""
    with _changing(launch) as held:
        held["facts"] = [f for f in held["facts"] if _read(f, launch).id != ident]
        held["withdrawn"] = sorted({*held["withdrawn"], ident})


def _value(launch: Launch) -> dict[str, Any]:
    return services().store.get(RECORD, launch.id) or {"facts": [], "withdrawn": []}


def _read(fact: str, launch: Launch) -> Attestation:
    return read_one(jsontext.loads(fact), launch.patient_id)


def _facts(value: dict[str, Any], launch: Launch) -> list[Attestation]:
    return [_read(fact, launch) for fact in value["facts"]]


@contextmanager
def _changing(launch: Launch) -> Iterator[dict[str, Any]]:
    """One change at a time over tabs and processes; a launch that ended meanwhile keeps nothing."""
    store = services().store
    _wait(lambda: store.add(_LOCK, launch.id, {}, _PATIENCE))
    try:
        value = _value(launch)
        yield value
        left = launch.created + ABSOLUTE_SECONDS - services().clock()
        store.put(RECORD, launch.id, value, max(1.0, left))
        if store.get("launch", launch.id) is None:
            store.delete(RECORD, launch.id)
            raise LaunchError(N_("This session has ended."), code="session.ended")
    finally:
        store.delete(_LOCK, launch.id)


def _wait(taken: Callable[[], bool]) -> None:
    until = time.monotonic() + 2 * _PATIENCE
    while not taken():
        if time.monotonic() > until:
            raise AppError(N_("Another window of this patient is busy; nothing was changed."), code="attest.busy")
        time.sleep(0.02)
