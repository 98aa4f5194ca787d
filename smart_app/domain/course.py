"""The course of the disease under treatment: W6 first line, W8 no progression."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from smart_app.domain.dates import PartialDate, add_days, add_months
from smart_app.domain.decision import Reason
from smart_app.domain.facts import (
    Chart,
    DiseaseStatus,
    DrugClass,
    Exposure,
    Known,
    Part,
    Progress,
    Proof,
    Sources,
    StopReason,
)
from smart_app.domain.lines import ENDOCRINE, FOLLOWED, Placed, advanced_since, over_by
from smart_app.domain.logic import Span, all_of, any_of, before, known, not_after, recorded, span
from smart_app.domain.policy import Policy
from smart_app.domain.presence import ORDER_ONLY, taken, was_taken
from smart_app.domain.reasons import JUDGEMENT, TRIAL, Clause, merged, missing_parts, not_found, order_of
from smart_app.domain.regimen import names_of, of_class, sources_of
from smart_app.domain.subtype import has_other_cancer
from smart_app.domain.wording import date_words, day_words

NEXT_LINE = "window.line.later"  # the reason's code where a later line has begun (R7)
_PAIR = frozenset({DrugClass.AI, DrugClass.CDK46})
_OTHER_LINE = frozenset({DrugClass.CHEMOTHERAPY, DrugClass.HER2, DrugClass.TARGETED})
_CYCLE = 42  # days, judgement: six weeks after the last dose, the next cycle no longer goes without saying


class _Progressions(NamedTuple):
    """What shows, or may show, that the disease progressed under treatment."""

    recorded: list[Span]
    stopped_for: list[Placed]


def first_line(
    chart: Chart, placed: tuple[Placed, ...], start: Span | None, day: date, today: date, policy: Policy
) -> Clause:
    """W6: no earlier endocrine line for advanced disease, and no later one begun. ``start``: of the line followed."""
    running = _chemotherapy(chart, day, today, policy)
    if start is None:
        return running or _no_line(chart)
    progressed = _progressions(chart, placed)
    seconds = [(p, _second(chart, placed, p, progressed, start, day, today, policy)) for p in placed]
    closed = [p for p, answer in seconds if answer is Known.YES]
    if closed:
        made = _closed(closed, start)
        if running is not None and running.answer is Known.NO:
            made = made._replace(why=(*made.reasons, *running.reasons))
        return made
    if running is not None:
        return running
    maybe = [p for p, answer in seconds if answer is Known.UNKNOWN]
    if maybe:
        return _maybe_second(chart, maybe)
    asked = _asked(chart, placed, day, policy)
    if asked is not None:
        return asked
    if missing_parts(chart, Part.DRUGS):
        words = "No earlier line was found, but the drugs were not read completely."
        reason = Reason("window.line.not_read", "W6", words, _sources_of_line(placed), TRIAL)
        return Clause("W6", Known.UNKNOWN, (reason,), settle=("whether there was an earlier line of therapy",))
    return Clause("W6", Known.YES, lambda: _first(chart, placed, start, policy))


def _sources_of_line(placed: tuple[Placed, ...]) -> Sources:
    return sources_of([p.exposure for p in placed if p.kind in FOLLOWED and p.advanced is Known.YES])


def _first(chart: Chart, placed: tuple[Placed, ...], start: Span, policy: Policy) -> list[Reason]:
    began = f", begun {day_words(start[0])}" if start[0] == start[1] else ""
    words = f"First line for advanced disease{began}."
    reason = Reason("window.line.first", "W6", words, _sources_of_line(placed), TRIAL)
    return [reason, *_marks(chart, placed, start, policy)]


def _chemotherapy(chart: Chart, day: date, today: date, policy: Policy) -> Clause | None:
    drugs = of_class(chart, DrugClass.CHEMOTHERAPY, DrugClass.HER2)
    if not drugs:
        return None
    found = {e: _goes_on(e, day, today, policy) for e in drugs}
    now = tuple(e for e, answer in found.items() if answer is Known.YES)
    maybe = tuple(e for e, answer in found.items() if answer is Known.UNKNOWN)
    if not now and not maybe:
        return None
    names, sources = names_of(now or maybe), sources_of(now or maybe)
    if now and not has_other_cancer(chart):
        reason = Reason("window.line.chemotherapy_now", "W6", f"{names} is given now.", sources, TRIAL)
        return Clause("W6", Known.NO, (reason,))
    if now:
        words = (
            f"{names} is given now, and whether it is for the breast cancer or for the other cancer is not recorded."
        )
        reason = Reason("window.line.chemotherapy_of_other_cancer", "W6", words, sources, JUDGEMENT)
        return Clause("W6", Known.UNKNOWN, (reason,), settle=(f"for which cancer {names} is given",))
    reason = Reason(
        "window.line.chemotherapy_unclear",
        "W6",
        f"Whether treatment with {names} goes on cannot be told.",
        sources,
        TRIAL,
    )
    return Clause("W6", Known.UNKNOWN, (reason,), settle=(f"whether treatment with {names} goes on",))


def _goes_on(e: Exposure, day: date, today: date, policy: Policy) -> Known:
    if _given_last(e, day):
        return Known.NO
    answer = taken(e, day, today, policy).on(day)
    return Known.UNKNOWN if answer is Known.YES and _between_cycles(e, day) else answer


def _given_last(e: Exposure, day: date) -> bool:
    """Given or handed over, and so long ago for the last time that it does not go on."""
    over = over_by(e)
    return e.end is None and bool(e.proofs - ORDER_ONLY) and over is not None and over < day


def _between_cycles(e: Exposure, day: date) -> bool:
    """Only doses show it, and the last of them is longer ago than any cycle is apart."""
    return (
        e.proofs == frozenset({Proof.ADMINISTERED})
        and e.ongoing is None
        and e.end is None
        and e.last_seen is not None
        and add_days(e.last_seen.last, _CYCLE) < day
    )


def _no_line(chart: Chart) -> Clause:
    words = not_found("A line of therapy for advanced disease", missing_parts(chart, Part.DRUGS))
    reason = Reason("window.line.none", "W6", f"{words}.", (), TRIAL)
    return Clause("W6", Known.UNKNOWN, (reason,), settle=("which line of therapy this is (none found)",))


def _second(
    chart: Chart,
    placed: Sequence[Placed],
    new: Placed,
    progressed: _Progressions,
    start: Span,
    day: date,
    today: date,
    policy: Policy,
) -> Known:
    """Whether the drug shows another line than the first endocrine one."""
    if new.advanced is Known.NO or new.begun[0] > day:
        return Known.NO
    answers = [_after_progression(progressed, new, start)]
    if answers[0] is Known.NO and new.kind in _PAIR:
        return Known.NO
    took = was_taken(new.exposure, day, today, policy)
    begun = all_of(new.advanced, not_after(new.begun, (day, day)), took)
    if new.kind in ENDOCRINE - {DrugClass.AI}:
        answers.append(any_of(p.advanced for p in placed if p.kind is DrugClass.AI and p.begun[0] <= day))
    if new.kind in _OTHER_LINE:
        answers.append(before(start, new.begun))
    if new.kind is DrugClass.TARGETED and answers[-1] is Known.YES:
        # begun together with the line, a targeted drug is part of it
        near = add_days(start[1], policy.one_line_days)
        answers[-1] = known(new.begun[0] > near, new.begun[1] > near)
    answer = all_of(begun, any_of(answers))
    if answer is Known.YES and new.kind in (DrugClass.CHEMOTHERAPY, DrugClass.HER2) and has_other_cancer(chart):
        return Known.UNKNOWN
    # an open use of a SERD is said by W7
    return Known.NO if answer is Known.UNKNOWN and new.kind is DrugClass.SERD else answer


def _progressions(chart: Chart, placed: Sequence[Placed]) -> _Progressions:
    recorded = [span(s.date) for s in chart.statuses if s.status is Progress.WORSENED]
    stopped = [p for p in placed if p.exposure.stop_reason is StopReason.PROGRESSION and p.kind in FOLLOWED]
    return _Progressions(recorded, stopped)


def _after_progression(progressed: _Progressions, new: Placed, start: Span) -> Known:
    """Whether progression on the line stands before the drug's start."""
    answers = [all_of(before(start, d), not_after(d, new.begun)) for d in progressed.recorded]
    for p in progressed.stopped_for:
        if p is not new:
            answers.append(all_of(p.advanced, not_after(span(p.exposure.end), new.begun)))
    # what is open here is open in W8 too, and said there
    return known(Known.YES in answers, False)


