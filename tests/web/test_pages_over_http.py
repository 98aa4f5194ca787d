"""The pages through the front door: an open server with one patient, opened and read over a real socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from smart_app.smart.issuers import Issuer, Issuers
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.support.fake_server import Answer, FakeServer, Request, fake_server

PATIENT = {
    "resourceType": "Patient", "id": "p1", "name": [{"given": ["Åse"], "family": "O'Néill"}], "gender": "female",
    "birthDate": "1961-04-02",
}  # fmt: skip
_LOINC, _CATEGORY = "http://loinc.org", "http://terminology.hl7.org/CodeSystem/observation-category"
RESULT = {
    "resourceType": "Observation", "id": "r1", "status": "final", "subject": {"reference": "Patient/p1"},
    "category": [{"coding": [{"system": _CATEGORY, "code": "laboratory"}]}],
    "code": {"coding": [{"system": _LOINC, "code": "69548-6"}], "text": "=HYPERLINK(1)"},
    "effectiveDateTime": "2026-11-03",
    "valueCodeableConcept": {"coding": [{"system": _LOINC, "code": "LA9634-2"}]},
    "component": [
        {"code": {"coding": [{"system": _LOINC, "code": "48018-6"}]},
         "valueCodeableConcept": {"coding": [{"system": "http://www.genenames.org", "code": "HGNC:3467"}]}}
    ],
    "specimen": {"display": "Plasma"}, "note": [{"text": "<script>alert(1)</script>"}],
}  # fmt: skip


@dataclass
class Door:
    client: FlaskClient
    ehr: FakeServer
    pages: dict[str, Any] = field(default_factory=dict)

    def open(self) -> str:
        answer = self.client.post("/open/choose", data={"issuer": "open", "patient": "p1"})
        assert answer.status_code == 303
        return answer.headers["Location"]


RESULTS: list[dict[str, Any]] = []


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    RESULTS[:] = [RESULT]
    with fake_server() as ehr:

        def search(request: Request) -> Answer:
            kind = request.path.rsplit("/", 1)[-1]
            entries = [r for r in RESULTS if r["resourceType"] == kind]
            bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in entries]}
            return Answer(200, bundle)

        ehr.on("/fhir", search)
        ehr.on("/fhir/Patient/p1", Answer(200, PATIENT))
        kinds = ("Observation", "Condition", "MedicationRequest", "MedicationStatement", "DiagnosticReport", "CarePlan")
        statement = {
            "resourceType": "CapabilityStatement", "status": "active", "kind": "instance", "fhirVersion": "4.0.1",
            "rest": [
                {"mode": "server", "resource": [{"type": k, "interaction": [{"code": "search-type"}]} for k in kinds]}
            ],
        }  # fmt: skip
        ehr.on("/fhir/metadata", Answer(200, statement))
        settings = Settings(
            Issuers((Issuer("open", "Test server", ehr.base, "none"),)),
            tmp_path,
            "http://127.0.0.1:1",
            now=lambda: datetime(2026, 11, 21, 8, tzinfo=UTC),
        )
        yield Door(create_app(settings).test_client(), ehr)


def test_the_timeline_names_the_patient_and_links_its_sources(door: Door) -> None:
    at = door.open()
    html = door.client.get(at).get_data(as_text=True)
    assert "O&#39;Néill" in html
    assert "Open test server" in html
    links = re.findall(rf'"({at}resource/[0-9a-f]+)"', html)
    assert links
    page = door.client.get(links[0])
    assert page.status_code == 200
    assert "as read from the EHR" in page.get_data(as_text=True)
    assert "<script>alert" not in page.get_data(as_text=True)


def test_a_link_of_one_launch_opens_nothing_in_another(door: Door) -> None:
    at = door.open()
    link = re.findall(rf'"{at}(resource/[0-9a-f]+)"', door.client.get(at).get_data(as_text=True))[0]
    assert door.client.get(door.open() + link).status_code == 404


@pytest.mark.parametrize("page", ["", "receipt", "evidence", "?sort=newest", "?sort=<b>"])
def test_every_page_of_a_launch_has_the_banner_and_is_kept_by_no_cache(door: Door, page: str) -> None:
    answer = door.client.get(door.open() + page)
    assert answer.status_code == 200
    assert 'class="patient"' in answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_receipt_lists_the_searches_and_what_was_not_offered(door: Door) -> None:
    html = door.client.get(door.open() + "receipt").get_data(as_text=True)
    assert "Searches" in html
    assert "not offered by this server" in html
    assert "No sign-in" in html


def test_the_csv_is_a_file_with_a_heading_and_no_formula(door: Door) -> None:
    answer = door.client.get(door.open() + "table.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.get_data(as_text=True).lstrip("\ufeff").splitlines()
    assert lines[0].startswith("Date,")
    assert not any(line.startswith(("=", "+", "@")) for line in lines)


def test_a_search_that_fails_is_said_and_blanks_nothing_else(door: Door) -> None:
    door.ehr.on("/fhir/Observation", Answer(500, {"resourceType": "OperationOutcome", "issue": []}))
    html = door.client.get(door.open()).get_data(as_text=True)
    assert "What could not be read" in html
    assert "not everything could be read" in html


def test_a_report_that_only_a_person_can_read_comes_as_a_file(door: Door) -> None:
    attachment = {"contentType": "application/pdf", "data": "JVBERi0xLjQK"}
    RESULTS.append({"resourceType": "DiagnosticReport", "id": "pdf", "status": "final",
                    "subject": {"reference": "Patient/p1"}, "code": {"text": "ctDNA ESR1 liquid biopsy"},
                    "effectiveDateTime": "2026-11-05", "presentedForm": [attachment]})  # fmt: skip
    html = door.client.get(at := door.open()).get_data(as_text=True)
    links = re.findall(rf'"({at}resource/[0-9a-f]+/report)"', html)
    assert links
    answer = door.client.get(links[0])
    assert answer.get_data() == b"%PDF-1.4\n"
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="report.pdf"'
    attachment["contentType"] = "text/html"
    assert door.client.get(links[0]).status_code == 404


def test_about_says_what_it_is_not_cleared_for_and_answers_thirteen_attributes(door: Door) -> None:
    html = door.client.get("/about").get_data(as_text=True)
    assert "Not cleared or approved by the FDA" in html
    assert len(re.findall(r'<th scope="row">\d+\. ', html)) == 13
    assert "O&#39;Néill" not in html
