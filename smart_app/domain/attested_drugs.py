"""An attested drug beside the record's own stretches of the same drug: what it fills, and what it contradicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from smart_app.domain.dates import PartialDate, add_days
from smart_app.domain.facts import DrugClass, Exposure, Proof, Setting, StopReason
from smart_app.domain.logic import span

_NEAR = 60  # days (judgement): an order and the first dose are this near; the record's day counts


def drug_clause(fact: Exposure) -> str:
    return {DrugClass.AI: "W4", DrugClass.CDK46: "W5"}.get(fact.drug_class, "W7")


def _bounds(e: Exposure) -> tuple[date, date]:
    """From the first to the last day that the stretch may cover."""
    return span(e.start)[0], e.end.last if e.end is not None else date.max


def overlap(a: Exposure, b: Exposure) -> bool:
    """Whether both may be the same stretch. A start sixty days after the other's end is another one."""
    (a1, a2), (b1, b2) = _bounds(a), _bounds(b)
    return a1 <= add_days(b2, _NEAR) and b1 <= add_days(a2, _NEAR)


def fill(related: Sequence[Exposure], fact: Exposure) -> list[Exposure] | None:
    """The record's stretches with what they leave open taken from the attested one; None where they contradict it."""
    first = min(range(len(related)), key=lambda n: span(related[n].start)[0])
    last = max(range(len(related)), key=lambda n: _bounds(related[n])[1])
    if _starts_otherwise(related[first], fact) or _ends_otherwise(related[last], fact):
        return None
    if any(Setting.UNKNOWN not in (e.setting, fact.setting) and e.setting is not fact.setting for e in related):
        return None
    made = list(related)
    if made[first].start is None and fact.start is not None:
        made[first] = _marked(made[first], fact, start=fact.start)
    made = [
        _marked(e, fact, setting=fact.setting)
        if e.setting is Setting.UNKNOWN and fact.setting is not Setting.UNKNOWN
        else e
        for e in made
    ]
    made[last] = _ended(made[last], fact)
    return made


def _marked(e: Exposure, fact: Exposure, **more: object) -> Exposure:
    sources = e.sources if fact.sources[0] in e.sources else (*e.sources, *fact.sources)
    return replace(e, sources=sources, **more)  # type: ignore[arg-type]


def _starts_otherwise(e: Exposure, fact: Exposure) -> bool:
    if e.start is None or fact.start is None:
        return False
    return e.start.first > add_days(fact.start.last, _NEAR) or fact.start.first > add_days(e.start.last, _NEAR)


def _open(e: Exposure) -> bool:
    """The record does not say whether it went on."""
    return e.end is None and e.ongoing is None and not e.on_hold


def _ends_otherwise(e: Exposure, fact: Exposure) -> bool:
    if _open(e):
        # ordered, taken or handed over after the attested end
        return fact.end is not None and e.last_seen is not None and e.last_seen.first > fact.end.last
    if e.on_hold or fact.on_hold:
        return not (e.on_hold and fact.on_hold)
    if fact.end is not None or fact.ongoing is False:
        if e.end is not None and fact.end is not None:
            return e.end.last < fact.end.first or fact.end.last < e.end.first
        return e.ongoing is True
    return e.ongoing is not True and not (e.end is not None and e.end.first >= _seen(fact))


def _seen(fact: Exposure) -> date:
    return fact.last_seen.last if fact.last_seen is not None else date.min


def _ended(e: Exposure, fact: Exposure) -> Exposure:
    """Until when, whether it was taken at all, and why it was stopped."""
    if _open(e):
        seen = [d for d in (e.last_seen, fact.last_seen) if d is not None]
        latest: PartialDate | None = max(seen, key=lambda d: (d.last, d.first), default=None)
        e = _marked(
            e,
            fact,
            end=fact.end,
            ongoing=fact.ongoing,
            on_hold=fact.on_hold,
            on_hold_since=fact.on_hold_since,
            last_seen=latest,
            # the freshness of an order is not that of a statement: which one is the latest trace counts
            proofs=(e.proofs if latest != fact.last_seen else e.proofs - {Proof.ORDERED}) | {Proof.TAKEN},
        )
    elif fact.end is not None and e.end is None and e.ongoing is False:
        e = _marked(e, fact, end=fact.end)
    elif fact.on_hold_since is not None and e.on_hold_since is None:
        e = _marked(e, fact, on_hold_since=fact.on_hold_since)
    if e.stop_reason is StopReason.UNKNOWN and fact.stop_reason is not StopReason.UNKNOWN and e.ongoing is not True:
        e = _marked(e, fact, stop_reason=fact.stop_reason)
    return e
