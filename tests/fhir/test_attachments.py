"""Texts of reports that stand in a Binary: read from the own server alone, said in the receipt where they are not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.codes import load_codebook
from smart_app.domain import decide
from smart_app.fhir.attachments import Form, with_forms
from smart_app.fhir.follow import References
from smart_app.fhir.harvest import harvest
from smart_app.fhir.reading.chart import read_chart
from smart_app.policies import load_policy
from tests.fhir.wire import bundle, client_for, whole
from tests.support.fake_server import Answer, FakeServer, fake_server

POSITIVE = "Guardant360 ctDNA. ESR1 p.Asp538Gly (D538G) detected, VAF 0.84 %."
BOOK, STRICT = load_codebook(), load_policy("trial-strict")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_server() as fake:
        whole(fake)
        yield fake


def report(url: str, kind: str | None = "text/plain", **more: Any) -> dict[str, Any]:
    form = {"url": url, **({"contentType": kind} if kind else {})}
    return {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "Guardant360 liquid biopsy"},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-05-04",
        "presentedForm": [form],
        **more,
    }


def binary(content: bytes, kind: str) -> dict[str, Any]:
    return {"resourceType": "Binary", "contentType": kind, "data": base64.b64encode(content).decode()}


def read(server: FakeServer, *resources: dict[str, Any], scopes: tuple[str, ...] | None = None) -> tuple[Any, Any]:
    for resource in resources:
        server.on(f"/fhir/{resource['resourceType']}", Answer(body=bundle(resource)))
    entries, receipt = harvest(client_for(server), "p", scopes_granted=scopes)
    chart = read_chart(entries, patient_id="p", zone=UTC, codebook=BOOK, receipt=receipt, base=server.base)
    return chart, receipt


def binary_search(receipt: Any) -> Any:
    (found,) = [s for s in receipt.searches if s.resource_type == "Binary"]
    return found


RTF = rb"{\rtf1\ansi Guardant360 ctDNA\par ESR1 p.Asp538Gly (D538G) detected, VAF 0.84 %\par}"
HTML = (
    b"<html><head><title>x</title></head><body><p>ctDNA ESR1 p.Asp538Gly (D538G) detected, VAF 0.84 %</p></body></html>"
)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/plain", POSITIVE.encode()),
        ("text/html; charset=utf-8", HTML),
        ("application/xhtml+xml", HTML),
        ("application/rtf", RTF),
        ("text/rtf", RTF),
        ("text/plain; charset=utf-16", POSITIVE.encode("utf-16")),
    ],
)
@pytest.mark.parametrize("address", ["Binary/b1", "{base}/Binary/b1", "/fhir/Binary/b1"])
@pytest.mark.parametrize("raw", [False, True], ids=["FHIR JSON", "the bytes"])
def test_a_text_behind_a_link_is_read_like_one_inside(
    server: FakeServer, kind: str, content: bytes, address: str, raw: bool
) -> None:
    sent = Answer(body=content, headers={"Content-Type": kind}) if raw else Answer(body=binary(content, kind))
    server.on("/fhir/Binary/b1", sent)
    chart, receipt = read(server, report(address.format(base=server.base), kind.split(";")[0]))
    (draw,) = chart.draws
    assert (draw.outcome.value, [f.protein_change for f in draw.findings]) == ("detected", ["p.D538G"])
    assert "DiagnosticReport/r" in [s.reference for s in draw.sources]
    assert draw.document
    assert (binary_search(receipt).query, binary_search(receipt).complete) == ("by reference: b1", True)


def test_a_document_whose_kind_is_not_said_is_read_by_what_the_binary_is(server: FakeServer) -> None:
    server.on("/fhir/Binary/b1", Answer(body=binary(POSITIVE.encode(), "text/plain")))
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "type": {"text": "Molecular genetics report"},
        "subject": {"reference": "Patient/p"},
        "date": "2026-05-04T10:00:00Z",
        "content": [{"attachment": {"url": "Binary/b1"}}],
    }
    chart, _ = read(server, document)
    assert [d.outcome.value for d in chart.draws] == ["detected"]


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example.org/fhir/Binary/b1",
        "{origin}/other/Binary/b1",
        "{base}/../Binary/b1",
        "{base}/Binary/b1?x=1",
        "{base}/Binary/b1/$export",
        "{base}/Patient/b1",
        "//elsewhere.example.org/Binary/b1",
        "http://[",
    ],
)
def test_a_link_to_anything_but_a_binary_of_this_server_is_not_opened_and_stays_unreadable(
    server: FakeServer, address: str
) -> None:
    url = address.format(base=server.base, origin=server.base.removesuffix("/fhir"))
    chart, receipt = read(server, report(url))
    assert [d.outcome.value for d in chart.draws] == ["not_readable"]
    assert server.asked("/b1") == []
    assert [s for s in receipt.searches if s.resource_type == "Binary"] == []


def test_a_pdf_is_left_where_it_is_and_shown_as_a_report_to_open(server: FakeServer) -> None:
    chart, _ = read(server, report("Binary/b1", "application/pdf"))
    assert [(d.outcome.value, d.document) for d in chart.draws] == [("not_readable", "Binary/b1")]
    assert server.asked("/b1") == []


def test_a_link_that_turns_out_to_be_a_pdf_stays_a_report_to_open(server: FakeServer) -> None:
    server.on("/fhir/Binary/b1", Answer(body=b"%PDF-1.7", headers={"Content-Type": "application/pdf"}))
    chart, receipt = read(server, report("Binary/b1", None))
    assert [d.outcome.value for d in chart.draws] == ["not_readable"]
    assert binary_search(receipt).warnings == ["a report is no text; a person can open it"]


def test_without_the_scope_nothing_is_asked_and_the_receipt_says_so(server: FakeServer) -> None:
    kinds = ("Patient", "DiagnosticReport", "Observation", "DocumentReference")
    chart, receipt = read(server, report("Binary/b1"), scopes=tuple(f"patient/{kind}.rs" for kind in kinds))
    assert server.asked("/b1") == []
    assert (binary_search(receipt).error_code, binary_search(receipt).needed) == ("scope.not_granted", True)
    assert [d.outcome.value for d in chart.draws] == ["not_readable"]
    assert "scope.not_granted" in {gap.code for gap in chart.gaps}
    assert decide(chart, STRICT, date(2026, 11, 21)).switch_review.answer == "cannot_tell"


@pytest.mark.parametrize("scope", ["patient/Binary.r", "patient/Binary.read", "user/*.rs"])
def test_with_the_scope_to_read_the_text_is_opened(server: FakeServer, scope: str) -> None:
    server.on("/fhir/Binary/b1", Answer(body=binary(POSITIVE.encode(), "text/plain")))
    chart, _ = read(server, report("Binary/b1"), scopes=(scope, "patient/DiagnosticReport.rs"))
    assert [d.outcome.value for d in chart.draws] == ["detected"]


BAD = {
    "forbidden": (Answer(403), "fhir.forbidden"),
    "gone": (Answer(404), "fhir.not_found"),
    "damaged": (
        Answer(body={"resourceType": "Binary", "contentType": "text/plain", "data": "%%%"}),
        "attachment.damaged",
    ),
    "long": (Answer(body=binary(b"x" * 500_000, "text/plain")), "attachment.too_large"),
    "huge": (Answer(body=b"x" * 3_000_000, headers={"Content-Type": "text/plain"}), "net.too_large"),
    "outcome": (Answer(body={"resourceType": "OperationOutcome"}), "fhir.not_json"),
    "redirect": (Answer(302, headers={"Location": "https://elsewhere.example.org/"}), "net.redirect"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_text_that_cannot_be_opened_is_said_and_limits_what_may_be_said(server: FakeServer, name: str) -> None:
    answer, code = BAD[name]
    server.on("/fhir/Binary/b1", answer)
    chart, receipt = read(server, report("Binary/b1"))
    assert (binary_search(receipt).complete, binary_search(receipt).error_code) == (False, code)
    assert [d.outcome.value for d in chart.draws] == ["not_readable"]
    assert code in {gap.code for gap in chart.gaps}


def test_pictures_and_reports_whose_members_are_there_are_not_opened(server: FakeServer) -> None:
    imaging = report("Binary/b1", code={"text": "CT abdomen"}, category=[{"coding": [{"code": "RAD"}]}])
    read(server, imaging)
    panel = report("Binary/b1", code={"text": "Lipids"}, result=[{"reference": "Observation/x"}])
    read(server, panel)
    assert server.asked("/b1") == []


def test_a_report_without_a_telling_name_is_opened_and_its_text_read(server: FakeServer) -> None:
    server.on("/fhir/Binary/b1", Answer(body=binary(POSITIVE.encode(), "text/plain")))
    chart, _ = read(server, report("Binary/b1", code={"text": "Miscellaneous send-out"}))
    assert [d.outcome.value for d in chart.draws] == ["detected"]


_NAMES = (
    "presentedForm", "content", "attachment", "url", "contentType", "data", "category", "coding", "code", "display",
    "text", "result", "reference", "specimen", "hasMember", "title", "description", "author", "performer", "type",
)  # fmt: skip
_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["Binary/b1", "http://[", "text/plain"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(
    resource=st.fixed_dictionaries(
        {"resourceType": st.sampled_from(["DiagnosticReport", "DocumentReference", "Observation"]) | _ANY},
        optional=dict.fromkeys(_NAMES, _ANY),
    )
)
@settings(max_examples=300, deadline=None)
def test_no_shape_of_a_report_stops_the_reading(resource: dict[str, Any]) -> None:
    base = "https://ehr.example.org/fhir"
    references = References(base)
    references.note([("", resource)])
    assert all("/" not in ident for _, idents in references.take(early=False) for ident in idents)
    ((_, filled),) = with_forms([("", resource)], {"b1": Form("text/plain", b"x")}, base)
    assert set(filled) == set(resource)
    assert filled == resource or "Binary/b1" in str(resource)
