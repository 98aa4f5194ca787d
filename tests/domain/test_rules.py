"""The decision table of tests/spec/rules.toml, row by row."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from smart_app.domain import decide
from smart_app.domain.decision import Decision
from smart_app.domain.lines import derive_lines
from tests.support.rule_charts import POLICIES, chart_of, day

DRUG = re.compile(r"(?i)(?:ciclib|rozole|strant|mestane|oxifen|trant)")
ROWS = tomllib.loads((Path(__file__).parent.parent / "spec" / "rules.toml").read_text("utf-8"))["row"]


def _check(answer: Decision, part: str) -> None:
    what, *words = part.split(" ")
    if what == "window":
        assert [answer.window.answer, *answer.window.clauses] == words
    elif what == "review":
        got = answer.switch_review
        assert " ".join([got.answer, *got.clauses, *got.variants]) == " ".join(words)
    elif what == "draw" and words[0] == "none":
        assert answer.next_draw is None
        assert words[1] in {r.code for r in answer.reasons}
    elif what == "draw":
        planned = answer.next_draw
        assert planned is not None
        shown = [str(planned.earliest), str(planned.due), str(planned.latest), f"overdue={planned.overdue_days}"]
        shown += [f"aligned={planned.aligned_to.split(' ')[0]}"] if planned.aligned_to else []
        assert shown == words
    elif what == "reason":
        assert words[0] in {r.code for r in answer.reasons}
    elif what == "absent":
        assert words[0] not in {r.code for r in answer.reasons}
    elif what == "headline":
        assert " ".join(words) in answer.headline
    elif what == "says":
        assert any(" ".join(words) in r.sentence for r in answer.reasons)
    elif part == "no drug named":
        assert not [r for r in answer.reasons if r.code.startswith("review.") and DRUG.search(r.sentence)]
        assert not DRUG.search(answer.headline)
    elif what == "modifier":
        for name, value in (w.split("=") for w in words):
            assert getattr(answer.modifiers, name) == value, name
    else:
        raise AssertionError(part)


@pytest.mark.parametrize("row", ROWS, ids=[f"{r['clause']}: {r['title']}" for r in ROWS])
def test_each_row_of_the_decision_table_holds(row: dict[str, Any]) -> None:
    answer = decide(
        chart_of(row["chart"]), POLICIES[row.get("policy", "trial-strict")], day(row.get("today", "2026-11-21"))
    )
    for part in row["expect"].split(" ; "):
        _check(answer, part)


def test_a_fraction_that_cannot_be_read_is_shown_as_reported() -> None:
    chart = chart_of(["draw detected 2026-09-01 plasma p.D538G"])
    draw = chart.draws[0]
    odd = replace(draw, findings=(replace(draw.findings[0], vaf_text="low"),))
    answer = decide(replace(chart, draws=(odd,)), POLICIES["trial-strict"], day("2026-11-21"))
    assert "p.D538G (low, not readable as a fraction)" in answer.headline


def test_a_fraction_is_shown_in_per_cent_with_the_digits_reported() -> None:
    chart = chart_of(["draw detected 2026-09-01 plasma p.D538G"])
    draw = chart.draws[0]
    read = replace(draw, findings=(replace(draw.findings[0], vaf=Decimal("0.0080")),))
    answer = decide(replace(chart, draws=(read,)), POLICIES["trial-strict"], day("2026-11-21"))
    assert answer.headline == "ESR1 p.D538G (0.80 %) first detected 1 Sep 2026: switch review due."


def test_a_site_may_keep_the_window_open_where_the_cdk46_inhibitor_perhaps_goes_on() -> None:
    policy = replace(POLICIES["practical"], ai_alone_inside=True)
    chart = chart_of(["-cdk", "drug palbociclib CDK4/6 2026-02-10..2026 taken"])
    assert decide(chart, policy, day("2026-11-21")).window.answer == "inside"


def test_lines_of_therapy_stand_in_the_decision_and_can_be_had_alone() -> None:
    chart = chart_of(["drug tamoxifen SERM 2026-09-01..? ongoing taken", "drug letrozole AI 2010..2015 taken"])
    lines = derive_lines(chart)
    assert [(n.number, n.drugs, n.start, n.end) for n in lines] == [
        (1, ("letrozole", "palbociclib"), "2026-02-10", None),
        (2, ("tamoxifen",), "2026-09-01", None),
    ]
    assert decide(chart, POLICIES["trial-strict"], day("2026-11-21")).lines == lines


MISSING = re.compile(r"^-|^gap |^unclear |\bunknown\b|\bunnamed\b|\?|\b20[0-9]{2}(?:-[0-9]{2})?(?![-0-9])")


@pytest.mark.parametrize("clause", sorted({r["clause"] for r in ROWS}))
def test_every_clause_has_a_row_where_facts_are_missing(clause: str) -> None:
    assert any(MISSING.search(line) for r in ROWS if r["clause"] == clause for line in r["chart"]), clause


def test_the_table_has_rows_over_every_clause() -> None:
    assert len(ROWS) >= 120
    wanted = {*(f"W{n}" for n in range(1, 10)), *(f"D{n}" for n in range(1, 12)), "D10b", "D10c", "D10d"}
    wanted |= {*(f"R{n}" for n in range(1, 11)), "M"}
    assert {r["clause"] for r in ROWS} == wanted


def test_the_floor_of_six_weeks_holds_under_a_policy_that_names_no_shortest_interval() -> None:
    policy = replace(POLICIES["trial-strict"], interval_from_months=0, interval_to_months=1)
    answer = decide(chart_of(["draw not_detected 2026-11-01 plasma"]), policy, day("2026-11-21"))
    planned = answer.next_draw
    assert planned is not None
    assert (planned.earliest, planned.latest) == (day("2026-12-13"), day("2026-12-13"))
    assert "draw.floor" in {r.code for r in answer.reasons}
