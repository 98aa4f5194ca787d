"""The process ends at every input and output of writing a note or a form; the next launch ends with one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet

from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.writing.journal import LOCK_SECONDS, Journal
from smart_app.fhir.writing.ladder.memory import short_mark
from smart_app.fhir.writing.ladder.posting import BUILDERS, Posted, post
from smart_app.fhir.writing.ladder.recall import look_for
from smart_app.fhir.writing.ladder.rungs import rung, shape_of
from smart_app.sandbox.profiles import profiles
from smart_app.smart.store import SqliteStore
from tests.ladder.support import content_of
from tests.support.running import Running, app_and_sandbox
from tests.writing.support import PATIENT

CONTENT = content_of(PATIENT)
PLACES = {"epic": ("epic", "note"), "oracle-health": ("oracle", "note"), "meditech": ("meditech", "questionnaire")}


class Killed(BaseException):
    """Ends the process as far as the code can see: nothing of ours catches it."""


class Boundaries:
    """Counts what goes in and out, and ends the process at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.passed = at, 0

    def step(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Killed

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **more: Any) -> Any:
            self.step()
            made = real(*given, **more)
            self.step()
            return made

        return called


class Watched(Gate):
    """The way out to the network, with a boundary before each request and after each answer."""

    def __init__(self, bounds: Boundaries) -> None:
        super().__init__()
        self.bounds = bounds

    def request(self, *given: Any, **more: Any) -> Any:
        return self.bounds.around(super().request)(*given, **more)


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    worn = {name: profiles()[name].habits for name in PLACES}
    with app_and_sandbox(tmp_path_factory.mktemp("ehr"), habits=worn) as running:
        yield running


def once(base: str, place: str, records: SqliteStore, at: int) -> tuple[Posted, int]:
    """One whole write, as the pages do it: what an earlier one left is looked at first."""
    vendor, ident = PLACES[place]
    chosen, bounds = rung(ident), Boundaries(at)
    gate = Watched(bounds)
    gate.allow(base)
    later = 0 if at else LOCK_SECONDS + 1  # the next launch comes when the ended one's lock has run out
    watched: Any = SqliteStore(records._file, records._keys, lambda: time.time() + later)
    for name in ("put", "add", "get", "delete"):
        setattr(watched, name, bounds.around(getattr(watched, name)))
    client = FhirClient(base, gate)
    journal = Journal.of(watched, f"one|{ident}", PATIENT)
    entry = journal.unfinished()
    standing = look_for(client, chosen.resource, PATIENT, CONTENT.author)
    looked = False
    if entry is not None and standing.with_mark(short_mark(entry.mark)) is not None:
        journal.settle()
    elif entry is not None:
        looked = True  # the clinician looks into the record and says truly that nothing is there
    draft = BUILDERS[ident](CONTENT, shape_of(vendor))
    with journal.writing(CONTENT.plan, creating=True) as note:
        made = post(client, chosen, draft, CONTENT, standing.version, note, looked=looked)
    journal.settle()
    return made, bounds.passed


@pytest.mark.parametrize("place", list(PLACES))
def test_ended_at_any_boundary_the_next_launch_ends_with_one(ehr: Running, tmp_path: Path, place: str) -> None:
    assert ehr.store is not None
    base, kind = f"{ehr.ehr_url}/as/{place}/fhir", rung(PLACES[place][1]).resource
    keys = MultiFernet([Fernet(Fernet.generate_key())])
    for at in range(1, 80):
        for resource in ehr.store.matches(kind, [("patient", PATIENT)]):
            if len(resource["id"]) == 36:
                ehr.store.delete(kind, resource["id"])
        records = SqliteStore(tmp_path / f"{at}.sqlite", keys)
        try:
            once(base, place, records, at)
            ended = False
        except Killed:
            ended = True
        again, _ = once(base, place, records, 0)
        mine = [r for r in ehr.store.matches(kind, [("patient", PATIENT)]) if len(r["id"]) == 36]
        assert [r["id"] for r in mine] == [again.resource["id"]], at
        assert Journal.of(records, f"one|{PLACES[place][1]}", PATIENT).unfinished() is None
        if not ended:
            assert at > 10
            return
    raise AssertionError("it never lived to the end")
