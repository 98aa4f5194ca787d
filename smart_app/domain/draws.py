"""The next draw (clinical rules D)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from smart_app.domain.dates import PartialDate, add_days, add_months
from smart_app.domain.decision import NextDraw, Reason, ReviewAnswer, SwitchReview, Why, Window, WindowAnswer
from smart_app.domain.facts import (
    NOT_BLOOD,
    Chart,
    DateBasis,
    Draw,
    Known,
    OrderedDraw,
    Outcome,
    Part,
    Source,
    Sources,
    Specimen,
    Standing,
    Visit,
    VisitKind,
)
from smart_app.domain.logic import Span, span
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import JUDGEMENT, Key, merged, missing_parts, order_of
from smart_app.domain.variants import label, qualifies
from smart_app.domain.wording import date_words, day_words, listed, range_words

_SCHEDULE = ("serena-6-schedule", "pada-1-kinetics")
_UNUSABLE = (Outcome.FAILED, Outcome.INDETERMINATE, Outcome.NOT_READABLE)
Planned = tuple[NextDraw | None, Why]
Because = tuple[Callable[[], Reason], ...]
_Planned = tuple[NextDraw | None, Because]


def _none(code: str, clause: str, sentence: str, sources: Sources = ()) -> Planned:
    return None, (Reason(f"draw.none.{code}", clause, sentence, sources),)


def _unusable(draw: Draw) -> bool:
    """No result that could be acted on: the interval does not start with it (D6, D7)."""
    return draw.outcome in _UNUSABLE or draw.standing is Standing.CONFLICT


def _relevant(chart: Chart, start: Span, today: date) -> list[tuple[PartialDate, Draw]]:
    """The blood draws of this line, oldest first; of one day the usable result last.

    A specimen that is not named counts (judgement: it was a ctDNA test), tissue and other fluids do not.
    """
    began = start[0]
    found = [
        (day, d)
        for d in chart.draws
        if (day := d.date) is not None and day.first <= today and day.last >= began and d.specimen not in NOT_BLOOD
    ]
    found.sort(key=_age if _touch([day for day, _ in found]) else _day)
    return found


def _touch(days: list[PartialDate]) -> bool:
    """Whether two of them may be one day: what else tells such draws apart is asked for only then."""
    exact = {day.first for day in days}
    if len(exact) == len(days) and None not in {day.day for day in days}:
        return False
    ordered = sorted([(day.first, day.last) for day in days])
    return any(a[1] >= b[0] for a, b in pairwise(ordered))


def _day(found: tuple[PartialDate, Draw]) -> date:
    return found[0].first


def _age(found: tuple[PartialDate, Draw]) -> tuple[date, date, bool, tuple[object, ...], Key]:
    day, draw = found
    rest = draw.outcome.value, draw.specimen.value, draw.standing.value, draw.uninformative, draw.date_basis or ""
    return day.first, day.last, not _unusable(draw), rest, order_of(draw.sources)


def next_draw(
    chart: Chart,
    window: Window,
    review: SwitchReview,
    start: Span | None,
    decided: Known,
    today: date,
    policy: Policy,
) -> Planned:
    """The dates, or None with the sentence that says why."""
    if chart.person.deceased:
        return _none("deceased", "D1", "No draw: the patient has died.")
    if window.answer is WindowAnswer.OUTSIDE:
        return _none("outside", "D1", f"No draw: the window is closed ({', '.join(window.clauses)}).")
    if review.answer is ReviewAnswer.RAISED:
        return _none("review_open", "D1", "No draw is planned while the switch review is open.")
    if window.answer is WindowAnswer.CANNOT_TELL or start is None:
        return _none("window_unknown", "D2", "No date: whether the patient is inside the window cannot be told.")
    if decided is Known.YES:
        return _none("review_decided", "D10d", "No draw: a clinician has decided on the switch review.")
    found = _relevant(chart, start, today)
    last = found[-1][1] if found else None
    if last is not None and last.standing is Standing.PROVISIONAL and _positive(last, policy):
        what = listed(sorted({label(f) for f in last.findings if qualifies(f, policy)}) or ["mutation"])
        words = (
            f"ESR1 {what}, preliminary: no next draw until the result of {date_words(last.date)} "
            "is final; ask if it is late."
        )
        return _none("preliminary", "D10b", words, merged(last.sources))
    scheduled, reasons = _scheduled(chart, start, found, today, policy)
    planned = _as_ordered(chart, scheduled, today)
    return planned, lambda: (
        *[made() for made in reasons],
        *_ordered(chart, planned, today),
        *_cautions(chart, found, today),
    )


def _positive(draw: Draw, policy: Policy) -> bool:
    """A qualifying finding, or a detection that does not name what was found."""
    return draw.outcome is Outcome.DETECTED and (
        not draw.findings or any(qualifies(f, policy) or f.protein_change is None for f in draw.findings)
    )


def _scheduled(
    chart: Chart, start: Span, found: list[tuple[PartialDate, Draw]], today: date, policy: Policy
) -> _Planned:
    if not found:
        months = policy.first_draw_from_months, policy.first_draw_by_months
        first = (lambda: _first(start, months),)
        return _between(chart, start, months, None, today, first, "the day this line of therapy began")
    day, last = found[-1]
    if last.outcome is Outcome.FAILED:
        return _redraw(day, last, found, today, policy)
    if _unusable(last):
        return _repeat(day, last, found, today, policy)
    return _interval(chart, day, last, found, today, policy)


def _first(start: Span, months: tuple[int, int]) -> Reason:
    began = f", which began {day_words(start[0])}" if start[0] == start[1] else ""
    words = f"First draw between month {months[0]} and month {months[1]} of the line{began}."
    return Reason("draw.first", "D3", words, (), _SCHEDULE)


def _interval(
    chart: Chart, day: PartialDate, last: Draw, found: list[tuple[PartialDate, Draw]], today: date, policy: Policy
) -> _Planned:
    months = policy.interval_from_months, policy.interval_to_months
    reasons: Because = (lambda: _after_the_last(day, last, months),)
    if last.uninformative:
        reasons = (*reasons, lambda: _too_little(day, last))
    return _between(chart, span(day), months, _floor(found, policy), today, reasons, "the day of the last draw")


def _after_the_last(day: PartialDate, last: Draw, months: tuple[int, int]) -> Reason:
    words = f"Next draw {months[0]} to {months[1]} months after the one of {date_words(day)}."
    return Reason("draw.interval", "D4", words, last.sources, _SCHEDULE)


def _too_little(day: PartialDate, last: Draw) -> Reason:
    words = (
        f"The result of {date_words(day)} is uninformative: the blood held too little tumour DNA. "
        "It is no proof that the mutation is absent."
    )
    return Reason("draw.uninformative", "D8", words, last.sources, ("esmo-ctdna",))


class _Floor(NamedTuple):
    """D10: no draw before this day, counted from the last informative one."""

    day: date
    because: Callable[[], Reason]


def _floor(found: list[tuple[PartialDate, Draw]], policy: Policy) -> _Floor | None:
    informative = ((d, draw) for d, draw in reversed(found) if not _unusable(draw) and not draw.uninformative)
    last = next(informative, None)
    if last is None:
        return None
    day = add_days(last[0].first, policy.floor_days)
    return _Floor(day, lambda: _not_before(day, *last, policy))


def _not_before(day: date, drawn: PartialDate, draw: Draw, policy: Policy) -> Reason:
    words = (
        f"Not before {day_words(day)}: {policy.floor_days} days after the informative draw of {date_words(drawn)}, "
        "sooner adds nothing."
    )
    return Reason("draw.floor", "D10", words, draw.sources, JUDGEMENT)


def _between(
    chart: Chart,
    base: Span,
    months: tuple[int, int],
    floor: _Floor | None,
    today: date,
    reasons: Because,
    settle: str,
) -> _Planned:
    """From an uncertain day the bounds are those of all its meanings, if one day at least fits every one of them."""
    basis, uncertain = reasons[0], base[0] != base[1]
    if uncertain and add_months(base[1], months[0]) > add_months(base[0], months[1]):
        return None, (lambda: _not_known(basis(), settle), *reasons)
    earliest, latest = add_months(base[0], months[0]), add_months(base[1], months[1])
    if floor is not None and floor.day > earliest:
        earliest, reasons = floor.day, (*reasons, floor.because)
    if uncertain:
        reasons = (*reasons, lambda: _as_wide(basis(), settle))
    return _aligned(chart, earliest, max(earliest, latest), today, reasons)


def _not_known(basis: Reason, settle: str) -> Reason:
    return Reason("draw.none.date_unknown", "D2", f"No date: {settle} is not known well enough.", basis.sources)


def _as_wide(basis: Reason, settle: str) -> Reason:
    words = f"Only the month or year of {settle} is known: the dates are as wide as that."
    return Reason("draw.date_uncertain", basis.clause, words, basis.sources, JUDGEMENT)


def _known(day: PartialDate, draw: Draw) -> PartialDate:
    """When the failure was known: reported, never before the draw itself."""
    return draw.known_on if draw.known_on is not None and draw.known_on.last >= day.first else day


def _redraw(
    day: PartialDate, failed: Draw, found: list[tuple[PartialDate, Draw]], today: date, policy: Policy
) -> _Planned:
    known = _known(day, failed)
    reasons: Because = (lambda: _failed(day, failed, known, policy),)
    before = found[-2][1] if len(found) > 1 else None
    if before is not None and before.outcome is Outcome.FAILED:
        reasons = (*reasons, lambda: _failed_twice(failed, before))
    return _soon(known, policy.redraw_within_days, _floor(found, policy), today, reasons)


def _failed(day: PartialDate, failed: Draw, known: PartialDate, policy: Policy) -> Reason:
    words = (
        f"The draw of {date_words(day)} failed: draw again as soon as practicable, at most "
        f"{policy.redraw_within_days} days after the failure was known ({date_words(known)})."
    )
    return Reason("draw.redraw", "D6", words, failed.sources, JUDGEMENT)


def _failed_twice(failed: Draw, before: Draw) -> Reason:
    words = "Two draws running have failed: think of another tube or another laboratory."
    return Reason("draw.failed_twice", "D10c", words, merged(failed.sources, before.sources), JUDGEMENT)


def _repeat(
    day: PartialDate, last: Draw, found: list[tuple[PartialDate, Draw]], today: date, policy: Policy
) -> _Planned:
    known, days = _known(day, last), policy.repeat_within_days
    return _soon(known, days, _floor(found, policy), today, (lambda: _to_repeat(day, last, days),))


def _to_repeat(day: PartialDate, last: Draw, days: int) -> Reason:
    on = date_words(day)
    if last.standing is Standing.CONFLICT:
        code = "conflict"
        words = f"Results of the draw of {on} contradict each other: ask the laboratory, or repeat within {days} days."
    elif last.outcome is Outcome.NOT_READABLE:
        code = "not_readable"
        words = f"A report of {on} cannot be read by the app: supply its result, or repeat within {days} days."
    else:
        code, words = "indeterminate", f"The result of {on} is indeterminate: repeat within {days} days."
    words += " The interval does not start again."
    return Reason(f"draw.{code}", "D7", words, last.sources, JUDGEMENT)


def _soon(known: PartialDate, days: int, floor: _Floor | None, today: date, reasons: Because) -> _Planned:
    earliest, latest = known.first, add_days(known.last, days)
    if floor is not None and floor.day > earliest:
        earliest, latest, reasons = floor.day, max(latest, floor.day), (*reasons, floor.because)
    return _dates(earliest, min(max(earliest, today), latest), latest, today, reasons, redraw=True)


def _aligned(chart: Chart, earliest: date, latest: date, today: date, reasons: Because) -> _Planned:
    """On the scan, else the visit, nearest the middle; a visit outside never moves the window (D4, D11)."""
    middle = earliest + (latest - earliest) // 2
    inside = [
        v for v in chart.visits if not v.cancelled and v.date.exact is not None and earliest <= v.date.first <= latest
    ]
    ahead = [v for v in inside if v.date.first >= today and not v.done]
    scans = [v for v in ahead if v.kind is VisitKind.SCAN]
    if ahead:
        visit = min(scans or ahead, key=lambda v: _distance(v, middle))
        source = visit.sources[0] if visit.sources else None
        aligned = f"{visit.kind.value} {visit.date}"
        reasons = (*reasons, lambda: _with_visit(visit))
        return _dates(earliest, visit.date.first, latest, today, reasons, aligned, source)
    # once the aligned day has passed, the date does not fall back before it
    passed = [v.date.first for v in inside if v.date.first < today]
    return _dates(earliest, max([middle, *passed]), latest, today, reasons)


def _with_visit(visit: Visit) -> Reason:
    words = f"Aligned with the {visit.kind.value} on {day_words(visit.date.first)}."
    return Reason("draw.aligned", "D11", words, visit.sources, ("serena-6-schedule",))


def _distance(visit: Visit, middle: date) -> tuple[int, date, str, Key]:
    return abs((visit.date.first - middle).days), visit.date.first, visit.text, order_of(visit.sources)


def _dates(
    earliest: date,
    due: date,
    latest: date,
    today: date,
    reasons: Because,
    aligned: str | None = None,
    source: Source | None = None,
    *,
    redraw: bool = False,
) -> _Planned:
    overdue = (today - latest).days if today > latest else 0
    if overdue:
        reasons = (*reasons, lambda: _overdue(overdue, latest))
    return NextDraw(earliest, due, latest, aligned, source, overdue, redraw), reasons


def _overdue(days: int, latest: date) -> Reason:
    return Reason("draw.overdue", "D9", f"The draw is overdue by {_days(days)}: it was due by {day_words(latest)}.")


def _days(number: int) -> str:
    return f"{number} day{'s' if number != 1 else ''}"


def _booked(chart: Chart, today: date) -> list[OrderedDraw]:
    ahead = [o for o in chart.ordered if o.date is None or o.date.last >= today]
    return sorted(ahead, key=lambda o: (span(o.date), order_of(o.sources)))


def _as_ordered(chart: Chart, planned: NextDraw | None, today: date) -> NextDraw | None:
    """D5: a draw ordered for a day inside the bounds is the draw that is due."""
    if planned is None or not chart.ordered:
        return planned
    for order in _booked(chart, today):
        day = order.date.exact if order.date is not None else None
        if day is not None and planned.earliest <= day <= planned.latest:
            source = order.sources[0] if order.sources else None
            return replace(planned, due=day, aligned_to=f"draw {day.isoformat()}", aligned_source=source)
    return planned


def _ordered(chart: Chart, planned: NextDraw | None, today: date) -> list[Reason]:
    """D5: what is ordered or booked already is shown and not doubled."""
    made = []
    for booked in _booked(chart, today):
        words = "A draw is already ordered, without a date; it is not doubled."
        if booked.date is not None:
            words = f"A draw is already ordered for {date_words(booked.date)}; it is not doubled."
            if planned is not None and booked.date.first > planned.latest:
                words += f" That is later than the latest day ({day_words(planned.latest)})."
        made.append(Reason("draw.ordered", "D5", words, booked.sources))
    return made


def _cautions(chart: Chart, found: list[tuple[PartialDate, Draw]], today: date) -> list[Reason]:
    """What limits the dates."""
    made = []
    last = found[-1][1] if found else None
    if last is not None and last.specimen is Specimen.UNKNOWN:
        words = f"The record does not say whether the sample of {date_words(last.date)} was blood; it is taken for it."
        made.append(Reason("draw.specimen_unknown", "D4", words, last.sources, JUDGEMENT))
    if last is not None and last.standing is Standing.PROVISIONAL and last.outcome is Outcome.NOT_DETECTED:
        words = f"The result of {date_words(last.date)} is preliminary: the final one may change it; ask if it is late."
        made.append(Reason("draw.preliminary", "D4", words, last.sources, JUDGEMENT))
    if last is not None and last.date_basis in (DateBasis.REPORTED, DateBasis.ISSUED):
        words = f"When the sample was taken is not recorded: {date_words(last.date)} is the day of the report."
        made.append(Reason("draw.date_of_report", "D4", words, last.sources, JUDGEMENT))
    undated = [d for d in chart.draws if d.date is None and d.specimen not in NOT_BLOOD]
    if undated:
        words = "A result without a date is on record; it is not counted here."
        made.append(Reason("draw.undated", "D4", words, merged(*(d.sources for d in undated))))
    future = [d for d in chart.draws if d.date is not None and d.date.first > today]
    if future:
        words = "A result with a date in the future is on record; check it. It is not counted here."
        made.append(Reason("draw.date_in_future", "D4", words, merged(*(d.sources for d in future))))
    if missing_parts(chart, Part.RESULTS):
        words = "Results were not read completely: there may be a later draw."
        made.append(Reason("draw.results_not_read", "D4", words))
    return made


def draw_words(planned: NextDraw, today: date) -> str:
    """The headline of a planned draw."""
    if planned.overdue_days:
        return f"ctDNA draw overdue by {_days(planned.overdue_days)} (was due by {day_words(planned.latest)})."
    if planned.redraw and planned.earliest <= today:
        return f"Draw ctDNA again, by {day_words(planned.latest)} at the latest."
    again = "again " if planned.redraw else ""
    if planned.earliest == planned.latest:
        return f"Draw ctDNA {again}on {day_words(planned.due)}."
    words = f"Draw ctDNA {again}between {range_words(planned.earliest, planned.latest)}"
    if planned.aligned_to is not None and planned.aligned_to.startswith("draw "):
        words += f", ordered for {day_words(planned.due)}"
    elif planned.aligned_to is not None:
        kind = planned.aligned_to.split(" ")[0]
        words += f", with the {kind} on {day_words(planned.due)}"
    return words + "."
