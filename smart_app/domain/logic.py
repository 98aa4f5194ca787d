"""Three-valued logic (Kleene) over facts, and over dates of which only the first and last possible day are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Known

Span = tuple[date, date]  # the first and the last day that a date may mean
ALWAYS: Span = (date.min, date.max)


def span(value: PartialDate | None) -> Span:
    """An unknown date may be any day."""
    return ALWAYS if value is None else (value.first, value.last)


def recorded(value: PartialDate | None, today: date) -> Span:
    """The days that the date of something recorded may mean: of the month that runs, none that is still to come."""
    first, last = span(value)
    return first, min(last, today) if value is not None and first <= today else last


def known(certain: bool, possible: bool) -> Known:
    """YES where it holds in every completion, NO where it holds in none."""
    return Known.YES if certain else Known.UNKNOWN if possible else Known.NO


def any_of(answers: Iterable[Known]) -> Known:
    found = set(answers)
    return Known.YES if Known.YES in found else Known.UNKNOWN if Known.UNKNOWN in found else Known.NO


def all_of(*answers: Known) -> Known:
    return Known.NO if Known.NO in answers else Known.UNKNOWN if Known.UNKNOWN in answers else Known.YES


def before(a: Span, b: Span) -> Known:
    """Whether ``a`` lies on an earlier day than ``b``."""
    return known(a[1] < b[0], a[0] < b[1])


def not_after(a: Span, b: Span) -> Known:
    """Whether ``a`` lies on the day of ``b`` or earlier."""
    return known(a[1] <= b[0], a[0] <= b[1])


def earliest(spans: Iterable[Span]) -> Span:
    """The span of the smallest of several dates."""
    listed = list(spans)
    return min(s[0] for s in listed), min(s[1] for s in listed)
