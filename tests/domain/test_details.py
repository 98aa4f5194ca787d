"""Small rules that no row of the decision table shows: bounds, order, words, a fact's exact place in an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate, add_days, add_months
from smart_app.domain.digest import digest
from smart_app.domain.facts import (
    DiseaseStatus,
    Draw,
    DrugClass,
    Exposure,
    Extent,
    Finding,
    Kind,
    Known,
    Ldh,
    OrderedDraw,
    Origin,
    Outcome,
    Progress,
    Proof,
    Setting,
    Significance,
    Source,
    Specimen,
    Spread,
    Standing,
    StopReason,
    Visit,
    VisitKind,
)
from smart_app.domain.lines import Placed, courses, derive_lines, line_start, over_by, place
from smart_app.domain.logic import ALWAYS, before, not_after, recorded
from smart_app.domain.policy import Policy
from smart_app.domain.presence import NEVER, Taken, last_taken, taken, was_taken
from smart_app.domain.reasons import merged
from smart_app.domain.variants import Tier, tier, why_not
from smart_app.domain.window import clauses
from tests.support.rule_charts import POLICIES, STRICT, chart_of

TODAY = date(2026, 11, 21)
EVE = date(2026, 11, 20)
P = PartialDate.parse
SHOWN, ORDERED = frozenset({Proof.TAKEN}), frozenset({Proof.ORDERED})


def drug(start: str | None = "2026-02-10", end: str | None = None, **more: Any) -> Exposure:
    for name in ("last_seen", "covered_until", "on_hold_since"):
        if isinstance(more.get(name), str):
            more[name] = P(more[name])
    more.setdefault("proofs", SHOWN)
    return Exposure("letrozole", DrugClass.AI, P(start) if start else None, P(end) if end else None, **more)


D = date.fromisoformat
TAKEN: list[tuple[str, Exposure, Taken]] = [
    ("begins tomorrow", drug("2026-11-22"), NEVER),
    ("began today, ongoing", drug("2026-11-21", ongoing=True), Taken(TODAY, TODAY)),
    ("began today, ended today", drug("2026-11-21", "2026-11-21"), Taken(TODAY, TODAY)),
    ("began this month, ended today", drug("2026-11", "2026-11-21"), Taken(None, TODAY)),
    ("began this month, ended earlier in it", drug("2026-11", "2026-11-10"), Taken(None, D("2026-11-10"))),
    ("ended yesterday", drug(end="2026-11-20"), Taken(EVE, EVE)),
    ("ended in a month that begins before the drug", drug("2026-06-15", "2026-06"), Taken(D("2026-06-15"), D("2026-06-30"))),
    ("ended some time this year", drug(end="2026"), Taken(D("2026-02-10"), TODAY)),
    ("began and ended in one month", drug("2026-06", "2026-06"), Taken(D("2026-06-01"), D("2026-06-30"))),
    ("ended before it may have begun", drug("2026-12", "2026-10"), NEVER),
    ("ends next year, taken", drug(end="2027-01-01"), Taken(TODAY, TODAY)),
    ("ends next year, begun this month", drug("2026-11", "2027-01-01"), Taken(None, TODAY)),
    ("ends today, only ordered, long ago", drug("2025-01-01", "2026-11-21", proofs=ORDERED), Taken(None, TODAY, True)),
    ("ends next year, ongoing, only ordered", drug(end="2027-01-01", ongoing=True, proofs=ORDERED), Taken(TODAY, TODAY)),
    ("called ongoing, ended before today", drug(end="2026-08-01", ongoing=True), Taken(D("2026-08-01"), TODAY)),
    ("called ongoing, ends today", drug(end="2026-11", ongoing=True), Taken(D("2026-11-01"), TODAY)),
    ("stopped, never seen", drug(ongoing=False), Taken(None, EVE)),
    ("stopped, last seen in May", drug(ongoing=False, last_seen="2026-05-01"), Taken(D("2026-05-01"), EVE)),
    ("stopped, last seen after today", drug(ongoing=False, last_seen="2026-12-01"), Taken(TODAY, EVE)),
    ("stopped, only an order was seen", drug(ongoing=False, last_seen="2026-05-01", proofs=ORDERED), Taken(None, EVE)),
    ("stopped, begun this month", drug("2026-11", ongoing=False, last_seen="2026-11-10"), Taken(None, EVE)),
    ("ongoing, begun some time this year", drug("2026", ongoing=True), Taken(TODAY, TODAY)),
    ("on hold, since when unknown", drug(on_hold=True), Taken(None, TODAY)),
    ("on hold from tomorrow", drug(on_hold=True, on_hold_since="2026-11-22"), Taken(TODAY, TODAY)),
    ("on hold from tomorrow, begun this month", drug("2026-11", on_hold=True, on_hold_since="2026-11-22"), Taken(None, TODAY)),
    ("on hold from today", drug(on_hold=True, on_hold_since="2026-11-21"), Taken(TODAY, TODAY)),
    ("on hold this month", drug(on_hold=True, on_hold_since="2026-11"), Taken(D("2026-11-01"), TODAY)),
    ("on hold, begun this month", drug("2026-11", on_hold=True, on_hold_since="2026-11-10"), Taken(None, TODAY)),
    ("on hold, and ends today", drug(end="2026-11-21", on_hold=True, on_hold_since="2026-11-01"), Taken(D("2026-11-01"), TODAY)),
    ("on hold, but ended", drug(end="2026-10-01", on_hold=True), Taken(D("2026-10-01"), D("2026-10-01"))),
    ("not said, no date at all", drug(None), Taken(None, TODAY)),
    ("not said, only an order without a date", drug(None, proofs=ORDERED), Taken(None, TODAY, True)),
    ("not said, seen, no start", drug(None, last_seen="2026-11-01"), Taken(None, TODAY)),
    ("not said, seen today", drug(last_seen="2026-11-21", proofs=frozenset()), Taken(TODAY, TODAY)),
    ("not said, supply until today", drug(covered_until="2026-11-21", proofs=frozenset()), Taken(TODAY, TODAY)),
    ("not said, nothing shows it, begun yesterday", drug("2026-11-20", proofs=frozenset()), Taken(None, TODAY, True)),
    ("not said, taken 120 days ago", drug(last_seen="2026-07-24"), Taken(TODAY, TODAY)),
    ("not said, taken 121 days ago", drug(last_seen="2026-07-23"), Taken(D("2026-07-23"), TODAY)),
    ("not said, ordered 365 days ago", drug("2025-11-21", proofs=ORDERED), Taken(TODAY, TODAY)),
    ("not said, ordered 366 days ago", drug("2025-11-20", proofs=ORDERED), Taken(None, TODAY, True)),
]  # fmt: skip


@pytest.mark.parametrize(("case", "exposure", "answer"), TAKEN)
def test_when_a_drug_was_last_taken(case: str, exposure: Exposure, answer: Taken) -> None:
    assert taken(exposure, TODAY, TODAY, STRICT) == answer, case


def test_what_is_stopped_today_may_have_been_taken_on_any_earlier_day_asked_about() -> None:
    assert taken(drug(ongoing=False), EVE, TODAY, STRICT) == Taken(None, EVE)
    assert taken(drug(ongoing=False), date(2027, 1, 2), TODAY, STRICT) == Taken(None, date(2027, 1, 1))


def test_over_several_exposures_the_last_day_counts_and_an_order_alone_is_said() -> None:
    old, new = drug(end="2026-05-01"), drug(end="2026-08-01")
    assert last_taken([new, old], TODAY, TODAY, STRICT) == Taken(D("2026-08-01"), D("2026-08-01"))
    ordered = drug("2025-01-01", proofs=ORDERED)
    assert last_taken([ordered], TODAY, TODAY, STRICT) == Taken(None, TODAY, True)
    assert last_taken([ordered, old], TODAY, TODAY, STRICT) == Taken(D("2026-05-01"), TODAY)
    assert last_taken([ordered, ordered], TODAY, TODAY, STRICT) == Taken(None, TODAY, True)
    assert last_taken([], TODAY, TODAY, STRICT) == NEVER


@pytest.mark.parametrize(
    ("exposure", "answer"),
    [
        (drug(None), Known.YES),
        (drug("2025-01-01", proofs=ORDERED), Known.UNKNOWN),
        (drug("2026-11-01", proofs=ORDERED), Known.YES),
        (drug("2026-12-01", proofs=ORDERED), Known.NO),
        (drug("2024-01-01", "2024-06-01", proofs=ORDERED), Known.YES),
    ],
)
def test_whether_a_drug_was_ever_taken(exposure: Exposure, answer: Known) -> None:
    assert was_taken(exposure, TODAY, TODAY, STRICT) is answer


def test_the_digest_is_one_of_all_inputs_and_of_no_order() -> None:
    chart = chart_of(["draw detected 2026-09-01 plasma p.D538G vaf=0.0080", "draw not_detected 2026-10-01 plasma"])
    first = digest(chart, STRICT, TODAY)
    assert decide(chart, STRICT, TODAY).input_digest == first
    assert first == "831fa186b0bdc54e6c6b90de83ac4595741bea2d35ea9d5732de34d7d53ec56b"
    assert digest(replace(chart, draws=chart.draws[::-1]), STRICT, TODAY) == first
    assert digest(chart, STRICT, EVE) != first
    assert digest(chart, POLICIES["practical"], TODAY) != first
    assert digest(replace(chart, draws=chart.draws[:1]), STRICT, TODAY) != first
    proven = replace(chart.exposures[0], proofs=frozenset({Proof.TAKEN, Proof.DISPENSED, Proof.ORDERED}))
    assert (
        digest(replace(chart, exposures=(proven,)), STRICT, TODAY)
        == "c80a5f6455b2137ab4f08ae9244ba0891d46aebe83d60d731f0540ac92ad3a9a"
    )
    assert replace(decide(chart, STRICT, TODAY), inputs=None).input_digest == ""


def test_sources_stand_once_each_and_in_order() -> None:
    a, b = Source("Observation/a", "2"), Source("Observation/a", "10")
    c, d = Source("Observation/a"), Source("Observation/a", "2", attested=True)
    assert merged((a, b), (c,), (a, d)) == (c, b, a, d)
    assert merged((b, a)) == (b, a)
    assert merged((a, b)) == (b, a)
    assert merged((a, a)) == (a,)
    assert merged((), (a,)) == (a,)
    assert merged((a,), (b,)) == (b, a)
    assert merged(()) == ()


def test_the_nine_clauses_of_a_patient_inside_are_named_and_hold() -> None:
    chart = chart_of([])
    found = clauses(chart, place(chart), TODAY, STRICT)
    assert [(c.name, c.answer) for c in found] == [(f"W{n}", Known.YES) for n in range(1, 10)]
    later = chart_of(["drug fulvestrant SERD 2027-01-01..? ordered"])
    assert clauses(later, place(later), TODAY, STRICT)[6].name == "W7"
    assert clauses(later, place(later), TODAY, STRICT)[6].answer is Known.YES


def test_dates_before_and_not_after() -> None:
    a, b, both = (EVE, EVE), (TODAY, TODAY), (EVE, TODAY)
    assert [before(a, b), before(b, a), before(a, a), before(both, b), before(b, both)] == [
        Known.YES,
        Known.NO,
        Known.NO,
        Known.UNKNOWN,
        Known.NO,
    ]
    assert [not_after(a, a), not_after(b, a), not_after(both, a), not_after(b, both)] == [
        Known.YES,
        Known.NO,
        Known.UNKNOWN,
        Known.UNKNOWN,
    ]
    assert recorded(None, TODAY) == ALWAYS
    assert recorded(P("2026-11"), TODAY) == (date(2026, 11, 1), TODAY)
    assert recorded(P("2026-11-21"), TODAY) == b
    assert recorded(P("2026-12"), TODAY) == (date(2026, 12, 1), date(2026, 12, 31))
    assert recorded(P("2026-11"), date(2026, 11, 1)) == (date(2026, 11, 1), date(2026, 11, 1))


def test_the_calendar_ends_in_no_error() -> None:
    assert add_months(date(9999, 1, 31), 1) == date(9999, 2, 28)
    assert add_months(date(9999, 12, 1), 1) == date.max
    assert add_months(date(1, 2, 1), -1) == date(1, 1, 1)
    assert add_months(date(1, 1, 15), -1) == date.min
    assert add_days(date.max, 1) == date.max
    assert add_days(date.min, -1) == date.min
    assert add_months(date(2026, 1, 29), 1) == date(2026, 2, 28)
    assert (P("2026").first, P("2026").last) == (date(2026, 1, 1), date(2026, 12, 31))
    with pytest.raises(ValueError, match=r"^a day needs a month$"):
        PartialDate(2026, None, 3)
    with pytest.raises(ValueError, match=r"^not a FHIR date: '2026-3'$"):
        P("2026-3")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"interval_from_months": 0, "interval_to_months": 0}, "interval_to_months: must be at least 1"),
        ({"floor_days": 57}, "floor_days: is longer than interval_from_months"),
        ({"interval_from_months": 1}, "floor_days: is longer than interval_from_months"),
        ({"hotspots": ("D538G",)}, 'hotspots: must be protein changes such as "p.D538G"'),
        ({"indel_codons": ("536",)}, "indel_codons: must be whole numbers"),
    ],
)
def test_a_refused_policy_is_told_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        Policy("own", "1", "x", **change)
    assert str(refused.value) == sentence


def test_a_policy_at_its_bounds_is_taken() -> None:
    Policy("own", "1", "x", floor_days=56, interval_from_months=2)
    Policy("own", "1", "x", first_draw_from_months=6, first_draw_by_months=6)
    Policy("own", "1", "x", interval_from_months=0, floor_days=90)


@pytest.mark.parametrize(
    ("change", "more", "answer"),
    [
        ("p.D538_L540del", {}, Tier.HOTSPOT),
        ("p.K529_L536del", {}, Tier.HOTSPOT),
        ("p.L539_L540del", {}, Tier.NONE),
        ("p.S310A", {"significance": "pathogenic"}, Tier.SECOND),
        ("p.S309A", {"significance": "pathogenic"}, Tier.NONE),
        ("p.S547A", {"significance": "pathogenic"}, Tier.SECOND),
        ("p.S548A", {"significance": "pathogenic"}, Tier.NONE),
    ],
)
def test_the_bounds_of_the_variant_list(change: str, more: dict[str, Any], answer: Tier) -> None:
    assert tier(Finding(change, kind=Kind.SNV, **more), STRICT) is answer


def test_a_change_of_an_amino_acid_into_itself_is_synonymous() -> None:
    found = why_not(Finding("p.L429L", kind=Kind.SNV))
    assert found is not None
    assert found[0] == "synonymous"
    assert why_not(Finding("p.L429P", kind=Kind.SNV)) is None


def test_lines_are_told_with_their_days_and_sources() -> None:
    ended = chart_of(
        [
            "-ai",
            "-cdk",
            "drug letrozole AI 2026-02-10..2026-09-01 taken",
            "drug palbociclib CDK4/6 2026-02-10..? stopped taken",
        ]
    )
    assert [(n.start, n.end) for n in derive_lines(ended)] == [("2026-02-10", None)]
    both = chart_of(
        [
            "-ai",
            "-cdk",
            "drug letrozole AI 2026-02-10..2026-09-01 taken",
            "drug palbociclib CDK4/6 2026-02..2026-08 taken",
        ]
    )
    assert [(n.start, n.end) for n in derive_lines(both)] == [("2026-02", "2026-09-01")]
    undated = chart_of(["-ai", "-cdk", "drug letrozole AI ?..? ongoing taken setting=advanced"])
    assert [(n.start, n.end) for n in derive_lines(undated)] == [(None, None)]
    ran = chart_of(
        ["-ai", "-cdk", "-spread", "metastasis bone 2026-05-01", "drug letrozole AI 2020-02-10..? ongoing taken"]
    )
    assert [(n.drugs, n.start) for n in derive_lines(ran)] == [(("letrozole",), None)]
    version = Source("MedicationStatement/1", "2")
    two = replace(
        ended, exposures=tuple(replace(e, sources=(Source("MedicationStatement/1"), version)) for e in ended.exposures)
    )
    assert derive_lines(two)[0].sources == (Source("MedicationStatement/1"), version)


@pytest.mark.parametrize(
    ("first", "second", "lines"),
    [
        ("letrozole AI 2026-02-10..2026-06-01 taken stop=progression", "anastrozole AI 2026-06-01..? ongoing taken", 2),
        ("letrozole AI 2026-02-10..2026-06-01 taken stop=toxicity", "anastrozole AI 2026-06-01..? ongoing taken", 1),
        ("letrozole AI 2026-02-10..2026-06-02 taken stop=progression", "anastrozole AI 2026-06-01..? ongoing taken", 1),
        ("letrozole AI 2026-02-10..? taken stop=progression", "anastrozole AI 2026-06-01..? ongoing taken", 1),
        ("paclitaxel chemotherapy 2026-02-10..2026-06-01 taken", "anastrozole AI 2026-06-02..? ongoing taken", 2),
        ("alpelisib targeted 2026-02-10..2026-06-01 taken", "letrozole AI 2026-03-10..? ongoing taken", 1),
        ("alpelisib targeted 2026-02-10..2026-06-01 taken", "letrozole AI 2026-03-11..? ongoing taken", 2),
        ("paclitaxel chemotherapy 2026-02-10..2026-06-01 taken", "ribociclib CDK4/6 2026-06-02..? ongoing taken", 2),
        ("letrozole AI 2026-02-10..2026-06-01 taken", "ribociclib CDK4/6 2026-06-02..? ongoing taken", 1),
        ("letrozole AI 2026-02-10..2026-06-01 taken", "tamoxifen SERM 2026-06-02..? ongoing taken", 2),
        ("letrozole AI 2026-02-10..2026-06-01 taken", "tamoxifen SERM ?..? stopped taken setting=advanced", 1),
        ("letrozole AI 2026-02-10..2026-06-15 taken stop=progression", "anastrozole AI 2026-06..? ongoing taken", 1),
        ("alpelisib targeted 2026-02..2026-06-01 taken", "letrozole AI 2026-03-15..? ongoing taken", 1),
        ("alpelisib targeted 2026-02-10..2026-06-01 taken", "letrozole AI 2026-03..? ongoing taken", 1),
    ],
)
def test_where_a_new_line_begins(first: str, second: str, lines: int) -> None:
    chart = chart_of(["-ai", "-cdk", f"drug {first}", f"drug {second}"])
    assert len(derive_lines(chart)) == lines


@pytest.mark.parametrize(("day", "lines"), [("2026-02-10", 1), ("2026-02-11", 2), ("2026-06-01", 2), ("2026-06-02", 1)])
def test_progression_parts_two_lines_of_one_class_where_it_stands_between_them(day: str, lines: int) -> None:
    chart = chart_of(
        [
            "-ai",
            "-cdk",
            "drug letrozole AI 2026-02-10..2026-05-20 taken",
            "drug anastrozole AI 2026-06-01..? ongoing taken",
            f"status worsened {day}",
        ]
    )
    assert len(courses(chart)) == lines


def test_progression_in_the_month_of_a_swap_parts_no_lines_where_it_may_be_the_later() -> None:
    swap = ["drug letrozole AI 2026-02-10..2026-05-20 taken", "drug anastrozole AI 2026-06..? ongoing taken"]
    assert len(courses(chart_of(["-ai", "-cdk", *swap, "status worsened 2026-06-15"]))) == 1
    assert len(courses(chart_of(["-ai", "-cdk", *swap, "status worsened 2026-06-01"]))) == 2


@pytest.mark.parametrize(
    ("start", "end", "advanced"),
    [
        ("2025-12-03", None, Known.YES),  # 60 days before the advanced disease
        ("2025-12-02", None, Known.UNKNOWN),
        ("2020-01-01", "2026-04-02", Known.NO),  # ended by 60 days after
        ("2020-01-01", "2026-04-03", Known.UNKNOWN),
        ("2020-01-01", "2026", Known.UNKNOWN),
        ("2025-12", "2026-03-01", Known.UNKNOWN),
    ],
)
def test_for_which_disease_a_drug_without_a_setting_was_given(start: str, end: str | None, advanced: Known) -> None:
    chart = replace(chart_of(["-ai", "-cdk"]), exposures=(drug(start, end),))
    assert [p.advanced for p in place(chart)] == [advanced]


@pytest.mark.parametrize(
    ("start", "end", "advanced"),
    [
        ("2025-12-02", "2026-03-01", Known.NO),
        ("2025-12-03", "2026-03-01", Known.UNKNOWN),  # 60 days before the month's first day
        ("2025-12-29", "2026-03-01", Known.UNKNOWN),
        ("2025-12-30", "2026-03-01", Known.YES),  # 60 days before its last day
        ("2020-01-01", "2026-04-02", Known.NO),
        ("2020-01-01", "2026-04-03", Known.UNKNOWN),
        ("2020-01-01", "2026-04-29", Known.UNKNOWN),
    ],
)
def test_for_which_disease_a_drug_was_given_where_only_the_month_of_the_metastasis_is_known(
    start: str, end: str, advanced: Known
) -> None:
    chart = replace(chart_of(["-ai", "-cdk", "-spread", "metastasis bone 2026-02"]), exposures=(drug(start, end),))
    assert [p.advanced for p in place(chart)] == [advanced]


@pytest.mark.parametrize(
    ("exposure", "day"),
    [
        (drug(end="2026-05"), D("2026-05-31")),
        (drug(ongoing=True), None),
        (drug(on_hold=True), None),
        (drug(None), None),
        (drug(proofs=ORDERED), D("2027-02-11")),  # 366 days
        (drug(proofs=frozenset({Proof.DISPENSED, Proof.ORDERED})), D("2027-02-11")),
        (drug(proofs=frozenset({Proof.DISPENSED})), D("2026-06-10")),  # 120 days
        (drug(proofs=frozenset({Proof.ADMINISTERED, Proof.DISPENSED})), D("2026-06-10")),
        (drug(proofs=frozenset({Proof.ADMINISTERED, Proof.ORDERED}), last_seen="2026-03-01"), D("2026-06-29")),
    ],
)
def test_by_when_a_drug_was_over(exposure: Exposure, day: date | None) -> None:
    assert over_by(exposure) == day


@pytest.mark.parametrize(
    ("metastasis", "end", "advanced"),
    [
        ("2026-02-01", "2025-12-03", Known.YES),  # 60 days before
        ("2026-02-01", "2025-12-02", Known.UNKNOWN),
        ("2026-02-01", "2026-01-15", Known.YES),
        ("2026-02", "2025-12-30", Known.YES),  # 60 days before the month's last day
        ("2026-02", "2025-12-29", Known.UNKNOWN),
        ("2026-02", "2025-12-02", Known.UNKNOWN),
        ("2026-02-01", "2025-12", Known.UNKNOWN),
    ],
)
def test_palbociclib_that_was_over_long_before_the_metastasis_does_not_show_that_the_disease_was_advanced(
    metastasis: str, end: str, advanced: Known
) -> None:
    chart = chart_of(
        [
            "-ai",
            "-cdk",
            "-spread",
            f"metastasis bone {metastasis}",
            f"drug palbociclib CDK4/6 2025-01-10..{end} taken",
        ]
    )
    assert [p.advanced for p in place(chart)] == [advanced]


@pytest.mark.parametrize(
    ("metastasis", "end", "adjuvant"),
    [
        ("2026-02-01", "2025-12-02", Known.NO),  # over for certain: only the metastasis tells
        ("2026-02-01", "2025-12", Known.UNKNOWN),
        ("2026-02", "2025-12-02", Known.NO),
        ("2026-02", "2025-12-03", Known.UNKNOWN),  # 60 days before the month's first day
    ],
)
def test_palbociclib_that_may_have_been_over_long_before_leaves_open_what_was_given_beside_it(
    metastasis: str, end: str, adjuvant: Known
) -> None:
    chart = chart_of(
        [
            "-ai",
            "-cdk",
            "-spread",
            f"metastasis bone {metastasis}",
            "drug letrozole AI 2024-01-01..2025-11-20 taken",
            f"drug palbociclib CDK4/6 2025-01-10..{end} taken",
        ]
    )
    assert [p.advanced for p in place(chart) if p.exposure.drug == "letrozole"] == [adjuvant]


@pytest.mark.parametrize(
    ("staged", "metastasis", "line", "advanced"),
    [
        ("2020-01-01", "2026-02-01", "letrozole AI 2021-01-01", Known.NO),  # 366 days after the staging
        ("2020-01-01", "2026-02-01", "letrozole AI 2021-01-02", Known.UNKNOWN),
        ("2020-01-01", "2026-02-01", "tamoxifen SERM 2020-06-01", Known.NO),
        ("2020-01-01", "2026-02-01", "ribociclib CDK4/6 2020-06-01", Known.UNKNOWN),
        ("2020", "2026-02-01", "letrozole AI 2021-06-01", Known.UNKNOWN),
        ("2025-12-02", "2026-02-01", "letrozole AI 2025-11-01", Known.NO),
        ("2025-12-03", "2026-02-01", "letrozole AI 2025-11-01", Known.UNKNOWN),  # 60 days before the metastasis
        ("2026-01-15", "2026-02-01", "letrozole AI 2025-11-01", Known.UNKNOWN),
        ("2025-12-10", "2026-02", "letrozole AI 2025-11-01", Known.UNKNOWN),
    ],
)
def test_endocrine_therapy_begun_within_a_year_of_the_early_stage_was_adjuvant(
    staged: str, metastasis: str, line: str, advanced: Known
) -> None:
    chart = chart_of(
        [
            "-ai",
            "-cdk",
            "-spread",
            f"extent early {staged}",
            f"metastasis bone {metastasis}",
            f"drug {line}..? ongoing taken",
        ]
    )
    assert [p.advanced for p in place(chart)] == [advanced]


def test_an_unknown_day_of_the_advanced_disease_leaves_the_use_open() -> None:
    chart = replace(
        chart_of(["-ai", "-cdk", "-spread", "metastasis bone ?"]), exposures=(drug("2020-01-01", "2021-01-01"),)
    )
    assert [p.advanced for p in place(chart)] == [Known.UNKNOWN]


def test_two_drugs_of_one_name_and_day_stand_in_one_order_whatever_came_first() -> None:
    one, two = drug(end="2026-03-01"), drug(end="2026-04-01")
    for pair in ((one, two), (two, one)):
        chart = replace(chart_of(["-ai", "-cdk"]), exposures=pair)
        assert [p.exposure for p in place(chart)] == [one, two]
    later = replace(one, drug="anastrozole", start=P("2026-05-01"))
    chart = replace(chart_of(["-ai", "-cdk"]), exposures=(later, two))
    assert [p.exposure.drug for p in place(chart)] == ["letrozole", "anastrozole"]


def test_the_line_has_begun_on_its_first_day() -> None:
    chart = chart_of([])
    assert line_start(place(chart), date(2026, 2, 10)) == (date(2026, 2, 10), date(2026, 2, 10))
    assert line_start(place(chart), date(2026, 2, 9)) is None
    open_one = replace(chart, exposures=(drug("2020-01-01", ongoing=True),))
    assert line_start(place(open_one), TODAY) == (date(2020, 1, 1), date.max)
    assert isinstance(place(open_one)[0], Placed)


def planned(*lines: str, today: date = TODAY) -> Any:
    return decide(chart_of(list(lines)), STRICT, today)


def test_an_overdue_of_one_day_is_one_day() -> None:
    answer = planned("draw not_detected 2026-08-20 plasma")
    assert answer.headline == "ctDNA draw overdue by 1 day (was due by 20 Nov 2026)."
    assert planned("draw not_detected 2026-08-19 plasma").headline.startswith("ctDNA draw overdue by 2 days ")


@pytest.mark.parametrize(
    ("line", "due", "aligned"),
    [
        ("scan 2026-12-01", "2026-12-01", True),
        ("scan 2027-01-01", "2027-01-01", True),
        ("scan 2026-11-30", "2026-12-16", False),
        ("scan 2027-01-02", "2026-12-16", False),
        ("ordered 2026-12-01", "2026-12-01", True),
        ("ordered 2027-01-01", "2027-01-01", True),
        ("ordered 2026-11-30", "2026-12-16", False),
        ("ordered 2026-12", "2026-12-16", False),
    ],
)
def test_the_bounds_hold_their_first_and_last_day(line: str, due: str, aligned: bool) -> None:
    draw = planned("draw not_detected 2026-10-01 plasma", line).next_draw
    assert str(draw.due) == due
    assert (draw.aligned_to is not None) is aligned
    assert (draw.aligned_source is not None) is aligned


def test_a_scan_of_today_is_still_ahead_and_an_order_of_today_is_a_booking() -> None:
    answer = planned("draw not_detected 2026-09-10 plasma", "scan 2026-11-21")
    assert answer.next_draw.aligned_to == "scan 2026-11-21"
    answer = planned("draw not_detected 2026-09-10 plasma", "ordered 2026-11-21")
    assert answer.next_draw.aligned_to == "draw 2026-11-21"
    assert answer.headline == "Draw ctDNA between 10 Nov and 10 Dec 2026, ordered for 21 Nov 2026."


def test_what_stands_without_a_source_aligns_all_the_same() -> None:
    chart = chart_of(["draw not_detected 2026-10-01 plasma"])
    visits = (Visit(VisitKind.SCAN, P("2026-12-20")),)
    orders = (OrderedDraw(P("2026-12-10")),)
    for more in ({"visits": visits}, {"ordered": orders}):
        draw = decide(replace(chart, **more), STRICT, TODAY).next_draw
        assert draw is not None
        assert draw.aligned_to is not None
        assert draw.aligned_source is None


def test_bookings_are_told_in_the_order_of_their_days() -> None:
    said = [r.sentence for r in planned("ordered 2027-03-10", "ordered 2026-12-10", "ordered ?").reasons]
    booked = [s for s in said if s.startswith("A draw is already ordered")]
    assert booked == [
        "A draw is already ordered, without a date; it is not doubled.",
        "A draw is already ordered for 10 Dec 2026; it is not doubled. "
        "That is later than the latest day (10 Sep 2026).",
        "A draw is already ordered for 10 Mar 2027; it is not doubled. "
        "That is later than the latest day (10 Sep 2026).",
    ]


def test_an_order_on_the_latest_day_is_not_late() -> None:
    said = [r.sentence for r in planned("draw not_detected 2026-10-01 plasma", "ordered 2027-01-01").reasons]
    assert "A draw is already ordered for 1 Jan 2027; it is not doubled." in said


def test_of_two_results_of_one_day_the_usable_one_counts_whatever_came_first() -> None:
    for lines in (["failed", "not_detected"], ["not_detected", "failed"]):
        answer = planned(*(f"draw {outcome} 2026-10-01 plasma" for outcome in lines))
        assert (str(answer.next_draw.earliest), answer.next_draw.redraw) == ("2026-12-01", False)


def test_of_two_results_whose_days_touch_the_same_one_counts_whatever_came_first() -> None:
    month, day = "draw not_detected 2026-10 plasma", "draw not_detected 2026-10-31 plasma"
    one, two = planned(month, day), planned(day, month)
    assert one.next_draw == two.next_draw
    assert str(one.next_draw.earliest) == "2026-12-31"


def test_of_two_alike_results_of_one_day_the_one_of_the_reports_date_is_told_whatever_came_first() -> None:
    chart = chart_of(["draw not_detected 2026-10-01 plasma", "draw not_detected 2026-10-01 plasma - basis=reported"])
    bare = replace(chart.draws[0], date_basis=None)
    for draws in ((bare, chart.draws[1]), (chart.draws[1], bare)):
        answer = decide(replace(chart, draws=draws), STRICT, TODAY)
        assert "draw.date_of_report" in {r.code for r in answer.reasons}


def test_a_floor_that_ends_on_the_interval_s_first_day_is_not_said() -> None:
    policy = replace(STRICT, interval_from_months=1, floor_days=28)
    answer = decide(chart_of(["draw not_detected 2026-02-11 plasma"]), policy, D("2026-02-20"))
    assert answer.next_draw is not None
    assert answer.next_draw.earliest == D("2026-03-11")
    assert "draw.floor" not in {r.code for r in answer.reasons}


def test_a_draw_of_today_and_one_of_the_lines_first_day_count() -> None:
    assert str(planned("draw not_detected 2026-11-21 plasma").next_draw.earliest) == "2027-01-21"
    assert not [r for r in planned("draw not_detected 2026-11-21 plasma").reasons if r.code == "draw.date_in_future"]
    assert str(planned("draw not_detected 2026-02-10 plasma").next_draw.earliest) == "2026-04-10"


def test_a_failure_known_on_the_day_of_the_draw_counts_from_then() -> None:
    answer = planned("draw failed 2026-11 plasma - known=2026-11-01")
    assert str(answer.next_draw.latest) == "2026-11-29"
    early = planned("draw failed 2026-11-10 plasma - known=2026-11-09")
    assert str(early.next_draw.latest) == "2026-12-08"


def test_a_preliminary_detection_that_does_not_qualify_holds_nothing_up() -> None:
    answer = planned("draw detected 2026-10-01 plasma p.S432L standing=provisional")
    assert str(answer.next_draw.earliest) == "2026-12-01"
    answer = planned("draw not_detected 2026-10-01 plasma - standing=provisional")
    assert str(answer.next_draw.earliest) == "2026-12-01"
    answer = planned("draw detected 2026-10-01 plasma unnamed standing=provisional")
    assert answer.next_draw is None
    assert answer.headline.startswith("ESR1 mutation, preliminary: no next draw")


def test_a_redraw_whose_first_day_is_today_is_told_by_its_last_day() -> None:
    answer = planned("draw failed 2026-11-21 plasma")
    assert answer.headline == "Draw ctDNA again, by 19 Dec 2026 at the latest."


def test_the_floor_that_ends_before_the_redraw_is_not_said() -> None:
    answer = planned("draw not_detected 2026-10-04 plasma", "draw failed 2026-11-15 plasma")
    assert str(answer.next_draw.earliest) == "2026-11-15"
    assert not [r for r in answer.reasons if r.code == "draw.floor"]


def positive(**more: Any) -> Draw:
    finding = Finding("p.D538G", kind=Kind.SNV, **more)
    return Draw(
        Outcome.DETECTED,
        P("2026-09-01"),
        specimen=Specimen.PLASMA,
        findings=(finding,),
        sources=(Source("Observation/d"),),
    )


def said_of(draw: Draw) -> Any:
    return decide(replace(chart_of([]), draws=(draw,)), STRICT, TODAY)


def test_a_fraction_is_told_with_its_comparator_and_marked_below_the_limit() -> None:
    for comparator in ("<", "<="):
        answer = said_of(positive(vaf=Decimal("0.001"), vaf_comparator=comparator))
        assert f"ESR1 p.D538G ({comparator}0.1 %) first detected" in answer.headline
        assert any("below the assay's stated limit" in r.sentence for r in answer.reasons)
    above = said_of(positive(vaf=Decimal("0.001"), vaf_comparator=">"))
    assert not any("below the assay's stated limit" in r.sentence for r in above.reasons)
    at_limit = said_of(replace(positive(vaf=Decimal("0.002")), limit=Decimal("0.002")))
    assert not any("below the assay's stated limit" in r.sentence for r in at_limit.reasons)


@pytest.mark.parametrize(
    "draw",
    [
        positive(sources=(Source("Observation/v"),)),
        replace(positive(sources=(Source("Observation/v"),)), specimen=Specimen.TISSUE),
        replace(positive(sources=(Source("Observation/v"),)), standing=Standing.PROVISIONAL),
        replace(positive(sources=(Source("Observation/v"),)), date=P("2025-09-01")),
        positive(sources=(Source("Observation/v"),), origin=Origin.GERMLINE),
        replace(positive(), findings=(Finding("p.S432L", kind=Kind.SNV, sources=(Source("Observation/v"),)),)),
        replace(
            positive(),
            findings=(Finding("p.S432L", significance=Significance.UNCERTAIN, sources=(Source("Observation/v"),)),),
        ),
    ],
)
def test_a_finding_is_told_with_its_own_resource(draw: Draw) -> None:
    reasons = [r for r in said_of(draw).reasons if r.code.startswith("review.") and "p." in r.sentence]
    assert reasons
    assert all(r.sources == (Source("Observation/v"),) for r in reasons)


def test_a_finding_of_before_the_window_is_told_with_its_own_resource() -> None:
    early = replace(positive(sources=(Source("Observation/v"),)), date=P("2026-02-20"))
    chart = chart_of(["-cdk", "drug palbociclib CDK4/6 2026-03-05..? ongoing taken"])
    answer = decide(replace(chart, draws=(early,)), STRICT, TODAY)
    assert [(r.code, r.sources) for r in answer.reasons if r.code.startswith("review.")] == [
        ("review.outside_at_collection", (Source("Observation/v"),))
    ]


def test_a_finding_without_a_resource_of_its_own_is_told_with_the_draws() -> None:
    assert said_of(positive()).reasons[0].sources == (Source("Observation/d"),)


def test_a_sample_of_the_lines_first_day_and_one_of_today_count() -> None:
    assert said_of(replace(positive(), date=P("2026-02-10"))).switch_review.answer == "raised"
    assert said_of(replace(positive(), date=P("2026-11-21"))).switch_review.answer == "raised"
    early = replace(positive(), date=P("2026-02-05"))
    unsure = decide(
        replace(chart_of(["-cdk", "drug palbociclib CDK4/6 2026-02..? ongoing taken"]), draws=(early,)), STRICT, TODAY
    )
    assert unsure.switch_review.answer == "cannot_tell"


def test_the_months_of_adjuvant_therapy_are_added_up() -> None:
    chart = chart_of(
        [
            "drug letrozole AI 2015-01-01..2016-01-01 taken setting=adjuvant",
            "drug exemestane AI 2016-02-01..2016-05-01 taken setting=adjuvant",
            "drug anastrozole AI 2016-06-01..2016-06-20 taken setting=adjuvant",
        ]
    )
    said = [r.sentence for r in decide(chart, STRICT, TODAY).reasons if r.code == "modifier.prior_adjuvant_ai"]
    assert said[0].startswith(
        "Earlier (neo)adjuvant aromatase inhibitor (anastrozole, exemestane and letrozole) for about 15 months"
    )


def test_a_site_named_twice_is_one_site_with_both_sources() -> None:
    chart = chart_of(["metastasis bone 2026-03-01", "metastasis other 2026-03-01"])
    answer = decide(replace(chart, spread=(*chart.spread, Spread(Extent.EARLY, P("2020"), "liver"))), STRICT, TODAY)
    assert (answer.modifiers.multiple_sites, answer.modifiers.visceral) == (Known.UNKNOWN, Known.UNKNOWN)
    bone = next(r for r in answer.reasons if r.code == "modifier.bone")
    assert [s.reference for s in bone.sources] == ["metastasis/1", "metastasis/2"]


def test_a_high_ldh_without_words_is_told_as_flagged() -> None:
    chart = replace(chart_of([]), ldh=(Ldh(P("2026-10-01"), True),))
    said = next(r.sentence for r in decide(chart, STRICT, TODAY).reasons if r.code == "modifier.ldh_high")
    assert said.startswith("High LDH (flagged by the laboratory, 1 Oct 2026): ")


@pytest.mark.parametrize(("today", "answer"), [("2026-08-09", Known.NO), ("2026-08-10", Known.YES)])
def test_six_months_of_an_aromatase_inhibitor_are_six_calendar_months(today: str, answer: Known) -> None:
    assert decide(chart_of([]), STRICT, D(today)).modifiers.ai_6_months is answer


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("drug capecitabine chemotherapy 2026-11-21..? ongoing taken", "outside"),
        ("drug alpelisib targeted 2026-03-10..? ongoing taken", "cannot_tell"),
        ("drug alpelisib targeted 2026-03-11..? ongoing taken", "outside"),
        ("drug alpelisib targeted 2026-03..? ongoing taken", "cannot_tell"),
        ("drug alpelisib targeted 2026-04..? ongoing taken", "outside"),
    ],
)
def test_what_begins_with_the_line_and_what_begins_later(line: str, answer: str) -> None:
    window = planned(line).window
    assert (window.answer, window.clauses) == (answer, ("W6",))


def test_the_first_of_several_later_lines_is_the_one_that_closed_it() -> None:
    answer = planned(
        "drug fulvestrant SERD 2026-10-01..? ongoing taken",
        "drug capecitabine chemotherapy 2026-09-01..2026-09-20 taken",
    )
    w6 = next(r for r in answer.reasons if r.code == "window.line.later")
    assert w6.sentence.startswith(
        "Not the first line only: capecitabine and fulvestrant since 1 Sep 2026 is a line of its own;"
    )


def test_a_later_line_without_a_day_closes_it_without_a_day() -> None:
    answer = planned(
        "-ai",
        "-cdk",
        "drug letrozole AI 2026-02-10..? ongoing taken",
        "drug tamoxifen SERM ?..? ongoing taken setting=advanced",
    )
    assert all("None" not in r.sentence for r in answer.reasons)


def test_progression_without_a_date_on_a_drug_of_the_line_closes_it_without_a_day() -> None:
    answer = planned("-cdk", "drug palbociclib CDK4/6 2026-02-10..? stopped taken stop=progression")
    assert "W8" in answer.window.clauses
    said = next(r.sentence for r in answer.reasons if r.code == "window.progression.recorded")
    assert said.startswith("Progression recorded: from then on")
    going = planned("-cdk", "drug palbociclib CDK4/6 2026-02-10..? ongoing taken stop=progression")
    assert "W8" not in going.window.clauses
    open_end = planned("-cdk", "drug palbociclib CDK4/6 2026-02-10..? taken stop=progression")
    assert (open_end.window.answer, open_end.window.clauses) == ("cannot_tell", ("W5", "W8"))
    later = planned("-cdk", "drug palbociclib CDK4/6 2026-02-10..2026-12-20 taken stop=progression")
    assert "W8" not in later.window.clauses


def test_the_earliest_progression_is_the_one_that_is_told() -> None:
    answer = planned("status worsened 2026-10-01", "status worsened 2026-09-01")
    assert str(answer.window.since) == "2026-09-01"
    assert answer.headline.startswith("Outside the window: progression recorded 1 Sep 2026")
    unclear = planned("status worsened ?", "status worsened 2026")
    assert unclear.window.settle == ("when the recorded progression was (no date)",)


def test_progression_of_today_counts_today() -> None:
    assert planned("status worsened 2026-11-21").window.clauses == ("W8",)
    assert planned("status equivocal_imaging 2026-11-21").window.answer == "inside"
    said = [r.code for r in planned("status equivocal_imaging 2026-11-21").reasons]
    assert "window.progression.equivocal" in said
    assert "window.progression.equivocal" in [r.code for r in planned("status equivocal_imaging 2026-11").reasons]
    assert "window.progression.equivocal" not in [
        r.code for r in planned("status equivocal_imaging 2027-01-01").reasons
    ]


def test_equivocal_images_are_told_in_the_order_of_their_days() -> None:
    said = [
        r.sentence
        for r in planned("status equivocal_imaging 2026-10-01", "status equivocal_imaging 2026-09-01").reasons
    ]
    told = [s for s in said if s.startswith("Imaging was equivocal")]
    assert [s.split(":")[0] for s in told] == ["Imaging was equivocal 1 Sep 2026", "Imaging was equivocal 1 Oct 2026"]


@pytest.mark.parametrize(("stable", "clause"), [("2026-09", "W8"), ("2026-08", ""), ("2026-10", ""), ("?", "")])
def test_a_status_contradicts_progression_only_where_it_may_be_of_the_same_day(stable: str, clause: str) -> None:
    window = planned("status worsened 2026-09-15", f"status stable {stable}").window
    assert (window.answer == "cannot_tell") is bool(clause)


def test_relapse_to_the_day_twelve_months_after_is_not_within_them() -> None:
    spread = ["-spread", "metastasis bone 2026-02-01"]
    exact = planned(*spread, "drug anastrozole AI 2020-01-01..2025-02-01 taken setting=adjuvant")
    within = planned(*spread, "drug anastrozole AI 2020-01-01..2025-02-02 taken setting=adjuvant")
    codes = [{r.code for r in answer.reasons} for answer in (exact, within)]
    assert ["window.line.relapse_on_adjuvant" in found for found in codes] == [False, True]


def test_an_aromatase_inhibitor_of_an_open_setting_beside_a_pair_for_advanced_disease() -> None:
    base = ["-ai", "-cdk", "-spread", "metastasis bone 2026-06-01"]
    pair = [
        "drug letrozole AI 2025-08-10..? ongoing taken setting=advanced",
        "drug ribociclib CDK4/6 2025-08-10..? ongoing taken setting=advanced",
    ]
    near, far = "drug anastrozole AI 2025-07-13..2026-08-01 taken", "drug anastrozole AI 2025-07-12..2026-08-01 taken"
    assert planned(*base, *pair, near).window.answer == "inside"
    assert planned(*base, *pair, far).window.clauses == ("W6",)


def test_a_status_of_the_lines_time_is_a_source_of_no_progression() -> None:
    answer = planned("status stable 2026-06-01", "status stable 2025-06-01")
    none = next(r for r in answer.reasons if r.code == "window.progression.none")
    assert [s.reference for s in none.sources] == ["status/1"]


@pytest.mark.parametrize(
    ("lines", "place_"),
    [
        (["-ai", "drug letrozole AI 2026-02-10..2026-10-22 taken"], 3),
        (["-ai", "drug letrozole AI 2026-02-10..2026-09 taken", "drug anastrozole AI 2026-10-01..? ongoing taken"], 3),
        (["-cdk", "drug palbociclib CDK4/6 2026-02-10..? taken hold=2026-10-24"], 4),
        (
            [
                "-cdk",
                "drug palbociclib CDK4/6 2026-02-10..2026-09-26 taken",
                "drug ribociclib CDK4/6 2026-11-28..? ordered",
            ],
            4,
        ),
        (["drug fulvestrant SERD 2026-11-22..? ordered"], 6),
        (["status stable 2026-10-01"], 7),
    ],
)
def test_a_clause_that_holds_is_named_and_holds(lines: list[str], place_: int) -> None:
    chart = chart_of(lines)
    found = clauses(chart, place(chart), TODAY, STRICT)[place_]
    assert (found.name, found.answer) == (f"W{place_ + 1}", Known.YES)


@pytest.mark.parametrize(
    ("stretch", "sentence"),
    [
        ("2026-02-10..2026-09-01 taken", "This policy keeps the window open while the AI goes on alone."),
        (
            "2026-02-10..2026 taken",
            "The CDK4/6 inhibitor may go on or not: this policy keeps the window open while the AI goes on.",
        ),
    ],
)
def test_a_policy_that_keeps_the_window_open_says_so(stretch: str, sentence: str) -> None:
    policy = replace(POLICIES["practical"], ai_alone_inside=True)
    chart = chart_of(["-cdk", f"drug palbociclib CDK4/6 {stretch}"])
    found = clauses(chart, place(chart), TODAY, policy)[4]
    kept = found.reasons[-1]
    assert (found.name, found.answer) == ("W5", Known.YES)
    assert (kept.code, kept.clause, kept.sentence) == ("window.cdk46.ai_alone_inside", "W5", sentence)
    assert (kept.sources, kept.evidence) == ((Source("drug/2"),), ("policy-judgement",))


def test_a_serd_closes_the_window_from_its_first_day() -> None:
    chart = chart_of(
        ["drug fulvestrant SERD 2026-11-21..? ongoing taken", "drug elacestrant SERD 2026-10-01..2026-10-20 taken"]
    )
    found = clauses(chart, place(chart), TODAY, STRICT)[6]
    assert (found.answer, str(found.since)) == (Known.NO, "2026-10-01")
    assert found.reasons[0].sentence == "On elacestrant and fulvestrant since 1 Oct 2026."
    undated = chart_of(["drug fulvestrant SERD ?..? taken setting=advanced"])
    found = clauses(undated, place(undated), TODAY, STRICT)[6]
    assert (found.answer, found.since) == (Known.NO, None)
    assert found.reasons[0].sentence == "Has had fulvestrant."


def test_the_latest_hold_counts_and_a_hold_ends_at_the_policys_day() -> None:
    lines = [
        "-cdk",
        "drug palbociclib CDK4/6 2026-02-10..? taken hold=2026-05-01",
        "drug ribociclib CDK4/6 2026-06-10..? taken hold=2026-10-24",
    ]
    for listed in (lines, [lines[0], *lines[:0:-1]]):
        chart = chart_of(listed)
        found = clauses(chart, place(chart), TODAY, STRICT)[4]
        assert "on hold since 24 Oct 2026" in found.reasons[0].sentence


def test_several_entries_that_name_two_drugs_are_all_told() -> None:
    answer = planned("-ai", "unclear b", "unclear a")
    assert any("an entry names two drugs (a; b)" in r.sentence for r in answer.reasons)
    answer = planned("unclear letrozole or fulvestrant", "unclear elacestrant?")
    assert any("(elacestrant?; letrozole or fulvestrant)" in r.sentence for r in answer.reasons)


@pytest.mark.parametrize(("days", "answer"), [(87, "inside"), (86, "cannot_tell")])
def test_a_site_may_take_a_longer_lead_in_for_one_line(days: int, answer: str) -> None:
    policy = replace(STRICT, one_line_days=days)
    chart = chart_of(["-ai", "drug letrozole AI 2025-11-15..? ongoing taken"])
    assert decide(chart, policy, TODAY).window.answer == answer


_ = (DiseaseStatus, Progress, Setting, StopReason)
