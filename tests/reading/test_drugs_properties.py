"""Exposures written in every shape are read back as they were; broken resources never raise and never invent a drug."""

from __future__ import annotations

import copy
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.codes import load_codebook
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Proof
from smart_app.fhir.reading.disease import read_disease
from smart_app.fhir.reading.drugs import read_exposures
from smart_app.fhir.reading.person import read_person
from smart_app.fhir.reading.visits import read_visits
from tests.support import spec_tables as spec

BOOK = load_codebook()
SYSTEMS = {
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "snomed": "http://snomed.info/sct",
    "atc": "http://www.whocc.no/atc",
}
DRUGS = sorted(BOOK.classes)
CODES = {
    drug: [
        (SYSTEMS[code.key], code.value)
        for code, meant in BOOK.drug_codes.items()
        if meant == {drug} and code.key in SYSTEMS and code.value != "L04AH02"
    ]
    for drug in DRUGS
}
NAMES = {
    drug: [name for name, meant in BOOK.names.items() if meant == {drug} and name not in {"zortress", "certican"}]
    for drug in DRUGS
}
DAYS = st.dates(date(2015, 1, 1), date(2026, 12, 1))


@st.composite
def concepts(draw, drug):
    """A CodeableConcept that names the drug: coded, displayed, in words, beside codings that mean nothing."""
    name = draw(st.sampled_from(NAMES[drug]))
    name = draw(st.sampled_from([name, name.upper(), name.title(), f"{name} 10 mg tablet"]))
    noise = {"system": "urn:oid:1.2.840.1", "code": "5141"}
    shown = [
        {"text": name},
        {"coding": [{**noise, "display": name}]},
        {"coding": [{**noise, "display": name}], "text": name},
    ]
    if CODES[drug]:
        system, code = draw(st.sampled_from(CODES[drug]))
        shown += [
            {"coding": [{"system": system, "code": code}]},
            {"coding": [noise, {"system": system, "code": code}]},
            {"coding": [{"system": system, "code": code, "display": name}], "text": name},
        ]
    return draw(st.sampled_from(shown))


@st.composite
def placed(draw, drug):
    """The medication of a resource, by concept or by reference; and what must be read beside it."""
    concept = draw(concepts(drug))
    way = draw(st.sampled_from(["concept", "reference", "contained", "display"]))
    if way == "concept":
        return {"medicationCodeableConcept": concept}, []
    if way == "reference":
        return {"medicationReference": {"reference": "Medication/m"}}, [
            {"resourceType": "Medication", "id": "m", "code": concept}
        ]
    if way == "contained":
        inner = {"resourceType": "Medication", "id": "c", "code": concept}
        return {"medicationReference": {"reference": "#c"}, "contained": [inner]}, []
    return {"medicationReference": {"reference": "Medication/gone", "display": NAMES[drug][0]}}, []


SHAPES = {
    "MedicationStatement": (
        Proof.TAKEN,
        lambda s, e: {"status": "completed", "effectivePeriod": {"start": s, "end": e}},
    ),
    "MedicationRequest": (
        Proof.ORDERED,
        lambda s, e: {
            "status": "stopped",
            "intent": "order",
            "authoredOn": s,
            "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": s, "end": e}}}}],
        },
    ),
    "reported": (
        Proof.TAKEN,
        lambda s, e: {
            "resourceType": "MedicationRequest",
            "status": "completed",
            "intent": "plan",
            "reportedBoolean": True,
            "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"start": s, "end": e}}}}],
        },
    ),
    "MedicationAdministration": (
        Proof.ADMINISTERED,
        lambda s, e: {"status": "completed", "effectivePeriod": {"start": s, "end": e}},
    ),
}


