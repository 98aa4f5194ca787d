"""The care plan is written exactly once, or the clinician is told that it was not, or that nobody knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from smart_app.errors import LaunchError, WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.writing.identity import SYSTEM, plan_key
from smart_app.fhir.writing.looking import look
from smart_app.fhir.writing.patching import closed
from smart_app.fhir.writing.protocol import change_plan, write_plan
from tests.support.fake_server import Answer, Request, fake_server
from tests.writing.support import DAY, PATIENT, PLAN, Json, PlanServer, plan_of


@pytest.fixture
def ehr() -> Iterator[PlanServer]:
    with fake_server() as fake:
        yield PlanServer(fake)


def client(ehr: PlanServer) -> FhirClient:
    gate = Gate(sleep=lambda _s: None)
    gate.allow(ehr.fake.base)
    return FhirClient(ehr.fake.base, gate)


def write(ehr: PlanServer, plan: Json = PLAN, expected: str | None = None) -> Any:
    states: list[str] = []
    speaker = client(ehr)
    known = look(speaker, PATIENT).version if expected is None else expected
    return write_plan(speaker, PATIENT, plan, known, states.append), states


def test_a_plan_is_journalled_created_and_read_back(ehr: PlanServer) -> None:
    written, states = write(ehr)
    assert states == ["sending", "sent"]
    assert (written.created, written.changed, written.dropped) == (True, True, ())
    post = next(r for r in ehr.fake.requests if r.method == "POST")
    assert post.headers["if-none-exist"].startswith("identifier=")
    assert ehr.fake.requests[-1].method == "GET"


def test_the_same_plan_again_writes_nothing(ehr: PlanServer) -> None:
    write(ehr)
    written, states = write(ehr)
    assert (written.changed, states, ehr.writes) == (False, [], 1)


def test_a_changed_plan_is_an_update_of_the_same_resource(ehr: PlanServer) -> None:
    write(ehr)
    written, _ = write(ehr, {**PLAN, "description": "changed"})
    assert not written.created
    assert len(ehr.plans) == 1
    assert written.plan["meta"]["versionId"] == "2"


def test_a_plan_that_changed_since_the_preview_is_not_touched(ehr: PlanServer) -> None:
    write(ehr)
    with pytest.raises(WriteError) as caught:
        write(ehr, {**PLAN, "description": "x"}, expected="")
    assert caught.value.code == "write.stale"
    assert ehr.writes == 1


@pytest.mark.parametrize("status", [409, 412])
def test_a_stale_version_asks_for_a_fresh_preview(ehr: PlanServer, status: int) -> None:
    write(ehr)
    ehr.before = lambda r: Answer(status) if r.method == "PUT" else None
    with pytest.raises(WriteError) as caught:
        write(ehr, {**PLAN, "description": "x"})
    assert caught.value.code == "write.stale"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422, 429])
def test_a_refusal_says_that_nothing_was_saved_and_is_not_repeated(ehr: PlanServer, status: int) -> None:
    ehr.before = lambda r: Answer(status) if r.method == "POST" else None
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.refused"
    assert "NOT saved" in caught.value.message
    assert len([r for r in ehr.fake.requests if r.method == "POST"]) == 1


@pytest.mark.parametrize("lost_answer", [Answer(drop=True), Answer(500), Answer(504, b"<html>")])
def test_an_answer_lost_after_the_commit_is_found_out_by_looking(ehr: PlanServer, lost_answer: Answer) -> None:
    ehr.after = lambda r, a: lost_answer if r.method == "POST" else a
    written, states = write(ehr)
    assert written.created
    assert states == ["sending", "unknown", "sent"]
    assert (ehr.writes, len(ehr.plans)) == (1, 1)


def test_a_cut_before_the_commit_is_unknown_and_never_sent_again(ehr: PlanServer) -> None:
    ehr.before = lambda r: Answer(drop=True) if r.method == "POST" else None
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.unknown"
    assert len([r for r in ehr.fake.requests if r.method == "POST"]) == 1
    ehr.before = lambda _r: None
    assert write(ehr)[0].created
    assert len(ehr.plans) == 1


def test_a_silent_server_is_unknown(ehr: PlanServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(request: Request) -> Answer | None:
        if request.method == "POST":
            time.sleep(0.5)
        return None

    ehr.before = slow
    speaker = client(ehr)
    send = speaker.send
    speaker.send = lambda *a, **k: send(*a, **{**k, "timeout": 0.2} if a[0] == "POST" else k)  # type: ignore[method-assign]
    with pytest.raises(WriteError) as caught:
        write_plan(speaker, PATIENT, PLAN, "", lambda _s: None)
    assert caught.value.code == "write.unknown"


def test_a_created_answer_without_location_and_body_is_found_by_its_identifier(ehr: PlanServer) -> None:
    ehr.after = lambda r, a: Answer(201) if r.method == "POST" else a
    assert write(ehr)[0].plan["id"] == "plan1"


def test_a_location_on_another_server_is_never_followed(ehr: PlanServer) -> None:
    with fake_server() as other:
        foreign = {"Location": f"{other.base}/CarePlan/plan1"}
        ehr.after = lambda r, a: Answer(201, None, foreign) if r.method == "POST" else a
        assert write(ehr)[0].plan["id"] == "plan1"
        assert other.requests == []


def test_what_the_server_dropped_is_named(ehr: PlanServer) -> None:
    def forgetful(request: Request, answer: Answer) -> Answer:
        for plan in ehr.plans.values():
            plan.pop("activity", None)
            plan.pop("extension", None)
        return answer

    ehr.after = forgetful
    assert set(write(ehr)[0].dropped) == {"activity", "extension"}


def test_another_teams_plan_a_revoked_one_and_another_patients_are_never_touched(ehr: PlanServer) -> None:
    mine = {"system": SYSTEM, "value": plan_key(PATIENT)}
    subject = {"reference": f"Patient/{PATIENT}"}
    base = {"resourceType": "CarePlan", "intent": "plan", "meta": {"versionId": "1"}, "subject": subject}
    ehr.conditional = False
    ehr.plans = {
        "team": {**base, "id": "team", "status": "active", "identifier": [{"system": "urn:team", "value": "1"}]},
        "old": {**base, "id": "old", "status": "revoked", "identifier": [mine]},
        "other": {
            **base,
            "id": "other",
            "status": "active",
            "identifier": [mine],
            "subject": {"reference": "Patient/q"},
        },
    }
    before = jsontext.dumps(ehr.plans)
    write(ehr)
    assert len(ehr.plans) == 4
    assert jsontext.dumps({k: v for k, v in ehr.plans.items() if k in ("team", "old", "other")}) == before


def test_a_plan_for_another_patient_is_not_written(ehr: PlanServer) -> None:
    with pytest.raises(WriteError) as caught:
        write(ehr, {**PLAN, "subject": {"reference": "Patient/q"}})
    assert caught.value.code == "write.other_patient"
    assert ehr.writes == 0


def test_a_server_that_cannot_be_searched_is_not_written_to(ehr: PlanServer) -> None:
    ehr.before = lambda r: Answer(500) if r.method == "GET" else None
    with pytest.raises(WriteError) as caught:
        write(ehr, expected="")
    assert caught.value.code == "write.cannot_look"
    assert ehr.writes == 0


def test_a_server_that_offers_no_create_is_not_tried(ehr: PlanServer) -> None:
    ehr.can = ["read", "search-type"]
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.not_offered"
    assert ehr.writes == 0


def test_a_lost_update_that_was_not_committed_is_never_called_saved(ehr: PlanServer) -> None:
    write(ehr)
    ehr.before = lambda r: Answer(drop=True) if r.method == "PUT" else None
    with pytest.raises(WriteError) as caught:
        write(ehr, plan_of(PATIENT, note="the headline is the same, only this note is new"))
    assert caught.value.code == "write.unknown"
    assert "note" not in ehr.plans["plan1"]


def test_a_lost_answer_to_an_update_is_found_out_by_looking(ehr: PlanServer) -> None:
    write(ehr)
    ehr.after = lambda r, a: Answer(drop=True) if r.method == "PUT" else a
    written, _ = write(ehr, plan_of(PATIENT, note="new"))
    assert (written.created, written.changed, ehr.writes) == (False, True, 2)


def test_a_server_that_stores_less_and_does_not_answer_is_said_to_have_stored_less(ehr: PlanServer) -> None:
    def forgetful(request: Request, answer: Answer) -> Answer:
        if request.method == "POST":
            ehr.plans["plan1"].pop("activity")
            return Answer(drop=True)
        return answer

    ehr.after = forgetful
    assert write(ehr)[0].dropped == ("activity",)


def test_after_a_closed_plan_a_new_one_is_created_even_where_the_server_creates_conditionally(ehr: PlanServer) -> None:
    write(ehr)
    ehr.plans["plan1"]["status"] = "revoked"
    written, _ = write(ehr, plan_of(PATIENT, number=2, replaces="CarePlan/plan1"))
    assert (written.created, written.plan["id"], len(ehr.plans)) == (True, "plan2", 2)
    assert written.plan["replaces"] == [{"reference": "CarePlan/plan1"}]


def test_a_plan_that_another_process_has_just_created_is_not_doubled(ehr: PlanServer) -> None:
    def other_process(request: Request) -> Answer | None:
        if request.method == "POST" and not ehr.plans:
            ehr.plans["theirs"] = {**PLAN, "id": "theirs", "meta": {"versionId": "1"}}
        return None

    ehr.before = other_process
    written, _ = write(ehr)
    assert (written.created, written.changed, list(ehr.plans)) == (False, False, ["theirs"])
    ehr.plans.clear()

    def with_other_words(request: Request) -> Answer | None:
        if request.method == "POST" and not ehr.plans:
            ehr.plans["theirs"] = {**PLAN, "id": "theirs", "meta": {"versionId": "1"}, "description": "other"}
        return None

    ehr.before = with_other_words
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.stale"
    assert list(ehr.plans) == ["theirs"]


def test_a_twin_of_a_race_on_a_server_without_conditional_create_is_said(ehr: PlanServer) -> None:
    ehr.conditional = False

    def other_process(request: Request) -> Answer | None:
        if request.method == "POST":
            ehr.plans["theirs"] = {**PLAN, "id": "theirs", "meta": {"versionId": "1"}}
        return None

    ehr.before = other_process
    assert write(ehr)[0].twins == 1


@pytest.mark.parametrize("status", [409, 412])
def test_a_create_that_the_server_calls_a_duplicate_gives_a_fresh_preview(ehr: PlanServer, status: int) -> None:
    ehr.before = lambda r: Answer(status) if r.method == "POST" else None
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.stale"


def test_a_sign_in_that_ends_while_writing_is_told_as_not_saved(ehr: PlanServer) -> None:
    gate = Gate()
    gate.allow(ehr.fake.base)
    asked: list[bool] = []

    def bearer(force: bool) -> str | None:
        asked.append(force)
        if force:
            raise LaunchError("This sign-in has ended.", code="session.expired", advice="Launch the app again.")
        return "token"

    ehr.before = lambda r: Answer(401) if r.method == "POST" else None
    states: list[str] = []
    with pytest.raises(WriteError) as caught:
        write_plan(FhirClient(ehr.fake.base, gate, bearer), PATIENT, PLAN, "", states.append)
    assert caught.value.code == "write.refused"
    assert "NOT saved" in caught.value.message
    assert states == ["sending", "refused"]


def test_a_refusal_is_told_with_the_place_and_without_the_servers_free_words(ehr: PlanServer) -> None:
    issue = {"severity": "error", "code": "required", "expression": ["CarePlan.goal"], "diagnostics": "Nora Secretname"}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    ehr.before = lambda r: Answer(422, outcome) if r.method == "POST" else None
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert "required CarePlan.goal" in caught.value.message
    assert "Secretname" not in caught.value.message + caught.value.advice


def test_an_update_starts_from_the_whole_plan_and_not_from_a_shortened_list(ehr: PlanServer) -> None:
    write(ehr)
    ehr.plans["plan1"]["goal"] = [{"reference": "Goal/theirs"}]
    ehr.shortened = True
    write(ehr, plan_of(PATIENT, note="new"))
    assert ehr.plans["plan1"]["goal"] == [{"reference": "Goal/theirs"}]


def test_a_server_that_wants_a_category_is_asked_with_one(ehr: PlanServer) -> None:
    write(ehr)
    ehr.before = lambda r: Answer(400) if r.path.endswith("/CarePlan") and "category" not in r.query else None
    assert look(client(ehr), PATIENT).plan is not None


def test_a_deleted_plan_that_is_still_listed_is_none(ehr: PlanServer) -> None:
    write(ehr)
    ehr.before = lambda r: Answer(410) if r.path.endswith("/plan1") else None
    assert look(client(ehr), PATIENT).plan is None


def test_a_plan_that_is_closed_stays_with_its_reason_and_is_not_continued(ehr: PlanServer) -> None:
    write(ehr)
    found = look(client(ehr), PATIENT)
    after = closed(found.plan or {}, "revoked", "wrong <patient>", DAY, {"authorString": "Dr Ada"})
    written = change_plan(client(ehr), PATIENT, lambda _p: after, found.version, lambda _s: None)
    assert written.plan["status"] == "revoked"
    assert "wrong &lt;patient&gt;" in written.plan["text"]["div"]
    assert written.plan["note"][-1]["text"] == "This plan was revoked on 21 Nov 2026 by Dr Ada: wrong <patient>"
    assert all(a["detail"]["status"] != "not-started" for a in written.plan.get("activity", []))
    assert look(client(ehr), PATIENT).plan is None


@pytest.mark.parametrize("committed", [True, False])
def test_a_closing_without_an_answer_is_looked_up(ehr: PlanServer, committed: bool) -> None:
    write(ehr)
    found = look(client(ehr), PATIENT)
    after = closed(found.plan or {}, "entered-in-error", "wrong", DAY, {})
    lose = Answer(drop=True)
    if committed:
        ehr.after = lambda r, a: lose if r.method == "PUT" else a
        assert change_plan(client(ehr), PATIENT, lambda _p: after, found.version, lambda _s: None).changed
    else:
        ehr.before = lambda r: lose if r.method == "PUT" else None
        with pytest.raises(WriteError) as caught:
            change_plan(client(ehr), PATIENT, lambda _p: after, found.version, lambda _s: None)
        assert caught.value.code == "write.unknown"


def test_somebody_elses_plan_found_after_a_lost_answer_is_not_called_ours(ehr: PlanServer) -> None:
    def other_process(request: Request) -> Answer | None:
        if request.method != "POST":
            return None
        ehr.plans["theirs"] = {**plan_of("sandbox-due"), "id": "theirs", "meta": {"versionId": "1"}}
        ehr.plans["theirs"]["subject"] = PLAN["subject"]
        ehr.plans["theirs"]["identifier"] = PLAN["identifier"]
        return Answer(drop=True)

    ehr.before = other_process
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.stale"
