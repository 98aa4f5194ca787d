"""The same patients behind the habits of each kind of server: the same answers, or the receipt says what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smart_app.codes import load_codebook
from smart_app.domain import decide
from smart_app.errors import FhirError
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.harvest import harvest
from smart_app.fhir.plans import all_plans, choose_plan
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.reading.stretches import DRUG_TYPES
from smart_app.policies import load_policy
from smart_app.sandbox.habits import ATHENA, PLAIN, VENDORS, Habits
from smart_app.sandbox.patients import everybody
from tests.support.running import Running, app_and_sandbox

DAY = date(2026, 11, 21)
PEOPLE = everybody(DAY)
BOOK, STRICT = load_codebook(), load_policy("trial-strict")
HABITS: dict[str, Habits] = {
    **VENDORS,
    "plain": PLAIN,
    "tiny": replace(PLAIN, page=1, largest=1),
    "overlap": replace(PLAIN, page=2, largest=2, overlap=True),
    "host": replace(PLAIN, page=2, largest=2, next_link="host"),
    "base": replace(PLAIN, page=2, largest=2, next_link="base"),
    "query": replace(PLAIN, page=2, largest=2, next_link="query"),
    "inline": replace(PLAIN, inline_drugs=True, includes=False, absent=frozenset({"Medication"})),
    "busy429": replace(PLAIN, throttle=(5, 429, "0")),
    "lost": replace(PLAIN, page=2, largest=2, expiring=1),
    "gone": replace(PLAIN, page=2, largest=2, expiring=1000),
    "foreign": replace(PLAIN, page=2, largest=2, next_link="foreign"),
    "no drugs": replace(PLAIN, absent=frozenset({"Medication", *DRUG_TYPES})),
    "no results": replace(PLAIN, absent=frozenset({"Observation", "DiagnosticReport", "DocumentReference"})),
    "shut": replace(PLAIN, throttle=(1, 403, "")),
    "shut429": replace(PLAIN, throttle=(1, 429, "600"), bodiless=frozenset({429})),
}
WITHHELD = ("no drugs", "no results")
WHOLE = [name for name in HABITS if name not in ("gone", "foreign", "shut", "shut429", *WITHHELD)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with app_and_sandbox(tmp_path_factory.mktemp("habits"), day=DAY, habits=HABITS) as made:
        yield made


def client_of(running: Running, habit: str, waits: list[float] | None = None) -> FhirClient:
    base = f"{running.ehr_url}/as/{habit}/fhir"
    gate = Gate(sleep=(waits if waits is not None else []).append)
    gate.allow(base)
    return FhirClient(base, gate)


def answered(running: Running, habit: str, ident: str, plan: str | None = None) -> tuple[Any, Any]:
    entries, receipt = harvest(client_of(running, habit), ident, plan)
    chart = read_chart(entries, patient_id=ident, zone=ZoneInfo("UTC"), codebook=BOOK, receipt=receipt)
    return decide(chart, STRICT, DAY), receipt


@pytest.mark.parametrize("habit", WHOLE)
def test_every_patient_gets_the_same_answer_whatever_the_server_is_like(running: Running, habit: str) -> None:
    wrong = {}
    for person in PEOPLE:
        answer, receipt = answered(running, habit, person.id)
        got = (answer.window.answer.value, answer.switch_review.answer.value)
        if got != (person.expect["window"], person.expect["review"]):
            wrong[person.id] = (got, [s.error for s in receipt.searches if s.error])
    assert wrong == {}


@pytest.mark.parametrize("plan", list(all_plans()))
def test_every_patient_gets_the_same_answer_by_every_plan(running: Running, plan: str) -> None:
    for person in PEOPLE:
        answer, _ = answered(running, "plain", person.id, plan)
        got = (answer.window.answer.value, answer.switch_review.answer.value)
        assert got == (person.expect["window"], person.expect["review"]), person.id


@pytest.mark.parametrize("habit", WITHHELD)
def test_a_kind_of_resource_that_the_server_does_not_have_is_said_and_nothing_is_concluded_from_it(
    running: Running, habit: str
) -> None:
    for person in PEOPLE:
        answer, receipt = answered(running, habit, person.id)
        window, review = answer.window.answer.value, answer.switch_review.answer.value
        lacking = {s.resource_type for s in receipt.searches if not s.offered}
        assert HABITS[habit].absent - {"Medication"} <= lacking
        assert window in ("cannot_tell", person.expect["window"]), person.id
        assert window != "inside", person.id
        assert review in ("cannot_tell", person.expect["review"]), person.id
        if habit == "no results":
            assert review != "not_raised" or person.expect["window"] == "outside", person.id


def test_a_throttling_403_never_turns_a_positive_into_a_negative(running: Running) -> None:
    for person in PEOPLE:
        if person.expect["review"] != "raised":
            continue
        try:
            answer, receipt = answered(running, "athenahealth", person.id)
        except FhirError:
            continue  # nothing is shown at all
        unread = [s for s in receipt.searches if s.error_code == "fhir.forbidden"]
        assert answer.switch_review.answer == "raised" or (unread and answer.switch_review.answer == "cannot_tell")


@pytest.mark.parametrize("habit", ["gone", "foreign"])
def test_pages_that_cannot_be_read_are_said_and_a_part_is_never_taken_for_the_whole(
    running: Running, habit: str
) -> None:
    for ident in ("sandbox-first-positive", "sandbox-due", "sandbox-two-labs"):
        answer, receipt = answered(running, habit, ident)
        observations = [s for s in receipt.searches if s.resource_type == "Observation" and s.error]
        expected = next(p.expect["review"] for p in PEOPLE if p.id == ident)
        assert observations or answer.switch_review.answer == expected
        if expected == "raised":
            assert answer.switch_review.answer != "not_raised"
        if observations:
            assert answer.window.answer in ("cannot_tell", "inside")


@pytest.mark.parametrize("habit", ["shut", "shut429"])
def test_a_server_that_lets_nothing_through_is_an_error_and_no_empty_chart(running: Running, habit: str) -> None:
    with pytest.raises(FhirError) as caught:
        harvest(client_of(running, habit), "sandbox-first-positive")
    assert caught.value.code in ("fhir.forbidden", "fhir.busy")


@pytest.mark.parametrize("habit", list(VENDORS))
def test_a_vendor_is_known_by_its_statement_and_says_what_it_lacks(running: Running, habit: str) -> None:
    statement = client_of(running, habit).capabilities()
    assert choose_plan(statement).name == habit
    listed = {r["type"]: {i["code"] for i in r["interaction"]} for r in statement["rest"][0]["resource"]}
    assert "MedicationStatement" not in listed
    assert "create" not in listed["CarePlan"]


def test_epic_demands_a_category_or_code_and_puts_its_warning_among_the_results(running: Running) -> None:
    client = client_of(running, "epic")
    bare = client.send("GET", "Observation", params={"patient": "sandbox-due"})
    assert (bare.status, bare.body["issue"][0]["code"]) == (400, "required")  # type: ignore[index]
    unknown = client.send("GET", "Observation", params={"patient": "sandbox-due", "category": "exam"})
    assert unknown.status == 400
    entries, record = client.search("Observation", [("patient", "sandbox-due"), ("category", "laboratory")])
    assert entries
    assert record.complete
    assert any("4119" in w for w in record.warnings)
    assert {r["resourceType"] for _, r in entries} == {"Observation"}


def test_oracle_gives_one_id_on_two_pages_and_it_counts_once(running: Running) -> None:
    client = client_of(running, "oracle")
    entries, record = client.search("Observation", [("patient", "sandbox-first-positive"), ("_count", "2")])
    idents = [r["id"] for _, r in entries]
    assert len(idents) == len(set(idents))
    wanted = [r for p in PEOPLE if p.id == "sandbox-first-positive" for r in p.resources]
    assert len(idents) == sum(r["resourceType"] == "Observation" for r in wanted)
    assert record.pages > 2


def test_every_ninth_request_at_athena_is_one_too_many_and_comes_through_a_second_later(running: Running) -> None:
    assert ATHENA.throttle == (9, 403, "1")
    waits: list[float] = []
    client = client_of(running, "athenahealth", waits)
    assert {client.send("GET", f"Patient/{p.id}").status for p in PEOPLE[:18]} == {200}
    assert len(waits) == 2
    assert all(1 <= wait < 1.2 for wait in waits)


def test_a_drug_that_was_stated_is_a_reported_order_where_there_are_no_statements(running: Running) -> None:
    entries, _ = client_of(running, "meditech").search("MedicationRequest", [("patient", "sandbox-due")])
    stated = [r for _, r in entries if r["id"].startswith("reported-")]
    assert len(stated) == 2
    assert all(r["intent"] == "plan" and r["reportedBoolean"] is True for r in stated)
    again = client_of(running, "meditech").read("MedicationRequest", stated[0]["id"])
    assert again == stated[0]


def test_nothing_can_be_written_where_the_vendor_takes_no_care_plan(running: Running) -> None:
    plan = {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": "Patient/sandbox-due"},
    }
    for vendor in VENDORS:
        assert client_of(running, vendor).send("POST", "CarePlan", body=plan).status in (403, 405)
    assert running.store is not None
    assert running.store.matches("CarePlan", []) == []
