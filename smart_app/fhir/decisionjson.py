"""The decision as JSON (docs/decision-json.md), and the record from which it can be replayed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from smart_app import __version__
from smart_app.domain.decision import Decision, NextDraw, Reason, SwitchReview
from smart_app.domain.facts import Chart
from smart_app.domain.policy import Policy
from smart_app.evidence import rests_on_stale
from smart_app.fhir.chartjson import receipt_json, references, set_aside_json
from smart_app.fhir.factjson import encode
from smart_app.fhir.receipt import Receipt

SCHEMA = 1
Json = dict[str, Any]


def decision_json(decision: Decision) -> Json:
    """Dates as ISO text; sources as references; everything else as it is."""
    window = decision.window
    return {
        "schema": SCHEMA,
        "today": decision.today.isoformat(),
        "headline": decision.headline,
        "window": {
            "answer": window.answer.value,
            "clauses": list(window.clauses),
            "since": str(window.since) if window.since is not None else None,
            "settle": list(window.settle),
        },
        "next_draw": None if decision.next_draw is None else _next_draw(decision.next_draw),
        "switch_review": _review(decision.switch_review),
        "modifiers": {name: value.value for name, value in asdict(decision.modifiers).items()},
        "lines": [
            {
                "number": n.number,
                "drugs": list(n.drugs),
                "start": n.start,
                "end": n.end,
                "sources": references(n.sources),
            }
            for n in decision.lines
        ],
        "reasons": [_reason(reason, decision.today) for reason in decision.reasons],
        "policy": {"name": decision.policy_name, "version": decision.policy_version},
        "code_version": __version__,
        "input_digest": decision.input_digest,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _next_draw(planned: NextDraw) -> Json:
    aligned = planned.aligned_source
    return {
        "earliest": planned.earliest.isoformat(),
        "due": planned.due.isoformat(),
        "latest": planned.latest.isoformat(),
        "aligned_to": planned.aligned_to,
        "aligned_source": aligned.reference if aligned is not None else None,
        "overdue_days": planned.overdue_days,
        "redraw": planned.redraw,
    }


def _review(review: SwitchReview) -> Json:
    return {
        "answer": review.answer.value,
        "clauses": list(review.clauses),
        "variants": list(review.variants),
        "first_detected": _day(review.first_detected),
    }


def _reason(reason: Reason, today: date) -> Json:
    return {
        "code": reason.code,
        "clause": reason.clause,
        "sentence": reason.sentence,
        "sources": references(reason.sources),
        "evidence": list(reason.evidence),
        "stale": rests_on_stale(reason.evidence, today),
    }


def replayable(decision: Decision, chart: Chart, policy: Policy) -> Json:
    """The decision with everything it rests on: ``smart-app replay`` comes to the same decision from it."""
    return {
        **decision_json(decision),
        "policy": {"name": policy.name, "version": policy.version, "basis": policy.basis},
        "inputs": {"chart": encode(chart), "policy": encode(policy), "today": decision.today.isoformat()},
    }


def record_json(decision: Decision, chart: Chart, policy: Policy, receipt: Receipt) -> Json:
    """The same with what was read and what was set aside."""
    return {
        **replayable(decision, chart, policy),
        "set_aside": set_aside_json(receipt.set_aside),
        "receipt": receipt_json(receipt),
    }
