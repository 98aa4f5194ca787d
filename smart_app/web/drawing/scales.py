"""From days and fractions to places in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from smart_app.domain.dates import PartialDate, add_months
from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart, Exposure, Extent, Setting, VisitKind
from smart_app.web.i18n import month_words

OLDEST_YEARS = 12  # facts before are in the table, and the picture says so
AHEAD_MONTHS = 12


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Days to x, linear. Days outside ``first``..``last`` fall on the edges."""

    first: date
    last: date
    left: float
    right: float

    def x(self, day: date) -> float:
        first = self.first.toordinal()
        share = (day.toordinal() - first) / max(1, self.last.toordinal() - first)
        return round(self.left + min(1.0, max(0.0, share)) * (self.right - self.left), 1)

    def holds(self, day: PartialDate | None) -> bool:
        return day is not None and day.last >= self.first and day.first <= self.last

    def middle(self, day: PartialDate) -> float:
        """Where a date of a month or a year is drawn; its span is drawn, too."""
        return self.x(day.first + (day.last - day.first) // 2)

    @property
    def months(self) -> int:
        return max(1, round((self.last - self.first).days / 30.4))


@dataclass(frozen=True, slots=True)
class LogScale:
    """Fractions to y, logarithmic, so that 0.05 % and 20 % are both readable; decades from ``low`` to 100 %."""

    top: float
    bottom: float
    low: int = -4  # 0.01 %

    def y(self, fraction: Decimal) -> float:
        value = math.log10(float(fraction)) if fraction > 0 else self.low
        share = min(1.0, max(0.0, (value - self.low) / -self.low))
        return round(self.bottom - share * (self.bottom - self.top), 1)

    def decades(self) -> list[Decimal]:
        return [Decimal(1).scaleb(power) for power in range(self.low, 1)]


def lowest_decade(chart: Chart) -> int:
    """The decade in which the scale begins: 0.01 %, or lower where a laboratory reports lower (to a millionth)."""
    told = [f.vaf for d in chart.draws for f in d.findings if f.vaf is not None and f.vaf > 0]
    return max(-6, min(-4, math.floor(math.log10(float(min(told)))))) if told else -4


def time_scale(
    chart: Chart,
    decision: Decision,
    today: date,
    left: float,
    right: float,
    room: tuple[date | None, float] = (None, 0.0),
) -> TimeScale:
    """From the start of treatment for advanced disease (or the first result) to what lies ahead.

    ``room``: a day, and how many units are kept free to its right.

    An older stretch, such as adjuvant treatment, is drawn at the left edge instead of pressing everything together.
    """
    oldest, newest = add_months(today, -12 * OLDEST_YEARS), add_months(today, AHEAD_MONTHS)
    days = [d.date.first for d in chart.draws if d.date is not None]
    days += [s.date.first for s in chart.statuses if s.date is not None]
    days += [w.date.first for w in chart.withdrawn if w.date is not None]
    days += [_day(line.start) for line in decision.lines if line.start]
    if not decision.lines:
        days += [e.start.first for e in chart.exposures if e.start is not None and not _early(e)]
    ahead = [o.date.last for o in chart.ordered if o.date is not None]
    ahead += [v.date.last for v in chart.visits if v.date.first >= today]
    if decision.next_draw is not None:
        days.append(decision.next_draw.earliest)
        ahead.append(decision.next_draw.latest)
    days += [v.date.first for v in chart.visits if v.kind is VisitKind.SCAN and v.date.first >= add_months(today, -24)]
    kept = [d for d in days if oldest <= d <= today]
    known = [s.known_on.first for s in chart.spread if s.extent is not Extent.EARLY and s.known_on is not None]
    kept += [d for d in known if oldest <= d and add_months(d, 4) >= min([*kept, today])]
    first = min([*kept, add_months(today, -6)])
    last = max([*(d for d in (*days, *ahead) if today <= d <= newest), add_months(today, 2)])
    pad = timedelta(days=max(6, (last - first).days // 40))
    first, last = first - pad, last + pad
    beside, units = room
    if beside is not None and first < beside <= today:
        needed = (beside - first).days / (1 - units / (right - left))
        last = max(last, first + timedelta(days=round(needed)))
    return TimeScale(first, last, left, right)


def _early(exposure: Exposure) -> bool:
    return exposure.setting in (Setting.ADJUVANT, Setting.NEOADJUVANT)


def _day(start: str) -> date:
    return PartialDate.parse(start).first


def axis_ticks(scale: TimeScale, width: float) -> list[tuple[date, str, bool]]:
    """(first day, words, whether it begins a year) so that the words keep at least 34 units apart."""
    room = max(4, int(width // 36))
    step = next((s for s in (1, 2, 3, 6, 12, 24) if scale.months / s <= room), 24)
    made = []
    day = date(scale.first.year, 1, 1)
    while day <= scale.last:
        if day >= scale.first and (step <= 12 or day.year % 2 == 0):
            made.append((day, str(day.year) if day.month == 1 else month_words(day.month), day.month == 1))
        day = add_months(day, min(step, 12))
    return made
