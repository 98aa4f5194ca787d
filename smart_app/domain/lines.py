"""Lines of therapy for advanced disease, derived from the exposures by written rules (W6).

- (Neo)adjuvant therapy is no line. Ovarian suppression, bone agents and everything else make no line.
- AI for AI, or CDK4/6 inhibitor for CDK4/6 inhibitor, is the same line, unless progression stands between them.
- Another class of endocrine partner, chemotherapy, a targeted or HER2 drug, or any drug begun after recorded
  progression, is a new line.
- An exposure counts for advanced disease where the record says so, or where it ran after the day the advanced disease
  was known. Where that day is unknown, exposures without a stated setting cannot be told apart (``unclear``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from smart_app.domain.dates import PartialDate, add_days
from smart_app.domain.decision import Line
from smart_app.domain.facts import (
    Chart,
    DrugClass,
    Exposure,
    Extent,
    Progress,
    Setting,
    StopReason,
)

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
_LEAD = 60  # a drug begun shortly before the metastasis was recorded belongs to it
_FAR = date.max


@dataclass(frozen=True, slots=True)
class Sorted:
    """The exposures of systemic drugs by setting."""

    advanced: tuple[Exposure, ...]
    early: tuple[Exposure, ...]
    unclear: tuple[Exposure, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """One line with its exposures. ``start`` is the first day it may have begun; None: no date at all."""

    number: int
    exposures: tuple[Exposure, ...]
    start: PartialDate | None

    @property
    def classes(self) -> frozenset[DrugClass]:
        return frozenset(e.drug_class for e in self.exposures)


def advanced_since(chart: Chart) -> PartialDate | None:
    """The earliest day the advanced disease was known; None where no statement has a date."""
    dated = [s.known_on for s in chart.spread if s.extent is not Extent.EARLY and s.known_on is not None]
    return min(dated, key=lambda d: (d.first, d.last), default=None)


def is_advanced(chart: Chart) -> bool:
    return any(s.extent is not Extent.EARLY for s in chart.spread)


def sort_exposures(chart: Chart) -> Sorted:
    since = advanced_since(chart)
    advanced: list[Exposure] = []
    early: list[Exposure] = []
    unclear: list[Exposure] = []
    for exposure in sorted((e for e in chart.exposures if e.drug_class in SYSTEMIC), key=_order):
        if exposure.setting in (Setting.ADJUVANT, Setting.NEOADJUVANT):
            early.append(exposure)
        elif exposure.setting is Setting.ADVANCED:
            advanced.append(exposure)
        elif since is None:
            unclear.append(exposure)
        elif exposure.start is not None and exposure.start.first >= add_days(since.first, -_LEAD):
            advanced.append(exposure)
        elif exposure.end is not None and exposure.end.last < add_days(since.first, -_LEAD):
            early.append(exposure)
        elif exposure.start is not None and exposure.start.last < add_days(since.first, -_LEAD):
            # begun before the advanced disease was known: continued into it only where it did not end
            (unclear if exposure.ongoing is not False or exposure.end is not None else early).append(exposure)
        else:
            unclear.append(exposure)
    return Sorted(tuple(advanced), tuple(early), tuple(unclear))


def _order(exposure: Exposure) -> tuple[date, date, str]:
    start = exposure.start
    return (start.first if start else _FAR, start.last if start else _FAR, exposure.drug)


def courses(chart: Chart) -> tuple[Course, ...]:
    """The lines in order. Exposures that are unclear join the line they overlap with only where they are not early."""
    found = sort_exposures(chart)
    lines: list[list[Exposure]] = []
    listed = list(found.advanced)
    if not listed and is_advanced(chart) and advanced_since(chart) is None:
        listed = list(found.unclear)
    elif listed or found.unclear:
        listed = sorted(
            [*listed, *(e for e in found.unclear if e.end is None and (e.ongoing or (e.start and e.ongoing is None)))],
            key=_order,
        )
    for exposure in listed:
        if not lines or _is_new_line(chart, lines[-1], exposure):
            lines.append([exposure])
        else:
            lines[-1].append(exposure)
    return tuple(Course(n, tuple(line), _start(line)) for n, line in enumerate(lines, 1))


def _start(line: list[Exposure]) -> PartialDate | None:
    return min((e.start for e in line if e.start is not None), key=lambda d: (d.first, d.last), default=None)


def _is_new_line(chart: Chart, line: list[Exposure], new: Exposure) -> bool:
    classes = {e.drug_class for e in line}
    if any(e.drug == new.drug for e in line) and not _progressed_before(chart, line, new):
        return False
    if _progressed_before(chart, line, new):
        return True
    if new.drug_class in ENDOCRINE:
        partners = classes & ENDOCRINE
        return (bool(partners) and new.drug_class not in partners) or DrugClass.CHEMOTHERAPY in classes
    if new.drug_class is DrugClass.CDK46:
        return DrugClass.CHEMOTHERAPY in classes and not classes & ENDOCRINE
    return new.drug_class not in classes


def _progressed_before(chart: Chart, line: list[Exposure], new: Exposure) -> bool:
    """Whether progression stands between the line's start and the new drug's start."""
    if new.start is None:
        return False
    start = _start(line)
    if any(e.stop_reason is StopReason.PROGRESSION and e.end and e.end.first <= new.start.last for e in line):
        return True
    return any(
        s.status is Progress.WORSENED
        and s.date is not None
        and (start is None or s.date.first > start.last)
        and s.date.last <= new.start.first
        for s in chart.statuses
    )


def watched(lines: tuple[Course, ...], today: date) -> Course | None:
    """The line whose ctDNA is followed: the first begun one with endocrine therapy, else the first (W6, D3, R6)."""
    begun = [line for line in lines if line.start is None or line.start.first <= today]
    endocrine = [line for line in begun if line.classes & (ENDOCRINE | {DrugClass.CDK46})]
    return next(iter(endocrine or lines), None)


def as_line(course: Course) -> Line:
    """For the decision's record and the page."""
    ends = [e.end for e in course.exposures]
    over = all(e.end is not None or e.ongoing is False for e in course.exposures)
    last = max((e for e in ends if e is not None), key=lambda d: d.last, default=None)
    return Line(
        number=course.number,
        drugs=tuple(dict.fromkeys(e.drug for e in course.exposures)),
        start=str(course.start) if course.start else None,
        end=str(last) if over and last else None,
        sources=tuple(
            sorted({s for e in course.exposures for s in e.sources}, key=lambda s: (s.reference, s.version or ""))
        ),
    )
