"""The reasons of a decision are made when they are asked for, and nobody can tell."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import date
from decimal import Decimal

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
from smart_app.domain.decision import Reason, Reasons
from smart_app.domain.facts import Biopsy, Marker, Receptor, ReceptorStatus
from tests.support.rule_charts import STRICT, chart_of

TODAY = date(2026, 11, 21)
CHART = chart_of(["draw detected 2026-10-01 plasma p.D538G"])
GIVEN = (Reason("a.b", "W1", "One."), Reason("a.c", "W2", "Two."))


def test_reasons_are_as_the_tuple_of_them() -> None:
    reasons = Reasons(lambda: iter(GIVEN))
    assert (len(reasons), reasons[0], reasons[1:], list(reasons)) == (2, GIVEN[0], GIVEN[1:], list(GIVEN))
    assert reasons == GIVEN
    assert reasons == Reasons(GIVEN)
    assert reasons != Reasons(GIVEN[:1])
    assert reasons != GIVEN[1:]
    assert hash(reasons) == hash(GIVEN)
    assert repr(reasons) == repr(GIVEN)


def test_they_are_made_once_and_not_before_they_are_asked_for() -> None:
    made: list[int] = []
    reasons = Reasons(lambda: made.append(1) or GIVEN)
    assert made == []
    assert [*reasons, *reasons] == [*GIVEN, *GIVEN]
    assert made == [1]


def test_a_decision_keeps_its_reasons_when_it_is_stored_and_when_it_is_changed() -> None:
    decision = decide(CHART, STRICT, TODAY)
    again = pickle.loads(pickle.dumps(decision))
    assert again == decision == decide(CHART, STRICT, TODAY)
    assert hash(again) == hash(decision)
    assert again.reasons == decision.reasons
    changed = replace(decision, reasons=tuple(decision.reasons[1:]))
    assert changed != decision
    assert changed.reasons == decision.reasons[1:]


def test_the_percentage_of_a_receptor_is_said_with_its_biopsy_and_its_day() -> None:
    low = Receptor(
        Marker.ER,
        ReceptorStatus.POSITIVE,
        percent=Decimal("5.0"),
        biopsy=Biopsy.METASTASIS,
        date=PartialDate(2026, 3),
    )
    said = [r.sentence for r in decide(replace(CHART, receptors=(low,)), STRICT, TODAY).reasons if r.clause == "W2"]
    assert said == [
        "Oestrogen receptor positive (positive 5.0 %, metastasis, Mar 2026).",
        "Oestrogen receptor low (1-10 %): inside, but few such patients were in the trials.",
    ]
