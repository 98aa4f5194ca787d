"""What a record says its assay looked at: an assay that does not cover a variant contradicts nothing (R5)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import date

import pytest

from smart_app.domain.decide import decide
from smart_app.domain.decision import ReviewAnswer
from smart_app.domain.facts import Standing
from smart_app.fhir.reading.results import read_results
from tests.support import rule_charts
from tests.support import spec_tables as spec

LOINC = "http://loinc.org"


def _coded(code, **value):
    return {"code": {"coding": [{"system": LOINC, "code": code}]}, **value}


GENE = _coded(
    "48018-6", valueCodeableConcept={"coding": [{"system": "http://www.genenames.org/geneId", "code": "HGNC:3467"}]}
)


def _words(name, value, **more):
    return [{"resourceType": "Observation", "id": "o", "status": "final", "effectiveDateTime": "2026-10-01"}
            | {"code": {"text": name}, "valueString": value, **more}]  # fmt: skip


def _region(*components):
    studied = _coded("53041-0") | {"resourceType": "Observation", "id": "g", "status": "final"}
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "effectiveDateTime": "2026-10-01"}
    report |= {"code": {"text": "ctDNA"}, "result": [{"reference": "Observation/g"}]}
    return [report, studied | {"component": [GENE, *components]}]


def _range(low, high):
    return _region(_coded("51959-5", valueRange={"low": {"value": low}, "high": {"value": high}}))


def _document(words):
    data = base64.b64encode(words.encode()).decode()
    content = [{"attachment": {"contentType": "text/plain", "data": data}}]
    return [{"resourceType": "DocumentReference", "id": "d", "status": "current", "date": "2026-10-01",
             "type": {"text": "Guardant360 report"}, "content": content}]  # fmt: skip


CODONS = ("codons 536-538",)
STATED = {
    "words: codons only": (_words("ESR1 ctDNA", "ESR1 not detected. Assay covers codons 536-538 only."), CODONS),
    "the result names the codons": (_words("ctDNA", "ESR1 codons 536-538: no mutation"), CODONS),
    "a list of codons": (
        _words("ctDNA", "ESR1 (codons 380, 536, 537 and 538): not detected"),
        ("codon 380", "codon 536", "codon 537", "codon 538"),
    ),
    "the test's name": (_words("ESR1 ddPCR (E380Q, Y537S, D538G)", "Not detected"), ("p.D538G", "p.E380Q", "p.Y537S")),
    "the method": (
        _words("ESR1 mutation", "Not detected", method={"text": "ddPCR for D538G and Y537S"}),
        ("p.D538G", "p.Y537S"),
    ),
    "a note": (
        _words("ESR1", "Not detected", note=[{"text": "Designed to detect the following: p.Asp538Gly, p.Tyr537Ser."}]),
        ("p.D538G", "p.Y537S"),
    ),
    "only one change was negative": (_words("ESR1 D538G, plasma", "Not detected"), ("p.D538G",)),
    "bases of the coding sequence": (_range(1606, 1614), CODONS),
    "bases of chromosome 6, GRCh37": (_range(152419919, 152419927), CODONS),
    "bases of chromosome 6, GRCh38": (_range(152098784, 152098792), CODONS),
    "bases in words": (_region(_coded("51959-5", valueString="NM_000125.4:c.1606_1614")), CODONS),
    "described regions": (_region(_coded("81293-3", valueString="codons 536 to 538 of exon 8")), CODONS),
    "a document": (_document("ESR1: not detected. Assay limited to codons 536-538."), CODONS),
    "the whole gene on chromosome 6": (_range(152011631, 152424409), None),
    "exons alone": (_region(_coded("81293-3", valueString="exons 5-8")), None),
    "the gene alone": (_region(), None),
    "what is not covered": (_words("ESR1", "ESR1 not detected. E380Q is not covered by this assay."), None),
    "another gene's codons": (_words("ESR1", "ESR1 not detected. PIK3CA codons 542-545 are covered."), None),
    "where the mutation was found": (_words("ESR1", "ESR1 mutation at codon 538 detected."), None),
}


@pytest.mark.parametrize("name", STATED)
def test_the_draw_says_what_its_assay_covers_where_the_record_does(name):
    resources, covers = STATED[name]
    (draw,) = read_results(spec.record_of(resources), None).draws
    assert draw.covers == covers


@pytest.mark.parametrize(
    ("resources", "code"),
    [
        (_words("ESR1 ddPCR (E380Q, Y537S), plasma", "Not detected"), "review.not_covered_since"),
        (_words("ESR1 ctDNA", "ESR1 not detected. Assay covers codons 380-420 only."), "review.not_covered_since"),
        (_words("ESR1 ctDNA", "ESR1 not detected. Assay covers codons 536-538 only."), "review.not_detected_since"),
        (_words("ESR1 ctDNA", "ESR1 not detected."), "review.not_detected_since"),
    ],
)
def test_a_later_negative_counts_only_for_what_its_assay_covers(resources, code):
    chart = rule_charts.chart_of(["draw detected 2026-09-01 plasma p.D538G"])
    read = read_results(spec.record_of(resources), None).draws
    decision = decide(replace(chart, draws=(*chart.draws, *read)), rule_charts.STRICT, date(2026, 11, 21))
    assert decision.switch_review.answer is ReviewAnswer.RAISED
    said = {reason.code for reason in decision.reasons} & {"review.not_covered_since", "review.not_detected_since"}
    assert said == {code}


def test_an_assay_that_does_not_cover_the_variant_contradicts_nothing():
    specimen = {"reference": "Specimen/s"}
    found = _words("ESR1 ctDNA", "ESR1 D538G detected, 0.84 %", id="a", specimen=specimen)
    missed = _words("ESR1 ctDNA", "ESR1 not detected. Assay covers codons 380-420 only.", id="b", specimen=specimen)
    whole = _words("ESR1 ctDNA", "ESR1 not detected.", id="b", specimen=specimen)
    assert [d.standing for d in read_results(spec.record_of([*found, *missed]), None).draws] == [Standing.FINAL]
    assert [d.standing for d in read_results(spec.record_of([*found, *whole]), None).draws] == [Standing.CONFLICT]
