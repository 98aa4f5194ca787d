"""What a clinician reads of an attested fact, word for word, and the edges of where it fills or gives way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from smart_app.domain import decide
from smart_app.domain.attested import Attestation, Fact, join
from smart_app.domain.dates import PartialDate
from smart_app.domain.decision import Decision, Reason
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
    Known,
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
    StopReason,
)
from smart_app.domain.lines import place
from smart_app.domain.reasons import JUDGEMENT
from smart_app.domain.window import clauses
from tests.support.rule_charts import STRICT, chart_of

P = PartialDate.parse
TODAY, ON = date(2026, 11, 21), date(2026, 11, 3)
POSITIVE, NEGATIVE = ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE
REPORT = "DocumentReference/pdf"
MARK = Source("Attested/a", None, True)


def att(fact: Fact, ident: str = "a", **more: Any) -> Attestation:
    return Attestation(ident, "Practitioner/p", "Dr P", ON, "letter", fact, **more)


def drug(start: str | None, end: str | None = None, **more: Any) -> Exposure:
    for name in ("last_seen", "on_hold_since"):
        if isinstance(more.get(name), str):
            more[name] = P(more[name])
    more.setdefault("proofs", frozenset({Proof.TAKEN}))
    more.setdefault("sources", (Source("drug/r"),))
    return Exposure("palbociclib", DrugClass.CDK46, P(start) if start else None, P(end) if end else None, **more)


def result(outcome: Outcome, *found: Finding, **more: Any) -> Draw:
    given = {"date": P("2026-10-12"), "date_basis": DateBasis.COLLECTED, "specimen": Specimen.PLASMA, **more}
    return Draw(outcome, findings=found, **given)


def record(*drugs: Exposure) -> Chart:
    """The usual patient with these CDK4/6 inhibitors and no other."""
    chart = chart_of(["-cdk"])
    return replace(chart, exposures=(*chart.exposures, *drugs))


def filled(made: Chart) -> list[Exposure]:
    return [e for e in made.exposures if e.drug_class is DrugClass.CDK46]


def said(decision: Decision, code: str) -> list[Reason]:
    return [r for r in decision.reasons if r.code == code]


# --- each fact in words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (
            Receptor(Marker.HER2, NEGATIVE, method="ish", biopsy=Biopsy.METASTASIS, date=P("2026-02-03")),
            "HER2 negative by ISH, metastasis, 3 Feb 2026",
        ),
        (Receptor(Marker.PR, POSITIVE, date=P("2026-02")), "progesterone receptor positive, Feb 2026"),
        (Spread(Extent.STAGE_IV, P("2026-02-01")), "stage IV disease, known since 1 Feb 2026"),
        (DiseaseStatus(Progress.IMPROVED, P("2026-10-01")), "disease improved of 1 Oct 2026"),
        (DiseaseStatus(Progress.STABLE, P("2026-10-01"), True), "no progression on the imaging of 1 Oct 2026"),
        (
            result(Outcome.DETECTED, Finding("p.D538G", vaf=Decimal("0.0080"), vaf_comparator="<"), Finding("p.Y537S")),
            "ESR1 mutation detected (p.D538G <0.80 % and p.Y537S) in plasma, 12 Oct 2026",
        ),
        (
            result(Outcome.NOT_DETECTED, specimen=Specimen.TISSUE),
            "no ESR1 mutation detected in tissue, 12 Oct 2026",
        ),
        (
            drug("2026-02-10", on_hold=True, on_hold_since="2026-10-20"),
            "palbociclib from 10 Feb 2026, on hold since 20 Oct 2026",
        ),
        (drug("2026-02-10", "2026-10-20"), "palbociclib from 10 Feb 2026, until 20 Oct 2026"),
    ],
)
def test_an_attested_fact_is_told_in_these_words(fact: Fact, words: str) -> None:
    assert join(Chart(), [att(fact)]).attested[0].what == words


def test_an_attested_first_line_is_told_with_the_drug() -> None:
    fact = drug("2026-02-10", setting=Setting.ADVANCED)
    noted = join(Chart(), [att(fact, first_line=True)]).attested[0]
    assert noted.what == "palbociclib from 10 Feb 2026, taken on 3 Nov 2026, for advanced disease, first line"
    assert noted.short == "palbociclib"


def test_a_drug_that_gives_way_is_told_as_the_record_has_it_and_with_its_own_mark() -> None:
    made = join(record(drug("2026-05-10", ongoing=True)), [att(drug("2026-02-10"), first_line=True)])
    assert made.attested[0].why == "the record says: palbociclib from 10 May 2026, goes on"
    (told,) = said(decide(made, STRICT, TODAY), "attested.contradicted")
    assert told == Reason(
        "attested.contradicted",
        "W5",
        "The record contradicts what was attested: palbociclib from 10 Feb 2026, taken on 3 Nov 2026, first line "
        "(attested by Dr P on 3 Nov 2026). It is not used: the record says: palbociclib from 10 May 2026, goes on.",
        (MARK,),
    )


def test_a_fact_that_the_record_has_itself_is_told_as_not_needed() -> None:
    made = join(chart_of([]), [att(Receptor(Marker.HER2, NEGATIVE, date=P("2026")))])
    (told,) = said(decide(made, STRICT, TODAY), "attested.not_used")
    assert told == Reason(
        "attested.not_used",
        "W3",
        "An attested fact is not needed: HER2 negative, 2026 (attested by Dr P on 3 Nov 2026). It is not used: "
        "the record says: HER2 negative, metastasis, 1 Feb 2026.",
        (MARK,),
    )


# --- the first line ---------------------------------------------------------------------------------------------------

LEAD_IN = "drug letrozole AI 2025-12-10..? ongoing taken setting=advanced"


def attested_line(*drugs: Exposure) -> Chart:
    """A lead-in leaves the first line open; the clinician says of palbociclib that it is the first."""
    chart = chart_of(["-ai", "-cdk", LEAD_IN])
    chart = replace(chart, exposures=(*chart.exposures, drug("2026-02-10"), *drugs))
    fact = drug("2026-02-10", setting=Setting.ADVANCED, last_seen="2026-11-03")
    return join(chart, [att(fact, first_line=True)])


def test_an_attested_first_line_answers_the_clause_in_one_reason() -> None:
    found = decide(attested_line(), STRICT, TODAY)
    assert found.window.answer == "inside"
    assert [r for r in found.reasons if r.clause == "W6"] == [
        Reason(
            "window.line.attested",
            "W6",
            "First line for advanced disease (palbociclib from 10 Feb 2026, taken on 3 Nov 2026, for advanced disease, "
            "first line). Attested by Dr P on 3 Nov 2026.",
            (MARK,),
            JUDGEMENT,
        )
    ]


@pytest.mark.parametrize(("begun", "answer"), [("2026-11-03", "inside"), ("2026-11-04", "cannot_tell")])
def test_a_drug_begun_after_the_day_of_attesting_opens_the_first_line_again(begun: str, answer: str) -> None:
    swapped = replace(drug(begun, ongoing=True), drug="ribociclib")
    assert decide(attested_line(swapped), STRICT, TODAY).window.answer == answer


# --- no progression ---------------------------------------------------------------------------------------------------


def calm(day: str, *lines: str) -> Chart:
    gaps = (Gap(Part.STATUS, "x", "a page was not read."),)
    return join(replace(chart_of(list(lines)), gaps=gaps), [att(DiseaseStatus(Progress.STABLE, P(day), True))])


def test_an_attested_scan_answers_the_clause_in_one_reason() -> None:
    found = decide(calm("2026-10-15"), STRICT, TODAY)
    assert found.window.answer == "inside"
    assert [r for r in found.reasons if r.clause == "W8"] == [
        Reason(
            "window.progression.attested",
            "W8",
            "No progression on the imaging of 15 Oct 2026; the record was not read completely. "
            "Attested by Dr P on 3 Nov 2026.",
            (MARK,),
            JUDGEMENT,
        )
    ]


@pytest.mark.parametrize(
    ("day", "answer"),
    [
        ("2026-11-22", "cannot_tell"),
        ("2026-11-21", "inside"),
        ("2026-08-21", "inside"),
        ("2026-08-20", "cannot_tell"),
    ],
)
def test_an_attested_scan_counts_from_its_day_for_the_policys_three_months(day: str, answer: str) -> None:
    assert decide(calm(day), STRICT, TODAY).window.answer == answer


def test_an_attested_scan_settles_no_progression_that_the_record_leaves_open() -> None:
    lines = ["status worsened 2026-02"]  # the month in which the line began
    assert decide(chart_of(lines), STRICT, TODAY).window.clauses == ("W8",)
    made = join(chart_of(lines), [att(DiseaseStatus(Progress.STABLE, P("2026-10-15"), True))])
    assert made.attested[0].used
    assert decide(made, STRICT, TODAY).window.clauses == ("W8",)


def test_the_nine_clauses_hold_with_what_was_attested_of_the_line_and_of_the_scan() -> None:
    for chart in (attested_line(), calm("2026-10-15")):
        found = clauses(chart, place(chart), TODAY, STRICT)
        assert [(c.name, c.answer) for c in found] == [(f"W{n}", Known.YES) for n in range(1, 10)]


# --- which attested facts the first sentence names --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([], " Attested by a clinician: the HER2 status."),
        (["-ai"], ""),
        (["-er"], ""),
    ],
)
def test_the_first_sentence_names_what_was_attested_only_where_it_rests_on_it(lines: list[str], names: str) -> None:
    chart = join(chart_of(["-her2", *lines]), [att(Receptor(Marker.HER2, NEGATIVE, date=P("2026-02-01")))])
    found = decide(chart, STRICT, TODAY)
    assert found.headline.endswith(names or ".")
    assert ("Attested" in found.headline) is bool(names)


def test_the_first_sentence_names_the_attested_fact_that_closed_the_window() -> None:
    chart = join(chart_of(["-her2"]), [att(Receptor(Marker.HER2, POSITIVE, date=P("2026-02-01")))])
    found = decide(chart, STRICT, TODAY)
    assert found.window.clauses == ("W3",)
    assert found.headline == (
        "Outside the window: HER2 positive (positive, 1 Feb 2026). Attested by a clinician: the HER2 status."
    )


def test_the_first_sentence_names_the_attested_result_that_the_next_draw_is_counted_from() -> None:
    chart = join(chart_of([]), [att(result(Outcome.NOT_DETECTED), report=REPORT)], {REPORT})
    found = decide(chart, STRICT, TODAY)
    assert found.headline == (
        "Draw ctDNA between 12 Dec 2026 and 12 Jan 2027. Attested by a clinician: the ESR1 result of 12 Oct 2026."
    )


# --- a result in the place of its report ------------------------------------------------------------------------------

UNREAD = Draw(
    Outcome.NOT_READABLE, P("2026-10-14"), DateBasis.REPORTED, laboratory="Lab", sources=(Source(REPORT),)
)  # fmt: skip


def test_a_result_brings_its_laboratory_and_that_it_was_uninformative() -> None:
    fact = result(Outcome.NOT_DETECTED, laboratory="Own Lab", uninformative=True)
    (draw,) = join(replace(Chart(), draws=(UNREAD,)), [att(fact, report=REPORT)]).draws
    assert (draw.laboratory, draw.uninformative) == ("Own Lab", True)


@pytest.mark.parametrize(
    ("recorded", "contradicted"),
    [(Finding("p.D538G"), False), (Finding("p.Y537S"), True), (Finding(None, "c.1613A>G"), True)],
)
def test_another_variant_of_that_day_in_the_record_contradicts(recorded: Finding, contradicted: bool) -> None:
    own = replace(result(Outcome.DETECTED, recorded), sources=(Source("Observation/own"),))
    fact = result(Outcome.DETECTED, Finding("p.D538G", kind=Kind.SNV))
    made = join(replace(Chart(), draws=(own,)), [att(fact, report=REPORT)], {REPORT})
    assert made.draws == (own,)
    assert made.attested[0].contradicted is contradicted


def test_an_early_stage_within_the_month_attested_keeps_the_last_word() -> None:
    chart = chart_of(["-spread", "extent early 2026-02-15"])
    made = join(chart, [att(Spread(Extent.METASTASIS, P("2026-02")))])
    assert made.attested[0].contradicted
    assert made.spread == chart.spread


# --- drugs: sixty days, and which stretch is filled -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "fact", "stretches"),
    [
        (drug("2024-01-01", "2025-12-12"), drug("2026-02-10"), 1),  # sixty days between them
        (drug("2024-01-01", "2025-12-11"), drug("2026-02-10"), 2),
        (drug("2026-02-10", ongoing=True), drug("2024-01-01", "2025-12-12"), 1),
        (drug("2026-02-10", ongoing=True), drug("2024-01-01", "2025-12-11"), 2),
    ],
)
def test_within_sixty_days_it_is_the_same_stretch_else_another(own: Exposure, fact: Exposure, stretches: int) -> None:
    made = join(record(own), [att(fact)])
    assert len(filled(made)) == stretches
    assert made.attested[0].used is (stretches == 2)


@pytest.mark.parametrize(
    ("start", "contradicted"),
    [("2026-04-11", False), ("2026-04-12", True), ("2025-12-12", False), ("2025-12-11", True)],
)
def test_a_start_within_sixty_days_of_the_records_is_the_same_start(start: str, contradicted: bool) -> None:
    made = join(record(drug("2026-02-10", ongoing=True)), [att(drug(start))])
    assert made.attested[0].contradicted is contradicted


@pytest.mark.parametrize(
    ("own", "fact", "contradicted"),
    [
        (drug("2026-02-10", last_seen="2026-06-01"), drug("2026-02-10", "2026-06-01"), False),
        (drug("2026-02-10", last_seen="2026-06-02"), drug("2026-02-10", "2026-06-01"), True),
        (drug("2026-02-10", "2026-06-01"), drug("2026-02-10", "2026-06-01"), False),
        (drug("2026-02-10", "2026-06-01"), drug("2026-02-10", "2026-05-31"), True),
        (drug("2026-02-10", "2026-11-03"), drug("2026-02-10", last_seen="2026-11-03"), False),
        (drug("2026-02-10", "2026-11-02"), drug("2026-02-10", last_seen="2026-11-03"), True),
        (drug("2026-02-10", "2026-06-01"), drug("2026-02-10"), False),
    ],
)
def test_an_end_contradicts_from_the_day_after_on(own: Exposure, fact: Exposure, contradicted: bool) -> None:
    made = join(record(own), [att(fact)])
    assert made.attested[0].contradicted is contradicted
    assert filled(made)[0].end == (own.end or (None if contradicted else fact.end))


def test_what_is_filled_names_the_record_and_the_clinician_once_each() -> None:
    fact = drug("2026-02-10", "2026-10-01", setting=Setting.ADVANCED, stop_reason=StopReason.TOXICITY)
    (one,) = filled(join(record(drug(None, proofs=frozenset({Proof.ORDERED}))), [att(fact)]))
    assert (one.start, one.end, one.setting) == (P("2026-02-10"), P("2026-10-01"), Setting.ADVANCED)
    assert (one.stop_reason, one.sources) == (StopReason.TOXICITY, (Source("drug/r"), MARK))


def test_an_end_is_filled_where_no_trace_of_the_drug_has_a_day() -> None:
    (one,) = filled(join(record(drug("2026-02-10")), [att(drug("2026-02-10", "2026-10-01"))]))
    assert (one.end, one.last_seen) == (P("2026-10-01"), None)


def test_a_records_own_end_stays_though_the_attested_one_is_coarser() -> None:
    own = drug("2026-02-10", "2026-06-01", ongoing=False)
    assert filled(join(record(own), [att(drug("2026-02-10", "2026-06"))])) == [own]


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_stretches_the_first_takes_the_start_and_the_last_the_end(turn: int) -> None:
    first = drug(None, "2026-05-01", sources=(Source("drug/1"),))
    last = drug("2026-06-01", sources=(Source("drug/2"),))
    fact = drug("2026-02-10", "2026-10-01", sources=())
    made = filled(join(record(*(first, last)[::turn]), [att(fact)]))[::turn]
    assert [(e.start, e.end) for e in made] == [
        (P("2026-02-10"), P("2026-05-01")),
        (P("2026-06-01"), P("2026-10-01")),
    ]
    assert [e.sources for e in made] == [(Source("drug/1"), MARK), (Source("drug/2"), MARK)]


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_stretches_the_start_is_held_against_the_one_that_may_have_begun_first(turn: int) -> None:
    year = drug("2026", "2026-05-01", sources=(Source("drug/1"),))
    later = drug("2026-06-01", ongoing=True, sources=(Source("drug/2"),))
    made = join(record(*(year, later)[::turn]), [att(drug("2026-02-10"))])
    assert not made.attested[0].contradicted
