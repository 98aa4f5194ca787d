"""Patient -> person."""

from __future__ import annotations

import pytest

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Person, Source
from smart_app.fhir.reading.person import read_person
from tests.support.spec_tables import record_of


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ({"birthDate": "1961-04"}, {"birth": PartialDate(1961, 4)}),
        ({"birthDate": "1961-04-31"}, {}),
        ({"gender": "male", "birthDate": "1961"}, {"birth": PartialDate(1961), "sex": "male"}),
        ({"deceasedBoolean": False}, {}),
        ({"deceasedBoolean": "true"}, {}),
        ({"deceasedBoolean": True}, {"deceased": True}),
        ({"deceasedDateTime": "2026-02"}, {"deceased": True, "deceased_on": PartialDate(2026, 2)}),
        ({"deceasedDateTime": "2026-02-02T01:00:00Z"}, {"deceased": True, "deceased_on": PartialDate(2026, 2, 1)}),
        ({"deceasedDateTime": "some day"}, {"deceased": True}),
    ],
)
def test_a_patient_gives_these_facts(patient, expected):
    record = record_of([{"resourceType": "Patient", "id": "p", **patient}])
    assert read_person(record) == Person(**expected, sources=(Source("Patient/p"),))


def test_no_patient_gives_a_person_of_whom_nothing_is_known():
    assert read_person(record_of([])) == Person()
