"""``smart-app decide``: the decision for a record, a policy and a day."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from smart_app.cli.read import receipt_lines
from smart_app.cli.show import say, say_json
from smart_app.cli.sources import add_source, day_of, read_source, zone_of
from smart_app.domain import decide
from smart_app.domain.decision import Decision, Reason
from smart_app.domain.policy import Policy
from smart_app.evidence import marked
from smart_app.fhir.decisionjson import record_json
from smart_app.fhir.receipt import Receipt
from smart_app.policies import DEFAULT, load_policy


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("decide", help="window, next draw and switch review for a record")
    add_source(parser, server=True)
    parser.add_argument("--today", metavar="YYYY-MM-DD", help="the day of the decision (default: today in --timezone)")
    parser.add_argument("--policy", default=DEFAULT, help="trial-strict, practical, or a TOML file")
    parser.add_argument("--json", action="store_true", help="as JSON, which can be replayed (docs/decision-json.md)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.policy)
    today = day_of(arguments.today, zone_of(arguments.timezone))
    chart, receipt, _ = read_source(arguments)
    decision = marked(decide(chart, policy, today))
    if arguments.json:
        say_json(record_json(decision, chart, policy, receipt))
    else:
        say(lines_of(decision, policy, receipt))
    return 0


def lines_of(decision: Decision, policy: Policy, receipt: Receipt) -> Iterator[str]:
    """The answer first, then why, then what it rests on; one statement a line."""
    window, planned, review = decision.window, decision.next_draw, decision.switch_review
    yield decision.headline
    yield ""
    yield _row("window", window.answer.value.replace("_", " "), *window.clauses)
    if window.since is not None:
        yield _row("since", str(window.since))
    for fact in window.settle:
        yield _row("would settle it", fact)
    if planned is None:
        yield _row("next draw", "none")
    else:
        aligned = f", {planned.aligned_to}" if planned.aligned_to is not None else ""
        yield _row("next draw", f"{planned.earliest} to {planned.latest}, due {planned.due}{aligned}")
        if planned.overdue_days:
            yield _row("overdue", f"{planned.overdue_days} days")
    yield _row("switch review", review.answer.value.replace("_", " "), *review.variants)
    yield ""
    for reason in decision.reasons:
        yield from _reason_lines(reason)
    yield ""
    yield _row("policy", f"{policy.name} {policy.version}")
    yield _row("basis", policy.basis)
    yield _row("today", decision.today.isoformat())
    yield _row("inputs", f"sha256 {decision.input_digest}")
    yield from receipt_lines(receipt)


def _row(name: str, *words: str) -> str:
    return f"{name:15} {' '.join(words)}".rstrip()


def _reason_lines(reason: Reason) -> Iterator[str]:
    sources = ", ".join(dict.fromkeys(s.reference for s in reason.sources))
    yield f"{reason.clause:4} {reason.sentence}" + (f" [{sources}]" if sources else "")
    if reason.stale:
        yield f"     {reason.stale}"
