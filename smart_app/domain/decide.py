"""``decide(chart, policy, today)``: pure and total. Every statement of the answer comes from a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from smart_app.domain.attested_words import told
from smart_app.domain.course import NEXT_LINE
from smart_app.domain.decision import (
    Decision,
    NextDraw,
    Reason,
    Reasons,
    ReviewAnswer,
    SwitchReview,
    Why,
    Window,
    WindowAnswer,
    reasons_of,
)
from smart_app.domain.draws import draw_words, next_draw
from smart_app.domain.facts import Chart, Known
from smart_app.domain.judging import Judged, amount
from smart_app.domain.lines import as_line, courses, line_start, place
from smart_app.domain.modifiers import modifiers
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import Clause
from smart_app.domain.review import NEXT_TREATMENT, decided, switch_review
from smart_app.domain.variants import label
from smart_app.domain.window import at_collection, clauses, judge, notices
from smart_app.domain.wording import listed

_FIRST = ("W9", "W1", "W2", "W3", "W8", "W7", "W4", "W5", "W6")


def decide(chart: Chart, policy: Policy, today: date) -> Decision:
    """The decision for this chart under this policy on this day."""
    return told(rule(chart, policy, today), chart)


def rule(chart: Chart, policy: Policy, today: date) -> Decision:
    """The decision before what a clinician attested is told."""
    placed = place(chart)
    lines = courses(chart, placed)
    start = line_start(placed, today)
    found = clauses(chart, placed, today, policy)
    window = judge(found)
    # what was read decides on the flag: an incomplete receipt takes back none that is earned (R9)
    read = replace(chart, gaps=()) if chart.gaps else chart
    by_read = judge(clauses(read, placed, today, policy)) if chart.gaps else window

    def inside(day: date) -> tuple[Known, tuple[str, ...]]:
        answer = at_collection(chart, placed, day, today, policy)
        if answer[0] is not Known.UNKNOWN or not chart.gaps:
            return answer
        by_what_was_read = at_collection(read, placed, day, today, policy)
        return by_what_was_read if by_what_was_read[0] is Known.YES else answer

    next_line = any(r.code == NEXT_LINE for c in found if c.answer is Known.NO for r in c.reasons)
    review, why_review, judged = switch_review(
        chart, _for_flag(window, by_read), start, today, policy, inside, next_line=next_line
    )
    closed = decided(chart, start, today, policy, inside)
    planned, why_draw = next_draw(chart, window, review, start, closed, today, policy)
    known, why_modifiers = modifiers(chart, placed, today, policy)

    def reasons() -> tuple[Reason, ...]:
        """In the order of the page: the flag, the draw, the window, the modifiers."""
        clause_by_clause = [r for c in found for r in c.reasons]
        first, then = reasons_of(why_review), reasons_of(why_draw)
        return (*first, *then, *clause_by_clause, *notices(chart, today), *reasons_of(why_modifiers))

    return Decision(
        window=window,
        next_draw=planned,
        switch_review=review,
        modifiers=known,
        reasons=Reasons(reasons),
        lines=tuple([as_line(line) for line in lines]),
        policy_name=policy.name,
        policy_version=policy.version,
        today=today,
        headline=_headline(window, planned, review, found, judged, why_review, why_draw, today),
        inputs=(chart, policy, today),
    )


def _for_flag(window: Window, by_read: Window) -> Window:
    """The window by what was read where that is inside; else the window as it stands."""
    return by_read if by_read.answer is WindowAnswer.INSIDE else window


def _headline(
    window: Window,
    planned: NextDraw | None,
    review: SwitchReview,
    found: tuple[Clause, ...],
    judged: Sequence[Judged],
    reviews: Why,
    draws: Why,
    today: date,
) -> str:
    """The answer in one sentence; a finding stays in it, with why, whatever the window says (R8)."""
    finding = _finding_words(review)
    if review.answer is ReviewAnswer.RAISED:
        return f"{finding}: switch review due."
    waiting = _waiting(judged, draws)
    if window.answer is WindowAnswer.OUTSIDE:
        tail = f"; {finding}: {_why_no_flag(review, reviews)}." if finding else ""
        return _joined(f"Outside the window: {_first(found, Known.NO)}", tail) + waiting
    if window.answer is WindowAnswer.CANNOT_TELL:
        tail = f"; {finding}: look at it now, no flag can be raised or excluded." if finding else ""
        return _joined(f"Cannot tell: {_first(found, Known.UNKNOWN)}", tail) + waiting
    words = draw_words(planned, today) if planned is not None else reasons_of(draws)[0].sentence
    if review.answer is ReviewAnswer.CANNOT_TELL:
        why = _lower(reasons_of(reviews)[0].sentence)
        return f"Cannot tell whether a switch review is due: {why} {words}{waiting}"
    return f"{words}{waiting}"


def _why_no_flag(review: SwitchReview, reviews: Why) -> str:
    if "R7" not in review.clauses:
        return "for information only"
    what = "next treatment" if reasons_of(reviews)[0].code == NEXT_TREATMENT else "progression"
    return f"it belongs to the decision on the {what}"


def _waiting(judged: Sequence[Judged], draws: Why) -> str:
    """What may be a positive and cannot raise the flag yet stays in the first sentence too (R8)."""
    if not judged:
        return ""
    codes = ["review.not_readable"]
    if "draw.none.preliminary" not in {r.code for r in reasons_of(draws)}:
        codes.append("review.not_counted.preliminary")
    found = [next((j for j in judged if j.code == code), None) for code in codes]
    return "".join(f" {j.reason.sentence}" for j in found if j is not None)


def _joined(sentence: str, tail: str) -> str:
    return sentence.removesuffix(".") + tail if tail else sentence


def _first(found: tuple[Clause, ...], answer: Known) -> str:
    return _lower(min((c for c in found if c.answer is answer), key=_weight).reasons[0].sentence)


def _weight(clause: Clause) -> int:
    """What a reader wants to know first where several clauses say the same."""
    return _FIRST.index(clause.name)


def _lower(sentence: str) -> str:
    """The sentence's beginning inside another; names and abbreviations keep their capitals."""
    return sentence[0].lower() + sentence[1:] if sentence[1:2].islower() or sentence[1:2] == " " else sentence


def _finding_words(review: SwitchReview) -> str:
    if not review.first_shown:
        return ""
    if not review.variants:
        return f"ESR1 mutation (the result does not name it) first detected {review.first_shown}"
    first: dict[str, str] = {}
    for finding in review.findings:
        first.setdefault(label(finding), amount(finding))
    named = listed([f"{v}{first[v]}" for v in review.variants])
    return f"ESR1 {named.removeprefix('ESR1 ')} first detected {review.first_shown}"
