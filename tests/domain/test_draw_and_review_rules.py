"""D, R and M: the next draw, the switch review and the modifiers. Each row: what differs, and the answer."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from smart_app.domain import decide
from smart_app.domain.dates import add_days
from smart_app.domain.decision import ReviewAnswer
from smart_app.domain.variants import Tier, label, qualifies, tier
from smart_app.domain.wording import date_words, percent_words, range_words
from tests.domain.charts import *

ND, IND, FAIL, UNREAD = Outcome.NOT_DETECTED, Outcome.INDETERMINATE, Outcome.FAILED, Outcome.NOT_READABLE
D = date.fromisoformat
RAISED, NOT, CANNOT = ReviewAnswer.RAISED, ReviewAnswer.NOT_RAISED, ReviewAnswer.CANNOT_TELL

Dates = tuple[str, str, str, int] | None
DRAWS: list[tuple[str, dict[str, Any], Dates, str]] = [
    ("D3 first draw, months 6 to 7", {}, ("2026-07-10", "2026-07-25", "2026-08-10", 103), "draw.first"),
    ("D3 first draw still ahead", {"exposures": (ai("2026-08-10"), cdk("2026-08-12"))}, ("2027-02-10", "2027-02-24", "2027-03-10", 0), "draw.first"),
    ("D4 after not detected", {"draws": (draw("2026-10-01"),)}, ("2026-12-01", "2026-12-16", "2027-01-01", 0), "draw.interval"),
    ("D4 a draw of a month, day unknown", {"draws": (draw("2026-10"),)}, ("2026-12-01", "2026-12-31", "2027-01-31", 0), "draw.interval"),
    ("D4 on the scan nearest the middle", {"draws": (draw("2026-10-01"),), "visits": (visit("2026-12-05"), visit("2026-12-18"))}, ("2026-12-01", "2026-12-18", "2027-01-01", 0), "draw.aligned"),
    ("D4 else on the visit", {"draws": (draw("2026-10-01"),), "visits": (visit("2026-12-05", VisitKind.VISIT),)}, ("2026-12-01", "2026-12-05", "2027-01-01", 0), "draw.aligned"),
    ("D11 a cancelled scan does not count", {"draws": (draw("2026-10-01"),), "visits": (visit("2026-12-05", cancelled=True),)}, ("2026-12-01", "2026-12-16", "2027-01-01", 0), "draw.interval"),
    ("D11 a scan outside moves nothing", {"draws": (draw("2026-10-01"),), "visits": (visit("2027-02-05"),)}, ("2026-12-01", "2026-12-16", "2027-01-01", 0), "draw.interval"),
    ("D9 overdue from the latest day", {"draws": (draw("2026-08-20"),)}, ("2026-10-20", "2026-11-04", "2026-11-20", 1), "draw.overdue"),
    ("D9 not overdue on the latest day", {"draws": (draw("2026-08-21"),)}, ("2026-10-21", "2026-11-05", "2026-11-21", 0), "draw.interval"),
    ("D4 clipped to the month's end", {"draws": (draw("2026-08-31"),)}, ("2026-10-31", "2026-11-15", "2026-11-30", 0), "draw.interval"),
    ("D5 one is ordered", {"draws": (draw("2026-10-01"),), "ordered": (OrderedDraw(P("2026-12-09"), src("o")),)}, ("2026-12-01", "2026-12-09", "2027-01-01", 0), "draw.ordered"),
    ("D6 failed: again within four weeks", {"draws": (draw("2026-11-01", FAIL, known_on="2026-11-10"),)}, ("2026-11-10", "2026-11-21", "2026-12-08", 0), "draw.redraw"),
    ("D6 failed long ago", {"draws": (draw("2026-09-01", FAIL),)}, ("2026-09-01", "2026-09-29", "2026-09-29", 53), "draw.overdue"),
    ("D10c two failures running", {"draws": (draw("2026-10-20", FAIL), draw("2026-11-10", FAIL))}, ("2026-11-10", "2026-11-21", "2026-12-08", 0), "draw.failed_twice"),
    ("D7 indeterminate", {"draws": (draw("2026-11-10", IND),)}, ("2026-11-10", "2026-11-21", "2026-12-08", 0), "draw.indeterminate"),
    ("D7 not readable", {"draws": (draw("2026-11-10", UNREAD),)}, ("2026-11-10", "2026-11-21", "2026-12-08", 0), "draw.not_readable"),
    ("D8 uninformative", {"draws": (draw("2026-10-01", uninformative=True),)}, ("2026-12-01", "2026-12-16", "2027-01-01", 0), "draw.uninformative"),
    ("D7 a conflict starts no interval", {"draws": (positive("2026-11-10", standing=Standing.CONFLICT),)}, ("2026-11-10", "2026-11-21", "2026-12-08", 0), "draw.conflict"),
    ("tissue is no draw of the schedule", {"draws": (draw("2026-10-01", specimen=Specimen.TISSUE),)}, ("2026-07-10", "2026-07-25", "2026-08-10", 103), "draw.first"),
    ("a draw before the line does not count", {"draws": (draw("2025-10-01"),)}, ("2026-07-10", "2026-07-25", "2026-08-10", 103), "draw.first"),
    ("D10b preliminary positive", {"draws": (positive("2026-11-10", standing=Standing.PROVISIONAL),)}, None, "draw.none.preliminary"),
    ("D1 review open", {"draws": (positive("2026-11-10"),)}, None, "draw.none.review_open"),
    ("D1 outside", {"exposures": (ai(),)}, None, "draw.none.outside"),
    ("D1 deceased", {"person": Person(P("1960"), deceased=True)}, None, "draw.none.deceased"),
    ("D2 window unknown", {"receptors": ()}, None, "draw.none.window_unknown"),
    ("D2 the line's start unknown", {"exposures": (ai(None, setting=Setting.ADVANCED), cdk(None, setting=Setting.ADVANCED))}, None, "draw.none.window_unknown"),
]  # fmt: skip


@pytest.mark.parametrize("row", DRAWS, ids=lambda r: r[0])
def test_the_next_draw(row: tuple[str, dict[str, Any], Dates, str]) -> None:
    _, changes, expected, code = row
    decision = decide(chart(**changes), STRICT, TODAY)
    assert code in [r.code for r in decision.reasons]
    if expected is None:
        assert decision.next_draw is None
        return
    planned = decision.next_draw
    assert planned is not None, decision.headline
    assert (planned.earliest, planned.due, planned.latest) == tuple(map(D, expected[:3]))
    assert planned.overdue_days == expected[3]
    assert planned.earliest <= planned.due <= planned.latest


@pytest.mark.parametrize("row", [r for r in DRAWS if r[2]], ids=lambda r: r[0])
def test_running_again_on_another_day_never_moves_a_date_earlier(row: tuple[str, dict[str, Any], Dates, str]) -> None:
    dates = []
    for days in range(0, 60, 7):
        planned = decide(chart(**row[1]), STRICT, TODAY + timedelta(days=days)).next_draw
        assert planned is not None
        dates.append((planned.earliest, planned.latest))
        assert planned.overdue_days == max(0, (TODAY + timedelta(days=days) - planned.latest).days)
    assert len(set(dates)) == 1


VUS = finding("p.K303R", significance=Significance.UNCERTAIN)
OTHER = finding("p.L429P", significance=Significance.LIKELY_PATHOGENIC)
REVIEWS: list[tuple[str, dict[str, Any], ReviewAnswer, str]] = [
    ("no draws", {}, NOT, ""),
    ("R1 one positive is enough, a first test included", {"draws": (positive("2026-11-01"),)}, RAISED, "review.raised"),
    ("R2 a later negative withdraws nothing", {"draws": (positive("2026-09-01"), draw("2026-11-01"))}, RAISED, "review.not_detected_since"),
    ("R2 a withdrawn result is shown and counts for nothing", {"withdrawn": (WithdrawnResult(P("2026-09-01"), "entered-in-error", (finding(),), src("w")),)}, NOT, "review.withdrawn"),
    ("R2 withdrawn without its words", {"withdrawn": (WithdrawnResult(None, "cancelled"),)}, NOT, "review.withdrawn"),
    ("R2 decided", {"draws": (positive("2026-09-01"),), "reviews": (ReviewDecision(P("2026-09-20"), ("p.D538G",)),)}, NOT, "review.decided"),
    ("R2 decided, seen again", {"draws": (positive("2026-09-01"), positive("2026-11-01")), "reviews": (ReviewDecision(P("2026-09-20"), ("p.D538G",)),)}, NOT, "review.decided"),
    ("R2 decided, then a new variant", {"draws": (positive("2026-09-01"), positive("2026-11-01", finding("p.Y537S"))), "reviews": (ReviewDecision(P("2026-09-20"), ("p.D538G",)),)}, RAISED, "review.raised"),
    ("R3 second tier", {"draws": (positive("2026-11-01", OTHER),)}, RAISED, "review.qualifies"),
    ("R3 no variant named", {"draws": (draw("2026-11-01", Outcome.DETECTED),)}, CANNOT, "review.change_unknown"),
    ("R3 a finding without its change", {"draws": (positive("2026-11-01", finding(None, kind=Kind.OTHER)),)}, CANNOT, "review.change_unknown"),
    ("R3 below the limit still counts", {"draws": (positive("2026-11-01", finding(below_limit=True)),)}, RAISED, "review.qualifies"),
    ("R4 polyclonal is one flag", {"draws": (positive("2026-11-01", finding(), finding("p.Y537S")),)}, RAISED, "review.raised"),
    ("R5 uncertain significance", {"draws": (positive("2026-11-01", VUS),)}, NOT, "review.not_counted.vus"),
    ("R5 outside the list", {"draws": (positive("2026-11-01", finding("p.A361V")),)}, NOT, "review.not_counted.outside_list"),
    ("R5 synonymous", {"draws": (positive("2026-11-01", finding("p.L536=", kind=Kind.SYNONYMOUS)),)}, NOT, "review.not_counted.synonymous"),
    ("R5 amplification", {"draws": (positive("2026-11-01", finding(None, kind=Kind.AMPLIFICATION)),)}, NOT, "review.not_counted.amplification"),
    ("R5 fusion", {"draws": (positive("2026-11-01", finding(None, kind=Kind.FUSION)),)}, NOT, "review.not_counted.fusion"),
    ("R5 germline", {"draws": (positive("2026-11-01", finding(origin=Origin.GERMLINE)),)}, NOT, "review.not_counted.germline"),
    ("R5 tissue only", {"draws": (positive("2026-11-01", specimen=Specimen.TISSUE),)}, NOT, "review.not_counted.tissue"),
    ("R5 preliminary", {"draws": (positive("2026-11-01", standing=Standing.PROVISIONAL),)}, NOT, "review.not_counted.preliminary"),
    ("R5 contradicting results of one sample", {"draws": (positive("2026-11-01", standing=Standing.CONFLICT),)}, CANNOT, "review.conflict"),
    ("R1 specimen unknown", {"draws": (positive("2026-11-01", specimen=Specimen.UNKNOWN),)}, CANNOT, "review.specimen_unknown"),
    ("R1 the line's start unknown", {"draws": (positive("2026-11-01"),), "exposures": (ai(None, setting=Setting.ADVANCED), cdk(None, setting=Setting.ADVANCED))}, CANNOT, "review.line_start_unclear"),
    ("an amount that cannot be read is said", {"draws": (positive("2026-11-01", finding(vaf_text="0.8 (no unit)")),)}, RAISED, "review.raised"),
    ("R1 date unknown", {"draws": (positive(None),)}, CANNOT, "review.date_unknown"),
    ("R1 date in the future", {"draws": (positive("2027-01-01"),)}, CANNOT, "review.date_in_future"),
    ("R1 the month the line began", {"draws": (positive("2026-01"),)}, CANNOT, "review.line_start_unclear"),
    ("R6 before the line", {"draws": (positive("2025-12-01"),)}, NOT, "review.baseline"),
    ("R6 before and again on the line", {"draws": (positive("2025-12-01"), positive("2026-11-01"))}, RAISED, "review.raised"),
    ("R7 progression recorded", {"draws": (positive("2026-11-01"),), "statuses": (status(Progress.WORSENED, "2026-10-01"),)}, NOT, "review.progression"),
    ("R7 equivocal imaging stays beside the flag", {"draws": (positive("2026-11-01"),), "statuses": (status(Progress.EQUIVOCAL_IMAGING, "2026-10-01"),)}, RAISED, "review.imaging_equivocal"),
    ("R8 outside", {"draws": (positive("2026-11-01"),), "exposures": (ai(),)}, NOT, "review.outside_window"),
    ("R8 outside and unsure", {"draws": (positive("2026-11-01", specimen=Specimen.UNKNOWN),), "exposures": (ai(),)}, NOT, "review.outside_window"),
    ("R8 window cannot be told", {"draws": (positive("2026-11-01"),), "receptors": ()}, CANNOT, "review.window_unknown"),
    ("R9 results not read", {"gaps": (Gap(Part.RESULTS, "x", "page 3 failed"),)}, CANNOT, "review.not_read"),
    ("R9 a flag already earned stays", {"draws": (positive("2026-11-01"),), "gaps": (Gap(Part.RESULTS, "x", "page 3 failed"),)}, RAISED, "review.raised"),
    ("two samples, one positive", {"draws": (positive("2026-11-01"), draw("2026-11-01", accession="other"))}, RAISED, "review.raised"),
]  # fmt: skip


@pytest.mark.parametrize("row", REVIEWS, ids=lambda r: r[0])
def test_the_switch_review(row: tuple[str, dict[str, Any], ReviewAnswer, str]) -> None:
    _, changes, answer, code = row
    decision = decide(chart(**changes), STRICT, TODAY)
    assert decision.switch_review.answer is answer, [r.sentence for r in decision.reasons]
    if code:
        assert code in [r.code for r in decision.reasons]
    if answer is RAISED:
        assert "switch review due" in decision.headline
        assert decision.next_draw is None
    for found in (f for d in chart(**changes).draws for f in d.findings):
        assert any(label(found) in r.sentence for r in decision.reasons if r.code.startswith("review.")), "silent"
    if decision.switch_review.variants:
        assert decision.switch_review.variants[0] in decision.headline


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("p.E380Q", Tier.HOTSPOT),
        ("p.V422del", Tier.HOTSPOT),
        ("p.Y537_L540del", Tier.HOTSPOT),
        ("p.L536_D538delinsP", Tier.HOTSPOT),
        ("p.D538fs", Tier.NONE),
        ("p.D538*", Tier.NONE),
        ("p.?", Tier.NONE),
        ("p.L429P", Tier.NONE),
    ],
)
def test_the_variant_list(change: str, expected: Tier) -> None:
    assert tier(finding(change), STRICT) is expected


def test_the_second_tier_and_the_laboratorys_benign_call() -> None:
    assert tier(OTHER, STRICT) is Tier.SECOND
    assert tier(OTHER, Policy("own", "1", "x", second_tier=False)) is Tier.NONE
    assert not qualifies(finding(significance=Significance.BENIGN), STRICT)
    assert tier(finding("p.A301V", significance=Significance.PATHOGENIC), STRICT) is Tier.NONE


def known(**changes: Any) -> Any:
    return decide(chart(**changes), STRICT, TODAY).modifiers


ADJUVANT = ai("2018-01-01", "2023-01-01", name="anastrozole", setting=Setting.ADJUVANT)
MODIFIERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("bone", {}, "bone", "yes"),
    ("bone unknown where only the liver is named", {"spread": (Spread(Extent.METASTASIS, P("2025-12-15"), "liver"),)}, "bone", "unknown"),
    ("visceral", {"spread": (Spread(Extent.METASTASIS, P("2025-12-15"), "liver"),)}, "visceral", "yes"),
    ("several organs", {"spread": (*INSIDE.spread, Spread(Extent.METASTASIS, P("2026-01-15"), "liver"))}, "multiple_sites", "yes"),
    ("one organ", {}, "multiple_sites", "unknown"),
    ("adjuvant AI", {"exposures": (ADJUVANT, ai(), cdk())}, "prior_adjuvant_ai", "yes"),
    ("adjuvant AI without dates", {"exposures": (ai(None, ongoing=False, setting=Setting.ADJUVANT), ai(), cdk())}, "prior_adjuvant_ai", "yes"),
    ("no adjuvant AI", {}, "prior_adjuvant_ai", "no"),
    ("adjuvant AI unknown: setting not said", {"exposures": (ai(None), cdk())}, "prior_adjuvant_ai", "unknown"),
    ("adjuvant AI unknown: drugs not read", {"gaps": (Gap(Part.DRUGS, "x", "y"),)}, "prior_adjuvant_ai", "unknown"),
    ("six months of AI", {}, "ai_6_months", "yes"),
    ("not six months yet", {"exposures": (ai("2026-08-01"), cdk("2026-08-01"))}, "ai_6_months", "no"),
    ("six months or not", {"exposures": (ai("2026-05"), cdk("2026-05-01"))}, "ai_6_months", "unknown"),
    ("months of AI unknown", {"exposures": (cdk(),)}, "ai_6_months", "unknown"),
    ("high LDH", {"ldh": (Ldh(P("2026-10-01"), True, "390 U/L"),)}, "ldh_high", "yes"),
    ("normal LDH", {"ldh": (Ldh(P("2026-10-01"), False),)}, "ldh_high", "no"),
    ("LDH unknown", {"ldh": (Ldh(P("2026-10-01"), None),)}, "ldh_high", "unknown"),
    ("LDH contradicting", {"ldh": (Ldh(P("2026-10-01"), True), Ldh(P("2026-10-01"), False))}, "ldh_high", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize("row", MODIFIERS, ids=lambda r: r[0])
def test_the_modifiers(row: tuple[str, dict[str, Any], str, str]) -> None:
    assert getattr(known(**row[1]), row[2]).value == row[3]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hold_days": -1}, "hold_days"),
        ({"hold_days": True}, "hold_days"),
        ({"second_tier": 1}, "second_tier"),
        ({"name": ""}, "name"),
        ({"first_draw_by_months": 5}, "first_draw_by_months"),
        ({"interval_from_months": 0, "interval_to_months": 0}, "interval_to_months"),
        ({"floor_days": 90}, "floor_days"),
        ({"hotspots": ("D538G",)}, "hotspots"),
        ({"indel_codons": ("536",)}, "indel_codons"),
    ],
)
def test_a_contradictory_policy_is_refused_with_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Policy(**{"name": "x", "version": "1", "basis": "y", **change})


@pytest.mark.parametrize("text", ["", "2026-3", "2026-13", "2026-02-30", "26", "2026-01-01T00:00:00Z", "03/04/2026"])
def test_what_is_no_fhir_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        P(text)


def test_dates_keep_their_precision_in_words() -> None:
    assert [date_words(on(t)) for t in (None, "2026", "2026-03", "2026-03-02")] == [
        "an unknown date",
        "2026",
        "Mar 2026",
        "2 Mar 2026",
    ]
    assert str(P("2026-03")) == "2026-03"
    assert PartialDate.of(date(2026, 3, 2)) == P("2026-03-02")
    assert add_days(date(2026, 1, 31), 1) == date(2026, 2, 1)
    with pytest.raises(ValueError):
        PartialDate(2026, None, 3)
    assert range_words(date(2026, 1, 12), date(2026, 1, 26)) == "12 and 26 Jan 2026"
    assert range_words(date(2026, 1, 12), date(2026, 2, 26)) == "12 Jan and 26 Feb 2026"
    assert range_words(date(2026, 12, 12), date(2027, 1, 26)) == "12 Dec 2026 and 26 Jan 2027"
    assert percent_words(Decimal("0.0080")) == "0.80 %"


@pytest.mark.parametrize(("day", "said"), [("2026-10", "Oct 2026"), ("2026-10-03", "3 Oct 2026")])
def test_the_headline_says_the_first_detection_with_the_precision_of_the_record(day: str, said: str) -> None:
    decision = decide(chart(draws=(positive(day),)), STRICT, TODAY)
    assert decision.headline == f"ESR1 p.D538G first detected {said}: switch review due."
    assert decision.switch_review.first_shown == said
