"""The plan itself: what it says, that it is valid, what it leaves alone in a stored one, and what is read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, Gap, Part, Source, Specimen, Standing
from smart_app.fhir import jsontext
from smart_app.fhir.decisionjson import replayable
from smart_app.fhir.writing.careplan import Moved, PlanContext, build_plan, sentences
from smart_app.fhir.writing.compare import differences, lost
from smart_app.fhir.writing.following import followed, result_since
from smart_app.fhir.writing.identity import FLAG_URL
from smart_app.fhir.writing.patching import closed, patched, touched
from smart_app.fhir.writing.provenance import aimed, draft
from smart_app.fhir.writing.stored import living, next_number, own_plans, read_reviews, replaced
from smart_app.fhir.writing.wording import typed
from smart_app.policies import load_policy
from smart_app.sandbox.patients import everybody
from tests.writing.support import DAY, PATIENT, PLAN, ZONE, Json, chart_of, plan_of
from tests.writing.validating import unexplained, validated, verdicts

EVERYBODY = [p.id for p in everybody(DAY)]
DUE = "sandbox-due"
NEVER = (
    *("camizestrant", "elacestrant", "imlunestrant", "fulvestrant", "giredestrant", "palazestrant", "vepdegestrant"),
    *("alpelisib", "inavolisib", "capivasertib", "everolimus"),
)


def flags(plan: Json) -> list[Json]:
    return [e for e in plan["extension"] if e["url"] == FLAG_URL]


def part(plan: Json, name: str) -> object:
    parts = {p["url"]: v for p in flags(plan)[-1]["extension"] for k, v in p.items() if k != "url"}
    return parts.get(name)


@pytest.mark.parametrize("ident", EVERYBODY)
def test_every_plan_is_the_same_bytes_each_time_names_no_drug_to_give_and_holds_no_markup(ident: str) -> None:
    plan = plan_of(ident, note="<script>alert(1)</script> & more")
    assert jsontext.dumps(plan) == jsontext.dumps(plan_of(ident, note="<script>alert(1)</script> & more"))
    assert "<script>" not in plan["text"]["div"]
    assert not any(drug in jsontext.dumps(plan.get("activity", [])).decode().lower() for drug in NEVER)
    assert plan["subject"] == {"reference": f"Patient/{ident}"}


@pytest.mark.parametrize("ident", EVERYBODY)
def test_a_plan_without_a_date_says_why_and_holds_none(ident: str) -> None:
    _, decision = chart_of(ident)
    plan = plan_of(ident)
    kinds = [a["detail"]["kind"] for a in plan.get("activity", [])]
    assert ("ServiceRequest" in kinds) is (decision.next_draw is not None)
    assert ("Task" in kinds) is (decision.switch_review.answer.value == "raised")
    if decision.next_draw is None:
        assert any(words in plan["text"]["div"].lower() for words in ("no draw", "no date", "no next draw"))
    assert part(plan, "flag") == decision.switch_review.answer.value.replace("_", "-")
    assert part(plan, "inputDigest") == decision.input_digest


@pytest.mark.validator
@pytest.mark.parametrize("version", ["6.1.0", "7.0.0", "8.0.0"])
def test_the_validator_accepts_every_kind_of_plan_new_renewed_and_closed(tmp_path: Path, version: str) -> None:
    plans = {i: plan_of(i, note="a note", decided="Goes on" if "positive" in i else "") for i in EVERYBODY}
    moved = Moved(date(2026, 12, 1), date(2026, 12, 8), "holiday")
    plans["moved"] = plan_of(DUE, moved=moved, encounter_id="e1", number=2, replaces="CarePlan/old")
    renewed = patched({**plan_of(PATIENT, decided="Goes on"), "id": "r1"}, plan_of(PATIENT, user_name="Dr B", note="n"))
    plans["renewed"] = renewed
    for status in ("revoked", "completed", "entered-in-error"):
        plans[status] = closed(renewed, status, "because & so", DAY, {"authorString": "Dr Ada"})
    plans["followed"] = followed(renewed, PartialDate.parse("2026-11"), DAY, {"authorString": "Dr Ada"})
    plans["declined"] = plan_of(PATIENT, decided="germline", declined=True)
    for ident in (PATIENT, DUE):
        chart, decision = chart_of(ident)
        record = replayable(decision, chart, load_policy("trial-strict"))
        at = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
        for name, user in (("named", "Practitioner/d1"), ("unnamed", None)):
            made = draft(decision, chart, record, user, at, creating=user is None)
            plans[f"provenance-{ident}-{name}"] = aimed(made, [{**plans[ident], "id": "p1"}])
    said = validated(plans, tmp_path, version)
    assert unexplained(said) == []
    assert len(verdicts(said)) == len(plans)
    broken = jsontext.loads(jsontext.dumps(plans[PATIENT]))
    broken["extension"][0]["extension"].append({"url": "unheard-of", "valueString": "x"})
    assert any("INVALID" in line for line in validated({"broken": broken}, tmp_path, version))


def test_a_draw_that_the_clinician_moved_says_so_with_the_reason_and_the_policys_days() -> None:
    plan = plan_of(DUE, moved=Moved(date(2026, 12, 1), date(2026, 12, 8), "holiday"))
    detail = plan["activity"][0]["detail"]
    assert detail["scheduledPeriod"] == {"start": "2026-12-01", "end": "2026-12-08"}
    assert "Set by the clinician, because: holiday (the policy's days are " in detail["description"]


def test_what_was_not_read_is_said_in_the_plan() -> None:
    chart, decision = chart_of(PATIENT)
    chart = replace(chart, gaps=(Gap(Part.RESULTS, "x", "y"),))
    assert "Not everything could be read when this was written: results." in sentences(
        decision, PlanContext(PATIENT, chart)
    )


def test_the_words_of_a_raised_review_call_it_a_flag_and_no_order() -> None:
    chart, decision = chart_of(PATIENT)
    assert "a flag, not an order" in " ".join(sentences(decision, PlanContext(PATIENT, chart)))


def test_no_decision_is_recorded_where_no_review_is_raised() -> None:
    plan = plan_of(DUE, decided="Treatment goes on")
    assert part(plan, "decidedOn") is None
    assert "Treatment goes on" not in plan["text"]["div"]


def test_what_is_typed_loses_what_fhir_forbids_and_nothing_else() -> None:
    assert typed(" a\x00\x0bb\r\nc\ud800 – é \t") == "ab\nc – é"
    chart, decision = chart_of(DUE)
    assert build_plan(decision, PlanContext(DUE, chart, note=typed("]]> \x01 &amp; </div>")))


# --- what was recorded is read back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lost_by_the_server", [(), ("extension",), ("activity",)])
def test_a_recorded_decision_is_read_back_even_where_the_server_dropped_a_part(
    lost_by_the_server: tuple[str, ...],
) -> None:
    plan = {**plan_of(PATIENT, decided="Treatment goes on"), "id": "x"}
    stored = {k: v for k, v in plan.items() if k not in lost_by_the_server}
    found = read_reviews(own_plans([stored], PATIENT), ZONE)
    assert [(str(r.date), r.variants, r.text, r.by) for r in found] == [
        ("2026-11-21", ("p.D538G",), "Treatment goes on", "Dr Ada")
    ]


@pytest.mark.parametrize("lost_by_the_server", [(), ("extension",), ("activity",)])
def test_a_declined_flag_is_read_back_like_a_decision(lost_by_the_server: tuple[str, ...]) -> None:
    plan = {**plan_of(PATIENT, decided="germline", declined=True), "id": "x"}
    assert part(plan, "outcome") == "declined"
    stored = {k: v for k, v in plan.items() if k not in lost_by_the_server}
    assert [(r.variants, r.text) for r in read_reviews([stored], ZONE)] == [(("p.D538G",), "germline")]
    assert "Switch review: due becomes declined." in differences({**plan_of(PATIENT), "id": "x"}, plan)


def test_others_definitions_stay_and_ours_is_renewed_in_its_place() -> None:
    ours = PLAN["instantiatesCanonical"][0]
    old = ours.partition("|")[0] + "|2020-01-01"
    stored = {**PLAN, "id": "x", "instantiatesCanonical": ["urn:a", old, "urn:b"]}
    renewed = patched(stored, PLAN)
    assert renewed["instantiatesCanonical"] == ["urn:a", ours, "urn:b"]
    assert any(
        s.startswith("Policy: esr1-trial-strict, version 2020-01-01 becomes") for s in differences(stored, renewed)
    )


def test_a_decision_outlives_later_updates_and_not_an_entry_in_error() -> None:
    chart, decision = chart_of(PATIENT)
    plan = {**plan_of(PATIENT, decided="Treatment goes on"), "id": "x"}
    for note in ("one", "two"):
        plan = patched(plan, build_plan(decision, PlanContext(PATIENT, chart, note=note)))
    assert len(read_reviews([plan], ZONE)) == 1
    assert len(flags(plan)) == 2
    done = [a for a in plan["activity"] if a["detail"]["status"] == "completed"]
    assert done[0]["progress"][0]["text"] == "Treatment goes on"
    assert len(read_reviews([closed(plan, "revoked", "x", DAY, {})], ZONE)) == 1
    assert read_reviews([closed(plan, "entered-in-error", "x", DAY, {})], ZONE) == ()


def test_the_plan_of_a_year_ago_is_continued_and_a_revoked_one_or_another_teams_is_not() -> None:
    def stored(ident: str, day: str, **more: object) -> Json:
        return {**PLAN, "id": ident, "meta": {"lastUpdated": f"{day}T10:00:00Z"}, **more}

    old = stored("old", "2025-11-20")
    revoked = stored("revoked", "2026-11-20", status="revoked")
    team = stored("team", "2026-11-21", identifier=[{"system": "urn:team", "value": "1"}])
    own = own_plans([team, revoked, old], PATIENT)
    assert [p["id"] for p in own] == ["revoked", "old"]
    assert living(own) is old
    assert next_number([revoked]) == 2
    assert replaced([revoked]) == "CarePlan/revoked"
    assert replaced([{**revoked, "status": "entered-in-error"}]) is None


# --- a new draw result ----------------------------------------------------------------------------------------------


def with_draws(*days: str) -> Chart:
    chart, _ = chart_of(PATIENT)
    base = chart.draws[0]
    made = [
        replace(base, date=PartialDate.parse(day), sources=(Source(f"Observation/r{number}"),))
        for number, day in enumerate(days)
    ]
    return replace(chart, draws=tuple(made))


def resting_on(chart: Chart, created: str = "2026-11-21") -> Json:
    _, decision = chart_of(PATIENT)
    return {**build_plan(decision, PlanContext(PATIENT, chart)), "created": created}


@pytest.mark.parametrize(
    ("rests_on", "there", "new"),
    [
        (["2026-10-01"], ["2026-10-01"], None),
        (["2026-10-01"], ["2026-10-01", "2026-11-01"], "2026-11-01"),
        (["2026-10-01"], ["2026-10-01", "2026-09-01"], None),  # an older one that came in later
        (["2026-10-01"], ["2026-10-01", "2026-10"], None),  # may be earlier
        (["2026-10"], ["2026-10", "2026-10-31"], None),
        (["2026-10"], ["2026-10", "2026-11"], "2026-11"),
        ([], ["2026-11-20"], None),
        ([], ["2026-11-21"], "2026-11-21"),
        ([], [], None),
        (["2026-10-01"], [], None),
    ],
)
@pytest.mark.parametrize("dropped", ["nothing", "supportingInfo", "lastDraw"])
def test_a_draw_is_new_where_it_is_surely_later_than_those_the_plan_rests_on(
    rests_on: list[str], there: list[str], new: str | None, dropped: str
) -> None:
    stored = resting_on(with_draws(*rests_on))
    stored.pop(dropped, None)
    if dropped == "lastDraw":
        parts = flags(stored)[0]["extension"]
        flags(stored)[0]["extension"] = [p for p in parts if p["url"] != "lastDraw"]
        if not (set(rests_on) & set(there)) and rests_on:
            return  # such a plan tells no day at all: the next test
    found = result_since(stored, with_draws(*there))
    assert (str(found) if found else None) == new


def test_a_plan_that_does_not_tell_what_it_rests_on_is_continued() -> None:
    chart = with_draws("2026-11-21")
    stored = resting_on(chart)
    assert result_since({k: v for k, v in stored.items() if k not in ("supportingInfo", "extension")}, chart) is None


@pytest.mark.parametrize("more", [{"specimen": Specimen.TISSUE}, {"standing": Standing.PROVISIONAL}, {"date": None}])
def test_a_tissue_sample_a_preliminary_or_an_undated_result_ends_no_plan(more: dict[str, Any]) -> None:
    chart = with_draws("2026-10-01", "2026-11-01")
    late = replace(chart, draws=(chart.draws[0], replace(chart.draws[1], **more)))
    assert result_since(resting_on(with_draws("2026-10-01")), late) is None


def test_the_activity_of_the_draw_is_done_when_its_result_is_there_and_others_stay() -> None:
    theirs = {"detail": {"status": "scheduled", "code": {"text": "Echo"}}}
    stored = {**plan_of(DUE), "id": "x"}
    stored["activity"] = [theirs, *stored["activity"]]
    ended = followed(stored, PartialDate.parse("2026-11-20"), DAY, {"authorString": "Dr Ada"})
    assert ended["activity"][0] == theirs
    assert [a["detail"]["status"] for a in ended["activity"]] == ["scheduled", "completed"]
    assert ended["note"][-1]["authorString"] == "Dr Ada"
    review = followed({**PLAN, "id": "x"}, PartialDate.parse("2026-11-20"), DAY, {})["activity"][-1]["detail"]
    assert review["status"] == "cancelled"
    assert review["statusReason"] == {"text": "Goes on in the plan that follows this one"}
    assert followed({"status": "active"}, PartialDate.parse("2026"), DAY, {})["status"] == "completed"


# --- a stored plan is renewed, and nothing of others changes ----------------------------------------------------------

numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,12})?", fullmatch=True).map(
    lambda raw: Decimal(raw) if "." in raw else int(raw)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["2026-11-21T10:00:00.123456789Z", "0.10", "<div>x</div>", "#app"]
)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
RENEWED = {ident: plan_of(ident, note="ours") for ident in (PATIENT, DUE, "sandbox-on-serd")}
FOREIGN = ["careTeam", "goal", "basedOn", "_title", "partOf", "language", "implicitRules", "modifierExtension", "x"]


@settings(max_examples=80, deadline=None)
@given(
    foreign=st.dictionaries(st.sampled_from(FOREIGN), json_values, max_size=4),
    extension=json_values.map(lambda v: {"url": "urn:foreign", "valueDecimal": Decimal("0.10"), "more": v}),
    contained=json_values.map(lambda v: {"resourceType": "Goal", "id": "g", "more": v}),
    activity=json_values.map(lambda v: {"detail": {"status": "scheduled", "more": v}}),
    note=json_values.map(lambda v: {"text": "theirs", "more": v}),
    whose=st.sampled_from(list(RENEWED)),
)
def test_an_update_leaves_everything_that_is_not_ours_byte_for_byte(
    foreign: Json, extension: Json, contained: Json, activity: Json, note: Json, whose: str
) -> None:
    built = PLAN
    ours = {
        "extension": [extension, *built["extension"]],
        "contained": [contained, *built["contained"]],
        "activity": [activity, *built["activity"]],
        "supportingInfo": [{"reference": "Observation/theirs", "display": "theirs"}, *built["supportingInfo"]],
        "note": [note],
        "identifier": [{"system": "urn:theirs", "value": "1"}, *built["identifier"]],
        "id": "x",
        "meta": {"versionId": "3", "tag": [{"code": "theirs"}]},
    }
    sent = jsontext.dumps({**built, **foreign, **ours})
    stored = jsontext.loads(sent)
    renewed = jsontext.loads(jsontext.dumps(patched(stored, RENEWED[whose])))
    for name in [*foreign, "id", "meta", "identifier", "created", "category", "subject", "author", "status", "intent"]:
        assert jsontext.dumps(renewed[name]) == jsontext.dumps(stored[name])
    for name in ("extension", "contained", "activity", "supportingInfo", "note"):
        assert jsontext.dumps(renewed[name][0]) == jsontext.dumps(stored[name][0])
    assert jsontext.dumps(stored) == sent  # what was read is not touched either
    assert list(renewed)[: len(stored)] == [n for n in stored if n in renewed]


@pytest.mark.parametrize("number", ["0.10", "-0", "-0.0", "1e2", "1E+02", "1.50e-7", "0e0", "9" * 40, "0.000000001"])
def test_a_number_keeps_its_spelling(number: str) -> None:
    plan = jsontext.loads(b'{"extension":[{"url":"urn:x","valueDecimal":%s}]}' % number.encode())
    assert jsontext.dumps(patched({**PLAN, **plan}, PLAN)["extension"][0]).decode().endswith(f":{number}}}")


def test_patching_twice_with_the_same_plan_changes_nothing_the_second_time() -> None:
    stored = {**PLAN, "id": "x", "note": [{"text": "theirs"}]}
    once = patched(stored, plan_of(DUE, note="ours"))
    assert patched(once, plan_of(DUE, note="ours")) == once
    assert differences(once, once) == []


def test_words_that_somebody_changed_in_the_ehr_are_kept_and_said() -> None:
    stored = {**PLAN, "id": "x", "title": "Their title", "description": "Call the daughter first."}
    assert touched(stored) == ("title", "description")
    renewed = patched(stored, plan_of(PATIENT, note="new"))
    assert renewed["title"] == "Their title"
    assert renewed["description"] == PLAN["description"]
    assert any("Call the daughter first." in n["text"] for n in renewed["note"])
    said = " ".join(differences(stored, renewed))
    assert "Somebody has changed the summary" in said
    assert "“Call the daughter first.” becomes" in said


def test_a_narrative_that_a_server_only_laid_out_anew_is_not_taken_for_changed() -> None:
    div = PLAN["text"]["div"].replace("<p>", "\n  <p >").replace("&amp;", "&#38;")
    stored = {**PLAN, "text": {"status": "generated", "div": div}}
    assert touched(stored) == ()
    assert lost(PLAN, stored) == []


def test_a_booking_that_another_team_made_on_our_draw_stays_while_the_days_stay() -> None:
    plan = plan_of(DUE)
    booked = jsontext.loads(jsontext.dumps({**plan, "id": "x"}))
    booked["activity"][0]["detail"] |= {"status": "scheduled", "performer": [{"reference": "Organization/lab"}]}
    booked["activity"][0]["progress"] = [{"text": "booked"}]
    same = patched(booked, plan_of(DUE, note="n"))["activity"][0]
    assert (same["detail"]["status"], same["detail"]["performer"][0]["reference"]) == ("scheduled", "Organization/lab")
    other = plan_of(DUE, moved=Moved(date(2026, 12, 1), date(2026, 12, 8), "x"))
    assert patched(booked, other)["activity"][0]["detail"]["status"] == "not-started"
    none = patched(booked, plan_of("sandbox-on-serd"))["activity"][0]
    assert (none["detail"]["status"], none["progress"]) == ("cancelled", [{"text": "booked"}])


def test_the_first_author_stays_and_who_confirms_later_is_a_contributor() -> None:
    renewed = patched({**PLAN, "id": "x"}, plan_of(PATIENT, user_reference="Practitioner/d2"))
    assert renewed["author"] == {"reference": "Practitioner/d1"}
    assert renewed["contributor"] == [{"reference": "#app"}, {"reference": "Practitioner/d2"}]


def test_a_withdrawn_result_is_taken_out_of_what_the_plan_rests_on() -> None:
    stored = {**PLAN, "id": "x", "supportingInfo": [{"reference": "Observation/gone"}, {"reference": "Observation/a"}]}
    kept = [r["reference"] for r in patched(stored, PLAN, {"Observation/gone"})["supportingInfo"]]
    assert "Observation/gone" not in kept
    assert "Observation/a" in kept


def test_the_difference_names_the_draw_and_the_review_in_words() -> None:
    stored = {**plan_of(DUE), "id": "x"}
    said = differences(stored, patched(stored, plan_of(PATIENT)))
    assert any(s.startswith("Next draw: ") and s.endswith("becomes none.") for s in said)
    assert "Switch review: not due becomes due." in said
