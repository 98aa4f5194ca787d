"""Calendar dates that carry their precision: a year stays a year (FHIR R4 ``date``, ``dateTime``)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, date

_FIRST_DAY, _LAST_DAY = date.min.toordinal(), date.max.toordinal()
_FORM = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?\Z")


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A year, a month or a day. ``first`` and ``last`` bound the days it may mean."""

    year: int
    month: int | None = None
    day: int | None = None
    first: date = field(init=False, repr=False, compare=False)
    last: date = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.day is not None and self.month is None:
            raise ValueError("a day needs a month")
        first = date(self.year, self.month or 1, self.day or 1)  # ValueError where there is no such day
        month = self.month or 12
        last = first if self.day is not None else date(self.year, month, calendar.monthrange(self.year, month)[1])
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "last", last)

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """``2026``, ``2026-03`` or ``2026-03-02``. Anything else: ValueError, never a guess."""
        form = _FORM.match(text)
        if form is None:
            raise ValueError(f"not a FHIR date: {text!r}")
        year, month, day = form.groups()
        return cls(int(year), int(month) if month else None, int(day) if day else None)

    @classmethod
    def of(cls, day: date) -> PartialDate:
        return cls(day.year, day.month, day.day)

    @property
    def exact(self) -> date | None:
        """The day, where the record says one."""
        return self.first if self.day is not None else None

    def __str__(self) -> str:
        text = f"{self.year:04d}"
        if self.month is not None:
            text += f"-{self.month:02d}"
        if self.day is not None:
            text += f"-{self.day:02d}"
        return text


def add_months(day: date, months: int) -> date:
    """The same day of a later (or earlier) calendar month, clipped to that month's end (clinical rule D).

    Beyond the calendar's first or last year: its first or last day, never an error.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if not MINYEAR <= year <= MAXYEAR:
        return date.min if year < MINYEAR else date.max
    if day.day <= 28:
        return date(year, month + 1, day.day)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_days(day: date, days: int) -> date:
    """Clipped to the calendar's first and last day."""
    number = day.toordinal() + days
    return date.min if number < _FIRST_DAY else date.max if number > _LAST_DAY else date.fromordinal(number)
