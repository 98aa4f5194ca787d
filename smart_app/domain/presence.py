"""When was a drug last taken? Over uncertain dates, and over records that only show an order (W4, W5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from smart_app.domain.dates import add_days
from smart_app.domain.facts import Exposure, Known, Proof
from smart_app.domain.logic import known, span
from smart_app.domain.policy import Policy

ORDER_ONLY = frozenset({Proof.ORDERED})


class Taken(NamedTuple):
    """``certain``: in every completion the drug was taken on this day or later, up to the day asked about.

    ``possible``: the latest day on which it may have been taken. None: no such day. ``order_only``: nothing but an
    order shows it.
    """

    certain: date | None
    possible: date | None
    order_only: bool = False

    def on(self, day: date) -> Known:
        """Whether it was taken on that very day (the day that ``taken`` was asked about)."""
        return known(self.certain == day, self.possible == day)


NEVER = Taken(None, None)


def taken(exposure: Exposure, day: date, today: date, policy: Policy) -> Taken:
    """The last day up to ``day``; what the record calls ongoing goes on at ``today``."""
    start = span(exposure.start)
    if start[0] > day:
        return NEVER
    goes_on = exposure.ongoing is True and day >= today
    begun = start[1] <= day or goes_on
    if exposure.on_hold and (exposure.end is None or exposure.end.last >= day):
        return _held(exposure, day, begun)
    if exposure.end is not None:
        first, last = exposure.end.first, exposure.end.last
        if first >= day and not (goes_on or _proven(exposure)):
            return _by_trace(exposure, day, begun, policy)  # a planned end proves no more than the order it stands in
        if first >= day:
            return Taken(day if begun else None, day)
        certain = max(first, start[0]) if begun else None
        contradicts = goes_on and last < day
        return Taken(certain, day if contradicts else min(last, day))
    if exposure.ongoing is False:
        seen = exposure.last_seen.first if exposure.last_seen is not None and _proven(exposure) else None
        seen = min(seen, day) if seen is not None else None
        return Taken(seen if begun else None, add_days(day, -1) if day >= today else day)
    if exposure.ongoing is True:
        return Taken(day if begun else None, day)
    return _by_trace(exposure, day, begun, policy)


def _proven(exposure: Exposure) -> bool:
    """More than an order shows it."""
    return bool(exposure.proofs - ORDER_ONLY)


def _held(exposure: Exposure, day: date, begun: bool) -> Taken:
    since = exposure.on_hold_since
    if since is None:
        return Taken(None, day)
    if since.first > day:
        return Taken(day if begun else None, day)
    return Taken(since.first if begun else None, day)


def _by_trace(exposure: Exposure, day: date, begun: bool, policy: Policy) -> Taken:
    """The record does not say whether it went on: how fresh is its last trace?"""
    proven = _proven(exposure)
    trace = exposure.last_seen or exposure.start
    if trace is None or not begun:
        return Taken(None, day, not proven)
    fresh = max(policy.order_days if Proof.ORDERED in exposure.proofs else 0, policy.supply_days if proven else 0)
    supplied = exposure.covered_until is not None and exposure.covered_until.first >= day
    if supplied or add_days(trace.first, fresh) >= day:
        return Taken(day, day)
    return Taken(trace.first if proven else None, day, not proven)


def was_taken(exposure: Exposure, day: date, today: date, policy: Policy) -> Known:
    """Whether it was ever taken up to ``day``: an order that is old, and that nothing else bears out, does not tell."""
    if _proven(exposure):
        return Known.YES
    found = taken(exposure, day, today, policy)
    return known(found.certain is not None, found.possible is not None)


def latest(found: Sequence[Taken]) -> Taken:
    """Over several exposures: the last day that any of them was taken."""
    if len(found) == 1:
        return found[0]
    certain = max((t.certain for t in found if t.certain is not None), default=None)
    possible = max((t.possible for t in found if t.possible is not None), default=None)
    return Taken(certain, possible, certain is None and any(t.order_only for t in found))


def last_taken(exposures: Sequence[Exposure], day: date, today: date, policy: Policy) -> Taken:
    return latest([taken(e, day, today, policy) for e in exposures])
