"""The switch review: one qualifying plasma result inside the window is enough (clinical rules R)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from smart_app.domain.decision import Reason, ReviewAnswer, SwitchReview, Window, WindowAnswer
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
    Specimen,
)
from smart_app.domain.judging import AtCollection, Judged, collected, judge_finding, judge_nameless
from smart_app.domain.logic import Span, any_of, not_after, span
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import Key, merged, missing_parts, order_of
from smart_app.domain.variants import label, looked_for
from smart_app.domain.wording import date_words, listed

_FLAG = ("serena-6-pfs", "serena-6-first-test", "fda-accelerated-approval", "odac-vote", "chmp-opinion")
_SAYING = (Outcome.DETECTED, Outcome.NOT_READABLE)
_COUNTS = "review.qualifies"
NEXT_TREATMENT = "review.next_treatment"
_DECIDED = "review.decided"
Answer = tuple[SwitchReview, tuple[Reason, ...]]


def switch_review(
    chart: Chart,
    window: Window,
    start: Span | None,
    today: date,
    policy: Policy,
    inside: AtCollection,
    *,
    next_line: bool,
) -> Answer:
    """The answer and every reason: an ESR1 finding that raises no flag always says why.

    ``window``: as far as what was read tells, so that an incomplete receipt takes back no flag already earned (R9).
    ``next_line``: a later line of therapy has begun.
    """
    judged = _judge_all(chart, start, today, policy, None if window.answer is WindowAnswer.OUTSIDE else inside)
    reasons = [j.reason for j in judged] + _withdrawn(chart)
    counting = [j for j in judged if j.answer is Known.YES]
    closed = {j.name: _decided(chart, judged, j.name) for j in counting}
    for name in sorted(n for n, answer in closed.items() if answer is not Known.NO):
        reasons.append(_decided_reason(chart, name, closed[name]))
    open_ones = [j for j in counting if closed[j.name] is Known.NO]
    maybe = [j for j in judged if j.answer is Known.UNKNOWN] + [j for j in counting if closed[j.name] is Known.UNKNOWN]
    if window.answer is WindowAnswer.OUTSIDE:
        return _outside(window, [*open_ones, *maybe], reasons, next_line)
    if open_ones and window.answer is WindowAnswer.INSIDE:
        return _raised(chart, open_ones, reasons)
    if open_ones:
        words = (
            f"{_named(open_ones)} is detected, but whether the patient is inside the window cannot be told "
            f"({', '.join(window.clauses)}): look at it now."
        )
        reasons.insert(0, Reason("review.window_unknown", "R8", words, _sources(open_ones)))
        return _answer(ReviewAnswer.CANNOT_TELL, open_ones, reasons, "R8", *window.clauses)
    if maybe:
        decided_on = {j.name for j in maybe if j.answer is Known.YES}
        first = next((r for r in reasons if r.code == _DECIDED and decided_on), maybe[0].reason)
        reasons.sort(key=lambda r: r is not first)
        open_for = {"R2" if j.answer is Known.YES else j.reason.clause for j in maybe}
        return _answer(ReviewAnswer.CANNOT_TELL, maybe, reasons, *sorted(open_for))
    gaps = missing_parts(chart, Part.RESULTS)
    if gaps:
        words = f"No qualifying result was found, but results were not read completely: {gaps[0].why}"
        reasons.insert(0, Reason("review.not_read", "R9", words))
        return _answer(ReviewAnswer.CANNOT_TELL, [], reasons, "R9")
    said = {j.reason.clause for j in judged if j.answer is Known.NO} | ({"R2"} if counting else set())
    return _answer(ReviewAnswer.NOT_RAISED, [], reasons, *sorted(said))


def _judge_all(
    chart: Chart, start: Span | None, today: date, policy: Policy, inside: AtCollection | None
) -> list[Judged]:
    saying = [d for d in chart.draws if d.findings or d.outcome in _SAYING]
    judged = [judge_finding(d, f, start, today, policy, inside) for d in saying for f in d.findings]
    judged += [j for j in (judge_nameless(d, start) for d in saying) if j is not None]
    return sorted(judged, key=_order)


def _order(judged: Judged) -> tuple[Span, str, str, str, Key]:
    reason = judged.reason
    return collected(judged.draw), judged.name, reason.code, reason.sentence, order_of(reason.sources)


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
    found = [collected(j.draw) for j in judged if j.name == name and j.answer is Known.YES]
    return any_of(not_after(day, span(r.date)) for r in _reviews_of(chart, name) for day in found)


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


def _sources(found: Sequence[Judged]) -> tuple:  # type: ignore[type-arg]
    return merged(*(j.reason.sources for j in found))


def _answer(answer: ReviewAnswer, found: Sequence[Judged], reasons: list[Reason], *clauses: str) -> Answer:
    findings: tuple[Finding, ...] = tuple(j.finding for j in found if j.finding is not None)
    dates = [j.draw.date for j in found if j.draw.date is not None]
    earliest = min(dates, key=lambda d: (d.first, d.last), default=None)
    first = earliest.first if earliest is not None else None
    shown = date_words(earliest) if earliest is not None else "on an unknown date" if found else ""
    named = tuple(dict.fromkeys(clauses))
    return SwitchReview(answer, named, _variants(found), findings, first, shown), tuple(reasons)


def _outside(window: Window, found: list[Judged], reasons: list[Reason], next_line: bool) -> Answer:
    if not found:
        return _answer(ReviewAnswer.NOT_RAISED, [], reasons, *sorted({r.clause for r in reasons if r.code != _COUNTS}))
    if "W8" in window.clauses:
        words = "Progression is recorded: this result belongs to the decision on the progression, not to this flag."
        reasons.insert(0, Reason("review.progression", "R7", words, _sources(found), ("chmp-opinion",)))
        return _answer(ReviewAnswer.NOT_RAISED, found, reasons, "R7")
    if next_line:
        words = "A later line of therapy has begun: this result belongs to the decision on it, not to this flag."
        reasons.insert(0, Reason(NEXT_TREATMENT, "R7", words, _sources(found), ("chmp-opinion",)))
        return _answer(ReviewAnswer.NOT_RAISED, found, reasons, "R7")
    words = (
        f"The patient is outside the window ({', '.join(window.clauses)}): "
        f"{_named(found)} is shown for information only."
    )
    reasons.insert(0, Reason("review.outside_window", "R8", words, _sources(found)))
    return _answer(ReviewAnswer.NOT_RAISED, found, reasons, "R8")


def _raised(chart: Chart, found: list[Judged], reasons: list[Reason]) -> Answer:
    words = (
        f"{_named(found)} detected in plasma inside the window: a review of the treatment is due, "
        "with current imaging. This is no order and names no drug."
    )
    reasons.insert(0, Reason("review.raised", "R1", words, _sources(found), _FLAG))
    reasons += _since(chart, found)
    clauses = ("R1", "R4") if len(_variants(found)) > 1 else ("R1",)
    return _answer(ReviewAnswer.RAISED, found, reasons, *clauses)


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


def _withdrawn(chart: Chart) -> list[Reason]:
    made = []
    for gone in sorted(chart.withdrawn, key=lambda w: (str(w.date or ""), w.why, order_of(w.sources))):
        what = listed(sorted({label(f) for f in gone.findings})) if gone.findings else "An ESR1 result"
        why = gone.why.replace("-", " ")
        words = f"{what} of {date_words(gone.date)} was withdrawn by the laboratory ({why}); it counts for nothing."
        made.append(Reason("review.withdrawn", "R2", words, gone.sources))
    return made
