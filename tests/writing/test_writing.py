"""The care plan is written exactly once, or the clinician is told that it was not, or that nobody knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.codes import load_codebook
from smart_app.domain import decide
from smart_app.errors import WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.receipt import Receipt
from smart_app.fhir.writing.careplan import PlanContext, build_plan, patched, sentences
from smart_app.fhir.writing.identity import SYSTEM, plan_key
from smart_app.fhir.writing.protocol import find_living, version_of, write_plan
from smart_app.fhir.writing.stored import own_plans, read_reviews
from smart_app.policies import load_policy
from smart_app.sandbox.patients import everybody
from tests.support.fake_server import Answer, FakeServer, Request, fake_server
from tests.support.java import validate

DAY = date(2026, 11, 21)
ZONE = UTC
Json = dict[str, Any]


def plan_of(ident: str, **more: str) -> Json:
    person = next(p for p in everybody(DAY) if p.id == ident)
    resources = jsontext.loads(jsontext.dumps(person.resources))
    receipt = Receipt()
    chart = read_chart(
        [("", r) for r in resources], patient_id=ident, zone=ZONE, codebook=load_codebook(), receipt=receipt
    )
    context = PlanContext(ident, chart, user_reference="Practitioner/d1", user_name="Dr Ada", **more)
    return build_plan(decide(chart, load_policy("trial-strict"), DAY), context)


PATIENT = "sandbox-first-positive"
PLAN = plan_of(PATIENT)


class Ehr:
    """A FHIR server that keeps care plans and can be told to misbehave."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake, self.plans, self.writes = fake, {}, 0
        self.conditional, self.can = True, ["read", "search-type", "create", "update"]
        self.before: Callable[[Request], Answer | None] = lambda _r: None
        self.after: Callable[[Request, Answer], Answer] = lambda _r, a: a
        fake.on("/fhir/metadata", lambda _r: Answer(body=self.statement()))
        fake.on("/fhir/CarePlan", self.care_plan)

    def statement(self) -> Json:
        resource = {
            "type": "CarePlan",
            "interaction": [{"code": c} for c in self.can],
            "conditionalCreate": self.conditional,
        }
        return {"resourceType": "CapabilityStatement", "rest": [{"resource": [resource]}]}

    def care_plan(self, request: Request) -> Answer:
        early = self.before(request)
        if early is not None:
            return early
        return self.after(request, self.serve(request))

    def serve(self, request: Request) -> Answer:
        ident = request.path.rpartition("/")[2]
        if request.method == "GET" and ident == "CarePlan":
            return Answer(body={"resourceType": "Bundle", "entry": [{"resource": p} for p in self.plans.values()]})
        if request.method == "GET":
            return Answer(body=self.plans[ident]) if ident in self.plans else Answer(404)
        self.writes += 1
        sent = jsontext.loads(request.body)
        if request.method == "POST":
            if "if-none-exist" in request.headers and self.plans:
                found = next(iter(self.plans.values()))
                return Answer(200, found, {"Location": f"{self.fake.base}/CarePlan/{found['id']}"})
            ident, version = f"plan{len(self.plans) + 1}", 1
        else:
            version = int(self.plans[ident]["meta"]["versionId"]) + 1
            if request.headers.get("if-match") != f'W/"{version - 1}"':
                return Answer(412)
        self.plans[ident] = {**sent, "id": ident, "meta": {**sent.get("meta", {}), "versionId": str(version)}}
        status = 201 if request.method == "POST" else 200
        return Answer(status, self.plans[ident], {"Location": f"{self.fake.base}/CarePlan/{ident}/_history/{version}"})


@pytest.fixture
def ehr() -> Iterator[Ehr]:
    with fake_server() as fake:
        yield Ehr(fake)


def client(ehr: Ehr) -> FhirClient:
    gate = Gate(sleep=lambda _s: None)
    gate.allow(ehr.fake.base)
    return FhirClient(ehr.fake.base, gate)


def write(ehr: Ehr, plan: Json = PLAN, expected: str | None = None) -> Any:
    states: list[str] = []
    speaker = client(ehr)
    known = version_of(find_living(speaker, PATIENT)) if expected is None else expected
    return write_plan(speaker, PATIENT, plan, known, states.append), states


