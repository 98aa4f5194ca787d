"""Facts that a clinician attests: they fill what the record lacks, are marked, and give way to the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.attested import Attestation, Fact, join, same_subject
from smart_app.domain.decision import Decision, ReviewAnswer, WindowAnswer
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
    Gap,
    Kind,
    Marker,
    Outcome,
    Part,
    Progress,
    Proof,
    Receptor,
    ReceptorStatus,
    Setting,
    Source,
    Specimen,
    Spread,
    Standing,
    StopReason,
    WithdrawnResult,
)
from tests.domain.charts import STRICT, TODAY, P, ai, cdk, chart, draw, er, her2, positive, status

ON = date(2026, 11, 3)
REPORT = "DocumentReference/pdf"
PDF = Draw(
    Outcome.NOT_READABLE, P("2026-10-20"), DateBasis.ISSUED, specimen=Specimen.PLASMA, document=REPORT,
    laboratory="Lab", sources=(Source(REPORT),),
)  # fmt: skip
NEW_BIOPSY = Receptor(Marker.HER2, ReceptorStatus.NEGATIVE, biopsy=Biopsy.METASTASIS, date=P("2025-12"))


def att(fact: Fact, ident: str = "att-1", **more: Any) -> Attestation:
    return Attestation(
        ident, **{"by": "Practitioner/d1", "name": "Dr Ada", "on": ON, "basis": "letter", **more}, fact=fact
    )


def taking(name: str = "palbociclib", kind: DrugClass = DrugClass.CDK46, **more: Any) -> Exposure:
    given = {"start": P("2026-01-12"), "last_seen": P(str(ON)), "setting": Setting.ADVANCED, **more}
    return Exposure(name, kind, proofs=frozenset({Proof.TAKEN}), **given)


def result(outcome: Outcome = Outcome.DETECTED, *found: Finding, **more: Any) -> Draw:
    given = {"date": P("2026-10-12"), "date_basis": DateBasis.COLLECTED, "specimen": Specimen.PLASMA, **more}
    return Draw(outcome, findings=found, **given)


D538G = Finding("p.D538G", vaf=Decimal("0.0080"), vaf_text="0.80 %", kind=Kind.SNV)


def with_(base: Chart, *given: Attestation, **more: Any) -> tuple[Chart, Decision]:
    made = join(base, given, **more)
    return made, decide(made, STRICT, TODAY)


def said(decision: Decision, code: str) -> str:
    return next(r.sentence for r in decision.reasons if r.code == code)


# --- what the record lacks --------------------------------------------------------------------------------------------


def test_an_attested_her2_status_opens_the_window_and_every_word_of_it_says_by_whom() -> None:
    lacking = chart(receptors=(er(),))
    assert decide(lacking, STRICT, TODAY).window.answer is WindowAnswer.CANNOT_TELL
    made, decision = with_(lacking, att(NEW_BIOPSY))
    assert decision.window.answer is WindowAnswer.INSIDE
    assert said(decision, "window.her2.negative").endswith("Attested by Dr Ada on 3 Nov 2026.")
    assert decision.headline.endswith(" Attested by a clinician: the HER2 status.")
    assert made.receptors[-1].sources == (Source("Attested/att-1", None, True),)
    assert not any("Attested" in r.sentence for r in decision.reasons if r.code == "window.er.positive")


def test_an_attested_hybridisation_settles_an_equivocal_her2_and_nothing_less_does() -> None:
    equivocal = chart(receptors=(er(), her2(ReceptorStatus.EQUIVOCAL, score="2+", specimen="s1")))
    assert decide(equivocal, STRICT, TODAY).window.clauses == ("W3",)
    ish = Receptor(Marker.HER2, ReceptorStatus.NEGATIVE, method="ish", date=P("2025-12"))
    assert with_(equivocal, att(ish))[1].window.answer is WindowAnswer.INSIDE
    assert with_(equivocal, att(replace(ish, method=None)))[1].window.clauses == ("W3",)


def test_without_a_name_the_reference_stands_for_the_clinician() -> None:
    _, decision = with_(chart(receptors=(er(),)), att(NEW_BIOPSY, name=None))
    assert "Attested by Practitioner/d1" in said(decision, "window.her2.negative")


def test_nothing_attested_changes_nothing() -> None:
    assert join(chart(), ()) == chart()


@pytest.mark.parametrize(
    "spread",
    [(), (Spread(Extent.EARLY, P("2019")),), (Spread(Extent.METASTASIS, None, "bone"),)],
    ids=["nothing", "an earlier early stage", "a metastasis without a date"],
)
def test_advanced_disease_can_be_attested_where_the_record_has_no_day_of_it(spread: tuple[Spread, ...]) -> None:
    made, decision = with_(chart(spread=spread), att(Spread(Extent.METASTASIS, P("2025-12"), "lymph_node")))
    assert decision.window.answer is WindowAnswer.INSIDE
    assert made.attested[0].what == "metastatic disease (lymph node), known since Dec 2025"
    assert made.attested[0].clause == "W1"


def test_an_early_stage_of_that_day_or_without_a_day_keeps_the_last_word() -> None:
    for known_on in (P("2025-12-15"), P("2025"), None):
        early = chart(spread=(Spread(Extent.EARLY, known_on),))
        made, decision = with_(early, att(Spread(Extent.STAGE_IV, P("2025-12-01"))))
        assert decision.window.answer is WindowAnswer.OUTSIDE
        assert made.attested[0].contradicted


def test_an_order_without_evidence_of_taking_is_settled_and_does_not_hold_for_ever() -> None:
    old = cdk("2025-01-12", ongoing=None, proofs=frozenset({Proof.ORDERED}), last_seen="2025-06-01")
    ordered = chart(exposures=(ai(), old))
    assert decide(ordered, STRICT, TODAY).window.clauses == ("W5",)
    given = att(taking(start=P("2025-01-12")), first_line=True)
    made, decision = with_(ordered, given)
    newer = replace(ordered, exposures=(ai(), replace(old, last_seen=P("2026-11-10"))))
    assert Proof.ORDERED in join(newer, [given]).exposures[1].proofs
    assert "W5" not in decision.window.clauses
    assert made.exposures[1].proofs == {Proof.TAKEN}
    assert made.exposures[1].setting is Setting.ADVANCED
    assert made.exposures[1].ongoing is None
    later = decide(made, STRICT, date(2027, 4, 1))
    assert "W5" in later.window.clauses


def test_a_drug_that_the_record_lacks_is_added() -> None:
    made, decision = with_(chart(exposures=(ai(),)), att(taking()))
    assert decision.window.answer is WindowAnswer.INSIDE
    assert made.attested[0].what == "palbociclib from 12 Jan 2026, taken on 3 Nov 2026, for advanced disease"


@pytest.mark.parametrize(
    ("fact", "answer"),
    [
        (taking(last_seen=None, end=P("2026-06-30"), stop_reason=StopReason.TOXICITY), WindowAnswer.OUTSIDE),
        (taking(last_seen=None, ongoing=False), WindowAnswer.OUTSIDE),
        (taking(last_seen=None, on_hold=True, on_hold_since=P("2026-11-01")), WindowAnswer.INSIDE),
    ],
    ids=["stopped", "stopped without a day", "on hold"],
)
def test_a_stop_or_a_hold_fills_what_the_record_leaves_open(fact: Exposure, answer: WindowAnswer) -> None:
    open_end = chart(exposures=(ai(), cdk(ongoing=None, last_seen="2026-05-01")))
    made, decision = with_(open_end, att(fact))
    assert decision.window.answer is answer
    assert made.exposures[1].stop_reason is fact.stop_reason
    assert made.attested[0].used


def test_a_missing_start_end_and_day_of_a_hold_are_filled() -> None:
    bare = chart(exposures=(ai(), cdk(None, ongoing=False)))
    made = join(bare, [att(taking(last_seen=None, end=P("2026-06"), stop_reason=StopReason.OTHER))])
    assert (made.exposures[1].start, made.exposures[1].end) == (P("2026-01-12"), P("2026-06"))
    assert made.exposures[1].stop_reason is StopReason.OTHER
    held = chart(exposures=(ai(), cdk(on_hold=True)))
    made = join(held, [att(taking(last_seen=None, on_hold=True, on_hold_since=P("2026-11")))])
    assert made.exposures[1].on_hold_since == P("2026-11")


def test_stretches_long_apart_are_two_facts() -> None:
    adjuvant = ai("2015-01-01", "2020-01-01", setting=Setting.ADJUVANT)
    made = join(chart(exposures=(adjuvant,)), [att(taking("letrozole", DrugClass.AI))])
    assert len(made.exposures) == 2
    assert made.attested[0].clause == "W4"


def test_a_headline_names_what_was_attested_in_short() -> None:
    lacking = chart(receptors=(), spread=(), exposures=(), gaps=(Gap(Part.STATUS, "x", "y"),))
    given_ = [
        att(NEW_BIOPSY, "att-1"),
        att(replace(NEW_BIOPSY, marker=Marker.ER, status=ReceptorStatus.POSITIVE), "att-2"),
        att(Spread(Extent.METASTASIS, P("2025-12")), "att-3"),
        att(taking(), "att-4"),
        att(taking("letrozole", DrugClass.AI), "att-5"),
        att(DiseaseStatus(Progress.STABLE, P("2026-10-15"), True), "att-6"),
    ]
    _, decision = with_(lacking, *given_)
    assert decision.headline.partition(" Attested by a clinician: ")[2] == (
        "the advanced disease, the oestrogen receptor status, the HER2 status, letrozole, palbociclib "
        "and the scan of 15 Oct 2026."
    )


@pytest.mark.parametrize(
    ("record", "fact"),
    [
        (cdk("2026-05-01"), taking()),
        (cdk(setting=Setting.ADJUVANT), taking()),
        (cdk(end="2026-06-01"), taking()),
        (cdk(ongoing=False), taking()),
        (cdk(), taking(last_seen=None, end=P("2026-06-01"))),
        (cdk(end="2026-03-01"), taking(last_seen=None, end=P("2026-06-01"))),
        (cdk(end="2026-08-01"), taking(last_seen=None, end=P("2026-06-01"))),
        (cdk(), taking(last_seen=None, on_hold=True)),
        (cdk(ongoing=None, last_seen="2026-10-01"), taking(last_seen=None, end=P("2026-06-01"))),
    ],
    ids=["start", "setting", "ended", "stopped", "goes on", "later end", "earlier end", "not on hold", "seen after"],
)
def test_a_drug_that_the_record_tells_otherwise_stays_as_the_record_tells_it(record: Exposure, fact: Exposure) -> None:
    base = chart(exposures=(ai(), record))
    made, decision = with_(base, att(fact, first_line=True))
    assert made.exposures == base.exposures
    assert made.attested[0].contradicted
    assert not made.attested[0].first_line
    assert "The record contradicts what was attested: palbociclib" in said(decision, "attested.contradicted")


@pytest.mark.parametrize(
    ("record", "fact"),
    [
        (cdk(setting=Setting.ADVANCED), taking()),
        (cdk("2026-01-10", "2026-06-01", setting=Setting.ADVANCED), taking(last_seen=None, end=P("2026-06"))),
        (cdk(end="2026-12-01", setting=Setting.ADVANCED), taking()),
        (cdk(end="2026-06-01", setting=Setting.ADVANCED), taking(last_seen=None, ongoing=False)),
        (cdk(on_hold=True, on_hold_since="2026-11"), taking(last_seen=None, on_hold=True, setting=Setting.UNKNOWN)),
    ],
    ids=["taking", "stopped", "a planned end", "stopped some day", "on hold"],
)
def test_what_the_record_says_itself_is_not_needed(record: Exposure, fact: Exposure) -> None:
    made, decision = with_(chart(exposures=(ai(), record)), att(fact))
    assert made.exposures == (ai(), record)
    assert (made.attested[0].used, made.attested[0].contradicted) == (False, False)
    assert "is not needed" in said(decision, "attested.not_used")


def test_the_first_line_is_settled_where_it_was_open_and_by_no_drug_begun_since() -> None:
    lead_in = chart(exposures=(ai("2025-09-01", setting=Setting.ADVANCED), cdk(setting=Setting.ADVANCED)))
    assert decide(lead_in, STRICT, TODAY).window.clauses == ("W6",)
    given = att(taking(), first_line=True)
    _, decision = with_(lead_in, given)
    assert decision.window.answer is WindowAnswer.INSIDE
    assert "first line) " not in said(decision, "window.line.attested")
    assert "Attested by Dr Ada" in said(decision, "window.line.attested")
    begun = replace(lead_in, exposures=(*lead_in.exposures, ai("2026-11-10", name="anastrozole")))
    assert with_(begun, given)[1].window.clauses == ("W6",)


def test_the_first_line_never_stands_against_a_second_one() -> None:
    second = chart(exposures=(ai(), cdk(), cdk("2026-03-01", name="ribociclib"), ai("2026-02-01", name="exemestane")))
    progressed = replace(second, statuses=(status(Progress.WORSENED, "2026-01-20"),))
    _, decision = with_(progressed, att(taking(), first_line=True))
    assert "W6" in decision.window.clauses
    assert decision.window.answer is WindowAnswer.OUTSIDE


def test_the_first_line_answers_no_other_open_question() -> None:
    none = chart(exposures=())
    given = att(taking(start=P("2015"), last_seen=None, end=P("2016"), setting=Setting.ADJUVANT), first_line=True)
    _, decision = with_(none, given)
    assert "window.line.none" in {r.code for r in decision.reasons}


def test_no_progression_settles_what_could_not_be_read_for_one_interval_only() -> None:
    unread = chart(gaps=(Gap(Part.STATUS, "search.incomplete", "not read"),))
    calm = att(DiseaseStatus(Progress.STABLE, P("2026-10-15"), True))
    _, decision = with_(unread, calm)
    assert decision.window.answer is WindowAnswer.INSIDE
    assert "No progression on the imaging of 15 Oct 2026" in said(decision, "window.progression.attested")
    made = join(unread, [calm])
    assert decide(made, STRICT, date(2027, 2, 1)).window.clauses == ("W8",)
    undated = att(DiseaseStatus(Progress.STABLE, None, True))
    assert with_(unread, undated)[1].window.clauses == ("W8",)


@pytest.mark.parametrize("what", list(Progress))
def test_the_records_own_status_of_that_day_counts(what: Progress) -> None:
    recorded = chart(statuses=(status(what, "2026-10-15"),))
    made, decision = with_(recorded, att(DiseaseStatus(Progress.STABLE, P("2026-10"), True)))
    assert made.statuses == recorded.statuses
    assert decision.window == decide(recorded, STRICT, TODAY).window
    assert made.attested[0].contradicted is (what not in (Progress.STABLE, Progress.IMPROVED))
    assert made.attested[0].clause == "W8"


# --- a result that exists only as a report ----------------------------------------------------------------------------


def test_a_result_read_from_a_report_takes_the_place_of_the_unreadable_one_and_raises_the_review() -> None:
    base = chart(draws=(PDF, draw("2026-08-01")))
    made, decision = with_(base, att(result(Outcome.DETECTED, D538G), report=REPORT), reports={REPORT})
    assert decision.switch_review.answer is ReviewAnswer.RAISED
    assert decision.headline.startswith("ESR1 p.D538G (0.80 %) first detected 12 Oct 2026: switch review due. ")
    assert decision.headline.endswith(" Attested by a clinician: the ESR1 result of 12 Oct 2026.")
    new = made.draws[0]
    assert (new.outcome, new.laboratory, new.document) == (Outcome.DETECTED, "Lab", REPORT)
    assert new.findings[0].sources == (Source(REPORT), Source("Attested/att-1", None, True))
    assert made.draws[1] == base.draws[1]
    assert made.attested[0].clause == "R1"


def test_a_report_that_the_app_did_not_take_for_a_result_gives_a_draw_of_its_own() -> None:
    made = join(chart(), [att(result(Outcome.NOT_DETECTED), report=REPORT)], {REPORT})
    assert made.draws[0].sources == (Source(REPORT), Source("Attested/att-1", None, True))


def test_a_preliminary_report_stays_preliminary() -> None:
    base = chart(draws=(replace(PDF, standing=Standing.PROVISIONAL),))
    made, decision = with_(base, att(result(Outcome.DETECTED, D538G), report=REPORT))
    assert made.draws[0].standing is Standing.PROVISIONAL
    assert decision.switch_review.answer is not ReviewAnswer.RAISED


def test_a_positive_stays_where_its_report_was_merely_not_read_and_goes_where_it_is_gone() -> None:
    given = att(result(Outcome.DETECTED, D538G), report=REPORT)
    unread = chart(gaps=(Gap(Part.RESULTS, "search.incomplete", "not read"),))
    assert with_(unread, given, reports=())[1].switch_review.answer is ReviewAnswer.RAISED
    gone, decision = with_(chart(), given, reports=())
    assert decision.switch_review.answer is ReviewAnswer.NOT_RAISED
    assert "not in the record any more" in gone.attested[0].why
    withdrawn = chart(withdrawn=(WithdrawnResult(None, "entered-in-error", (), (Source(REPORT),)),))
    assert "was withdrawn" in join(withdrawn, [given], {REPORT}).attested[0].why


@pytest.mark.parametrize(
    ("record", "contradicted"),
    [
        (positive("2026-10-12"), False),
        (draw("2026-10-12"), True),
        (replace(PDF, outcome=Outcome.NOT_DETECTED), True),
        (replace(PDF, date_basis=DateBasis.COLLECTED), True),
        (replace(PDF, specimen=Specimen.TISSUE), True),
    ],
    ids=["the same result", "another result that day", "the report by now", "another day", "another specimen"],
)
def test_a_result_gives_way_to_the_records_own(record: Draw, contradicted: bool) -> None:
    base = chart(draws=(record,))
    made, decision = with_(base, att(result(Outcome.DETECTED, D538G), report=REPORT), reports={REPORT})
    assert made.draws == base.draws
    assert made.attested[0].contradicted is contradicted
    assert decision.switch_review == decide(base, STRICT, TODAY).switch_review


def test_another_day_or_specimen_of_the_record_is_another_result() -> None:
    for other in (draw("2026-10-11"), draw("2026-10"), draw(None), draw("2026-10-12", specimen=Specimen.TISSUE)):
        made = join(chart(draws=(other,)), [att(result(Outcome.DETECTED, D538G), report=REPORT)], {REPORT})
        assert len(made.draws) == 2


# --- one matter, several attestations ---------------------------------------------------------------------------------


def test_of_two_attestations_on_one_matter_the_later_one_stands() -> None:
    pairs = [
        (NEW_BIOPSY, replace(NEW_BIOPSY, status=ReceptorStatus.POSITIVE)),
        (Spread(Extent.METASTASIS, P("2025")), Spread(Extent.STAGE_IV, P("2024"))),
        (taking(), taking(last_seen=None, end=P("2026-06-01"))),
        (DiseaseStatus(Progress.STABLE, P("2026")), DiseaseStatus(Progress.STABLE, P("2026-10-01"))),
    ]
    for first, second in pairs:
        bare = Chart()
        made = join(bare, [att(first), att(second, "att-2")])
        assert [a.used for a in made.attested] == [False, True]
        assert "later attestation" in made.attested[0].why
    assert same_subject(att(result(), report=REPORT), att(result(Outcome.FAILED), report=REPORT))
    assert not same_subject(att(result(), report=REPORT), att(result(), report="DocumentReference/x"))
    assert not same_subject(att(NEW_BIOPSY), att(taking()))


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (Receptor(Marker.ER, ReceptorStatus.POSITIVE, low=True, percent=Decimal("5"), method="ihc",
                  biopsy=Biopsy.PRIMARY),
         "oestrogen receptor positive (low) 5 % by IHC, primary tumour, an unknown date"),
        (Spread(Extent.LOCALLY_ADVANCED, P("2025")),
         "locally advanced disease that cannot be resected, known since 2025"),
        (taking(last_seen=None, start=None, ongoing=False, setting=Setting.ADJUVANT),
         "palbociclib start not known, stopped, when is not known, for adjuvant treatment"),
        (taking(last_seen=None, on_hold=True, setting=Setting.UNKNOWN),
         "palbociclib from 12 Jan 2026, on hold since an unknown date"),
        (result(Outcome.FAILED, specimen=Specimen.UNKNOWN), "ESR1 test failed, 12 Oct 2026"),
        (result(Outcome.DETECTED, Finding("p.Y537S")), "ESR1 mutation detected (p.Y537S) in plasma, 12 Oct 2026"),
    ],
)  # fmt: skip
def test_every_fact_has_words(fact: Fact, words: str) -> None:
    assert join(Chart(), [att(fact)]).attested[0].what == words


def test_a_drug_of_the_record_is_said_as_the_record_has_it() -> None:
    for e, words in (
        (cdk(setting=Setting.ADJUVANT), "goes on"),
        (cdk(ongoing=None, setting=Setting.ADJUVANT), "Jan 2026, for"),
    ):
        made = join(chart(exposures=(e,)), [att(taking())])
        assert words in made.attested[0].why


# --- laws -------------------------------------------------------------------------------------------------------------

DAYS = st.dates(date(2026, 2, 1), TODAY).map(lambda d: P(str(d)))
CONTRADICTED = st.one_of(
    st.builds(lambda d: NEW_BIOPSY.__class__(Marker.HER2, ReceptorStatus.POSITIVE, date=d), DAYS | st.none()),
    st.builds(lambda d: Receptor(Marker.ER, ReceptorStatus.NEGATIVE, date=d, biopsy=Biopsy.METASTASIS), DAYS),
    st.builds(lambda d: Spread(Extent.STAGE_IV, d), DAYS),
    st.sampled_from([DiseaseStatus(Progress.STABLE, P(d), True) for d in ("2026", "2026-10", "2026-10-15")]),
    st.builds(lambda d: taking(last_seen=None, end=d, stop_reason=StopReason.PROGRESSION), DAYS),
    st.just(result(Outcome.DETECTED, D538G)),
    st.just(result(Outcome.NOT_DETECTED)),
)  # fmt: skip


@given(CONTRADICTED, st.booleans())
def test_what_the_record_tells_itself_is_never_decided_by_what_is_attested(fact: Fact, first_line: bool) -> None:
    other = {Outcome.DETECTED: Outcome.NOT_DETECTED, Outcome.NOT_DETECTED: Outcome.INDETERMINATE}
    drawn = result(other[fact.outcome]) if isinstance(fact, Draw) else draw("2026-08-01")
    full = chart(
        statuses=(status(Progress.EQUIVOCAL_IMAGING, "2026-10-15"),),
        draws=(replace(drawn, sources=(Source("Observation/own"),)),),
    )
    before = decide(full, STRICT, TODAY)
    made, after = with_(full, att(fact, report=REPORT, first_line=first_line), reports={REPORT})
    assert (after.window, after.next_draw, after.switch_review) == (
        before.window,
        before.next_draw,
        before.switch_review,
    )
    assert after.headline == before.headline
    assert replace(made, attested=()) == full
    assert made.attested[0].used is False


FACTS = st.sampled_from(
    [NEW_BIOPSY, Spread(Extent.METASTASIS, P("2025-12")), taking(), taking("letrozole", DrugClass.AI),
     DiseaseStatus(Progress.STABLE, P("2026-10-15"), True), result(Outcome.DETECTED, D538G)]
)  # fmt: skip
LACKING = st.fixed_dictionaries(
    {},
    optional={
        "receptors": st.sampled_from([(), (er(),), (her2(),)]),
        "spread": st.just(()),
        "exposures": st.sampled_from([(), (ai(),), (cdk(),)]),
        "draws": st.sampled_from([(), (PDF,)]),
        "gaps": st.sampled_from([(), (Gap(Part.STATUS, "x", "y"),)]),
    },
)


@given(LACKING, st.lists(FACTS, max_size=6))
def test_every_attested_fact_is_named_once_and_everything_that_rests_on_it_says_so(lacking: Any, facts: Any) -> None:
    given_ = [att(fact, f"att-{n}", report=REPORT) for n, fact in enumerate(facts)]
    made, decision = with_(chart(**lacking), *given_, reports={REPORT})
    assert [a.reference for a in made.attested] == [a.reference for a in given_]
    for reason in decision.reasons:
        if any(source.attested for source in reason.sources):
            assert "ttested by Dr Ada on 3 Nov 2026" in reason.sentence
