"""The next draw (clinical rules D)."""

from __future__ import annotations

from datetime import date

from smart_app.domain.dates import add_days, add_months
from smart_app.domain.decision import NextDraw, Reason, ReviewAnswer, SwitchReview, Window, WindowAnswer
from smart_app.domain.facts import Chart, Draw, Outcome, Specimen, Standing, Visit, VisitKind
from smart_app.domain.lines import Course, watched
from smart_app.domain.policy import Policy
from smart_app.domain.variants import qualifies
from smart_app.domain.wording import date_words, day_words, range_words

_SCHEDULE = ("serena-6-schedule", "pada-1-kinetics")
_J = ("policy-judgement",)
Planned = tuple[NextDraw | None, tuple[Reason, ...]]


def _none(code: str, clause: str, sentence: str, *extra: Reason) -> Planned:
    return None, (Reason(f"draw.none.{code}", clause, sentence), *extra)


def _relevant(chart: Chart, start: date | None, today: date) -> list[Draw]:
    """The blood draws of this line, oldest first. A specimen that is not named counts: it was a ctDNA test."""
    found = [
        d
        for d in chart.draws
        if d.specimen is not Specimen.TISSUE
        and d.date is not None
        and d.date.first <= today
        and (start is None or d.date.last >= start)
    ]
    return sorted(found, key=lambda d: (d.date.first if d.date else date.min, d.outcome.value, d.sources))


def next_draw(
    chart: Chart, window: Window, review: SwitchReview, lines: tuple[Course, ...], today: date, policy: Policy
) -> Planned:
    """The dates, or None with the sentence that says why."""
    if chart.person.deceased:
        return _none("deceased", "D1", "No draw: the patient has died.")
    if window.answer is WindowAnswer.OUTSIDE:
        return _none("outside", "D1", f"No draw: the window is closed ({', '.join(window.clauses)}).")
    if review.answer is ReviewAnswer.RAISED:
        return _none("review_open", "D1", "No draw is planned while the switch review is open.")
    if window.answer is WindowAnswer.CANNOT_TELL:
        return _none("window_unknown", "D2", "No date: whether the patient is inside the window cannot be told.")
    followed = watched(lines, today)
    line = followed.start if followed else None
    if line is None:
        return _none("no_start", "D2", "No date: when this line of therapy began is not recorded.")
    found = _relevant(chart, line.first, today)
    pending = [d for d in found if d.standing is Standing.PROVISIONAL and any(qualifies(f, policy) for f in d.findings)]
    if pending:
        words = f"No next draw until the preliminary result of {date_words(pending[-1].date)} is final."
        return None, (Reason("draw.none.preliminary", "D10b", words, pending[-1].sources),)
    booked = sorted(
        (o for o in chart.ordered if o.date is not None and o.date.last >= today), key=lambda o: str(o.date)
    )
    planned = _scheduled(chart, line.first, found, today, policy)
    if booked:
        words = f"A draw is already ordered for {date_words(booked[0].date)}; it is not doubled."
        return planned[0], (*planned[1], Reason("draw.ordered", "D5", words, booked[0].sources))
    return planned


def _scheduled(chart: Chart, start: date, found: list[Draw], today: date, policy: Policy) -> Planned:
    last = found[-1] if found else None
    if last is not None and last.outcome is Outcome.FAILED:
        return _redraw(found, today, policy)
    if last is not None and last.outcome in (Outcome.INDETERMINATE, Outcome.NOT_READABLE):
        return _repeat(last, today, policy)
    if last is not None and last.date is not None:
        return _interval(chart, last, today, policy)
    earliest = add_months(start, policy.first_draw_from_months)
    latest = add_months(start, policy.first_draw_by_months)
    words = (
        f"First draw between month {policy.first_draw_from_months} and month {policy.first_draw_by_months} "
        f"of the line, which began {day_words(start)}."
    )
    reason = Reason("draw.first", "D3", words, (), _SCHEDULE)
    return _aligned(chart, earliest, latest, today, (reason,))


def _interval(chart: Chart, last: Draw, today: date, policy: Policy) -> Planned:
    assert last.date is not None  # noqa: S101 - by construction of _relevant
    # of an uncertain date the window is taken so wide that no completion of it is missed
    earliest = add_months(last.date.first, policy.interval_from_months)
    floor = add_days(last.date.first, policy.floor_days)
    latest = add_months(last.date.last, policy.interval_to_months)
    if last.standing is Standing.CONFLICT:
        words = f"Results of {date_words(last.date)} contradict each other; the interval counts from that draw."
    else:
        words = (
            f"Next draw {policy.interval_from_months} to {policy.interval_to_months} months after the one of "
            f"{date_words(last.date)}."
        )
    reasons = [Reason("draw.interval", "D4", words, last.sources, _SCHEDULE)]
    if last.uninformative:
        low = (
            f"The result of {date_words(last.date)} is uninformative: the blood held too little tumour DNA. "
            "It is no proof that the mutation is absent."
        )
        reasons.append(Reason("draw.uninformative", "D8", low, last.sources, ("esmo-ctdna",)))
    return _aligned(chart, max(earliest, floor), latest, today, tuple(reasons))