def _closed(closed: list[Placed], start: Span) -> Clause:
    exposures = tuple(p.exposure for p in closed)
    first = min(closed, key=lambda p: (p.begun[1], p.exposure.drug))
    exact = first.exposure.start
    since = f" since {date_words(exact)}" if exact is not None else ""
    words = f"Not the first line only: {names_of(exposures)}{since} is a line of its own"
    if any(before(start, p.begun) is Known.YES for p in closed):
        words += "; from then on ESR1 testing is for choosing the next treatment, not for this window."
        reason = Reason(NEXT_LINE, "W6", words, sources_of(exposures), ("chmp-opinion",))
    else:
        reason = Reason("window.line.earlier", "W6", f"{words}.", sources_of(exposures), TRIAL)
    return Clause("W6", Known.NO, (reason,), since=exact)


def _maybe_second(chart: Chart, maybe: list[Placed]) -> Clause:
    exposures = tuple(p.exposure for p in maybe)
    names = names_of(exposures)
    if all(e.proofs == ORDER_ONLY for e in exposures) and all(p.advanced is Known.YES for p in maybe):
        words = f"{names} was ordered; whether it was taken, and so was a line of its own, cannot be told."
        reason = Reason("window.line.order_only", "W6", words, sources_of(exposures), TRIAL)
        return Clause("W6", Known.UNKNOWN, (reason,), settle=(f"whether {names} was taken (order only)",))
    words = f"Whether {names} is or was a line of its own for advanced disease cannot be told."
    reason = Reason("window.line.setting_unknown", "W6", words, sources_of(exposures), TRIAL)
    settle = f"when and in which setting {names} was given"
    if advanced_since(chart) is None:
        settle = "the day the advanced disease was found (not recorded)"
    return Clause("W6", Known.UNKNOWN, (reason,), settle=(settle,))


