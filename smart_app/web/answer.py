"""The three answers at the head of the page, each in big words with the sentence under it."""

from __future__ import annotations

from dataclasses import dataclass

from smart_app.domain.decision import Decision, ReviewAnswer, WindowAnswer
from smart_app.web import words
from smart_app.web.i18n import N_, _, date_words, day_words, language, listed, ngettext, range_words
from smart_app.web.said import said, said_part


@dataclass(frozen=True, slots=True)
class Box:
    """One of the three answers: what, in big words, and the sentence under it."""

    heading: str
    state: str
    sentence: str


def boxes(decision: Decision) -> list[Box]:
    """The next draw, the switch review, the window."""
    return [_draw_box(decision), _review_box(decision), _window_box(decision)]


def _sentence(decision: Decision, *prefixes: str) -> str:
    return next((said(r.sentence) for r in decision.reasons if r.code.startswith(prefixes)), "")


def _draw_box(decision: Decision) -> Box:
    planned, heading = decision.next_draw, _("Next draw")
    if planned is None:
        return Box(heading, _("No date"), _sentence(decision, "draw.none", "draw."))
    if planned.overdue_days:
        late = ngettext("Overdue by %(num)s day", "Overdue by %(num)s days", planned.overdue_days)
        return Box(heading, late, _("Was due by %(day)s.", day=day_words(planned.latest)))
    state, due = range_words(planned.earliest, planned.latest), day_words(planned.due)
    if planned.aligned_to is not None:
        return Box(heading, state, _(_WITH[planned.aligned_to.split(" ")[0]], day=due))
    if planned.redraw:
        state = _("By %(day)s", day=day_words(planned.latest))
        return Box(heading, state, _sentence(decision, "draw."))
    return Box(heading, state, _("Best about %(day)s; no scan or visit is booked inside.", day=due))


_WITH = {
    "scan": N_("With the scan on %(day)s."),
    "visit": N_("With the visit on %(day)s."),
    "draw": N_("With the draw on %(day)s."),
}


def _review_box(decision: Decision) -> Box:
    review, heading = decision.switch_review, _("Switch review")
    named = f"ESR1 {listed([v.removeprefix('ESR1 ') for v in review.variants])}" if review.variants else ""
    if named and review.first_shown:
        named = _("%(variants)s, first detected %(day)s", variants=named, day=said_part(review.first_shown))
    if review.answer is ReviewAnswer.RAISED:
        return Box(heading, _("Due"), _("%(named)s. A review, not an order; it names no drug.", named=named))
    state = _("Not due") if review.answer is ReviewAnswer.NOT_RAISED else _("Cannot tell")
    unread = any(r.code == "review.not_readable" for r in decision.reasons)
    if unread and review.answer is ReviewAnswer.NOT_RAISED and decision.window.answer is not WindowAnswer.OUTSIDE:
        state = _("Open the report")  # "not due" in big words would deny what it may hold
    deciding = [r.sentence for r in decision.reasons if r.code.startswith("review.") and r.clause in review.clauses]
    why = said(deciding[0]) if deciding else _sentence(decision, "review.")
    return Box(heading, state, why or _("No qualifying ESR1 mutation in plasma is on record."))


def _window_box(decision: Decision) -> Box:
    window, heading = decision.window, _("Surveillance window")
    named = "; ".join(f"{_inner(words.clause_words(c))} ({c})" for c in window.clauses)
    if window.answer is WindowAnswer.INSIDE:
        return Box(heading, _("Inside"), _("All nine conditions hold."))
    if window.answer is WindowAnswer.OUTSIDE:
        state = _("Outside since %(day)s", day=date_words(window.since)) if window.since else _("Outside")
        return Box(heading, state, _("Not met: %(clauses)s.", clauses=named))
    return Box(heading, _("Cannot tell"), _("Not known: %(clauses)s.", clauses=named))


def _inner(sentence: str) -> str:
    """For the middle of a sentence; a name in capitals stays, and so does every German noun."""
    if language() == "de":
        return sentence
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() or sentence[1:2] == " " else sentence
