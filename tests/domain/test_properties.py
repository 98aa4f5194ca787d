"""Properties of ``decide`` over charts put together from the decision table's own lines."""

from __future__ import annotations

import dataclasses
import random
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, Visit, VisitKind
from tests.support.rule_charts import BASE, POLICIES, STRICT, chart_of

ROWS = tomllib.loads((Path(__file__).parent.parent / "spec" / "rules.toml").read_text("utf-8"))["row"]
LINES = sorted({line for r in ROWS for line in r["chart"]} | {f"-{name}" for name in BASE})
CHARTS = st.lists(st.sampled_from(LINES), max_size=8).map(chart_of)
DAYS = st.dates(date(2017, 1, 1), date(2030, 1, 1))
POLICY = st.sampled_from(sorted(POLICIES)).map(POLICIES.__getitem__)


@settings(max_examples=300, deadline=None)
@given(CHARTS, POLICY, DAYS, st.randoms(use_true_random=False))
def test_every_chart_has_an_answer_that_does_not_depend_on_order(
    chart: Chart, policy: Any, today: date, rnd: random.Random
) -> None:
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(chart):
        value = getattr(chart, field.name)
        if isinstance(value, tuple):
            changed[field.name] = tuple(rnd.sample(value, len(value)))
    one, two = decide(dataclasses.replace(chart, **changed), policy, today), decide(chart, policy, today)
    assert one == two
    assert one.input_digest == two.input_digest


@settings(max_examples=150, deadline=None)
@given(CHARTS, DAYS)
def test_a_visit_long_past_changes_nothing(chart: Chart, today: date) -> None:
    before = decide(chart, STRICT, today)
    more = dataclasses.replace(chart, visits=(*chart.visits, Visit(VisitKind.VISIT, PartialDate(1999, 1, 1))))
    assert decide(more, STRICT, today) == before


@settings(max_examples=150, deadline=None)
@given(CHARTS, DAYS, st.integers(1, 40))
def test_running_again_on_another_day_never_moves_a_date_earlier(chart: Chart, today: date, days: int) -> None:
    one, two = decide(chart, STRICT, today), decide(chart, STRICT, today + timedelta(days=days))
    dated = [d.date for d in chart.draws if d.date] + [e.start for e in chart.exposures if e.start]
    if one.next_draw and two.next_draw and all(d.last <= today for d in dated):
        assert two.next_draw.due >= one.next_draw.due
