"""Stretches of one drug, from whatever sources -> exposures: intervals with what is not known left open.

Stretches join where they overlap or lie at most 60 days apart, unless the record gives them different settings
(adjuvant and advanced stay two exposures), the earlier one was stopped for progression, or it began more than 60 days
before the disease was known to be advanced, was stopped then, and the later one began after. For joining, never as
proof of taking, an order without an end reaches 366 days (J: a prescription lapses after a year), one that ran out as
long as its supply or 92 days (J: a quarter), a box as long as its supply. A written stop cuts what was ordered or said
before.

Start: the earliest; where an order is followed within 31 days by evidence of taking, that evidence's day. End: what the
latest entry says. A hand-over, dose or assertion after a stop leaves the end unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Exposure, Proof, Setting, StopReason
from smart_app.fhir.reading.stretches import Stretch

GAP = timedelta(days=60)
ORDER_REACH = timedelta(days=366)
RUN_OUT_REACH = timedelta(days=92)
_HANDED = frozenset({Proof.ADMINISTERED, Proof.DISPENSED})
START_SHIFT = timedelta(days=31)


def join(stretches: Iterable[Stretch], advanced: date | None = None) -> list[Exposure]:
    """The exposures of one drug, in order of time, the undated last. ``advanced``: the day that disease was known."""
    dated = sorted((s for s in stretches if _begin(s)), key=lambda s: (_begin(s) or date.min, s.source))
    groups: list[list[Stretch]] = []
    for known in (True, False):  # those whose setting is known find their groups first
        for stretch in dated:
            if (stretch.setting is not Setting.UNKNOWN) is known:
                _place(groups, stretch, advanced)
    groups = _settle(groups, advanced)
    undated = [s for s in stretches if not _begin(s)]
    if len(groups) == 1 and all(_fits(groups[0], s) for s in undated):
        groups[0] += undated
    else:
        groups += [[s] for s in undated]
    return [_exposure(group) for group in groups]


def _begin(stretch: Stretch) -> date | None:
    day = stretch.start or stretch.end or stretch.seen
    return day.first if day is not None else None


def _reach(group: list[Stretch]) -> date:
    """The last day a group covers, for joining."""
    stops = [s.end.last for s in group if s.state == "ended" and s.firm and s.end is not None]
    stop = max(stops, default=None)
    days = []
    for stretch in group:
        last = max((d.last for d in (stretch.start, stretch.end, stretch.seen, stretch.covered) if d), default=date.min)
        if stretch.state == "ongoing":
            last = date.max - GAP
        elif stretch.proof is Proof.ORDERED and stretch.state == "open":
            last += ORDER_REACH
        elif stretch.proof is Proof.ORDERED and stretch.end is None and not stretch.firm:
            last = max(last + RUN_OUT_REACH, stretch.supply.last if stretch.supply else date.min)
        seen = stretch.seen or stretch.start
        if stop is not None and seen is not None and seen.last <= stop:
            last = min(last, stop) if stretch.state in {"ongoing", "open"} and not stretch.covered else last
        days.append(last)
    return max(days)


def _settings(group: list[Stretch]) -> set[Setting]:
    return {s.setting for s in group} - {Setting.UNKNOWN}


def _fits(group: list[Stretch], stretch: Stretch) -> bool:
    settings = _settings([*group, stretch])
    return len(settings) <= 1


def _near(group: list[Stretch], stretch: Stretch, advanced: date | None) -> bool:
    begin, other = _begin(stretch), min(d for s in group if (d := _begin(s)))
    if begin is None or (advanced is not None and _parted(group, other, begin, advanced)):
        return False
    for member in group:
        end = member.end or member.seen
        if member.state == "ended" and member.reason is StopReason.PROGRESSION and end and begin >= end.last:
            return False
    return begin <= _reach(group) + GAP and other <= _reach([stretch]) + GAP


def _parted(group: list[Stretch], first: date, begin: date, advanced: date) -> bool:
    """Early disease's therapy, stopped when the disease was found advanced, and begun again after that."""
    if begin < advanced or first >= advanced - GAP or any(s.state == "ongoing" for s in group):
        return False
    stops = [s.end.last for s in group if s.state == "ended" and s.firm and s.end is not None]
    stop = max(stops, default=None)
    return stop is not None and stop < begin and stop <= advanced + GAP and all(_word(s) <= stop for s in group)


def _place(groups: list[list[Stretch]], stretch: Stretch, advanced: date | None) -> None:
    for group in reversed(groups):
        if _fits(group, stretch) and _near(group, stretch, advanced):
            group.append(stretch)
            return
    groups.append([stretch])


def _settle(groups: list[list[Stretch]], advanced: date | None) -> list[list[Stretch]]:
    """Groups that a later stretch has brought together are one; in order of time."""
    groups.sort(key=lambda g: min(d for s in g if (d := _begin(s))))
    settled: list[list[Stretch]] = []
    for group in groups:
        home = next(
            (g for g in settled if len(_settings(g + group)) <= 1 and all(_near(g, s, advanced) for s in group)), None
        )
        if home is None:
            settled.append(group)
        else:
            home += group
    return settled


