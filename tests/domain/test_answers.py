"""Every sentence, source and date of every row's answer, as it stands in tests/spec/answers.txt.

``python -m tests.spec.render_rules`` writes that file and docs/rules.md anew; what changed in them is read before it is
committed.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from smart_app.domain import decide
from smart_app.domain.facts import Chart
from tests.spec.render_rules import POLICY, TARGET, TODAY, base, full_answer, read_answers, rendered, rows, title
from tests.support.rule_charts import POLICIES, chart_of, day

SAID = read_answers()


def test_the_app_says_of_the_unchanged_patient_what_was_read_and_agreed() -> None:
    assert list(base()) == SAID["the unchanged patient"]


@pytest.mark.parametrize("row", rows(), ids=title)
def test_the_app_says_word_for_word_what_was_read_and_agreed(row: dict[str, Any]) -> None:
    assert full_answer(row) == SAID[title(row)]


def backwards(chart: Chart) -> Chart:
    parts = {f.name: getattr(chart, f.name) for f in fields(chart)}
    return replace(chart, **{name: part[::-1] for name, part in parts.items() if isinstance(part, tuple)})


@pytest.mark.parametrize("row", rows(), ids=title)
def test_the_same_facts_in_the_opposite_order_have_the_same_answer(row: dict[str, Any]) -> None:
    chart, policy, today = chart_of(row["chart"]), POLICIES[row.get("policy", POLICY)], day(row.get("today", TODAY))
    assert decide(backwards(chart), policy, today) == decide(chart, policy, today)


def test_every_row_has_its_answer_and_no_answer_is_left_over() -> None:
    assert set(SAID) == {"the unchanged patient", *map(title, rows())}


def test_the_document_of_the_rules_is_current() -> None:
    assert TARGET.read_text("utf-8") == rendered()
