"""Is a drug taken on a day? Three-valued, over uncertain dates and over records that only show an order (W4, W5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from smart_app.domain.dates import add_days
from smart_app.domain.facts import Exposure, Known, Proof
from smart_app.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Presence:
    """``now``; ``ended`` is the last day it may have been taken where it is over; ``order_only`` says why unknown."""

    now: Known
    ended: date | None = None
    order_only: bool = False


def presence(exposure: Exposure, today: date, policy: Policy) -> Presence:
    """Whether the drug was taken on ``today``. A drug not begun yet is NO."""
    if exposure.start is not None and exposure.start.first > today:
        return Presence(Known.NO)
    begun_for_sure = exposure.start is None or exposure.start.last <= today
    if exposure.end is not None:
        if exposure.end.last < today:
            return Presence(Known.NO, exposure.end.last)
        if exposure.end.first >= today and begun_for_sure:
            if exposure.ongoing is True or exposure.proofs - {Proof.ORDERED}:
                return Presence(Known.YES)
            return _by_last_trace(exposure, today, policy)  # a planned end proves no more than the order it stands in
        return Presence(Known.UNKNOWN)
    if exposure.ongoing is False:
        return Presence(Known.NO)
    if not begun_for_sure:
        return Presence(Known.UNKNOWN)
    if exposure.ongoing is True:
        return Presence(Known.YES)
    return _by_last_trace(exposure, today, policy)


def _by_last_trace(exposure: Exposure, today: date, policy: Policy) -> Presence:
    """The record names no end and does not say whether it goes on: how fresh is its last trace?"""
    seen = exposure.last_seen or exposure.start
    if seen is None:
        return Presence(Known.UNKNOWN, order_only=exposure.proofs <= {Proof.ORDERED})
    if exposure.covered_until is not None and exposure.covered_until.first >= today:
        return Presence(Known.YES)
    taken = bool(exposure.proofs - {Proof.ORDERED})
    fresh = max(policy.order_days if Proof.ORDERED in exposure.proofs else 0, policy.supply_days if taken else 0)
    if add_days(seen.first, fresh) >= today:
        return Presence(Known.YES)
    return Presence(Known.UNKNOWN, order_only=not taken)


def any_now(exposures: tuple[Exposure, ...], today: date, policy: Policy) -> Presence:
    """Over several exposures: YES where one is, NO where all are over (with the latest end), else UNKNOWN."""
    found = [presence(e, today, policy) for e in exposures]
    if any(p.now is Known.YES for p in found):
        return Presence(Known.YES)
    if any(p.now is Known.UNKNOWN for p in found):
        return Presence(Known.UNKNOWN, order_only=any(p.order_only for p in found))
    ends = [p.ended for p in found if p.ended is not None]
    return Presence(Known.NO, max(ends) if ends and len(ends) == len(found) else None)
