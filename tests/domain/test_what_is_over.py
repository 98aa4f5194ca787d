"""The days on which judgements about an unwritten end turn: the last one on this side, the first on the other."""

from __future__ import annotations

from datetime import date

import pytest

from smart_app.domain import decide
from smart_app.domain.decision import Decision
from tests.support.rule_charts import POLICIES, chart_of

TODAY = date(2026, 11, 21)  # the base chart: metastasis 2026-02-01, letrozole and palbociclib since 2026-02-10


def answer(*lines: str, policy: str = "trial-strict") -> Decision:
    return decide(chart_of(list(lines)), POLICIES[policy], TODAY)


@pytest.mark.parametrize(
    ("last_dose", "window"),
    [
        ("2026-10-10", "outside"),  # 42 days ago
        ("2026-10-09", "cannot_tell"),
        ("2026-07-24", "cannot_tell"),  # 120 days ago
        ("2026-07-23", "inside"),
    ],
)
def test_chemotherapy_shown_by_doses_alone_goes_on_for_six_weeks_and_is_over_after_120_days(last_dose, window):
    given = f"drug docetaxel chemotherapy 2025-06-01..? administered seen={last_dose}"
    assert answer(given, policy="practical").window.answer == window


@pytest.mark.parametrize(
    ("extra", "window"),
    [
        ("dispensed seen=2026-07-23", "inside"),
        ("dispensed seen=2026-07-02 supply=2026-07-23", "inside"),
        ("dispensed seen=2026-07-02 supply=2026-07-24", "cannot_tell"),
        ("ordered seen=2025-11-20", "cannot_tell"),  # an order alone shows neither taking nor an end
        ("taken ordered seen=2025-11-19", "inside"),
        ("taken ordered seen=2025-11-20", "cannot_tell"),
        ("administered ordered seen=2026-07-23", "inside"),  # doses tell more than the order
        ("administered taken seen=2026-07-23", "cannot_tell"),
        ("taken ongoing seen=2025-11-01", "outside"),
        ("taken hold=2026-06-01 seen=2025-11-01", "cannot_tell"),
    ],
)
def test_by_what_shows_it_capecitabine_is_over_or_not(extra, window):
    assert answer(f"drug capecitabine chemotherapy 2025-06-01..? {extra}", policy="practical").window.answer == window


@pytest.mark.parametrize(
    ("given", "window"),
    [
        ("anastrozole AI 2025-04-01..? ordered", "inside"),  # 366 days reach to 60 days after the metastasis
        ("anastrozole AI 2025-04-02..? ordered", "cannot_tell"),
        ("docetaxel chemotherapy 2025-06-01..? administered seen=2025-12-03", "inside"),
        ("docetaxel chemotherapy 2025-06-01..? administered seen=2025-12-04", "cannot_tell"),
        ("palbociclib CDK4/6 2025-01-01..2025-12-02 taken", "cannot_tell"),
        ("palbociclib CDK4/6 2025-01-01..2025-12-03 taken", "inside"),
    ],
)
def test_what_was_over_when_the_disease_became_advanced_was_for_early_disease(given, window):
    assert answer(f"drug {given}").window.answer == window


@pytest.mark.parametrize(
    ("staged", "begun", "window"),
    [
        ("2021-02-09", "2022-02-10", "inside"),
        ("2021-02-08", "2022-02-10", "cannot_tell"),
        ("2025-12-02", "2025-06-01", "inside"),
        ("2025-12-03", "2025-06-01", "cannot_tell"),
    ],
)
def test_an_ai_that_went_on_was_adjuvant_where_the_staging_as_early_stands_near_its_start(staged, begun, window):
    lines = ("-ai", f"extent early {staged}", f"drug letrozole AI {begun}..? ongoing taken")
    assert answer(*lines).window.answer == window


def test_a_relapse_is_marked_by_the_day_an_unclosed_adjuvant_order_was_over():
    codes = [
        {r.code for r in answer(f"drug anastrozole AI {day}..? ordered setting=adjuvant").reasons}
        for day in ("2024-01-31", "2024-02-02")  # over 366 days later, 12 months before the metastasis
    ]
    assert ["window.line.relapse_on_adjuvant" in found for found in codes] == [False, True]
