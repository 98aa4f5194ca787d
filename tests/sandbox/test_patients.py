"""The sandbox patients: on every day of the calendar the answers that their source states, and valid FHIR."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_app.codes import load_codebook
from smart_app.domain import decide
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.reading.record import reference_of
from smart_app.fhir.receipt import Receipt, SearchRecord
from smart_app.policies import load_policy
from smart_app.sandbox.fhirsearch import TYPES, patient_of
from smart_app.sandbox.guard import SHARED
from smart_app.sandbox.patients import TAG, Patient, everybody
from tests.support.java import validate

DAY = date(2026, 11, 21)
PEOPLE = everybody(DAY)
BOOK, STRICT = load_codebook(), load_policy("trial-strict")


def decided(person: Patient, today: date) -> Any:
    receipt = Receipt()
    receipt.searches = [SearchRecord("Observation", "", complete=True)]
    entries = [("", r) for r in person.resources]
    chart = read_chart(entries, patient_id=person.id, zone=ZoneInfo("UTC"), codebook=BOOK, receipt=receipt)
    return decide(chart, STRICT, today)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dates(date(2024, 1, 1), date(2031, 12, 31)), st.sampled_from([p.id for p in PEOPLE]))
def test_on_any_day_each_patient_shows_what_the_launcher_says(today: date, ident: str) -> None:
    person = next(p for p in everybody(today) if p.id == ident)
    answer = decided(person, today)
    expected = (person.expect["window"], person.expect["review"], person.expect["draw"])
    assert (answer.window.answer, answer.switch_review.answer, answer.next_draw is not None) == expected
    if person.expect.get("overdue"):
        assert answer.next_draw.overdue_days > 0


@pytest.mark.parametrize("today", [date(2028, 2, 29), date(2027, 3, 31), date(2026, 8, 31), date(2027, 1, 1)])
@pytest.mark.parametrize("number", range(len(PEOPLE)), ids=[p.id for p in PEOPLE])
def test_the_ends_of_months_change_no_answer(today: date, number: int) -> None:
    person = everybody(today)[number]
    answer = decided(person, today)
    assert (answer.window.answer, answer.switch_review.answer) == (person.expect["window"], person.expect["review"])


def test_no_two_patients_share_a_record_number_a_name_or_a_resource() -> None:
    for of in (lambda p: p.mrn, lambda p: (p.given, p.family), lambda p: p.id):
        assert len({of(p) for p in PEOPLE}) == len(PEOPLE)
    every = [reference_of(r) for p in PEOPLE for r in p.resources]
    assert len(every) == len(set(every))


def test_every_resource_is_tagged_kept_by_the_sandbox_and_of_its_patient() -> None:
    for person in PEOPLE:
        for resource in person.resources:
            assert TAG in resource["meta"]["tag"]
            kind = resource["resourceType"]
            assert kind in TYPES
            assert patient_of(resource) == (None if kind in SHARED else f"Patient/{person.id}")


def test_what_a_patient_refers_to_is_there() -> None:
    for person in PEOPLE:
        there = {reference_of(r) for r in person.resources}
        assert _references(person.resources) <= there


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return own.union(*(_references(v) for v in value.values()), set())
    return set().union(*(_references(v) for v in value)) if isinstance(value, list) else set()


def test_between_them_they_show_everything_that_a_clinician_meets() -> None:
    said = " ".join(p.shows.lower() for p in PEOPLE)
    wanted = (
        "due overdue polyclonal clears failed limit pdf serd second progression swapped adjuvant visceral man two "
        "preliminary nothing deceased early tissue missing her2 units"
    )
    assert [w for w in wanted.split() if w not in said] == []
    assert len(PEOPLE) >= 20


@pytest.mark.validator
def test_the_validator_accepts_every_resource_of_every_patient(tmp_path: Path) -> None:
    every = {f"{r['resourceType']}-{r['id']}": r for p in PEOPLE for r in p.resources}
    wrong = {name: errors for name, errors in validate(every, tmp_path).items() if errors}
    assert wrong == {}