def _asked(chart: Chart, placed: tuple[Placed, ...], day: date, policy: Policy) -> Clause | None:
    """What leaves the first line open: a setting, endocrine therapy alone before, earlier chemotherapy."""
    for finding in (
        _open_setting(chart, placed, day, policy),
        _lead_in(placed, day, policy),
        _earlier_chemotherapy(placed, day, policy),
    ):
        if finding is not None:
            return finding
    return None


def _open_setting(chart: Chart, placed: tuple[Placed, ...], day: date, policy: Policy) -> Clause | None:
    """AI or CDK4/6 inhibitor of which it is open whether they were adjuvant, where that changes the line."""
    unsure = [p for p in placed if p.advanced is Known.UNKNOWN and p.kind in _PAIR and p.begun[0] <= day]
    if not unsure:
        return None
    partners = [
        p.begun[1] for p in placed if p.kind is DrugClass.CDK46 and p.advanced is Known.YES and p.begun[0] <= day
    ]
    # an AI that ran with the line from its beginning on matters not, whichever way the record meant it
    joined = add_days(min(partners), -policy.one_line_days) if partners else date.max
    mattering = tuple(p.exposure for p in unsure if p.kind is DrugClass.CDK46 or p.begun[0] < joined)
    if not mattering:
        return None
    names = names_of(mattering)
    if advanced_since(chart) is None:
        words = f"Since when the disease is advanced is not recorded, so {names} may have been adjuvant."
        settle = "the day the advanced disease was found (not recorded)"
    else:
        words = f"Whether treatment with {names} was begun for early or for advanced disease cannot be told."
        settle = f"in which setting treatment with {names} was begun"
    reason = Reason("window.line.setting_unknown", "W6", words, sources_of(mattering), TRIAL)
    return Clause("W6", Known.UNKNOWN, (reason,), settle=(settle,))


def _lead_in(placed: tuple[Placed, ...], day: date, policy: Policy) -> Clause | None:
    """Endocrine therapy alone for longer than the policy joins before the CDK4/6 inhibitor (judgement)."""
    line = [p for p in placed if p.advanced is Known.YES and p.begun[0] <= day]
    ais = [p for p in line if p.kind is DrugClass.AI]
    cdks = [p for p in line if p.kind is DrugClass.CDK46]
    if not ais or not cdks:
        return None
    first, joined = min([p.begun[0] for p in ais]), min([p.begun[1] for p in cdks])
    if joined.toordinal() - first.toordinal() <= policy.one_line_days:
        return None
    exposures = tuple(p.exposure for p in (*ais, *cdks))
    certain = min(p.begun[0] for p in cdks).toordinal() - min(p.begun[1] for p in ais).toordinal()
    alone, partner = names_of([p.exposure for p in ais]), names_of([p.exposure for p in cdks])
    if certain > policy.one_line_days:
        words = f"{alone} was taken alone before {partner} joined, longer than {policy.one_line_days} days."
        settle = "whether the endocrine therapy alone before the CDK4/6 inhibitor was a line of its own"
    else:
        words = (
            f"Whether {alone} was taken alone for longer than {policy.one_line_days} days before {partner} joined "
            "cannot be told."
        )
        settle = f"the days on which {names_of(exposures)} were begun (not known to the day)"
    reason = Reason("window.line.lead_in", "W6", words, sources_of(exposures), JUDGEMENT)
    return Clause("W6", Known.UNKNOWN, (reason,), settle=(settle,))