def test_a_plan_is_journalled_created_and_read_back(ehr: Ehr) -> None:
    written, states = write(ehr)
    assert states == ["sending", "sent"]
    assert (written.created, written.changed, written.dropped) == (True, True, ())
    post = next(r for r in ehr.fake.requests if r.method == "POST")
    assert post.headers["if-none-exist"].startswith("identifier=")
    assert ehr.fake.requests[-1].method == "GET"


def test_the_same_plan_again_writes_nothing(ehr: Ehr) -> None:
    write(ehr)
    written, states = write(ehr)
    assert (written.changed, states, ehr.writes) == (False, [], 1)


def test_a_changed_plan_is_an_update_of_the_same_resource(ehr: Ehr) -> None:
    write(ehr)
    written, _ = write(ehr, {**PLAN, "description": "changed"})
    assert not written.created
    assert len(ehr.plans) == 1
    assert written.plan["meta"]["versionId"] == "2"


def test_a_plan_that_changed_since_the_preview_is_not_touched(ehr: Ehr) -> None:
    write(ehr)
    with pytest.raises(WriteError) as caught:
        write(ehr, {**PLAN, "description": "x"}, expected="")
    assert caught.value.code == "write.stale"
    assert ehr.writes == 1


@pytest.mark.parametrize("status", [409, 412])
def test_a_stale_version_asks_for_a_fresh_preview(ehr: Ehr, status: int) -> None:
    write(ehr)
    ehr.before = lambda r: Answer(status) if r.method == "PUT" else None
    with pytest.raises(WriteError) as caught:
        write(ehr, {**PLAN, "description": "x"})
    assert caught.value.code == "write.stale"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422, 429])
def test_a_refusal_says_that_nothing_was_saved_and_is_not_repeated(ehr: Ehr, status: int) -> None:
    ehr.before = lambda r: Answer(status) if r.method == "POST" else None
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.refused"
    assert "NOT saved" in caught.value.message
    assert len([r for r in ehr.fake.requests if r.method == "POST"]) == 1


@pytest.mark.parametrize("lost_answer", [Answer(drop=True), Answer(500), Answer(504, b"<html>")])
def test_an_answer_lost_after_the_commit_is_found_out_by_looking(ehr: Ehr, lost_answer: Answer) -> None:
    ehr.after = lambda r, a: lost_answer if r.method == "POST" else a
    written, states = write(ehr)
    assert written.created
    assert states == ["sending", "unknown", "sent"]
    assert (ehr.writes, len(ehr.plans)) == (1, 1)


def test_a_cut_before_the_commit_is_unknown_and_never_sent_again(ehr: Ehr) -> None:
    ehr.before = lambda r: Answer(drop=True) if r.method == "POST" else None
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.unknown"
    assert len([r for r in ehr.fake.requests if r.method == "POST"]) == 1
    ehr.before = lambda _r: None
    assert write(ehr)[0].created
    assert len(ehr.plans) == 1


