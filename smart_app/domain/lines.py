"""Lines of therapy for advanced disease, derived from the exposures by written rules (W6).

- (Neo)adjuvant therapy is no line. Ovarian suppression, bone agents and everything else make no line.
- AI for AI, or CDK4/6 inhibitor for CDK4/6 inhibitor, is the same line, unless progression stands between them.
- Another class of endocrine partner, chemotherapy, a targeted or HER2 drug, or any drug begun after recorded
  progression, is a new line.
- An exposure counts for advanced disease where the record says so, or where it began no longer than 60 days before the
  advanced disease was known (judgement: the record of a metastasis often follows the treatment). One begun earlier
  that ended by 60 days after was (neo)adjuvant; one that went on is open: the record does not say for what it was.
- An aromatase inhibitor or a SERM begun within a year after the disease was staged as early, and more than 60 days
  before it was known to be advanced, was begun as adjuvant therapy, also where it goes on (judgement).
- Where no end is written and nothing says that it goes on, an order is over 366 days after its last trace, and what was
  given or handed over 120 days after the last dose or supply (judgement: an order lapses after a year, and no course
  pauses for four months).
- Palbociclib has no approved use before advanced disease, so that its start shows that the disease was advanced by
  then, unless it was over more than 60 days before the advanced disease was known (a trial in early disease, or a late
  record: open). Where no statement on the spread has a date, any CDK4/6 inhibitor of unstated setting shows the same
  (judgement).
- Where that leaves it open, W6 says so.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from smart_app.domain.dates import PartialDate, add_days
from smart_app.domain.decision import Line
from smart_app.domain.facts import (
    Chart,
    DrugClass,
    Exposure,
    Extent,
    Known,
    Progress,
    Proof,
    Setting,
    StopReason,
)
from smart_app.domain.logic import ALWAYS, Span, earliest, span
from smart_app.domain.reasons import merged

SYSTEMIC = frozenset(
    {
        DrugClass.AI,
        DrugClass.CDK46,
        DrugClass.SERD,
        DrugClass.SERM,
        DrugClass.TARGETED,
        DrugClass.CHEMOTHERAPY,
        DrugClass.HER2,
    }
)
ENDOCRINE = frozenset({DrugClass.AI, DrugClass.SERD, DrugClass.SERM})
FOLLOWED = ENDOCRINE | {DrugClass.CDK46}
EARLY = frozenset({Setting.ADJUVANT, Setting.NEOADJUVANT})
_NEAR = 60  # days
_STAGED = 366  # days from staging to adjuvant endocrine therapy: surgery, chemotherapy and radiotherapy lie between
_LAPSED = 366  # days: an order without an end reaches no further
_LAST_DOSE = 120  # days: what was given or handed over did not go on so long after its last trace
_HANDED = frozenset({Proof.ADMINISTERED, Proof.DISPENSED})
_TOGETHER = 28  # days: a targeted drug begun together with endocrine therapy is part of its line


class Placed(NamedTuple):
    """A systemic exposure: was it given for advanced disease, and on which day did that use begin?"""

    exposure: Exposure
    advanced: Known
    begun: Span

    @property
    def kind(self) -> DrugClass:
        return self.exposure.drug_class


class Course(NamedTuple):
    """One line with its exposures. ``start`` as the record has it; None: no date at all."""

    number: int
    exposures: tuple[Exposure, ...]
    start: PartialDate | None


def advanced_since(chart: Chart) -> PartialDate | None:
    """The earliest day the advanced disease was known; None where no statement has a date."""
    dated = [s.known_on for s in chart.spread if s.extent is not Extent.EARLY and s.known_on is not None]
    return min(dated, key=_ends, default=None)


def is_advanced(chart: Chart) -> bool:
    return bool([s for s in chart.spread if s.extent is not Extent.EARLY])


def _ends(value: PartialDate) -> Span:
    return (value.first, value.last)


def _shift(day: date, days: int) -> date:
    """An unknown bound stays unknown."""
    return day if day in ALWAYS else add_days(day, days)


def _palbociclib_shows(e: Exposure, start: PartialDate, advanced: Span) -> Span | None:
    """When palbociclib shows the disease to be advanced. None: it was over long before; perhaps over: no last day."""
    over = _over(e)
    if over is None or over[0] >= _shift(advanced[1], -_NEAR):
        return _ends(start)
    return (start.first, date.max) if over[1] >= _shift(advanced[0], -_NEAR) else None


def _shows(e: Exposure, stated: list[Span]) -> Span | None:
    """When a drug shows that the disease was advanced; None where it shows nothing of it."""
    if e.start is None or e.drug_class not in SYSTEMIC:
        return None
    if e.setting is Setting.ADVANCED:
        return _ends(e.start)
    if e.setting is not Setting.UNKNOWN or e.drug_class is not DrugClass.CDK46:
        return None
    if not stated:
        return _ends(e.start)
    return _palbociclib_shows(e, e.start, earliest(stated)) if e.drug == "palbociclib" else None


def _advanced_span(chart: Chart) -> Span:
    """When the disease became known as advanced, as far as statements and drugs tell."""
    stated = [_ends(s.known_on) for s in chart.spread if s.extent is not Extent.EARLY and s.known_on is not None]
    shown = [span for span in [_shows(e, stated) for e in chart.exposures] if span is not None]
    if not stated:
        shown = [(date.min, last) for _, last in shown]
    return earliest([*stated, *shown]) if stated or shown else ALWAYS


def place(chart: Chart) -> tuple[Placed, ...]:
    """Every systemic exposure, in order of its start."""
    known_on = _advanced_span(chart)
    early = [_ends(s.known_on) for s in chart.spread if s.extent is Extent.EARLY and s.known_on is not None]
    placed = [_placed(e, known_on, early) for e in chart.exposures if e.drug_class in SYSTEMIC]
    # what else tells them apart costs more to find, and is asked for only where it must
    alike = len(set(map(_begun, placed))) < len(placed)
    placed.sort(key=_order if alike else _begun)
    return tuple(placed)


def _begun(placed: Placed) -> tuple[Span, str]:
    return placed.begun, placed.exposure.drug


def _order(placed: Placed) -> tuple[Span, str, str]:
    """For two of one drug that begin on one day: whatever tells them apart."""
    e = placed.exposure
    return placed.begun, e.drug, repr((e.start, e.end, e.ongoing, e.setting.value, e.stop_reason.value, e.sources))


def over_by(e: Exposure) -> date | None:
    """The day by which it was over: its end, else by its last trace. None: it goes on, or nothing has a date."""
    over = _over(e)
    return over[1] if over is not None else None


def _over(e: Exposure) -> Span | None:
    """The first and the last day that may be that day."""
    if e.end is not None:
        return _ends(e.end)
    traces = [d for d in (e.last_seen or e.start, e.covered_until) if d is not None]
    if e.ongoing is True or e.on_hold or not traces:
        return None
    shown = e.proofs - {Proof.ORDERED} if Proof.ADMINISTERED in e.proofs else e.proofs  # doses tell more than orders
    days = _LAST_DOSE if shown and shown <= _HANDED else _LAPSED
    return add_days(max([d.first for d in traces]), days), add_days(max([d.last for d in traces]), days)


def _begun_as_early(e: Exposure, advanced: Span, early: list[Span]) -> bool:
    """Endocrine therapy that followed the staging as early disease."""
    if e.start is None or e.drug_class not in (DrugClass.AI, DrugClass.SERM):
        return False
    return any(
        add_days(staged[0], _STAGED) >= e.start.last and staged[1] < _shift(advanced[0], -_NEAR) for staged in early
    )


def _placed(e: Exposure, advanced: Span, early: list[Span]) -> Placed:
    start = span(e.start)
    if e.setting in EARLY:
        return Placed(e, Known.NO, start)
    if e.setting is Setting.ADVANCED:
        return Placed(e, Known.YES, start)
    if start[0] >= _shift(advanced[1], -_NEAR):
        return Placed(e, Known.YES, start)
    began_before = start[1] < _shift(advanced[0], -_NEAR)
    over = over_by(e)
    if began_before and over is not None and over <= _shift(advanced[0], _NEAR) and e.drug != "palbociclib":
        return Placed(e, Known.NO, start)
    if began_before and _begun_as_early(e, advanced, early):
        return Placed(e, Known.NO, start)
    return Placed(e, Known.UNKNOWN, (start[0], max(start[1], advanced[1])))


def line_start(placed: tuple[Placed, ...], day: date) -> Span | None:
    """When the line whose ctDNA is followed began: the first endocrine therapy for advanced disease (W6, D3, R6).

    None where no endocrine therapy or CDK4/6 inhibitor can have been given for advanced disease by ``day``.
    """
    followed = [p for p in placed if p.kind in FOLLOWED and p.advanced is not Known.NO and p.begun[0] <= day]
    if not followed:
        return None
    certain = [p.begun[1] for p in followed if p.advanced is Known.YES]
    return min([p.begun[0] for p in followed]), min(certain, default=date.max)


def courses(chart: Chart, placed: tuple[Placed, ...] | None = None) -> tuple[Course, ...]:
    """The lines in order, as far as the record tells them; exposures whose setting stays open join where they run."""
    placed = place(chart) if placed is None else placed
    sure = any(p.advanced is Known.YES for p in placed)
    lines: list[list[Placed]] = []
    for one in sorted(placed, key=lambda p: p.exposure.start is None):
        running = one.exposure.end is None and one.exposure.ongoing is not False
        if one.advanced is Known.NO or (one.advanced is Known.UNKNOWN and sure and not running):
            continue
        undated = one.exposure.start is None and not running  # it begins no line by itself: when is not known
        if not lines or _is_new_line(chart, lines[-1], one):
            if not undated:
                lines.append([one])
        else:
            lines[-1].append(one)
    return tuple(Course(n, tuple(p.exposure for p in line), _start(line)) for n, line in enumerate(lines, 1))


def _start(line: list[Placed]) -> PartialDate | None:
    """The line's first day, with the record's precision where it stands in the record."""
    first = min(line, key=lambda p: p.begun)
    start = first.exposure.start
    return start if start is not None and _ends(start) == first.begun else None


def _is_new_line(chart: Chart, line: list[Placed], new: Placed) -> bool:
    if _progressed_between(chart, line, new):
        return True
    classes = {p.kind for p in line}
    if any(p.exposure.drug == new.exposure.drug for p in line) or new.kind in classes:
        return False
    if new.kind in FOLLOWED:
        # the first endocrine therapy after chemotherapy or a targeted drug; or another endocrine partner
        if not classes & FOLLOWED:
            return classes != {DrugClass.TARGETED} or new.begun[0] > _shift(line[0].begun[1], _TOGETHER)
        return new.kind in ENDOCRINE and bool(classes & ENDOCRINE)
    return True


def _progressed_between(chart: Chart, line: list[Placed], new: Placed) -> bool:
    stops = [p.exposure.end for p in line if p.exposure.stop_reason is StopReason.PROGRESSION]
    worse = [s.date for s in chart.statuses if s.status is Progress.WORSENED]
    return any(end is not None and end.first <= new.begun[0] for end in stops) or any(
        day is not None and line[0].begun[1] < day.first <= new.begun[0] for day in worse
    )


def as_line(course: Course) -> Line:
    """For the decision's record and the page."""
    ends = [e.end for e in course.exposures if e.end is not None]
    over = len(ends) == len(course.exposures)
    return Line(
        number=course.number,
        drugs=tuple(dict.fromkeys([e.drug for e in course.exposures])),
        start=str(course.start) if course.start else None,
        end=str(max(ends, key=_last)) if over else None,
        sources=merged(*[e.sources for e in course.exposures]),
    )


def _last(value: PartialDate) -> Span:
    return value.last, value.first


def derive_lines(chart: Chart) -> tuple[Line, ...]:
    """The lines of therapy for advanced disease."""
    return tuple(as_line(course) for course in courses(chart))