def _before_line(placed: Sequence[Placed], day: date) -> list[Exposure]:
    return [p.exposure for p in placed if p.kind in _OTHER_LINE and p.advanced is not Known.NO and p.begun[0] <= day]


def _earlier_chemotherapy(placed: Sequence[Placed], day: date, policy: Policy) -> Clause | None:
    earlier = [] if policy.earlier_chemotherapy_inside else _before_line(placed, day)
    if not earlier:
        return None
    words = (
        f"Treatment with {names_of(earlier)} for advanced disease, or perhaps so, came before or with the endocrine "
        "treatment; the trial's text does not settle whether that counts."
    )
    reason = Reason("window.line.after_chemotherapy", "W6", words, sources_of(earlier), TRIAL)
    names = names_of(earlier)
    settle = f"whether treatment with {names} before the first endocrine line counts here (a clinician's judgement)"
    return Clause("W6", Known.UNKNOWN, (reason,), settle=(settle,))


def _marks(chart: Chart, placed: tuple[Placed, ...], start: Span, policy: Policy) -> list[Reason]:
    """Inside, and marked."""
    made = []
    earlier = _before_line(placed, start[1])
    if earlier:
        words = (
            f"Treatment with {names_of(earlier)} came before, for advanced disease or perhaps so; this policy counts "
            "the line as first."
        )
        made.append(Reason("window.line.after_chemotherapy", "W6", words, sources_of(earlier), JUDGEMENT))
    adjuvant = tuple(p.exposure for p in placed if p.kind is DrugClass.AI and p.advanced is Known.NO)
    since = advanced_since(chart)
    if since is not None and adjuvant:
        ends = [over_by(e) for e in adjuvant]
        if any(end is None or add_months(end, policy.relapse_months) > since.first for end in ends):
            words = (
                f"Relapse during or within {policy.relapse_months} months after an adjuvant aromatase inhibitor: "
                "inside, marked (PADA-1 excluded it, the trial's rule was not found)."
            )
            made.append(
                Reason("window.line.relapse_on_adjuvant", "W6", words, sources_of(adjuvant), ("pada-1-baseline",))
            )
    before_cdk = tuple(p.exposure for p in placed if p.advanced is Known.NO and p.kind is DrugClass.CDK46)
    if before_cdk:
        words = f"{names_of(before_cdk)} was given as adjuvant therapy before: inside, marked."
        made.append(Reason("window.line.adjuvant_cdk46", "W6", words, sources_of(before_cdk), JUDGEMENT))
    return made


def no_progression(chart: Chart, placed: tuple[Placed, ...], start: Span | None, day: date, today: date) -> Clause:
    """W8: no progression on this line. Progression of the day the line began is taken for its cause."""
    stopped = _stopped_for_progression(placed, day)
    worse = [s for s in chart.statuses if s.status is Progress.WORSENED and span(s.date)[0] <= day]
    answers = [(s, _on_line(s, chart, start, day, today)) for s in worse]
    sure = [s for s, answer in answers if answer is Known.YES]
    stopped_for = [e for e, answer in stopped if answer is Known.YES]
    if sure or stopped_for:
        return _progressed(sure, stopped_for)
    open_ones = [s for s, answer in answers if answer is Known.UNKNOWN]
    if open_ones:
        return _unclear_progression(chart, open_ones)
    if stopped:
        words = f"{names_of([e for e, _ in stopped])} was stopped for progression; on which line cannot be told."
        sources = sources_of([e for e, _ in stopped])
        reason = Reason("window.progression.stop_unclear", "W8", words, sources, TRIAL)
        return Clause("W8", Known.UNKNOWN, (reason,), settle=("whether the progression was on this line",))
    gaps = missing_parts(chart, Part.STATUS)
    if gaps:
        words = not_found("Progression", gaps)
        reason = Reason("window.progression.not_read", "W8", f"{words}.", (), TRIAL)
        return Clause("W8", Known.UNKNOWN, (reason,), settle=("the disease status (not read completely)",))
    return Clause("W8", Known.YES, lambda: _none_recorded(chart, start, day))