def test_a_silent_server_is_unknown(ehr: Ehr, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_created_answer_without_location_and_body_is_found_by_its_identifier(ehr: Ehr) -> None:
    ehr.after = lambda r, a: Answer(201) if r.method == "POST" else a
    assert write(ehr)[0].plan["id"] == "plan1"


def test_a_location_on_another_server_is_never_followed(ehr: Ehr) -> None:
    with fake_server() as other:
        foreign = {"Location": f"{other.base}/CarePlan/plan1"}
        ehr.after = lambda r, a: Answer(201, None, foreign) if r.method == "POST" else a
        assert write(ehr)[0].plan["id"] == "plan1"
        assert other.requests == []


def test_what_the_server_dropped_is_named(ehr: Ehr) -> None:
    def forgetful(request: Request, answer: Answer) -> Answer:
        for plan in ehr.plans.values():
            plan.pop("activity", None)
            plan.pop("extension", None)
        return answer

    ehr.after = forgetful
    assert set(write(ehr)[0].dropped) == {"activity", "extension"}


def test_another_teams_plan_a_revoked_one_and_another_patients_are_never_touched(ehr: Ehr) -> None:
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


def test_a_plan_for_another_patient_is_not_written(ehr: Ehr) -> None:
    with pytest.raises(WriteError) as caught:
        write(ehr, {**PLAN, "subject": {"reference": "Patient/q"}})
    assert caught.value.code == "write.other_patient"
    assert ehr.writes == 0


def test_a_server_that_cannot_be_searched_is_not_written_to(ehr: Ehr) -> None:
    ehr.before = lambda r: Answer(500) if r.method == "GET" else None
    with pytest.raises(WriteError) as caught:
        write(ehr, expected="")
    assert caught.value.code == "write.cannot_look"
    assert ehr.writes == 0


def test_a_server_that_offers_no_create_is_not_tried(ehr: Ehr) -> None:
    ehr.can = ["read", "search-type"]
    with pytest.raises(WriteError) as caught:
        write(ehr)
    assert caught.value.code == "write.not_offered"
    assert ehr.writes == 0


# --- the plan ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", [p.id for p in everybody(DAY)])
def test_every_plan_is_the_same_bytes_each_time_names_no_drug_to_give_and_holds_no_markup(ident: str) -> None:
    plan = plan_of(ident, note="<script>alert(1)</script> & more")
    assert jsontext.dumps(plan) == jsontext.dumps(plan_of(ident, note="<script>alert(1)</script> & more"))
    assert "<script>" not in plan["text"]["div"]
    activities = " ".join(a["detail"]["description"] for a in plan.get("activity", [])).lower()
    assert not any(drug in activities for drug in ("camizestrant", "elacestrant", "imlunestrant", "fulvestrant"))
    assert plan["subject"] == {"reference": f"Patient/{ident}"}


@pytest.mark.validator
@pytest.mark.parametrize("version", ["6.1.0", "7.0.0", "8.0.0"])
def test_the_validator_accepts_the_plan_of_every_sandbox_patient(tmp_path: Path, version: str) -> None:
    plans = {
        p.id: plan_of(p.id, note="a note", decided="Goes on" if "positive" in p.id else "") for p in everybody(DAY)
    }
    assert validate(plans, tmp_path, version) == {name: [] for name in plans}


def test_a_recorded_decision_is_read_back_as_the_one_that_closes_its_variants() -> None:
    plan = {**plan_of(PATIENT, decided="Treatment goes on"), "id": "x"}
    found = read_reviews(own_plans([plan], PATIENT), ZONE)
    assert [(str(r.date), r.variants, r.text, r.by) for r in found] == [
        ("2026-11-21", ("p.D538G",), "Treatment goes on", "Dr Ada")
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.decimals(-9, 9, places=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=100)
@given(
    foreign=st.dictionaries(
        st.sampled_from(["careTeam", "goal", "basedOn", "_title", "partOf", "language"]), json_values
    )
)
def test_an_update_leaves_everything_that_is_not_ours_byte_for_byte(foreign: Json) -> None:
    extension = {"url": "urn:foreign", "valueDecimal": Decimal("0.10")}
    activity = {"detail": {"status": "scheduled", "code": {"text": "another team's"}}}
    stored = {**PLAN, **foreign, "id": "x", "extension": [extension, *PLAN["extension"]], "activity": [activity]}
    renewed = patched(stored, {**PLAN, "description": "new"})
    for name, value in foreign.items():
        assert jsontext.dumps(renewed[name]) == jsontext.dumps(value)
    assert extension in renewed["extension"]
    assert b"0.10" in jsontext.dumps(renewed["extension"])
    assert renewed["activity"][0] == activity
    assert renewed["id"] == "x"


def test_the_words_of_a_raised_review_call_it_a_flag_and_no_order() -> None:
    person = next(p for p in everybody(DAY) if p.id == PATIENT)
    chart = read_chart(
        [("", r) for r in jsontext.loads(jsontext.dumps(person.resources))],
        patient_id=PATIENT,
        zone=ZONE,
        codebook=load_codebook(),
        receipt=Receipt(),
    )
    said = " ".join(sentences(decide(chart, load_policy("trial-strict"), DAY), PlanContext(PATIENT, chart)))
    assert "a flag, not an order" in said
