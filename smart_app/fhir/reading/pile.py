"""Plain results of one day, joined in one go: what joining them one by one gives, without its cost for each.

Records can hold thousands of entries. A told draw is plain where nothing but its day, its specimen's kind, laboratory
and assay can join it to others, and nothing but its outcome and findings is its own.
"""

from __future__ import annotations

from dataclasses import replace

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import DateBasis, Draw, Finding, Outcome, Source, Standing
from smart_app.fhir.reading.told import Told, different, with_sources

_PLAIN = (Outcome.DETECTED, Outcome.NOT_DETECTED)


def piled(told: list[Told]) -> list[Told]:
    """``told`` with the plain ones of each day joined, where nothing else touches that day or their entries."""
    piles: dict[PartialDate, list[Told]] = {}
    others: list[Told] = []
    for one in told:
        day = _day_of_plain(one)
        if day is not None:
            piles.setdefault(day, []).append(one)
        else:
            others.append(one)
    days = {day for one in others for day in (one.draw.date, one.draw.known_on)}
    names = {s.reference for one in others for s in one.draw.sources}.union(*(one.keys | one.links for one in others))
    found = others
    for day, pile in piles.items():
        apart = day in days or (names and any(s.reference in names for one in pile for s in one.draw.sources))
        found += pile if len(pile) < 2 or apart or not _alike(pile) else [_joined(sorted(pile, key=_order))]
    return found


def _order(one: Told) -> tuple[str, str]:
    """As results of one day are joined one by one: detected first."""
    return one.draw.outcome.value, one.draw.sources[0].reference


def _day_of_plain(one: Told) -> PartialDate | None:
    """The day of a plain one; None of any other."""
    draw = one.draw
    plain = (
        draw.outcome in _PLAIN
        and draw.standing is Standing.FINAL
        and draw.date_basis is DateBasis.EFFECTIVE
        and one.rank == 1
        and not (one.keys or one.links or one.inferred or one.document)
        and not (draw.accession or draw.limit or draw.document or draw.uninformative)
        and (not one.denied or draw.outcome is Outcome.NOT_DETECTED)
        and (draw.covers is None or draw.covers == tuple(sorted(one.denied)))
        and len(draw.sources) == 1
        and (draw.known_on is draw.date or draw.known_on == draw.date)
    )
    return draw.date if plain and draw.date is not None and draw.date.day is not None else None


def _alike(pile: list[Told]) -> bool:
    first = pile[0].draw
    return all(
        one.draw.specimen is first.specimen
        and one.draw.laboratory == first.laboratory
        and one.draw.assay == first.assay
        for one in pile
    )


def _joined(pile: list[Told]) -> Told:
    """In the order given: detected before not detected. Nothing joins it further: no other touches its day or names."""
    first = pile[0].draw
    findings: dict[str, Finding] = {}
    rests: dict[str, list[Source]] = {}
    sources: set[Source] = set()
    covers: set[str] = set()
    conflict = False
    for one in pile:
        covers.update(one.draw.covers or ())
        if one.draw.outcome is Outcome.NOT_DETECTED:
            if findings:
                conflict = conflict or not one.denied or bool(one.denied & findings.keys())
            else:
                conflict = conflict or (first.outcome is Outcome.DETECTED and not one.denied)
        sources.update(one.draw.sources)
        for finding in one.draw.findings:
            key = finding.protein_change or finding.dna_change or finding.kind.value
            old = findings.get(key)
            rests.setdefault(key, []).extend(finding.sources)
            if old is None or (old.vaf is None and finding.vaf is not None):
                findings[key] = finding
            elif finding.protein_change is not None and finding.vaf is not None and old.vaf is not None:
                conflict = conflict or different(old.vaf, finding.vaf)
    if len(findings) > 1:
        findings.pop("other", None)
    draw: Draw = replace(
        first,
        standing=Standing.CONFLICT if conflict else Standing.FINAL,
        findings=tuple(with_sources(findings[key], tuple(dict.fromkeys(rests[key]))) for key in sorted(findings)),
        note=next((one.draw.note for one in pile if one.draw.note), None),
        covers=tuple(sorted(covers)) or None,
        sources=tuple(sorted(sources, key=lambda s: (s.reference, s.version or ""))),
    )
    return replace(pile[0], draw=draw)