def _none_recorded(chart: Chart, start: Span | None, day: date) -> list[Reason]:
    relevant = [s for s in chart.statuses if start is None or span(s.date)[1] >= start[0]]
    sources = merged(*(s.sources for s in relevant))
    reasons = [Reason("window.progression.none", "W8", "No progression is recorded on this line.", sources, TRIAL)]
    for s in sorted(relevant, key=lambda s: (str(s.date), order_of(s.sources))):
        if s.status is Progress.UNDETERMINED and span(s.date)[0] <= day and not _settled_since(s, relevant):
            words = (
                f"The disease status of {date_words(s.date)} is undetermined, preliminary or could not be read: settle "
                "it before deciding."
            )
            reasons.append(Reason("window.progression.undetermined", "W8", words, s.sources, JUDGEMENT))
        if s.status is Progress.EQUIVOCAL_IMAGING and span(s.date)[0] <= day:
            words = f"Imaging was equivocal {date_words(s.date)}: not progression, but settle it before deciding."
            reasons.append(Reason("window.progression.equivocal", "W8", words, s.sources, JUDGEMENT))
    return reasons


def _settled_since(status: DiseaseStatus, statuses: Sequence[DiseaseStatus]) -> bool:
    """Stable or better was recorded for that day or a later one."""
    calm = (s for s in statuses if s.status in (Progress.STABLE, Progress.IMPROVED))
    return any(s.date is not None and span(s.date)[0] >= span(status.date)[1] for s in calm)


def _stopped_for_progression(placed: Sequence[Placed], day: date) -> list[tuple[Exposure, Known]]:
    """Drugs of the endocrine line that were, or may have been, stopped because the disease progressed."""
    found: list[tuple[Exposure, Known]] = []
    for p in placed:
        e = p.exposure
        if e.stop_reason is not StopReason.PROGRESSION or e.ongoing is True or p.kind not in FOLLOWED:
            continue
        over = Known.YES if e.ongoing is False and e.end is None else not_after(span(e.end), (day, day))
        answer = all_of(p.advanced, over, not_after(p.begun, (day, day)))
        if answer is not Known.NO:
            found.append((e, answer))
    return found


def _contradicted(status: DiseaseStatus, chart: Chart) -> bool:
    """No progression is recorded for what may be the same day."""
    day = span(status.date)
    calm = (s for s in chart.statuses if s.status in (Progress.STABLE, Progress.IMPROVED))
    return status.date is not None and any(
        s.date is not None and span(s.date)[0] <= day[1] and day[0] <= span(s.date)[1] for s in calm
    )


def _on_line(status: DiseaseStatus, chart: Chart, start: Span | None, day: date, today: date) -> Known:
    if start is None:
        return Known.UNKNOWN
    when = recorded(status.date, today)
    answer = all_of(before(start, when), not_after(when, (day, day)))
    if answer is Known.YES and _contradicted(status, chart):
        return Known.UNKNOWN
    return answer


def _progressed(sure: list[DiseaseStatus], stopped: list[Exposure]) -> Clause:
    dates = [s.date for s in sure if s.date is not None] + [e.end for e in stopped if e.end is not None]
    first: PartialDate | None = min(dates, key=lambda d: (d.last, d.first), default=None)
    on = f" {date_words(first)}" if first is not None else ""
    words = (
        f"Progression recorded{on}: from then on ESR1 testing is for choosing the next treatment, not for this window."
    )
    sources = merged(sources_of(stopped), *(s.sources for s in sure))
    reason = Reason("window.progression.recorded", "W8", words, sources, ("chmp-opinion",))
    return Clause("W8", Known.NO, (reason,), since=first)


def _unclear_progression(chart: Chart, found: list[DiseaseStatus]) -> Clause:
    status = min(found, key=lambda s: (span(s.date), order_of(s.sources)))
    sources = merged(*(s.sources for s in found))
    on = date_words(status.date)
    if status.date is None:
        code, words = "undated", "Progression is recorded without a date."
        settle = "when the recorded progression was (no date)"
    elif _contradicted(status, chart):
        code, words = "conflict", f"Progression and no progression are both recorded for {on}."
        settle = f"the disease status of {on} (contradictory)"
    else:
        code, words = "date_unclear", f"Progression is recorded for {on}; whether on this line cannot be told."
        settle = "whether the recorded progression was on this line"
    return Clause(
        "W8", Known.UNKNOWN, (Reason(f"window.progression.{code}", "W8", words, sources, TRIAL),), settle=(settle,)
    )
