"""The EHR fails in every way it can: each ends on a page that says what was and was not read, never a stack trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.smart.ehr import App, Ehr, running
from tests.support.fake_server import Answer, Request, fake_server

POSITIVE = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "subject": {"reference": "Patient/p1"},
    "code": {"text": "ESR1 mutation, ctDNA, plasma"},
    "effectiveDateTime": "2026-11-01",
    "valueString": "ESR1 p.Asp538Gly detected, VAF 0.8 %",
}


@pytest.fixture
def ehr() -> Iterator[Ehr]:
    with fake_server() as fake:
        yield Ehr(fake)


@pytest.fixture
def app(ehr: Ehr, tmp_path: Path) -> Iterator[App]:
    yield from running(ehr, tmp_path)


BAD = {
    "down": (Answer(drop=True), "net.unreachable"),
    "401": (Answer(401), "session.expired|fhir.unauthorized"),
    "403": (Answer(403), "fhir.forbidden"),
    "404": (Answer(404), "fhir.not_found"),
    "410": (Answer(410), "fhir.gone"),
    "429": (Answer(429, headers={"Retry-After": "90"}), "fhir.busy"),
    "500": (Answer(500, b"<html>trace</html>"), "fhir.server_error"),
    "html": (Answer(200, b"<html>Sign in</html>"), "fhir.not_json"),
    "truncated": (Answer(200, b'{"resourceType": "Bund'), "fhir.not_json"),
    "outcome": (Answer(200, {"resourceType": "OperationOutcome", "issue": []}), "fhir.outcome"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_failing_search_is_named_and_the_rest_is_shown(app: App, ehr: Ehr, name: str) -> None:
    answer, code = BAD[name]
    address = app.launched(ehr)
    ehr.fake.on("/fhir/Observation", answer)
    page = app.get(address)
    assert "Traceback" not in page.text
    if page.status_code == 200:
        assert "not everything could be read" in page.text
        assert "Observation" in page.text
        assert any(c in app.get(address + "receipt").text for c in code.split("|"))
        assert "Switch review" in page.text
        assert "not due" not in page.text.split("Switch review", 1)[1][:200] or name == "404"
    else:
        assert any(c in page.text for c in code.split("|"))


@pytest.mark.parametrize("name", BAD)
def test_a_patient_that_cannot_be_read_gives_a_page_and_shows_nothing(app: App, ehr: Ehr, name: str) -> None:
    answer, code = BAD[name]
    address = app.launched(ehr)
    ehr.fake.on("/fhir/Patient/p1", answer)
    page = app.get(address)
    assert page.status_code >= 400
    assert any(c in page.text for c in code.split("|")), page.text[-800:]
    assert "Secretname" not in page.text
    assert "Traceback" not in page.text


def test_an_empty_record_gives_an_honest_nothing_found(app: App, ehr: Ehr) -> None:
    page = app.get(app.launched(ehr)).text
    assert "Nothing about ESR1" in page


def test_one_malformed_entry_costs_that_entry_and_not_the_list(app: App, ehr: Ehr) -> None:
    entries: list[Any] = [
        None,
        {"resource": "x"},
        {"resource": {"resourceType": "Observation", "id": "bad", "code": 7}},
    ]
    entries.append({"resource": POSITIVE})
    ehr.fake.on("/fhir/Observation", Answer(body={"resourceType": "Bundle", "entry": entries}))
    page = app.get(app.launched(ehr)).text
    assert "D538G" in page
    assert "not everything could be read" in page


def test_a_failing_last_page_leaves_the_positive_of_the_first_in_sight(app: App, ehr: Ehr) -> None:
    def paged(request: Request) -> Answer:
        if "page" in request.query:
            return Answer(500)
        link = [{"relation": "next", "url": f"{ehr.base}?page=2"}]
        return Answer(body={"resourceType": "Bundle", "link": link, "entry": [{"resource": POSITIVE}]})

    ehr.fake.on("/fhir/Observation", paged)
    ehr.fake.on("/fhir", paged)
    page = app.get(app.launched(ehr)).text
    assert "D538G" in page
    assert "not everything could be read" in page


def test_markup_in_every_string_is_shown_and_not_executed(app: App, ehr: Ehr) -> None:
    evil = "<script>alert(1)</script>"
    patient = {"resourceType": "Patient", "id": "p1", "name": [{"text": evil}], "birthDate": evil, "gender": evil}
    ehr.fake.on("/fhir/Patient/p1", Answer(body=patient))
    result = {**POSITIVE, "performer": [{"display": evil}], "valueString": f"ESR1 D538G detected {evil}"}
    ehr.fake.on("/fhir/Observation", Answer(body={"resourceType": "Bundle", "entry": [{"resource": result}]}))
    address = app.launched(ehr)
    links = re.findall(r'href="(/s/[^"]+/resource/[^"]+)"', app.get(address).text)
    assert links
    for path in (address, address + "receipt", address + "plan", address + "evidence", *links):
        page = app.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
