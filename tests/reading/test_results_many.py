"""Thousands of results: the ways that make reading them fast give what reading them one by one gives."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.fhir.reading.results import read_results
from tests.support import spec_tables as spec

LOINC = "http://loinc.org"


def _concept(code, system=LOINC):
    return {"coding": [{"system": system, "code": code}]}


def _component(code, **value):
    return {"code": _concept(code), **value}


GENE = _component("48018-6", valueCodeableConcept=_concept("HGNC:3467", "http://www.genenames.org/geneId"))

variants = st.fixed_dictionaries(
    {
        "day": st.sampled_from(["2026-03-03", "2026-03-04", "2026-04", None]),
        "answer": st.sampled_from(["LA9633-4", "LA9633-4", "LA9634-2", "LA18198-4"]),
        "change": st.sampled_from(["p.D538G", "p.Tyr537Ser", None]),
        "vaf": st.sampled_from([None, Decimal("0.84"), Decimal("0.80"), Decimal("3"), Decimal("120"), "0.84"]),
        "unit": st.sampled_from(["%", "1", None]),
        "note": st.sampled_from([None, None, "VAF 0.84 %", "No ctDNA detected", "ESR1 codons 536-538 only"]),
        "lab": st.sampled_from([None, None, "Guardant Health", "Tempus"]),
        "status": st.sampled_from(["final", "final", "final", "corrected", "preliminary", "entered-in-error"]),
        "text": st.sampled_from([None, None, None, "D538G detected", "not detected"]),
    }
)


plain = st.fixed_dictionaries(
    {
        "day": st.sampled_from(["2026-03-03", "2026-03-04"]),
        "answer": st.sampled_from(["LA9633-4", "LA9634-2"]),
        "change": st.sampled_from(["p.D538G", "p.Tyr537Ser", None]),
        "vaf": st.sampled_from([None, Decimal("0.84"), Decimal("0.9"), Decimal("3")]),
        "unit": st.just("%"),
        "note": st.sampled_from([None, None, "Read in one run."]),
        "lab": st.none(),
        "status": st.just("final"),
        "text": st.none(),
    }
)


def _resource(number, v):
    parts = [GENE]
    if v["change"]:
        parts.append(_component("48005-3", valueCodeableConcept=_concept(v["change"], "http://varnomen.hgvs.org")))
    if v["vaf"] is not None:
        quantity = {"value": v["vaf"], **({"unit": v["unit"]} if v["unit"] else {})}
        parts.append(_component("81258-6", valueQuantity=quantity))
    made = {"resourceType": "Observation", "id": f"v{number}", "status": v["status"], "code": _concept("69548-6")}
    if v["text"] is None:
        made |= {"valueCodeableConcept": _concept(v["answer"]), "component": parts}
    else:
        made |= {"code": {"text": "ESR1 mutation"}, "valueString": v["text"]}
    made |= {"effectiveDateTime": v["day"]} if v["day"] else {}
    made |= {"performer": [{"display": v["lab"]}]} if v["lab"] else {}
    return made | ({"note": [{"text": v["note"]}]} if v["note"] else {})


def _read(resources):
    record = spec.record_of(copy.deepcopy(resources))
    results = read_results(record, None)
    return results, sorted(record.notes.set_aside, key=repr)


@settings(max_examples=400, deadline=None)
@given(st.lists(variants | plain, min_size=1, max_size=12))
def test_alike_results_tell_what_each_tells_by_itself(told):
    resources = [_resource(number, v) for number, v in enumerate(told)]
    unlike = [{**r, "extension": [{"url": f"urn:{r['id']}"}]} for r in resources]
    assert _read(resources) == _read(unlike)


@settings(max_examples=400, deadline=None)
@given(st.lists(plain, min_size=2, max_size=8) | st.lists(variants | plain, min_size=1, max_size=12))
def test_results_of_one_day_joined_at_once_are_what_joining_one_by_one_gives(told):
    resources = [_resource(number, v) for number, v in enumerate(told)]
    numbered = [{**r, "identifier": [{"system": "urn:x", "value": r["id"]}]} for r in resources]
    assert _read(resources) == _read(numbered)


def test_an_amount_of_its_own_stays_its_own():
    same = {"day": "2026-03-03", "answer": "LA9633-4", "change": "p.D538G", "unit": "%", "note": None, "lab": None}
    same |= {"status": "final", "text": None}
    amounts = [Decimal("0.84"), Decimal("3"), Decimal("120"), None]
    days = ["2026-03-03", "2026-04-03", "2026-05-03", "2026-06-03"]
    resources = [
        _resource(n, {**same, "day": day, "vaf": vaf}) for n, (day, vaf) in enumerate(zip(days, amounts, strict=True))
    ]
    draws = _read(resources)[0].draws
    assert [d.findings[0].vaf for d in draws] == [Decimal("0.0084"), Decimal("0.03"), None, None]
    assert [d.findings[0].vaf_text for d in draws] == ["0.84 %", "3 %", "120 %", None]
    assert [d.sources[0].reference for d in draws] == [f"Observation/v{n}" for n in range(4)]
    assert replace(draws[0], findings=()).note is None
