"""One draw told by several entries or interfaces is one draw; entries that contradict each other are a conflict."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache

from smart_app.domain.facts import DateBasis, Draw, Finding, Outcome, Source, Specimen, Standing, WithdrawnResult
from smart_app.domain.variants import looked_for
from smart_app.fhir.reading.pile import piled
from smart_app.fhir.reading.record import Notes
from smart_app.fhir.reading.told import Told, different, with_sources


def merge_told(told: list[Told], notes: Notes, withdrawn: list[WithdrawnResult]) -> tuple[Draw, ...]:
    """Merged, oldest first, in an order that does not depend on the order read. What was replaced is noted."""
    merged: list[Told] = []
    places: dict[str, list[int]] = {}
    for one in sorted(piled(told), key=_order):
        for number in _candidates(one, places):
            if _same(merged[number], one):
                merged[number] = _together(merged[number], one, notes, withdrawn)
                _index(one, number, places)
                break
        else:
            merged.append(one)
            _index(one, len(merged) - 1, places)
    return tuple(t.draw for t in sorted(merged, key=lambda t: _order(t)[1:]))


def _days(draw: Draw) -> list[str]:
    days = [draw.date] if draw.date == draw.known_on else [draw.date, draw.known_on]
    return sorted([str(d) for d in days if d is not None and d.day is not None])


def _manner(draw: Draw) -> str:
    return (draw.accession or "none").partition(":")[0]


_MANNERS = ("none", "accession", "specimen")


def _places(one: Told) -> list[str]:
    """Where a draw can be found again: its entries, identifiers, accession, and its days."""
    draw = one.draw
    found = [f"source {s.reference}" for s in draw.sources] + [f"key {k}" for k in (*one.keys, *one.links)]
    found += [f"accession {draw.accession}"] if draw.accession is not None else []
    manner = _manner(draw)
    for day in _days(draw):
        found.append(f"day {day} {manner}")
        if draw.laboratory is not None:
            found.append(f"alike {day} {draw.outcome} {_lab_key(draw.laboratory)}")
    return found


def _candidates(one: Told, places: dict[str, list[int]]) -> list[int]:
    """Those that may be the same draw. Two that name their specimens differently, in one manner, hardly are."""
    draw = one.draw
    names = [f"{kind} {s.reference}" for s in draw.sources for kind in ("source", "key")]
    if one.keys or one.links:
        names += [f"key {k}" for k in (*one.keys, *one.links)] + [f"source {k}" for k in one.keys]
    if draw.accession is not None:
        names.append(f"accession {draw.accession}")
    mine = _manner(draw)
    manners = [m for m in _MANNERS if m == "none" or m != mine or one.document]
    for day in _days(draw):
        names += [f"day {day} {m}" for m in manners]
        if draw.laboratory is not None:
            names.append(f"alike {day} {draw.outcome} {_lab_key(draw.laboratory)}")
    found = {number for name in names if name in places for number in places[name]}
    return sorted(found) if len(found) > 1 else list(found)


def _index(one: Told, number: int, places: dict[str, list[int]]) -> None:
    for name in _places(one):
        held = places.setdefault(name, [])
        if number not in held[-3:]:
            held.append(number)


def _order(one: Told) -> tuple[bool, date, date, str, str, str]:
    draw = one.draw
    first = draw.date.first if draw.date else date.max
    last = draw.date.last if draw.date else date.max
    return (
        one.document,
        first,
        last,
        draw.accession or "~",
        draw.outcome.value,
        " ".join(s.reference for s in draw.sources),
    )


def _plain(name: str | None) -> str:
    return "".join(c for c in (name or "").lower() if c.isalnum())


_LAB_NOISE = (
    "laboratories",
    "laboratory",
    "labs",
    "lab",
    "health",
    "inc",
    "corporation",
    "ltd",
    "llc",
    "medicine",
    "the",
)


def _lab_key(name: str) -> str:
    return " ".join(sorted(_lab(name)))


@lru_cache(maxsize=256)
def _lab(name: str | None) -> frozenset[str]:
    found = "".join(c if c.isalnum() else " " for c in (name or "").lower()).split()
    return frozenset(w for w in found if w not in _LAB_NOISE)


_KNOWN_ASSAYS = (
    "guardant360",
    "foundationone",
    "f1l",
    "tempusxf",
    "ddpcr",
    "dropletdigital",
    "therascreen",
    "beaming",
    "cobas",
    "signatera",
    "resolution",
)


@lru_cache(maxsize=256)
def _assay(name: str | None) -> str | None:
    """A name that tells an assay from another; "ctDNA panel" tells nothing."""
    said = _plain(name)
    return next((known for known in _KNOWN_ASSAYS if known in said), None)


def _same(one: Told, other: Told) -> bool:
    """The same sample: the same accession, identifier or entry, else the same day and nothing that parts them."""
    a, b = one.draw, other.draw
    if a.specimen is not b.specimen and Specimen.UNKNOWN not in (a.specimen, b.specimen):
        return False
    refs = {s.reference for s in a.sources}.intersection([s.reference for s in b.sources])
    if refs and any(r.startswith("Observation/") for r in refs) and not (_two_specimens(a, b)):
        return True
    if one.document or other.document:
        names = {s.reference for s in (*a.sources, *b.sources)}
        if (one.keys | other.keys) & names or one.keys & other.links or other.keys & one.links:
            return True
    if a.accession is not None and a.accession == b.accession:
        return True
    if _two_specimens(a, b) and not _alike(a, b):
        return False
    apart = a.date is not None and b.date is not None and not _may_be_same_day(a, b)
    if one.keys & other.keys and not apart:
        return True
    if refs and not apart and not _two_specimens(a, b):
        return True
    if (one.document or other.document) and Outcome.NOT_READABLE in (a.outcome, b.outcome):
        days = {a.date, a.known_on} & {b.date, b.known_on} - {None}
        return any(d is not None and d.exact is not None for d in days) and _one_lab(a, b)
    if a.date is None or a.date != b.date or a.date.exact is None:
        return False
    return _one_lab(a, b)


def _one_lab(a: Draw, b: Draw) -> bool:
    labs, assays = (_lab(a.laboratory), _lab(b.laboratory)), {_assay(a.assay), _assay(b.assay)} - {None}
    return (not all(labs) or labs[0] <= labs[1] or labs[1] <= labs[0]) and len(assays) < 2


def _may_be_same_day(a: Draw, b: Draw) -> bool:
    """Equal dates, or one of them is no collection date."""
    return a.date == b.date or {a.date_basis, b.date_basis} != {DateBasis.COLLECTED} or a.date is None


def _two_specimens(a: Draw, b: Draw) -> bool:
    """Both name their specimen, in one manner, and differently."""
    if a.accession is None or b.accession is None or a.accession == b.accession:
        return False
    return a.accession.partition(":")[0] == b.accession.partition(":")[0]


def _alike(a: Draw, b: Draw) -> bool:
    """Two interfaces may name one tube differently in their own numbers: the same day, laboratory and answer."""
    return (
        (a.accession or "").startswith("specimen:")
        and a.date is not None
        and a.date == b.date
        and a.outcome is b.outcome
        and _named(a) == _named(b)
        and {f.vaf for f in a.findings} == {f.vaf for f in b.findings}
        and bool(_lab(a.laboratory))
        and _lab(a.laboratory) == _lab(b.laboratory)
    )


def _named(draw: Draw) -> set[str]:
    return {f.protein_change or f.dna_change or f.kind.value for f in draw.findings}


_BASES = (DateBasis.COLLECTED, DateBasis.EFFECTIVE, DateBasis.REPORTED, DateBasis.ISSUED)
_RANK = (Outcome.DETECTED, Outcome.NOT_DETECTED, Outcome.INDETERMINATE, Outcome.FAILED, Outcome.NOT_READABLE)


def _together(one: Told, other: Told, notes: Notes, withdrawn: list[WithdrawnResult]) -> Told:
    better, worse = (one, other) if _standing_of(one) <= _standing_of(other) else (other, one)
    a, b = better.draw, worse.draw
    if better.rank > worse.rank and b.outcome is not Outcome.NOT_READABLE:
        return _replaced(better, worse, notes, withdrawn)
    detected = Outcome.DETECTED in (a.outcome, b.outcome)
    conflict = Standing.CONFLICT in (a.standing, b.standing) or _contradict(one, other)
    outcome = Outcome.DETECTED if detected else a.outcome
    draw = _filled(
        a,
        b,
        outcome=outcome,
        standing=Standing.CONFLICT if conflict else a.standing,
        findings=_findings(a, b) if detected else (),
        uninformative=outcome is Outcome.NOT_DETECTED and (a.uninformative or b.uninformative),
        sources=_both_sources(a, b),
    )
    whole = any(t.draw.outcome is Outcome.NOT_DETECTED and not t.denied and not t.inferred for t in (one, other))
    return Told(
        draw,
        max(one.rank, other.rank) if better.rank == worse.rank else better.rank,
        one.keys | other.keys,
        one.links | other.links,
        frozenset() if whole else one.denied | other.denied,
        one.inferred and other.inferred,
        one.document and other.document,
    )


def _standing_of(told: Told) -> tuple[bool, int, bool, int]:
    return told.draw.outcome is Outcome.NOT_READABLE, -told.rank, told.inferred, _RANK.index(told.draw.outcome)


def _both_sources(a: Draw, b: Draw) -> tuple[Source, ...]:
    return tuple(sorted({*a.sources, *b.sources}, key=lambda s: (s.reference, s.version or "")))


def _basis_of(draw: Draw) -> tuple[int, bool]:
    if draw.date is None or draw.date_basis is None:
        return len(_BASES), True
    return _BASES.index(draw.date_basis), draw.date.day is None


def _filled(
    a: Draw,
    b: Draw,
    *,
    outcome: Outcome,
    standing: Standing,
    findings: tuple[Finding, ...],
    uninformative: bool,
    sources: tuple[Source, ...],
) -> Draw:
    """What the better one leaves open, from the other; the date with the better basis."""
    best = a if _basis_of(a) <= _basis_of(b) else b
    identities = [d.accession for d in (a, b) if d.accession is not None]
    identities.sort(key=lambda i: not i.startswith("accession:"))
    return Draw(
        outcome=outcome,
        standing=standing,
        findings=findings,
        uninformative=uninformative,
        sources=sources,
        date=best.date,
        date_basis=best.date_basis,
        known_on=a.known_on or b.known_on,
        specimen=a.specimen if a.specimen is not Specimen.UNKNOWN else b.specimen,
        laboratory=a.laboratory or b.laboratory,
        assay=a.assay or b.assay,
        accession=identities[0] if identities else None,
        limit=a.limit if a.limit is not None else b.limit,
        covers=tuple(sorted({*(a.covers or ()), *(b.covers or ())})) or None,
        document=a.document or b.document,
        note=a.note or b.note,
    )


def _replaced(better: Told, worse: Told, notes: Notes, withdrawn: list[WithdrawnResult]) -> Told:
    """A corrected result replaces the earlier one, a final one the preliminary; what had been said stays visible."""
    a, b = better.draw, worse.draw
    if b.outcome is not a.outcome or _named(a) != _named(b):
        gone = tuple(s for s in b.sources if s not in a.sources) or b.sources
        why = "corrected" if better.rank == 2 else "superseded"
        words = (
            "was corrected by a later report"
            if better.rank == 2
            else "was preliminary and is replaced by the final result"
        )
        for source in gone:
            notes.aside(f"result.{why}", words, _stub(source))
        if better.rank == 2:
            withdrawn.append(WithdrawnResult(b.date, "corrected", b.findings, gone))
        sources = a.sources
    else:
        sources = _both_sources(a, b)
    return replace(
        better,
        draw=_filled(
            a,
            b,
            outcome=a.outcome,
            standing=a.standing,
            findings=a.findings,
            uninformative=a.uninformative,
            sources=sources,
        ),
        keys=better.keys | worse.keys,
        links=better.links | worse.links,
    )


def _stub(source: Source) -> dict[str, str]:
    kind, _, ident = source.reference.partition("/")
    return {"resourceType": kind, "id": ident}


def _contradict(one: Told, other: Told) -> bool:
    if one.inferred or other.inferred:
        return False
    if one.rank != other.rank:
        return False  # the final result stands before the preliminary one
    outcomes = {one.draw.outcome, other.draw.outcome}
    if outcomes == {Outcome.DETECTED, Outcome.NOT_DETECTED}:
        positive, negative = (one, other) if one.draw.outcome is Outcome.DETECTED else (other, one)
        names = _named(positive.draw)
        covered = not names or any(looked_for(name, negative.draw.covers) for name in names)
        return covered and (not negative.denied or bool(negative.denied & _named(positive.draw)))
    if outcomes == {Outcome.DETECTED} and one.draw.findings and other.draw.findings:
        return _different_amounts(one.draw, other.draw) or bool(
            one.denied & _named(other.draw) or other.denied & _named(one.draw)
        )
    return outcomes in (
        {Outcome.DETECTED, Outcome.INDETERMINATE},
        {Outcome.DETECTED, Outcome.FAILED},
        {Outcome.NOT_DETECTED, Outcome.FAILED},
    )


def _different_amounts(a: Draw, b: Draw) -> bool:
    """The same change with two amounts that are more than rounding apart."""
    amounts: dict[str | None, Decimal] = {
        f.protein_change: f.vaf for f in b.findings if f.vaf is not None and f.protein_change
    }
    for finding in a.findings:
        other = amounts.get(finding.protein_change)
        if finding.vaf is None or other is None:
            continue
        if different(finding.vaf, other):
            return True
    return False


def _findings(a: Draw, b: Draw) -> tuple[Finding, ...]:
    found: dict[str, Finding] = {}
    for finding in (*a.findings, *b.findings):
        key = finding.protein_change or finding.dna_change or finding.kind.value
        old = found.get(key)
        if old is None:
            found[key] = finding
            continue
        sources: tuple[Source, ...] = tuple(dict.fromkeys((*old.sources, *finding.sources)))
        found[key] = with_sources(finding if old.vaf is None and finding.vaf is not None else old, sources)
    if len(found) > 1 and "other" in found:
        del found["other"]
    return tuple(found[key] for key in sorted(found))
