"""Laws of ``decide`` over charts whose every date is a day: shifting time, unrelated facts, added facts."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
from smart_app.domain.decision import WindowAnswer
from smart_app.domain.facts import (
    Chart,
    Diagnosis,
    Draw,
    DrugClass,
    Exposure,
    Ldh,
    OrderedDraw,
    Outcome,
    Specimen,
    Visit,
    VisitKind,
)
from smart_app.domain.policy import Policy
from tests.domain.test_completions import CHARTS, POLICY, STATUSES, TODAY, completion, exposures

EXACT = st.tuples(CHARTS, st.integers(0, 2**32)).map(lambda c: completion(c[0], random.Random(c[1])))


def shifted(value: Any, by: timedelta) -> Any:
    """Every date of a fact moved."""
    if isinstance(value, PartialDate):
        return PartialDate.of(value.first + by)
    if isinstance(value, tuple):
        return tuple(shifted(v, by) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (f.name for f in dataclasses.fields(value))
        return replace(value, **{name: shifted(getattr(value, name), by) for name in fields})
    return value


@settings(max_examples=150, deadline=None)
@given(EXACT, POLICY, st.integers(-900, 900))
def test_moving_every_date_by_n_days_moves_the_answer_by_n_days(chart: Chart | None, policy: Policy, n: int) -> None:
    """Window and review stay as they are. Months have 28 to 31 days: the bounds of a draw move by n days, give or take
    three. (The 18th birthday is counted in years and kept out of it.)"""
    assume(chart is not None)
    assert chart is not None
    chart = replace(chart, person=replace(chart.person, birth=PartialDate(1960, 1, 1)))
    by = timedelta(days=n)
    one, two = decide(chart, policy, TODAY), decide(shifted(chart, by), policy, TODAY + by)
    assert (two.window.answer, two.window.clauses) == (one.window.answer, one.window.clauses)
    assert two.window.since == shifted(one.window.since, by)
    assert two.switch_review.answer is one.switch_review.answer
    assert two.switch_review.variants == one.switch_review.variants
    assert (one.next_draw is None) == (two.next_draw is None)
    if one.next_draw is not None and two.next_draw is not None:
        for name in ("earliest", "due", "latest"):
            moved = getattr(two.next_draw, name) - getattr(one.next_draw, name) - by
            assert abs(moved.days) <= 3


UNRELATED: list[dict[str, Any]] = [
    {"diagnoses": (Diagnosis("Hypertension", False, False),)},
    {"exposures": (Exposure("metformin", DrugClass.OTHER, PartialDate(2026, 3, 1), ongoing=True),)},
    {"exposures": (Exposure("denosumab", DrugClass.BONE, PartialDate(2026, 3, 1), ongoing=True),)},
    {"exposures": (Exposure("goserelin", DrugClass.OVARIAN_SUPPRESSION, PartialDate(2026, 3, 1), ongoing=True),)},
    {"ldh": (Ldh(PartialDate(2026, 3, 1), None),)},
    {"visits": (Visit(VisitKind.VISIT, PartialDate(1999, 1, 1)),)},
    {"visits": (Visit(VisitKind.SCAN, PartialDate(2026, 12, 1), cancelled=True),)},
    {"draws": (Draw(Outcome.NOT_DETECTED, PartialDate(2024, 3, 1), specimen=Specimen.TISSUE),)},
    {"ordered": (OrderedDraw(PartialDate(2020, 1, 1)),)},
]


@settings(max_examples=150, deadline=None)
@given(CHARTS, POLICY, st.sampled_from(UNRELATED))
def test_an_unrelated_fact_changes_nothing(chart: Chart, policy: Policy, more: dict[str, Any]) -> None:
    one = decide(chart, policy, TODAY)
    two = decide(replace(chart, **{k: (*getattr(chart, k), *v) for k, v in more.items()}), policy, TODAY)
    assert (two.window, two.next_draw, two.modifiers) == (one.window, one.next_draw, one.modifiers)
    assert two.switch_review == one.switch_review
    assert two.headline == one.headline


ALLOWED = {"statuses": {"W6", "W8"}, "exposures": {"W4", "W5", "W6", "W7", "W8"}, "draws": set(), "visits": set()}


@settings(max_examples=300, deadline=None)
@given(CHARTS, POLICY, st.data())
def test_a_fact_more_turns_a_certain_window_round_only_through_its_own_clauses(
    chart: Chart, policy: Policy, data: st.DataObject
) -> None:
    part = data.draw(st.sampled_from(sorted(ALLOWED)))
    more: Any = {
        "statuses": STATUSES.map(tuple),
        "exposures": exposures().map(lambda e: (e,)),
        "draws": CHARTS.map(lambda c: c.draws),
        "visits": st.just((Visit(VisitKind.SCAN, PartialDate(2026, 12, 1)),)),
    }[part]
    one = decide(chart, policy, TODAY).window
    two = decide(replace(chart, **{part: (*getattr(chart, part), *data.draw(more))}), policy, TODAY).window
    if one.answer is WindowAnswer.INSIDE and two.answer is not one.answer:
        assert set(two.clauses) <= ALLOWED[part]
    if one.answer is WindowAnswer.OUTSIDE and two.answer is not one.answer:
        assert set(one.clauses) <= ALLOWED[part]
    if not ALLOWED[part]:
        assert one == two
