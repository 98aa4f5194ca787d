"""Words that sentences share. Dates as "3 Nov 2026", a month as "Nov 2026", a year as "2026": never 03/04."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from smart_app.domain.dates import PartialDate

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 - a list literal hides the order


def day_words(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def date_words(value: PartialDate | None) -> str:
    """With the precision the record has."""
    if value is None:
        return "an unknown date"
    if value.month is None:
        return str(value.year)
    if value.day is None:
        return f"{_MONTHS[value.month - 1]} {value.year}"
    return day_words(value.first)


def range_words(first: date, last: date) -> str:
    """ "12 and 26 Jan 2027": what both days share is said once."""
    if first.year != last.year:
        return f"{day_words(first)} and {day_words(last)}"
    if first.month != last.month:
        return f"{first.day} {_MONTHS[first.month - 1]} and {day_words(last)}"
    return f"{first.day} and {day_words(last)}"


def percent_words(fraction: Decimal, comparator: str | None = None) -> str:
    """0.0084 as "0.84 %": the digits reported, no more and no fewer."""
    shown = f"{fraction.scaleb(2):f}"
    return f"{comparator or ''}{shown} %"


def listed(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
