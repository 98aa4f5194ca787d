"""The switch review: one qualifying plasma result inside the window is enough (clinical rules R)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from smart_app.domain.dates import PartialDate
from smart_app.domain.decision import Reason, ReviewAnswer, SwitchReview, Why, Window, WindowAnswer
from smart_app.domain.facts import (
    NOT_BLOOD,
    Chart,
    Draw,
    Finding,
    Known,
    Outcome,
    Part,
    Progress,
    ReviewDecision,
    Sources,
    Specimen,
    WithdrawnResult,
)
from smart_app.domain.judging import AtCollection, Judged, collected, judge_finding, judge_nameless
from smart_app.domain.logic import Span, any_of, not_after, span
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import Key, merged, missing_parts, order_of
from smart_app.domain.variants import label, looked_for
from smart_app.domain.wording import date_words, listed

_FLAG = ("serena-6-pfs", "serena-6-first-test", "fda-accelerated-approval", "odac-vote", "chmp-opinion")
_COUNTS = "review.qualifies"
NEXT_TREATMENT = "review.next_treatment"
_DECIDED = "review.decided"


class Reviewed(NamedTuple):
    """The answer, why, and what was judged of each finding."""

    review: SwitchReview
    why: Why
    judged: Sequence[Judged] = ()


def switch_review(
    chart: Chart,
    window: Window,
    start: Span | None,
    today: date,
    policy: Policy,
    inside: AtCollection,
    *,
    next_line: bool,
) -> Reviewed:
    """The answer and every reason: an ESR1 finding that raises no flag always says why.

    ``window``: as far as what was read tells, so that an incomplete receipt takes back no flag already earned (R9).
    ``next_line``: a later line of therapy has begun.
    """
    judged = _judge_all(chart, start, today, policy, None if window.answer is WindowAnswer.OUTSIDE else inside)
    return _answered(chart, window, judged, next_line)._replace(judged=judged)


def _answered(chart: Chart, window: Window, judged: list[Judged], next_line: bool) -> Reviewed:
    counting = [j for j in judged if j.answer is Known.YES]
    closed = {j.name: _decided(chart, judged, j.name) for j in counting}

    def beside() -> list[Reason]:
        """What is said of every finding, whatever the answer."""
        reviewed = [_decided_reason(chart, n, closed[n]) for n in sorted(closed) if closed[n] is not Known.NO]
        return [*[j.reason for j in judged], *_withdrawn(chart), *reviewed]

    open_ones = [j for j in counting if closed[j.name] is Known.NO]
    maybe = [j for j in judged if j.answer is Known.UNKNOWN] + [j for j in counting if closed[j.name] is Known.UNKNOWN]
    if window.answer is WindowAnswer.OUTSIDE:
        return _outside(window, [*open_ones, *maybe], beside(), next_line)
    if open_ones and window.answer is WindowAnswer.INSIDE:
        return _raised(chart, open_ones, beside)
    if open_ones:
        words = (
            f"{_named(open_ones)} is detected, but whether the patient is inside the window cannot be told "
            f"({', '.join(window.clauses)}): look at it now."
        )
        reasons = (Reason("review.window_unknown", "R8", words, _sources(open_ones)), *beside())
        return _answer(ReviewAnswer.CANNOT_TELL, open_ones, reasons, "R8", *window.clauses)
    if maybe:
        said = beside()
        decided_on = {j.name for j in maybe if j.answer is Known.YES}
        first = next((r for r in said if r.code == _DECIDED and decided_on), maybe[0].reason)
        said.remove(first)
        open_for = {"R2" if j.answer is Known.YES else j.clause for j in maybe}
        return _answer(ReviewAnswer.CANNOT_TELL, maybe, (first, *said), *sorted(open_for))
    gaps = missing_parts(chart, Part.RESULTS)
    if gaps:
        words = f"No qualifying result was found, but results were not read completely: {gaps[0].why}"
        return _answer(ReviewAnswer.CANNOT_TELL, [], (Reason("review.not_read", "R9", words), *beside()), "R9")
    not_counted = {j.clause for j in judged if j.answer is Known.NO} | ({"R2"} if counting else set())
    not_counted.update(clause for gone in chart.withdrawn if gone.findings for clause in _withdrawn_under(gone))
    return _answer(ReviewAnswer.NOT_RAISED, [], beside, *sorted(not_counted))


def _judge_all(
    chart: Chart, start: Span | None, today: date, policy: Policy, inside: AtCollection | None
) -> list[Judged]:
    detected, unread = Outcome.DETECTED, Outcome.NOT_READABLE
    saying = [d for d in chart.draws if d.findings or d.outcome is detected or d.outcome is unread]
    judged = [judge_finding(d, f, start, today, policy, inside) for d in saying for f in d.findings]
    judged += [j for j in [judge_nameless(d, start) for d in saying] if j is not None]
    if len(judged) > 1:
        judged.sort(key=_order)
    return judged


def _order(judged: Judged) -> tuple[Span, str, str, str, Key]:
    sentence, sources = judged.reason.sentence, order_of(judged.sources)
    return collected(judged.draw), judged.name, judged.code, sentence, sources


def decided(chart: Chart, start: Span | None, today: date, policy: Policy, inside: AtCollection) -> Known:
    """Whether a clinician has decided on a finding that would count: surveillance ends with it (D10d)."""
    if not chart.reviews:
        return Known.NO
    judged = _judge_all(chart, start, today, policy, inside)
    return any_of(_decided(chart, judged, j.name) for j in judged if j.answer is Known.YES)


def _reviews_of(chart: Chart, name: str) -> list[ReviewDecision]:
    found = (r for r in chart.reviews if name in r.variants)
    return sorted(found, key=lambda r: (r.date.first, r.date.last, order_of(r.sources)))


def _decided(chart: Chart, judged: Sequence[Judged], name: str) -> Known:
    """A decision closes the variant found by then; its later detections are the same finding, a new variant is not."""
    reviews = _reviews_of(chart, name) if chart.reviews else []
    found = [collected(j.draw) for j in judged if reviews and j.name == name and j.answer is Known.YES]
    return any_of([not_after(day, span(r.date)) for r in reviews for day in found])


def _decided_reason(chart: Chart, name: str, answer: Known) -> Reason:
    reviews = _reviews_of(chart, name)
    on = listed([date_words(r.date) for r in reviews])
    words = f"ESR1 {name}: a clinician decided on this finding ({on}); the flag is closed for it."
    if answer is Known.UNKNOWN:
        words = f"ESR1 {name}: whether the decision of {on} is about this finding cannot be told."
    sources = merged(*(r.sources for r in reviews))
    return Reason(_DECIDED, "R2", words, sources)


def _named(found: Sequence[Judged]) -> str:
    return listed([f"ESR1 {name.removeprefix('ESR1 ')}" for name in _variants(found)] or ["An ESR1 result"])


def _variants(found: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(sorted({j.name for j in found if j.finding is not None}))


def _sources(found: Sequence[Judged]) -> Sources:
    return merged(*(j.sources for j in found))


def _answer(answer: ReviewAnswer, found: Sequence[Judged], why: Why, *clauses: str) -> Reviewed:
    findings: tuple[Finding, ...] = tuple(j.finding for j in found if j.finding is not None)
    earliest = _earliest(found)
    first = earliest.first if earliest is not None else None
    shown = date_words(earliest) if earliest is not None else "on an unknown date" if found else ""
    if earliest is not None and any(_earliest([j for j in found if j.name == n]) != earliest for n in _variants(found)):
        shown += " (the earliest)"
    named = tuple(dict.fromkeys(clauses))
    return Reviewed(SwitchReview(answer, named, _variants(found), findings, first, shown), why)


def _earliest(found: Sequence[Judged]) -> PartialDate | None:
    dates = [j.draw.date for j in found if j.draw.date is not None]
    return min(dates, key=lambda d: (d.first, d.last), default=None)


def _outside(window: Window, found: list[Judged], beside: list[Reason], next_line: bool) -> Reviewed:
    if not found:
        said = sorted({r.clause for r in beside if r.code != _COUNTS})
        return _answer(ReviewAnswer.NOT_RAISED, [], tuple(beside), *said)
    if "W8" in window.clauses:
        words = "Progression is recorded: this result belongs to the decision on the progression, not to this flag."
        reason = Reason("review.progression", "R7", words, _sources(found), ("chmp-opinion",))
        return _answer(ReviewAnswer.NOT_RAISED, found, (reason, *beside), "R7")
    if next_line:
        words = "A later line of therapy has begun: this result belongs to the decision on it, not to this flag."
        reason = Reason(NEXT_TREATMENT, "R7", words, _sources(found), ("chmp-opinion",))
        return _answer(ReviewAnswer.NOT_RAISED, found, (reason, *beside), "R7")
    words = (
        f"The patient is outside the window ({', '.join(window.clauses)}): "
        f"{_named(found)} is shown for information only."
    )
    reason = Reason("review.outside_window", "R8", words, _sources(found))
    return _answer(ReviewAnswer.NOT_RAISED, found, (reason, *beside), "R8")


def _raised(chart: Chart, found: list[Judged], beside: Callable[[], list[Reason]]) -> Reviewed:
    clauses = ("R1", "R4") if len(_variants(found)) > 1 else ("R1",)
    why: Why = lambda: (_due(found), *beside(), *_since(chart, found))  # noqa: E731 - a name for its type
    return _answer(ReviewAnswer.RAISED, found, why, *clauses)


def _due(found: list[Judged]) -> Reason:
    words = (
        f"{_named(found)} detected in plasma inside the window: a review of the treatment is due, "
        "with current imaging. This is no order and names no drug."
    )
    return Reason("review.raised", "R1", words, _sources(found), _FLAG)


def _since(chart: Chart, found: list[Judged]) -> list[Reason]:
    """Later results that find nothing are shown and withdraw nothing (R2); other worries beside the flag."""
    last = max(collected(j.draw)[1] for j in found)
    later = [d for d in chart.draws if d.outcome is Outcome.NOT_DETECTED and d.date is not None and d.date.first > last]
    made = [_later(d, _variants(found)) for d in sorted(later, key=lambda d: (str(d.date), order_of(d.sources)))]
    same = [j.draw for j in found]
    beside = [
        d
        for d in chart.draws
        if d.outcome is Outcome.NOT_DETECTED
        and d.specimen not in NOT_BLOOD
        and d.date is not None
        and any(d.date == s.date for s in same)
    ]
    for d in sorted(beside, key=lambda d: (str(d.date), order_of(d.sources))):
        if _missed(d, _variants(found)):
            made.append(_later(d, _variants(found)))
            continue
        words = f"Another sample of {date_words(d.date)} found nothing: discordant, and a positive is a positive."
        made.append(Reason("review.discordant", "R5", words, d.sources))
    equivocal = [s for s in chart.statuses if s.status is Progress.EQUIVOCAL_IMAGING]
    if equivocal:
        words = "Imaging was equivocal: settle it before deciding."
        made.append(Reason("review.imaging_equivocal", "R7", words, merged(*(s.sources for s in equivocal))))
    return made


def _missed(draw: Draw, variants: tuple[str, ...]) -> list[str]:
    """The variants that the assay says it does not cover."""
    return [v for v in variants if not looked_for(v, draw.covers)]


def _later(draw: Draw, variants: tuple[str, ...]) -> Reason:
    missed = _missed(draw, variants)
    elsewhere = {Specimen.TISSUE: "a tissue test", Specimen.OTHER: "a fluid that is not blood"}.get(draw.specimen)
    if elsewhere or missed:
        what = elsewhere or f"an assay that does not cover {listed(missed)}"
        words = f"The result of {date_words(draw.date)} is of {what}: it contradicts nothing."
        return Reason("review.not_covered_since", "R5", words, draw.sources)
    words = f"Not detected since: {date_words(draw.date)}. That does not withdraw the flag."
    if draw.uninformative:
        words = f"No tumour DNA found since: {date_words(draw.date)}. That does not withdraw the flag."
    return Reason("review.not_detected_since", "R2", words, draw.sources, ("pada-1-kinetics",))


def _withdrawn_under(gone: WithdrawnResult) -> tuple[str, ...]:
    """A correction takes a finding back (R2), a cancelled one never counted (R5), one entered in error is both."""
    return {"cancelled": ("R5",), "entered-in-error": ("R2", "R5")}.get(gone.why, ("R2",))


def _withdrawn(chart: Chart) -> list[Reason]:
    made = []
    for gone in sorted(chart.withdrawn, key=lambda w: (str(w.date or ""), w.why, order_of(w.sources))):
        what = listed(sorted({label(f) for f in gone.findings})) if gone.findings else "An ESR1 result"
        why = gone.why.replace("-", " ")
        words = f"{what} of {date_words(gone.date)} was withdrawn by the laboratory ({why}); it counts for nothing."
        made.append(Reason("review.withdrawn", _withdrawn_under(gone)[0], words, gone.sources))
    return made