@settings(max_examples=200)
@given(st.data())
def test_an_exposure_written_in_any_shape_is_read_back(data):
    drug = data.draw(st.sampled_from(DRUGS))
    start = data.draw(DAYS)
    end = date.fromordinal(start.toordinal() + data.draw(st.integers(8, 900)))
    kind = data.draw(st.sampled_from(sorted(SHAPES)))
    proof, shape = SHAPES[kind]
    medication, beside = data.draw(placed(drug))
    resource = {"resourceType": kind, "id": "x", **shape(str(start), str(end)), **medication}
    record = spec.record_of([resource, *beside])
    (exposure,), unclear = read_exposures(record, BOOK)
    assert not unclear
    assert (exposure.drug, exposure.drug_class) == (drug, BOOK.class_of(drug))
    assert (exposure.start, exposure.end) == (PartialDate.of(start), PartialDate.of(end))
    assert exposure.ongoing is False
    assert exposure.proofs == {proof}
    assert [s.reference for s in exposure.sources] == [f"{resource['resourceType']}/x"]


@settings(max_examples=150)
@given(st.data())
def test_the_order_in_which_resources_arrive_changes_nothing(data):
    drug = data.draw(st.sampled_from(["letrozole", "palbociclib"]))
    resources = []
    for number in range(data.draw(st.integers(1, 5))):
        kind = data.draw(st.sampled_from(sorted(SHAPES)))
        start = data.draw(DAYS)
        end = date.fromordinal(start.toordinal() + data.draw(st.integers(8, 400)))
        resources.append(
            {
                "resourceType": kind,
                **SHAPES[kind][1](str(start), str(end)),
                "id": f"x{number}",
                "medicationCodeableConcept": {"text": drug},
            }
        )
    first = read_exposures(spec.record_of(resources), BOOK)
    again = read_exposures(spec.record_of(data.draw(st.permutations(resources))), BOOK)
    assert {(e.start, e.end, e.sources) for e in first[0]} == {(e.start, e.end, e.sources) for e in again[0]}
    assert sum(len(e.sources) for e in first[0]) == len(resources), "no source is lost or used twice"


@given(st.sampled_from(DRUGS), st.sampled_from(DRUGS), st.data())
def test_a_code_and_a_name_of_two_drugs_are_used_as_neither(coded, named, data):
    if coded == named or not CODES[coded]:
        return
    system, code = data.draw(st.sampled_from(CODES[coded]))
    concept = {"coding": [{"system": system, "code": code, "display": named}]}
    record = spec.record_of(
        [
            {
                "resourceType": "MedicationRequest",
                "id": "x",
                "status": "active",
                "intent": "order",
                "medicationCodeableConcept": concept,
            }
        ]
    )
    exposures, unclear = read_exposures(record, BOOK)
    assert not exposures
    assert len(unclear) == 1
    assert spec.asides(record) == ["drug.conflict"]


ROWS = [spec.given(row) for name in ("drugs.toml", "disease.toml") for row in spec.rows(name)]
RESOURCES = [resource for record in ROWS for kind in record.by_type.values() for resource in kind]
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["2026-99-99", "#c", "Medication/m", "%"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["coding", "text", "code", "system", "value", "start", "end", "reference", "unit", "url"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def _paths(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _paths(child, (*path, key))


@settings(max_examples=500)
@given(st.data())
def test_a_broken_resource_never_raises(data):
    resource = copy.deepcopy(data.draw(st.sampled_from(RESOURCES)))
    for _ in range(data.draw(st.integers(1, 3))):
        paths = [p for p in _paths(resource) if p and p != ("resourceType",)]
        if not paths:
            break
        path = data.draw(st.sampled_from(paths))
        holder = resource
        for key in path[:-1]:
            holder = holder[key]
        if data.draw(st.booleans()) and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = data.draw(JUNK)
    before = copy.deepcopy(resource)
    record = spec.record_of([resource])
    for _ in (read_exposures(record, BOOK), read_disease(record, BOOK), read_visits(record, BOOK), read_person(record)):
        pass
    assert resource == before, "reading does not change what was read"
