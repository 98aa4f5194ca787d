"""``make demo FHIR=…``: the launcher in front of a real HAPI server, patients loaded, chart read, plan written once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from smart_app.cli.main import main
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.sandbox.patients import everybody
from tests.support.running import Running, app_and_sandbox

DAY = datetime.now(UTC).date()
PEOPLE = {p.id: p for p in everybody(DAY)}
pytestmark = pytest.mark.hapi


@pytest.fixture(scope="module")
def front(hapi: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    assert main(["patients", "load", "--fhir", hapi, "--day", DAY.isoformat()]) == 0
    with app_and_sandbox(tmp_path_factory.mktemp("front"), upstream=hapi) as running:
        yield running
    assert main(["patients", "unload", "--fhir", hapi]) == 0  # the plan written below goes with its patient


def opened(front: Running, ident: str) -> tuple[requests.Session, requests.Response]:
    browser = requests.Session()
    page = browser.post(f"{front.ehr_url}/launch", data={"patient": ident}, timeout=60)
    assert page.status_code == 200, page.text
    return browser, page


def test_the_launcher_lists_the_sandbox_patients_of_that_server(front: Running) -> None:
    page = requests.get(front.ehr_url, timeout=30).text
    assert [page.count(f'value="{ident}"') for ident in PEOPLE] == [1] * len(PEOPLE)


@pytest.mark.parametrize("ident", ["sandbox-due", "sandbox-first-positive", "sandbox-early", "sandbox-two-labs"])
def test_a_chart_is_read_whole_through_the_sign_in(front: Running, ident: str) -> None:
    _, page = opened(front, ident)
    assert f"{PEOPLE[ident].given} {PEOPLE[ident].family}" in page.text
    found = re.search(r"Read (\d+) of (\d+)", page.text)
    assert found is not None
    assert found[1] == found[2]
    assert int(found[1]) >= len(PEOPLE[ident].resources)


def test_a_plan_is_written_once_however_often_it_is_confirmed(front: Running, hapi: str) -> None:
    for _ in range(2):
        browser, page = opened(front, "sandbox-due")
        preview = browser.get(page.url + "plan", timeout=60)
        form = next(f for f in re.findall(r"<form.*?</form>", preview.text, re.S) if '/plan/confirm"' in f)
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
        assert browser.post(page.url + "plan/confirm", data=fields, timeout=60).status_code == 200
    gate = Gate()
    gate.allow(hapi)
    plans, record = FhirClient(hapi, gate).search("CarePlan", [("patient", "sandbox-due")])
    assert record.complete
    assert len(plans) == 1
