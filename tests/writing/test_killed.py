"""The process is killed at every input and output of the write path; the next launch ends with one plan, never two."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from smart_app.cli.main import main as smart_app
from smart_app.errors import WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.writing.journal import LOCK_SECONDS, Journal
from smart_app.fhir.writing.looking import look
from tests.support.java import hapi_server
from tests.support.running import app_and_sandbox
from tests.writing.killed import store_of, write_once
from tests.writing.support import PATIENT, Json, plan_of

ROOT = Path(__file__).resolve().parent.parent.parent
MOST = 60


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_and_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield f"{running.ehr_url}/open/fhir"


@pytest.fixture(scope="module")
def hapi() -> Iterator[str]:
    with hapi_server() as base:
        assert smart_app(["patients", "load", "--fhir", base]) == 0
        yield base


def gate(base: str) -> Gate:
    made = Gate()
    made.allow(base)
    return made


def all_plans(base: str) -> list[Json]:
    found, record = FhirClient(base, gate(base)).search("CarePlan", [("patient", PATIENT)])
    assert record.complete
    return [p for _, p in found]


def start_anew(base: str, foreign: Json) -> None:
    client = FhirClient(base, gate(base))
    for plan in all_plans(base):
        assert client.send("DELETE", f"CarePlan/{plan['id']}").status in (200, 204)
    assert client.send("PUT", "CarePlan/team-plan", body=foreign).status in (200, 201)


FOREIGN = {
    "resourceType": "CarePlan",
    "id": "team-plan",
    "status": "active",
    "intent": "plan",
    "subject": {"reference": f"Patient/{PATIENT}"},
    "identifier": [{"system": "urn:team", "value": "7"}],
    "title": "Another team's plan",
}


def killed_everywhere(base: str, folder: Path, first: Json | None) -> int:
    """Kills at every boundary; gives how many there were. ``first``: the plan that stands before, if one does."""
    plan = plan_of(PATIENT, user_reference=None, note="the confirmed one")
    file = folder / "plan.json"
    file.write_bytes(jsontext.dumps(plan))
    for number in range(1, MOST):
        start_anew(base, FOREIGN)
        data = folder / f"data{number}"
        if first is not None:
            write_once(base, store_of(data), first, PATIENT, gate(base))
        before = next(p for p in all_plans(base) if p["id"] == "team-plan")
        run = [sys.executable, "-m", "tests.writing.killed", base, str(data), str(file), PATIENT, str(number)]
        ended = subprocess.run(run, cwd=ROOT, capture_output=True, timeout=60)
        assert ended.returncode in (0, -9), ended.stderr.decode()[-2000:]
        # the next launch, after the killed one's lock has run out
        store = store_of(data, LOCK_SECONDS + 1)
        there = look(FhirClient(base, gate(base)), PATIENT)
        write_once(base, store, plan, PATIENT, gate(base))
        found = all_plans(base)
        mine = [p for p in found if p["id"] != "team-plan"]
        assert len(mine) == 1, (number, [p["id"] for p in mine])
        assert [n["text"] for n in mine[0]["note"]] == ["the confirmed one"], number
        assert next(p for p in found if p["id"] == "team-plan") == before
        assert Journal.of(store, "one", PATIENT).unfinished() is None
        if there.plan is not None and first is None:
            assert there.plan["id"] == mine[0]["id"]
        if ended.returncode == 0:
            return number - 1
    raise AssertionError("it never lived to the end")


def test_killed_while_creating_on_the_sandbox(sandbox: str, tmp_path: Path) -> None:
    assert killed_everywhere(sandbox, tmp_path, None) > 10


def test_killed_while_updating_on_the_sandbox(sandbox: str, tmp_path: Path) -> None:
    assert killed_everywhere(sandbox, tmp_path, plan_of(PATIENT, user_reference=None)) > 10


@pytest.mark.hapi
def test_killed_while_creating_and_updating_on_hapi(hapi: str, tmp_path: Path) -> None:
    for name, first in (("create", None), ("update", plan_of(PATIENT, user_reference=None))):
        (tmp_path / name).mkdir()
        assert killed_everywhere(hapi, tmp_path / name, first) > 10


def raced(base: str, folder: Path) -> None:
    """Eight writers, each with a store of its own as if on another machine: only the server can tell them apart."""
    start_anew(base, FOREIGN)
    plan = plan_of(PATIENT, user_reference=None)

    def click(number: int) -> Any:
        try:
            return write_once(base, store_of(folder / f"own{number}"), plan, PATIENT, gate(base))
        except WriteError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(click, range(8)))
    mine = [p for p in all_plans(base) if p["id"] != "team-plan"]
    assert len(mine) == 1, said


def test_eight_writers_with_stores_of_their_own_make_one_plan_on_the_sandbox(sandbox: str, tmp_path: Path) -> None:
    raced(sandbox, tmp_path)


@pytest.mark.hapi
def test_eight_writers_with_stores_of_their_own_make_one_plan_on_hapi(hapi: str, tmp_path: Path) -> None:
    for number in range(5):
        raced(hapi, tmp_path / str(number))
