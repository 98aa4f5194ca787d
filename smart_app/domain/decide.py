"""``decide(chart, policy, today)``: pure and total. Every statement of the answer comes from a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from smart_app.domain.decision import (
    Decision,
    NextDraw,
    Reason,
    ReviewAnswer,
    SwitchReview,
    Window,
    WindowAnswer,
)
from smart_app.domain.digest import digest
from smart_app.domain.draws import draw_words, next_draw
from smart_app.domain.facts import Chart, Known
from smart_app.domain.lines import as_line, courses
from smart_app.domain.modifiers import modifiers
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import Clause, merged
from smart_app.domain.review import amount, switch_review
from smart_app.domain.variants import label
from smart_app.domain.window import clauses, judge, notices
from smart_app.domain.wording import day_words, listed


def decide(chart: Chart, policy: Policy, today: date) -> Decision:
    """The decision for this chart under this policy on this day."""
    lines = courses(chart)
    found = clauses(chart, lines, today, policy)
    window = judge(found)
    review, review_reasons = switch_review(chart, window, lines, today, policy)
    planned, draw_reasons = next_draw(chart, window, review, lines, today, policy)
    known, modifier_reasons = modifiers(chart, lines, today, policy)
    window_reasons = tuple(r for c in found for r in c.reasons)
    reasons = (*review_reasons, *draw_reasons, *window_reasons, *notices(chart, today), *modifier_reasons)
    return Decision(
        window=window,
        next_draw=planned,
        switch_review=review,
        modifiers=known,
        reasons=tuple(replace(r, sources=merged(r.sources)) for r in reasons),
        lines=tuple(as_line(line) for line in lines),
        policy_name=policy.name,
        policy_version=policy.version,
        today=today,
        headline=_headline(window, planned, review, found, draw_reasons),
        input_digest=digest(chart, policy, today),
    )


def _headline(
    window: Window, planned: NextDraw | None, review: SwitchReview, found: tuple[Clause, ...], draws: tuple[Reason, ...]
) -> str:
    """The answer in one sentence; a finding stays in it whatever the window says (R8)."""
    finding = _finding_words(review)
    if review.answer is ReviewAnswer.RAISED:
        return f"{finding}: switch review due."
    tail = f" {finding}: see why no flag is raised." if finding else ""
    if window.answer is WindowAnswer.OUTSIDE:
        return f"Outside the window: {_first(found, Known.NO)}{tail}"
    if window.answer is WindowAnswer.CANNOT_TELL:
        return f"Cannot tell: {_first(found, Known.UNKNOWN)}{tail}"
    if review.answer is ReviewAnswer.CANNOT_TELL:
        words = draw_words(planned) if planned is not None else draws[0].sentence
        return f"Cannot tell whether a switch review is due.{tail} {words}"
    if planned is None:
        return draws[0].sentence
    if any(r.code == "draw.not_readable" for r in draws):
        by = day_words(planned.latest)
        return f"A ctDNA report cannot be read by the app: open it, or draw again by {by}.{tail}"
    return draw_words(planned) + tail


# of several clauses that closed the window the most telling one is said first
_WEIGHT = ("W9", "W7", "W8", "W6", "W1", "W2", "W3", "W5", "W4")


def _first(found: tuple[Clause, ...], answer: Known) -> str:
    sentence = min((c for c in found if c.answer is answer), key=lambda c: _WEIGHT.index(c.name)).reasons[0].sentence
    return (
        sentence[0].lower() + sentence[1:] if sentence[1:2].islower() and sentence.split(" ")[0] != "Line" else sentence
    )


def _finding_words(review: SwitchReview) -> str:
    if not review.variants:
        return ""
    first: dict[str, str] = {}
    for finding in review.findings:
        first.setdefault(label(finding), amount(finding))
    named = listed([f"{v}{first[v]}" for v in review.variants])
    name = f"ESR1 {named.removeprefix('ESR1 ')}"
    if not review.first_shown:
        return f"{name} detected"
    if len(review.variants) == 1:
        return f"{name} first detected {review.first_shown}"
    return f"{name} detected, the first on {review.first_shown}"