def _start(group: list[Stretch]) -> PartialDate | None:
    dated = [(s.start, s.proof) for s in group if s.start is not None]
    if not dated:
        return None
    start, proof = min(dated, key=lambda pair: (pair[0].first, pair[0].last))
    if proof is Proof.ORDERED:
        near = [day for day, shown in dated if shown is not Proof.ORDERED and day.first <= start.last + START_SHIFT]
        start = min(near, key=lambda day: day.first, default=start)
    finer = [day for day, _ in dated if start.first <= day.first and day.last <= start.last]
    return min(finer, key=lambda day: (day.last - day.first, day.first))


def _word(stretch: Stretch) -> date:
    day = (stretch.end if stretch.state == "ended" else None) or stretch.seen or stretch.start or stretch.end
    said = day.last if day is not None else date.min
    return max(said, stretch.held_since.last) if stretch.held and stretch.held_since is not None else said


def _ending(group: list[Stretch]) -> tuple[PartialDate | None, bool | None]:
    """(end, ongoing) by what the latest entry says; contradictions leave both unknown."""
    stops = [s for s in group if s.state == "ended"]
    goes = [s for s in group if s.state != "ended"]
    if not stops:
        until = [s for s in goes if s.state == "until"]
        if any(s.state == "ongoing" for s in goes):
            return None, True
        if until and len(until) == len(goes):
            return max((s.end for s in until if s.end), key=lambda d: d.last, default=None), None
        latest = max(goes, key=_word)
        return (latest.end if latest.state == "until" else None), None
    stop = max(stops, key=lambda s: (_word(s), s.firm))
    later = [s for s in goes if _word(s) > _word(stop)]
    ongoing = [s for s in goes if s.state == "ongoing"]
    if not later:
        # a statement nobody dated says "active" beside a stop, or beside a prescription that only ran out
        undated = [s for s in ongoing if not s.asserted]
        if undated:
            return None, (None if stop.firm else True)
        return stop.end, False
    if any(s.state == "ongoing" for s in later) or (ongoing and not stop.firm):
        return None, True
    last = max(later, key=_word)
    if last.state == "until":
        return last.end, None
    return None, None


def _undoes(other: Stretch, held: Stretch) -> bool:
    """An order's status is of today: what was handed over since it was written does not undo its hold."""
    if held.proof is Proof.ORDERED and held.held_since is None and other.proof in _HANDED:
        return False
    return _word(other) > _word(held)


def _held_since(group: list[Stretch], held: list[Stretch]) -> PartialDate | None:
    """The day the hold's own entry gives, else that of the last box or dose; an earlier stop of the same drug, with
    nothing taken since, began it."""
    since = next((s.held_since for s in held if s.held_since), None)
    if held and since is None:
        handed = [s.seen for s in group if s.proof in _HANDED and not s.held and s.seen is not None]
        return max(handed, key=lambda d: d.last, default=None)
    stops = [s.end for s in group if s.state == "ended" and s.end is not None]
    stop = max(stops, key=lambda d: d.last, default=None)
    if since is None or stop is None or stop.last >= since.first:
        return since
    begun_again = any(s.start is not None and s.start.first > stop.last for s in group)
    taken_since = any(_word(s) > stop.last for s in group if not s.held)
    return since if begun_again or taken_since else stop


def _exposure(group: list[Stretch]) -> Exposure:
    end, ongoing = _ending(group)
    latest = max(group, key=_word)
    stops = [s for s in group if s.state == "ended" and s.reason is not StopReason.UNKNOWN]
    reasons = {s.reason for s in stops} or {s.reason for s in group if s.state == "until"}
    reason = StopReason.UNKNOWN
    if ongoing is not True and reasons:
        reason = max(stops, key=_word).reason if stops else next(iter(reasons))
        if StopReason.PROGRESSION in reasons:  # the reason that must not be lost
            reason = StopReason.PROGRESSION
    held = [s for s in group if s.held and not any(_undoes(o, s) for o in group if not o.held)]
    settings = _settings(group)
    return Exposure(
        drug=latest.drug,
        drug_class=latest.drug_class,
        start=_start(group),
        end=end,
        ongoing=ongoing,
        last_seen=max((s.seen for s in group if s.seen), key=lambda d: d.last, default=None),
        covered_until=max((s.covered for s in group if s.covered), key=lambda d: d.last, default=None),
        on_hold=bool(held),
        on_hold_since=_held_since(group, held),
        stop_reason=reason,
        setting=settings.pop() if settings else Setting.UNKNOWN,
        proofs=frozenset(s.proof for s in group),
        sources=tuple(sorted({s.source for s in group}, key=lambda s: (s.reference, s.version or ""))),
    )