def _redraw(found: list[Draw], today: date, policy: Policy) -> Planned:
    failed = found[-1]
    known = failed.known_on or failed.date
    assert known is not None  # noqa: S101 - by construction of _relevant
    earliest, latest = known.first, add_days(known.last, policy.redraw_within_days)
    words = (
        f"The draw of {date_words(failed.date)} failed: draw again as soon as practicable, at most "
        f"{policy.redraw_within_days // 7} weeks after the failure was known ({date_words(known)})."
    )
    reasons = [Reason("draw.redraw", "D6", words, failed.sources, _J)]
    if len(found) > 1 and found[-2].outcome is Outcome.FAILED:
        twice = "Two draws running have failed: think of another tube or another laboratory."
        reasons.append(Reason("draw.failed_twice", "D10c", twice, failed.sources + found[-2].sources, _J))
    return _dates(earliest, min(max(earliest, today), latest), latest, today, tuple(reasons), redraw=True)


def _repeat(last: Draw, today: date, policy: Policy) -> Planned:
    known = last.known_on or last.date
    assert known is not None  # noqa: S101 - by construction of _relevant
    earliest, latest = known.first, add_days(known.last, policy.repeat_within_days)
    weeks = policy.repeat_within_days // 7
    if last.outcome is Outcome.NOT_READABLE:
        words = (
            f"A report of {date_words(last.date)} cannot be read by the app: open it and supply its result, "
            f"or repeat the draw within {weeks} weeks. The interval does not start again."
        )
    else:
        words = (
            f"The result of {date_words(last.date)} is indeterminate: repeat within {weeks} weeks. "
            "The interval does not start again."
        )
    reason = Reason(f"draw.{last.outcome.value}", "D7", words, last.sources, _J)
    return _dates(earliest, min(max(earliest, today), latest), latest, today, (reason,), redraw=True)


def _aligned(chart: Chart, earliest: date, latest: date, today: date, reasons: tuple[Reason, ...]) -> Planned:
    """On the scan, else the visit, nearest the middle; a visit outside never moves the window (D4, D11)."""
    middle = earliest + (latest - earliest) // 2
    inside = [
        v for v in chart.visits if not v.cancelled and v.date.exact is not None and earliest <= v.date.exact <= latest
    ]
    ahead = [v for v in inside if v.date.first >= today]
    for kind in (VisitKind.SCAN, VisitKind.VISIT):
        fitting = sorted((v for v in ahead if v.kind is kind), key=lambda v: _distance(v, middle))
        if fitting:
            visit = fitting[0]
            day = visit.date.first
            what = "scan" if kind is VisitKind.SCAN else "visit"
            words = f"Aligned with the {what} on {day_words(day)}."
            reason = Reason("draw.aligned", "D11", words, visit.sources, ("serena-6-schedule",))
            return _dates(earliest, day, latest, today, (*reasons, reason), visit=visit)
    # once the aligned day has passed, the date does not fall back before it
    passed = [v.date.first for v in inside if v.date.first < today]
    return _dates(earliest, max([middle, *passed]), latest, today, reasons)


def _distance(visit: Visit, middle: date) -> tuple[int, date, str, tuple]:  # type: ignore[type-arg]
    return (abs((visit.date.first - middle).days), visit.date.first, visit.text, visit.sources)


def _dates(
    earliest: date,
    due: date,
    latest: date,
    today: date,
    reasons: tuple[Reason, ...],
    *,
    visit: Visit | None = None,
    redraw: bool = False,
) -> Planned:
    overdue = max(0, (today - latest).days)
    aligned = None
    if visit is not None:
        aligned = f"{'scan' if visit.kind is VisitKind.SCAN else 'visit'} {visit.date}"
    if overdue:
        words = f"The draw is overdue by {overdue} day{'s' if overdue != 1 else ''}: it was due by {day_words(latest)}."
        reasons = (*reasons, Reason("draw.overdue", "D9", words))
    source = visit.sources[0] if visit is not None and visit.sources else None
    return NextDraw(earliest, due, latest, aligned, source, overdue, redraw), reasons


def draw_words(planned: NextDraw) -> str:
    """The headline of a planned draw."""
    if planned.overdue_days:
        days = "day" if planned.overdue_days == 1 else "days"
        return f"ctDNA draw overdue by {planned.overdue_days} {days} (was due by {day_words(planned.latest)})."
    if planned.redraw:
        return f"Draw ctDNA again, by {day_words(planned.latest)} at the latest."
    words = f"Draw ctDNA between {range_words(planned.earliest, planned.latest)}"
    if planned.aligned_to is not None:
        kind = planned.aligned_to.split(" ")[0]
        words += f", with the {kind} on {day_words(planned.due)}"
    return words + "."
