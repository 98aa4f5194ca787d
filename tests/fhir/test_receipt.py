"""The receipt, sentence by sentence: through ``smart-app read`` and on the page that shows it in full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from smart_app.fhir import jsontext
from smart_app.fhir.harvest import harvest
from smart_app.smart.issuers import Issuer, Issuers
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.cli.command import smart_app
from tests.fhir.wire import SEARCHED, bundle, client_for, statement, whole
from tests.support.fake_server import Answer, FakeServer, Request, fake_server

LOINC = "http://loinc.org"
OURS = {"subject": {"reference": "Patient/p"}}
VARIANT: dict[str, Any] = {
    "resourceType": "Observation", "id": "v1", "status": "final", **OURS,
    "code": {"coding": [{"system": LOINC, "code": "69548-6"}]}, "effectiveDateTime": "2026-05",
    "valueCodeableConcept": {"coding": [{"system": LOINC, "code": "LA9633-4"}]},
    "specimen": {"display": "Plasma"},
    "component": [
        {"code": {"coding": [{"system": LOINC, "code": "48018-6"}]},
         "valueCodeableConcept": {"coding": [{"system": "http://www.genenames.org", "code": "HGNC:3467"}]}},
        {"code": {"coding": [{"system": LOINC, "code": "48005-3"}]},
         "valueCodeableConcept": {"coding": [{"system": "http://varnomen.hgvs.org", "code": "p.Asp538Gly"}]}},
    ],
}  # fmt: skip
VAF = b'{"code":{"coding":[{"system":"http://loinc.org","code":"81258-6"}]},"valueQuantity":{"value":0.840,"unit":"%","code":"%"}}'
FOREIGN = {**VARIANT, "id": "not-hers", "subject": {"reference": "Patient/q"}}
CANCELLED = {**VARIANT, "id": "v2", "status": "cancelled"}
BROKEN = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", **OURS}
WARNING = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "warning", "code": "suppressed", "diagnostics": "4119: additional data may be present"}],
}


def with_digits(*resources: dict[str, Any], **more: Any) -> bytes:
    """A searchset whose VAF is written 0.840 on the wire."""
    raw = jsontext.dumps(bundle(*resources, **more))
    return raw.replace(b'p.Asp538Gly"}]}}', b'p.Asp538Gly"}]}},' + VAF)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_server() as fake:
        whole(fake, statement(kinds=[kind for kind in SEARCHED if kind != "ImagingStudy"]))

        def observations(request: Request) -> Answer:
            page = (CANCELLED, FOREIGN, WARNING) if "page" in request.query else (VARIANT,)
            following = None if "page" in request.query else "Observation?page=2"
            body = with_digits(*page, following=following, total=3)
            return Answer(200, body, {"Content-Type": "application/fhir+json"})

        fake.on("/fhir/Observation", observations)
        fake.on("/fhir/MedicationRequest", Answer(body=bundle(BROKEN)))
        fake.on("/fhir/Condition", Answer(403))
        yield fake


@dataclass
class Seen:
    told: Any  # smart-app read --json
    text: str  # smart-app read
    page: str  # the timeline
    receipt: str  # the receipt's own page


@pytest.fixture
def seen(server: FakeServer, tmp_path: Path) -> Seen:
    asked = ("read", "--fhir", server.base, "--patient", "p")
    told, said = smart_app(*asked, "--json"), smart_app(*asked)
    issuers = Issuers((Issuer("open", "Test server", server.base, "none"),))
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    app = create_app(Settings(issuers, tmp_path, "http://127.0.0.1:1", now=lambda: now))
    client = app.test_client()
    at = client.post("/open/choose", data={"issuer": "open", "patient": "p"}).headers["Location"]
    page, receipt = (words_of(client.get(at + path).get_data(as_text=True)) for path in ("", "receipt"))
    return Seen(told.json, said.out, page, receipt)


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def search(told: Any, kind: str) -> Any:
    (found,) = [s for s in told["receipt"]["searches"] if s["type"] == kind]
    return found


def test_every_search_stands_there_with_type_parameters_pages_entries_total_and_warnings(seen: Seen) -> None:
    searched = {s["type"] for s in seen.told["receipt"]["searches"]}
    assert set(SEARCHED) <= searched
    observation = search(seen.told, "Observation")
    assert {k: observation[k] for k in ("pages", "entries", "total", "complete")} == {
        "pages": 2,
        "entries": 3,
        "total": 3,
        "complete": True,
    }
    assert observation["warnings"] == ["warning: suppressed 4119: additional data may be present"]
    assert not search(seen.told, "ImagingStudy")["offered"]
    assert "searched   Observation (all of the patient): 2 pages, 3 of 3 entries" in seen.text
    assert "4119: additional data may be present" in seen.text
    assert "Observation all of the patient 2 3 3 complete" in seen.receipt
    assert "server: warning: suppressed 4119: additional data may be present" in seen.receipt
    assert "ImagingStudy all of the patient 0 0 not said not offered by this server" in seen.receipt


def test_the_parameters_of_a_divided_search_are_shown(server: FakeServer) -> None:
    _, receipt = harvest(client_for(server), "p", "epic")
    assert {"category=laboratory", "category=genomics"} <= {
        s.query for s in receipt.searches if s.resource_type == "Observation"
    }


def test_the_scopes_asked_and_granted_are_kept(server: FakeServer) -> None:
    asked, got = ("patient/Observation.rs", "patient/Condition.rs"), ("patient/Observation.rs",)
    _, receipt = harvest(client_for(server), "p", scopes_asked=asked, scopes_granted=got)
    assert (receipt.scopes_asked, receipt.scopes_granted) == (asked, got)
    assert {s.error_code for s in receipt.searches if s.resource_type == "Condition"} == {"scope.not_granted"}


def test_without_a_sign_in_the_receipt_says_that_there_were_no_scopes(seen: Seen) -> None:
    assert seen.told["receipt"]["scopes_granted"] is None
    assert "No sign-in: an open server or a file." in seen.receipt


def test_every_entry_set_aside_has_a_stable_code_and_a_sentence(seen: Seen) -> None:
    aside = {(note["source"], note["code"]) for note in seen.told["set_aside"]}
    assert {("Observation/v2", "result.cancelled"), ("MedicationRequest/m1", "drug.unresolved")} <= aside
    for note in seen.told["set_aside"]:
        assert note["why"]
        assert note["why"] in seen.text
        assert f"{note['source']}: {note['why']} {note['code']}" in seen.receipt


def test_another_patients_resource_is_refused_loudly_and_used_nowhere(seen: Seen) -> None:
    assert [(n["source"], n["code"]) for n in seen.told["receipt"]["foreign"]] == [
        ("Observation/not-hers", "subject.other")
    ]
    assert "Observation/not-hers" not in {s for draw in seen.told["draws"] for s in draw["sources"]}
    assert seen.text.splitlines()[-1].startswith("REFUSED")
    assert "Entries of another patient were refused" in seen.receipt
    assert "not belong to this patient" in seen.page
    assert not seen.told["receipt"]["complete"]


def test_the_page_has_it_in_one_line_and_in_full_one_click_further(seen: Seen) -> None:
    receipt = seen.told["receipt"]
    used, found, aside = receipt["resources_used"], receipt["resources_read"], len(seen.told["set_aside"])
    assert f"Read {used} of {found}; {aside} set aside · not everything could be read" in seen.page
    assert f"{found} read, {used} used, {aside} set aside, 1 refused." in seen.receipt
    assert f"{used} of {found} resources; {aside} set aside" in seen.text


def test_what_was_not_read_limits_what_may_be_said(seen: Seen, server: FakeServer) -> None:
    gaps = {(gap["part"], gap["code"]) for gap in seen.told["gaps"]}
    assert ("disease", "fhir.forbidden") in gaps
    assert "Condition: The EHR does not let this app read this. [fhir.forbidden]" in seen.text
    decided = smart_app("decide", "--fhir", server.base, "--patient", "p", "--json", "--today", "2026-11-21")
    assert decided.json["window"]["answer"] == "cannot_tell"
    assert "Cannot tell" in seen.page


def test_a_malformed_entry_costs_itself_alone(server: FakeServer) -> None:
    worse = [
        {"resource": VARIANT},
        {"resource": "text"},
        7,
        {"resource": {"id": "x"}},
        {"resource": {**CANCELLED, "component": 5}},
    ]
    server.on("/fhir/Observation", Answer(body={"resourceType": "Bundle", "type": "searchset", "entry": worse}))
    told = smart_app("read", "--fhir", server.base, "--patient", "p", "--json").json
    assert [draw["outcome"] for draw in told["draws"]] == ["detected"]
    assert search(told, "Observation")["error"] == "search.entry_unreadable"
    assert len(search(told, "Observation")["warnings"]) == 3


def test_digits_and_the_precision_of_dates_survive(seen: Seen) -> None:
    (draw,) = seen.told["draws"]
    assert (draw["date"], draw["findings"][0]["vaf"]) == ("2026-05", "0.00840")
