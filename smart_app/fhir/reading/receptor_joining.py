"""Receptor statements of one biopsy brought together: repeats, percentages beside answers, HER2 2+ with its ISH."""

from __future__ import annotations

from dataclasses import replace

from smart_app.domain.facts import Biopsy, Marker, Receptor, ReceptorStatus


def merge(found: list[Receptor]) -> list[Receptor]:
    """Repeated diagnosis codes are one statement, of the earliest day; identical results are one with both sources."""
    merged: dict[tuple[object, ...], Receptor] = {}
    for new in found:
        day = None if new.method == "diagnosis" else new.date
        key = (
            new.marker,
            new.status,
            new.method,
            new.score,
            new.percent,
            new.biopsy,
            new.specimen,
            day,
            new.provisional,
        )
        old = merged.get(key)
        if old is not None:
            dates = [d for d in (old.date, new.date) if d is not None]
            new = replace(
                old,
                date=min(dates, key=lambda d: (d.first, d.last), default=None),
                sources=tuple(dict.fromkeys((*old.sources, *new.sources))),
            )
        merged[key] = new
    return list(merged.values())


def _same(a: Receptor, b: Receptor, days: int) -> bool:
    if a.specimen and b.specimen:
        return a.specimen == b.specimen
    if a.biopsy is not b.biopsy and Biopsy.UNKNOWN not in {a.biopsy, b.biopsy}:
        return False
    if a.date is None or b.date is None:
        return False
    return a.date == b.date or (
        a.date.exact is not None and b.date.exact is not None and 0 <= (b.date.exact - a.date.exact).days <= days
    )


def percents(found: list[Receptor]) -> list[Receptor]:
    """A percentage beside the answer of the same specimen or day: one statement with both."""
    kept = list(found)
    for number in [r for r in found if r.percent is not None and r.method == "ihc"]:
        for answer in kept:
            if (
                answer.marker is number.marker
                and answer.percent is None
                and answer.method == "ihc"
                and answer.status is number.status
                and _same(answer, number, 0)
            ):
                both = replace(
                    answer,
                    percent=number.percent,
                    low=answer.low or number.low,
                    sources=tuple(dict.fromkeys((*answer.sources, *number.sources))),
                )
                kept = [both if r is answer else r for r in kept if r is not number]
                break
    return kept


def resolve(found: list[Receptor]) -> list[Receptor]:
    """HER2 2+ with its own in-situ result becomes one statement; the equivocal one does not stay beside it."""
    kept = list(found)
    for ihc in [
        r for r in found if r.marker is Marker.HER2 and r.method != "ish" and r.status is ReceptorStatus.EQUIVOCAL
    ]:
        ish = [
            r
            for r in kept
            if r.marker is Marker.HER2
            and r.method == "ish"
            and _same(ihc, r, 30)
            and r.status in {ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE}
        ]
        if len({r.status for r in ish}) != 1:
            continue
        answer = ish[0]
        both = replace(
            answer,
            low=answer.status is ReceptorStatus.NEGATIVE and ihc.score == "2+",
            score=ihc.score,
            biopsy=answer.biopsy if answer.biopsy is not Biopsy.UNKNOWN else ihc.biopsy,
            specimen=answer.specimen or ihc.specimen,
            provisional=answer.provisional,
            sources=tuple(dict.fromkeys((*ihc.sources, *(s for r in ish for s in r.sources)))),
        )
        kept = [r for r in kept if r is not ihc and r not in ish] + [both]
    return kept
