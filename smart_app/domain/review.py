"""The switch review: one qualifying plasma result inside the window is enough (clinical rules R)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from smart_app.domain.decision import Reason, ReviewAnswer, SwitchReview, Window, WindowAnswer
from smart_app.domain.facts import (
    Chart,
    Draw,
    Finding,
    Outcome,
    Part,
    Progress,
    Significance,
    Specimen,
    Standing,
)
from smart_app.domain.lines import Course, watched
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import missing_parts
from smart_app.domain.variants import Tier, label, tier, why_not
from smart_app.domain.wording import date_words, listed, percent_words

_LIST = ("policy-judgement", "ember-3", "emerald")


@dataclass(frozen=True, slots=True)
class _Judged:
    """One finding of one draw. ``answer``: "counts", "maybe" (with ``settle``) or "no"; the reason says why."""

    draw: Draw
    finding: Finding
    answer: str
    reason: Reason


def amount(finding: Finding) -> str:
    """ " (0.8 %)" where the fraction can be read, "" else."""
    if finding.vaf is None:
        return f" ({finding.vaf_text}, not readable as a fraction)" if finding.vaf_text else ""
    return f" ({percent_words(finding.vaf, finding.vaf_comparator)})"


def _name(draw: Draw, finding: Finding) -> str:
    return f"ESR1 {label(finding).removeprefix('ESR1 ')}{amount(finding)}, {date_words(draw.date)}"


def _say(draw: Draw, finding: Finding, answer: str, code: str, clause: str, words: str) -> _Judged:
    sources = finding.sources or draw.sources
    return _Judged(draw, finding, answer, Reason(f"review.{code}", clause, words, sources, _LIST))


def _judge(draw: Draw, finding: Finding, lines: tuple[Course, ...], today: date, policy: Policy) -> _Judged:
    name = _name(draw, finding)
    never = why_not(finding)
    if never is not None:
        return _say(draw, finding, "no", f"not_counted.{never[0]}", "R5", f"{name}: raises no flag because {never[1]}.")
    if draw.specimen is Specimen.TISSUE:
        return _say(
            draw, finding, "no", "not_counted.tissue", "R5", f"{name}: found in tissue; only plasma raises the flag."
        )
    standing = tier(finding, policy)
    if standing is Tier.NONE:
        return _no_tier(draw, finding, name, policy)
    if draw.standing is Standing.PROVISIONAL:
        words = f"{name}: preliminary; the final result is awaited before it can raise the flag."
        return _say(draw, finding, "no", "not_counted.preliminary", "R5", words)
    if draw.standing is Standing.CONFLICT:
        words = f"{name}: results of this one specimen contradict each other; ask the laboratory which holds."
        return _say(draw, finding, "maybe", "conflict", "R5", words)
    if draw.specimen is Specimen.UNKNOWN:
        words = f"{name}: the record does not say whether this was plasma or tissue."
        return _say(draw, finding, "maybe", "specimen_unknown", "R1", words)
    if draw.date is None:
        return _say(draw, finding, "maybe", "date_unknown", "R1", f"{name}: when the sample was taken is not recorded.")
    if draw.date.first > today:
        words = f"{name}: the date lies in the future; check it."
        return _say(draw, finding, "maybe", "date_in_future", "R1", words)
    line = watched(lines, today)
    start = line.start if line else None
    if line is not None and start is None:
        words = f"{name}: when this line of therapy began is not recorded, so the finding may be older."
        return _say(draw, finding, "maybe", "line_start_unknown", "R1", words)
    if start is not None and draw.date.last < start.first:
        words = f"{name}: present before this line of therapy. Discuss it; it does not raise the switch-review flag."
        return _say(draw, finding, "no", "baseline", "R6", words)
    if start is not None and draw.date.first < start.last:
        words = f"{name}: whether the sample was taken before or after this line began cannot be told."
        return _say(draw, finding, "maybe", "line_start_unclear", "R1", words)
    tail = " (outside the hotspot list, called pathogenic by the laboratory)" if standing is Tier.SECOND else ""
    low = "; below the assay's stated limit" if finding.below_limit else ""
    words = f"{name}: a qualifying mutation in plasma{tail}{low}."
    return _say(draw, finding, "counts", "qualifies", "R1", words)


def _no_tier(draw: Draw, finding: Finding, name: str, policy: Policy) -> _Judged:
    if finding.protein_change is None:
        words = (
            f"{name}: detected, but the record does not name the protein change, so whether it counts cannot be told."
        )
        return _say(draw, finding, "maybe", "change_unknown", "R3", words)
    if finding.significance is Significance.UNCERTAIN:
        words = f"{name}: the laboratory calls it of uncertain significance."
        return _say(draw, finding, "no", "not_counted.vus", "R5", words)
    words = f"{name}: not on the variant list of the policy {policy.name}."
    return _say(draw, finding, "no", "not_counted.outside_list", "R5", words)


def _nameless(draw: Draw) -> Reason | None:
    """A result that says detected and names no variant."""
    if draw.outcome is not Outcome.DETECTED or draw.findings:
        return None
    words = f"ESR1 mutation detected {date_words(draw.date)}, but the result does not name the variant."
    return Reason("review.change_unknown", "R3", words, draw.sources, _LIST)


def _decided(chart: Chart, judged: _Judged) -> bool:
    change = judged.finding.protein_change
    day = judged.draw.date
    return any(change in r.variants and day is not None and day.first <= r.date.last for r in chart.reviews)


def switch_review(
    chart: Chart, window: Window, lines: tuple[Course, ...], today: date, policy: Policy
) -> tuple[SwitchReview, tuple[Reason, ...]]:
    """The answer and every reason: an ESR1 finding that raises no flag always says why."""
    judged = sorted(
        (_judge(d, f, lines, today, policy) for d in chart.draws for f in d.findings),
        key=lambda j: (str(j.draw.date or ""), label(j.finding), j.reason.code, j.reason.sentence),
    )
    reasons = [j.reason for j in judged]
    nameless = [r for r in (_nameless(d) for d in chart.draws) if r is not None]
    reasons += sorted(nameless, key=lambda r: r.sentence)
    reasons += _withdrawn(chart)
    counting = [j for j in judged if j.answer == "counts"]
    open_ones = [j for j in counting if not _known_decided(chart, counting, j)]
    for j in counting:
        if j not in open_ones:
            words = f"{_name(j.draw, j.finding)}: a clinician has decided on this finding; the flag is closed for it."
            sources = tuple(s for r in chart.reviews for s in r.sources)
            reasons.append(Reason("review.decided", "R2", words, sources))
    maybe = [j for j in judged if j.answer == "maybe"]
    if open_ones:
        return _raised_or_blocked(chart, window, open_ones, reasons)
    if maybe or nameless:
        answer = ReviewAnswer.CANNOT_TELL if window.answer is not WindowAnswer.OUTSIDE else ReviewAnswer.NOT_RAISED
        found = tuple(
            dict.fromkeys(["R8"] if answer is ReviewAnswer.NOT_RAISED else [j.reason.clause for j in maybe] or ["R3"])
        )
        if answer is ReviewAnswer.NOT_RAISED:
            reasons.append(_outside_reason(window, [j.reason.sources for j in maybe]))
        variants = tuple(sorted({label(j.finding) for j in maybe}))
        dates = [j.draw.date.first for j in maybe if j.draw.date is not None and j.draw.date.first <= today]
        first = min(dates, default=None)
        return SwitchReview(answer, found, variants, tuple(j.finding for j in maybe), first), tuple(reasons)
    gaps = missing_parts(chart, Part.RESULTS)
    if gaps and window.answer is not WindowAnswer.OUTSIDE:
        words = f"No qualifying result was found, but results were not read completely: {gaps[0].why}"
        reasons.append(Reason("review.not_read", "R9", words))
        return SwitchReview(ReviewAnswer.CANNOT_TELL, ("R9",)), tuple(reasons)
    return SwitchReview(ReviewAnswer.NOT_RAISED), tuple(reasons)


def _known_decided(chart: Chart, counting: list[_Judged], judged: _Judged) -> bool:
    """A decision closes the variant: its later detections are the same finding, a new variant is not."""
    change = judged.finding.protein_change
    return any(_decided(chart, j) for j in counting if j.finding.protein_change == change)


def _outside_reason(window: Window, groups: list[tuple]) -> Reason:  # type: ignore[type-arg]
    sources = tuple(dict.fromkeys(s for g in groups for s in g))
    words = (
        f"The patient is outside the window ({', '.join(window.clauses)}): the finding is shown for information only."
    )
    return Reason("review.outside_window", "R8", words, sources)


def _raised_or_blocked(
    chart: Chart, window: Window, found: list[_Judged], reasons: list[Reason]
) -> tuple[SwitchReview, tuple[Reason, ...]]:
    variants = tuple(sorted({label(j.finding) for j in found}))
    findings = tuple(j.finding for j in found)
    earliest = min((j.draw.date for j in found if j.draw.date is not None), key=lambda d: (d.first, d.last))

    def answered(answer: ReviewAnswer, *names: str) -> tuple[SwitchReview, tuple[Reason, ...]]:
        return SwitchReview(answer, names, variants, findings, earliest.first, date_words(earliest)), tuple(reasons)

    sources = tuple(dict.fromkeys(s for j in found for s in j.reason.sources))
    if window.answer is WindowAnswer.OUTSIDE:
        if "W8" in window.clauses:
            words = "Progression is recorded: this result belongs to the decision on the progression, not to this flag."
            reasons.append(Reason("review.progression", "R7", words, sources, ("chmp-opinion",)))
            return answered(ReviewAnswer.NOT_RAISED, "R7")
        reasons.append(_outside_reason(window, [sources]))
        return answered(ReviewAnswer.NOT_RAISED, "R8")
    if window.answer is WindowAnswer.CANNOT_TELL:
        words = (
            f"{listed(list(variants))} is detected, but whether the patient is inside the window cannot be told "
            f"({', '.join(window.clauses)}): look at it now."
        )
        reasons.append(Reason("review.window_unknown", "R8", words, sources))
        return answered(ReviewAnswer.CANNOT_TELL, "R8", *window.clauses)
    named = listed([f"ESR1 {v.removeprefix('ESR1 ')}" for v in variants])
    words = f"{named} detected in plasma inside the window: a review of the treatment is due. This names no drug."
    evidence = ("serena-6-pfs", "serena-6-first-test", "fda-accelerated-approval", "odac-vote", "chmp-opinion")
    reasons.insert(0, Reason("review.raised", "R1", words, sources, evidence))
    reasons += _later(chart, found)
    return answered(ReviewAnswer.RAISED, "R1")


def _later(chart: Chart, found: list[_Judged]) -> list[Reason]:
    """Later results that find nothing are shown and withdraw nothing (R2); other worries beside the flag."""
    last = max(j.draw.date.last for j in found if j.draw.date is not None)
    clear = [d for d in chart.draws if d.outcome is Outcome.NOT_DETECTED and d.date is not None and d.date.first > last]
    made = [
        Reason(
            "review.not_detected_since",
            "R2",
            f"Not detected since: {date_words(d.date)}. That does not withdraw the flag.",
            d.sources,
            ("pada-1-kinetics",),
        )
        for d in sorted(clear, key=lambda d: str(d.date))
    ]
    if any(s.status is Progress.EQUIVOCAL_IMAGING for s in chart.statuses):
        made.append(Reason("review.imaging_equivocal", "R7", "Imaging was equivocal: settle it before deciding."))
    return made


def _withdrawn(chart: Chart) -> list[Reason]:
    made = []
    for gone in sorted(chart.withdrawn, key=lambda w: (str(w.date or ""), w.why, w.sources)):
        what = listed(sorted({label(f) for f in gone.findings})) if gone.findings else "An ESR1 result"
        why = gone.why.replace("-", " ")
        words = f"{what} of {date_words(gone.date)} was withdrawn by the laboratory ({why}); it counts for nothing."
        made.append(Reason("review.withdrawn", "R2", words, gone.sources))
    return made
