"""``smart-app patients``: into any server and out again, twice without doubles, and nothing but ours removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from smart_app.cli.main import main
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.writing.identity import SYSTEM, plan_key
from smart_app.sandbox.patients import everybody
from tests.support.fake_server import Answer, fake_server
from tests.support.running import app_and_sandbox

DAY = "2026-11-21"
PEOPLE = everybody(date.fromisoformat(DAY))
SANDBOX = {r["id"] for p in PEOPLE for r in p.resources}


@pytest.fixture(scope="module", params=["sandbox", pytest.param("hapi", marks=pytest.mark.hapi)])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "hapi":
        yield request.getfixturevalue("hapi")
    else:
        with app_and_sandbox(tmp_path_factory.mktemp("loading")) as running:
            yield f"{running.ehr_url}/open/fhir"


def client_of(base: str) -> FhirClient:
    gate = Gate()
    gate.allow(base)
    return FhirClient(base, gate)


def idents(base: str, kind: str) -> list[str]:
    found, record = client_of(base).search(kind, [("_count", "200")])
    assert record.complete
    return [r["id"] for _, r in found]


def put(base: str, resource: dict[str, Any]) -> None:
    path = f"{resource['resourceType']}/{resource['id']}"
    assert client_of(base).send("PUT", path, body=resource).status in (200, 201)


def test_loading_twice_makes_no_doubles_and_unloading_removes_just_the_sandbox_patients(
    base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = {"resourceType": "Patient", "id": "somebody-of-the-ward", "name": [{"family": "Ward"}]}
    hers = {
        "resourceType": "Observation",
        "id": "hers",
        "status": "final",
        "code": {"text": "Sodium"},
        "subject": {"reference": "Patient/somebody-of-the-ward"},
    }
    put(base, stranger)
    put(base, hers)
    before = {kind: set(idents(base, kind)) - SANDBOX for kind in ("Patient", "Observation", "CarePlan")}
    for _ in range(2):
        assert main(["patients", "load", "--fhir", base, "--day", DAY]) == 0
    wanted = {r["id"] for p in PEOPLE for r in p.resources if r["resourceType"] == "Observation"}
    assert set(idents(base, "Observation")) == wanted | before["Observation"]
    assert {p.id for p in PEOPLE} <= set(idents(base, "Patient"))
    plan = {
        "resourceType": "CarePlan",
        "id": "written-by-the-app",
        "status": "active",
        "intent": "plan",
        "identifier": [{"system": SYSTEM, "value": plan_key("sandbox-due")}],
        "subject": {"reference": "Patient/sandbox-due"},
    }
    put(base, plan)
    put(
        base,
        {**plan, "id": "of-another-app", "identifier": [], "subject": {"reference": "Patient/somebody-of-the-ward"}},
    )
    capsys.readouterr()
    assert main(["patients", "unload", "--fhir", base]) == 0, capsys.readouterr().out
    assert set(idents(base, "Patient")) == before["Patient"]
    assert set(idents(base, "Observation")) == before["Observation"]
    assert set(idents(base, "CarePlan")) == before["CarePlan"] | {"of-another-app"}


def test_a_server_that_does_not_heed_the_tag_loses_nothing() -> None:
    everything = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [
            {"resource": {"resourceType": "Patient", "id": "real", "meta": {"tag": [{"code": "sandbox-patient"}]}}}
        ],
    }
    with fake_server() as server:
        server.on("/fhir", Answer(200, everything))
        assert main(["patients", "unload", "--fhir", server.base]) == 0
        assert [r for r in server.requests if r.method != "GET"] == []


def test_a_server_that_is_not_there_is_named_with_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["patients", "load", "--fhir", "http://127.0.0.1:9/fhir"]) == 2
    err = capsys.readouterr().err
    assert "was not loaded" in err
    assert "net.unreachable" in err


def test_the_list_names_every_patient_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["patients", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PEOPLE)
    assert all(p.shows in line for p, line in zip(PEOPLE, lines, strict=True))


def test_a_second_start_loads_only_who_is_missing(tmp_path: Path) -> None:
    for start in range(2):
        with app_and_sandbox(tmp_path, day=date.fromisoformat(DAY)) as running:
            open_base = f"{running.ehr_url}/open/fhir"
            if start == 0:
                changed = requests.get(f"{open_base}/Patient/sandbox-due", timeout=10).json()
                changed["birthDate"] = "1950-01-01"
                put(open_base, changed)
            assert requests.get(f"{open_base}/Patient/sandbox-due", timeout=10).json()["birthDate"] == "1950-01-01"
            assert len(idents(open_base, "Patient")) == len(PEOPLE)
