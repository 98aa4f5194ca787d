"""Attested facts in the plan and back: not a digit or a date's precision is lost, and nothing changed is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.careplan import CarePlan
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.attested import Attestation, Fact, join
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import (
    Biopsy,
    Chart,
    DateBasis,
    DiseaseStatus,
    Draw,
    DrugClass,
    Exposure,
    Extent,
    Finding,
    Kind,
    Marker,
    Outcome,
    Progress,
    Proof,
    Receptor,
    ReceptorStatus,
    Setting,
    Significance,
    Specimen,
    Spread,
    StopReason,
)
from smart_app.fhir import jsontext
from smart_app.fhir.factjson import decode, encode
from smart_app.fhir.reading.attested import attested_changes, read_attested
from smart_app.fhir.writing.attested import is_attested
from smart_app.fhir.writing.careplan import PlanContext, build_plan
from smart_app.fhir.writing.patching import patched
from smart_app.policies import load_policy
from tests.writing.support import DAY, Json, chart_of

WHO = "sandbox-no-receptors"
CHART = chart_of(WHO)[0]
DAYS = st.dates(date(1990, 1, 1), DAY).flatmap(
    lambda d: st.sampled_from([PartialDate(d.year), PartialDate(d.year, d.month), PartialDate.of(d)])
)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).map(str.strip).filter(bool)
FRACTIONS = st.decimals(0, 1, allow_nan=False, places=6) | st.sampled_from([Decimal("0.0080"), Decimal("0.10")])
FINDINGS = st.builds(
    lambda change, vaf, sign, call: Finding(
        change, None, vaf, sign if vaf is not None else None, None if vaf is None else f"{vaf} (fraction)",
        kind=Kind.SNV, significance=call,
    ),
    st.sampled_from(["p.D538G", "p.Y537S", "p.E380Q"]), FRACTIONS | st.none(), st.sampled_from([None, "<", ">"]),
    st.sampled_from(Significance),
)  # fmt: skip
FACTS: st.SearchStrategy[Fact] = st.one_of(
    st.builds(Receptor, st.sampled_from(Marker), st.sampled_from([ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE]),
              percent=st.decimals(0, 100, places=2) | st.none(), method=st.sampled_from([None, "ihc", "ish"]),
              biopsy=st.sampled_from(Biopsy), date=DAYS | st.none()),
    st.builds(Spread, st.sampled_from([Extent.METASTASIS, Extent.STAGE_IV, Extent.LOCALLY_ADVANCED]), DAYS | st.none(),
              st.sampled_from([None, "bone", "lymph_node"])),
    st.builds(DiseaseStatus, st.just(Progress.STABLE), DAYS, st.just(True)),
    st.builds(Draw, st.sampled_from([o for o in Outcome if o is not Outcome.NOT_READABLE]), DAYS | st.none(),
              st.just(DateBasis.COLLECTED), specimen=st.sampled_from(Specimen), laboratory=WORDS | st.none(),
              findings=st.lists(FINDINGS, max_size=8, unique_by=lambda f: f.protein_change).map(tuple)),
    st.builds(lambda start, state, why, setting: Exposure(
        "palbociclib", DrugClass.CDK46, start, PartialDate(2026, 5) if state == "stopped" else None,
        last_seen=PartialDate.of(DAY) if state == "now" else None, on_hold=state == "held",
        on_hold_since=PartialDate(2026) if state == "held" else None, stop_reason=why, setting=setting,
        proofs=frozenset({Proof.TAKEN})),
        DAYS.filter(lambda d: d.last <= date(2026, 5, 31)) | st.none(), st.sampled_from(["now", "held", "stopped"]),
        st.sampled_from(StopReason), st.sampled_from(Setting)),
)  # fmt: skip


def attestations(fact: Fact, number: int, basis: str, name: str | None, first: bool) -> Attestation:
    report = "DocumentReference/pdf" if isinstance(fact, Draw) else None
    ident = f"att-{number:016x}"
    return Attestation(ident, "Practitioner/d1", name, date(2026, 11, 3), basis, fact, first, report)


ATTESTED = st.builds(attestations, FACTS, st.integers(0, 2**60), WORDS, WORDS | st.none(), st.booleans())


def plan_with(*given: Attestation, **more: Any) -> Json:
    chart = join(CHART, given, {"DocumentReference/pdf"})
    decision = decide(chart, load_policy("trial-strict"), DAY)
    context = PlanContext(WHO, chart, user_reference="Practitioner/d1", user_name="Dr Ada", attested=given, **more)
    made: Json = jsontext.loads(jsontext.dumps(build_plan(decision, context)))
    return made


HER2 = attestations(
    Receptor(Marker.HER2, ReceptorStatus.NEGATIVE, biopsy=Biopsy.METASTASIS, date=PartialDate(2025, 12)),
    1, "letter of 3 Nov 2026", "Dr Ada", False,
)  # fmt: skip
RESULT = attestations(
    Draw(Outcome.DETECTED, PartialDate(2026, 10, 12), DateBasis.COLLECTED, specimen=Specimen.PLASMA,
         findings=(Finding("p.D538G", None, Decimal("0.0080"), None, "0.80 %", kind=Kind.SNV),)),
    2, "the report itself", None, False,
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(ATTESTED, max_size=3, unique_by=lambda a: a.id))
def test_attested_facts_come_back_from_the_plan_unchanged(given_: list[Attestation]) -> None:
    plan = plan_with(*given_)
    assert read_attested(plan, WHO) == (tuple(given_), ())
    CarePlan.model_validate_json(jsontext.dumps(plan))


@settings(max_examples=60)
@given(ATTESTED)
def test_a_server_that_shortens_numbers_and_adds_displays_changes_no_fact(one: Attestation) -> None:
    def by_server(value: Any) -> Any:
        if isinstance(value, dict):
            made = {k: by_server(v) for k, v in value.items()}
            return {**made, "display": "added"} if "system" in made and "code" in made else made
        if isinstance(value, list):
            return [by_server(v) for v in value]
        return value.normalize() if isinstance(value, Decimal) else value

    assert read_attested(by_server(plan_with(one)), WHO)[0] == (one,)


def test_the_contained_resource_says_in_plain_fhir_what_by_whom_and_why() -> None:
    plan = plan_with(HER2, RESULT)
    her2, result = (c for c in plan["contained"] if is_attested(c))
    assert her2["resourceType"] == "Observation"
    assert her2["code"]["coding"][0]["code"] == "48676-1"
    assert her2["valueCodeableConcept"]["text"] == "negative"
    assert her2["effectiveDateTime"] == "2025-12"
    assert her2["performer"] == [{"reference": "Practitioner/d1", "display": "Dr Ada"}]
    assert her2["note"][0] == {"authorString": "Dr Ada", "time": "2026-11-03", "text": "letter of 3 Nov 2026"}
    assert her2["meta"]["tag"][0]["code"] == "attested"
    assert result["component"][1]["valueQuantity"]["value"] == Decimal("0.80")
    assert str(result["component"][1]["valueQuantity"]["value"]) == "0.80"
    assert result["derivedFrom"] == [{"reference": "DocumentReference/pdf"}]
    refs = [r["reference"] for r in plan["supportingInfo"]]
    assert {f"#{HER2.id}", f"#{RESULT.id}", "DocumentReference/pdf"} <= set(refs)
    assert len(refs) == len(set(refs))
    assert "Attested by Dr Ada on 3 Nov 2026: HER2 negative, metastasis, Dec 2025. Basis: letter" in plan["text"]["div"]


def test_an_unknown_practitioner_stands_by_name_only() -> None:
    chart, decision = chart_of(WHO)
    plan = build_plan(decision, PlanContext(WHO, chart, attested=(HER2,)))
    her2 = next(c for c in plan["contained"] if is_attested(c))
    assert her2["performer"] == [{"display": "Dr Ada"}]
    assert read_attested(plan, WHO)[0] == (HER2,)


def change(plan: Json, how: Callable[[Json], None]) -> Json:
    how(next(c for c in plan["contained"] if is_attested(c)))
    return plan


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (lambda c: c["valueCodeableConcept"].update(text="positive"), "changed it in the EHR"),
        (lambda c: c.update(effectiveDateTime="2026"), "changed it in the EHR"),
        (lambda c: c.pop("code"), "changed it in the EHR"),
        (lambda c: c.update(status="entered-in-error"), "changed it in the EHR"),
        (lambda c: c.update(subject={"reference": "Patient/other"}), "cannot be read"),
        (lambda c: c.pop("subject"), "cannot be read"),
        (lambda c: c.update(id="x"), "cannot be read"),
        (lambda c: c["extension"][0]["extension"].pop(0), "cannot be read"),
        (lambda c: c["extension"][0].update(extension="x"), "cannot be read"),
        (lambda c: c["extension"][0]["extension"][1].update(valueDate="soon"), "cannot be read"),
        (lambda c: c["extension"][0]["extension"][2].update(valueString=" "), "cannot be read"),
        (lambda c: c["extension"][0]["extension"][3].update(valueCode="result"), "cannot be read"),
        (lambda c: c["extension"][0]["extension"][4].update(valueString="{"), "cannot be read"),
        (lambda c: c["extension"][0]["extension"][4].update(valueString="[" * 99_999), "cannot be read"),
    ],
)
def test_what_somebody_changed_or_broke_is_not_used_and_said(how: Callable[[Json], None], why: str) -> None:
    good, bad = read_attested(change(plan_with(HER2), how), WHO)
    assert good == ()
    assert why in bad[0].why


def test_a_result_without_its_report_or_a_drug_that_ends_before_it_begins_is_not_taken() -> None:
    loose = replace(RESULT, report=None)
    back = Exposure("palbociclib", DrugClass.CDK46, PartialDate(2026), PartialDate(2025))
    for one in (loose, replace(HER2, fact=back)):
        assert [u.why for u in read_attested(plan_with(one), WHO)[1]] == ["it cannot be read"]


def test_another_patients_plan_and_no_plan_give_nothing() -> None:
    assert read_attested(None, WHO) == ((), ())
    assert read_attested(plan_with(HER2), "other") == ((), ())


def test_renewing_a_stored_plan_keeps_it_byte_for_byte_and_takes_out_only_what_was_withdrawn() -> None:
    stored = {**plan_with(HER2), "id": "x"}
    theirs = {"resourceType": "Goal", "id": "theirs"}
    stored["contained"].append(theirs)
    stored["contained"][1]["valueCodeableConcept"]["coding"][0]["display"] = "added by the server"
    renewed = patched(stored, plan_with(RESULT))
    assert renewed["contained"][1:3] == stored["contained"][1:3]
    assert renewed["contained"][3]["id"] == RESULT.id
    assert attested_changes(stored, renewed) == [
        "Attested fact added: ESR1 mutation detected (p.D538G 0.80 %) in plasma, 12 Oct 2026 (by Practitioner/d1)."
    ]
    gone = patched(renewed, plan_with(RESULT), {f"#{HER2.id}"})
    assert [c["id"] for c in gone["contained"]] == ["app", "theirs", RESULT.id]
    assert f"#{HER2.id}" not in {r["reference"] for r in gone["supportingInfo"]}
    assert attested_changes(renewed, gone) == [
        "Attested fact withdrawn: HER2 negative, metastasis, Dec 2025 (by Dr Ada)."
    ]


def test_an_entry_that_cannot_be_read_stays_until_it_is_withdrawn() -> None:
    broken = change(plan_with(HER2), lambda c: c["extension"][0].update(extension=[]))
    assert any(is_attested(c) for c in patched(broken, plan_with())["contained"])
    gone = patched(broken, plan_with(), {f"#{HER2.id}"})
    assert not any(is_attested(c) for c in gone["contained"])
    assert attested_changes(broken, gone) == ["Attested fact withdrawn: one that cannot be read."]


def test_a_server_that_dropped_everything_contained_gets_the_facts_again() -> None:
    stored = plan_with(HER2)
    del stored["contained"]
    assert [c["id"] for c in patched(stored, plan_with(HER2))["contained"]] == [HER2.id]
    assert "contained" not in patched(stored, plan_with())


def test_a_decision_from_attested_facts_can_be_replayed() -> None:
    chart = join(CHART, (HER2, RESULT), {"DocumentReference/pdf"})
    again = decode(Chart, jsontext.loads(jsontext.dumps(encode(chart))))
    assert again == chart
    policy = load_policy("trial-strict")
    assert decide(again, policy, DAY) == decide(chart, policy, DAY)
