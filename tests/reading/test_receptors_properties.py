"""Receptor results and metastases written in every shape are read back as they were."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.codes import load_codebook
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Extent, Marker, ReceptorStatus
from smart_app.fhir.reading.disease import read_disease
from tests.support import spec_tables as spec

BOOK = load_codebook()
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
TESTS = {
    Marker.ER: [("85337-4", "Estrogen receptor Ag"), ("16112-5", ""), ("", "Estrogen receptor by IHC")],
    Marker.PR: [("85339-0", "Progesterone receptor Ag"), ("16113-3", ""), ("", "Progesterone receptor status")],
    Marker.HER2: [("85319-2", "HER2 by IHC"), ("48676-1", "HER2 [Interpretation]"), ("", "HER2 immunohistochemistry")],
}
ANSWERS = {
    ReceptorStatus.POSITIVE: ("LA6576-8", "10828004", "POS", ["Positive", "positive", "POS", "pos."]),
    ReceptorStatus.NEGATIVE: ("LA6577-6", "260385009", "NEG", ["Negative", "NEG", "not detected"]),
}
DAYS = st.sampled_from(["2026", "2026-02", "2026-02-10"])


def _observation(test, day, value, marker_part=False):
    code, name = test
    concept = ({"coding": [{"system": LOINC, "code": code, "display": name}]} if code else {}) | (
        {"text": name} if name else {}
    )
    if marker_part:
        return {
            "resourceType": "Observation",
            "id": "x",
            "status": "final",
            "effectiveDateTime": day,
            "code": {"text": "Breast cancer biomarker panel"},
            "component": [{"code": concept, **value}],
        }
    return {
        "resourceType": "Observation",
        "id": "x",
        "status": "final",
        "effectiveDateTime": day,
        "code": concept,
        **value,
    }


@settings(max_examples=150)
@given(st.sampled_from(list(TESTS)), st.sampled_from(list(ANSWERS)), DAYS, st.booleans(), st.data())
def test_a_positive_or_negative_answer_is_read_back_from_any_shape(marker, status, day, in_panel, data):
    loinc, snomed, flag, texts = ANSWERS[status]
    word = data.draw(st.sampled_from(texts))
    shapes = [
        {"valueCodeableConcept": {"coding": [{"system": LOINC, "code": loinc}]}},
        {
            "valueCodeableConcept": {
                "coding": [{"system": "urn:oid:1.2", "code": "7"}, {"system": SNOMED, "code": snomed}]
            }
        },
        {"valueCodeableConcept": {"text": word}},
        {"valueString": word},
        {"interpretation": [{"coding": [{"system": FLAGS, "code": flag}]}]},
    ]
    value = data.draw(st.sampled_from(shapes))
    test = data.draw(st.sampled_from(TESTS[marker]))
    (found,) = read_disease(spec.record_of([_observation(test, day, value, in_panel)]), BOOK).receptors
    assert (found.marker, found.status, found.date) == (marker, status, PartialDate.parse(day))


@given(st.sampled_from([Marker.ER, Marker.PR]), st.integers(0, 100), st.booleans())
def test_a_percentage_decides_by_the_written_cut_offs(marker, percent, as_text):
    value = {"valueString": f"{percent} %"} if as_text else {"valueQuantity": {"value": percent, "unit": "%"}}
    (found,) = read_disease(spec.record_of([_observation(TESTS[marker][0], "2026-02-10", value)]), BOOK).receptors
    assert found.percent == Decimal(percent)
    assert found.status is (ReceptorStatus.NEGATIVE if percent < 1 else ReceptorStatus.POSITIVE)
    assert found.low is (1 <= percent <= 10)


@given(st.text(max_size=30), st.sampled_from(list(Marker)))
def test_a_text_that_is_not_understood_is_never_a_status(said, marker):
    words = "".join(c for c in said if c not in "+-–−012345678") + "?"
    record = spec.record_of([_observation(TESTS[marker][0], "2026-02-10", {"valueString": f"see report {words}"})])
    known = {"pos", "neg", "low", "absent"}
    if not known & set(words.lower().split()):
        assert all(r.status is ReceptorStatus.UNREADABLE for r in read_disease(record, BOOK).receptors)


SITES = {
    "C78.7": "liver",
    "C79.51": "bone",
    "C78.01": "lung",
    "C78.2": "pleura",
    "C79.31": "brain",
    "C77.9": "lymph_node",
    "C78.6": "peritoneum",
    "C79.2": "skin",
    "C79.70": "other",
}


@given(st.lists(st.tuples(st.sampled_from(sorted(SITES)), DAYS, st.booleans()), min_size=1, max_size=6))
def test_metastases_are_each_site_once_with_the_earliest_day(rows):
    resources = [
        {
            "resourceType": "Condition",
            "id": f"c{n}",
            "onsetDateTime": day,
            "code": {
                "coding": [
                    {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code.replace(".", "") if bare else code}
                ]
            },
        }
        for n, (code, day, bare) in enumerate(rows)
    ]
    spread = read_disease(spec.record_of(resources), BOOK).spread
    assert {s.site for s in spread} == {SITES[code] for code, _, _ in rows}
    assert len({s.site for s in spread}) == len(spread)
    assert all(s.extent is Extent.METASTASIS for s in spread)
    assert sum(len(s.sources) for s in spread) == len(resources)
    for s in spread:
        days = [PartialDate.parse(day) for code, day, _ in rows if SITES[code] == s.site]
        assert s.known_on == min(days, key=lambda d: (d.first, d.last))
