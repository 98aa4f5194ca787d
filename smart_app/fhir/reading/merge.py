"""One draw told by several entries or interfaces is one draw; entries that contradict each other are a conflict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from smart_app.domain.facts import DateBasis, Draw, Finding, Outcome, Source, Specimen, Standing, WithdrawnResult
from smart_app.domain.variants import looked_for
from smart_app.fhir.reading.record import Notes


@dataclass(frozen=True, slots=True)
class Told:
    """A draw as one report, panel, document or lone Observation tells it.

    ``rank``: 0 provisional, 1 final, 2 corrected. ``denied``: what alone was not detected; empty: the gene.
    ``inferred``: not detected because it was studied and nothing was reported; any other answer stands before it.
    """

    draw: Draw
    rank: int = 1
    keys: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    inferred: bool = False
    document: bool = False


def merge_told(told: list[Told], notes: Notes, withdrawn: list[WithdrawnResult]) -> tuple[Draw, ...]:
    """Merged, oldest first, in an order that does not depend on the order read. What was replaced is noted."""
    merged: list[Told] = []
    places: dict[str, list[int]] = {}
    for one in sorted(told, key=_order):
        for number in _candidates(one, places):
            if _same(merged[number], one):
                merged[number] = _together(merged[number], one, notes, withdrawn)
                _index(one, number, places)
                break
        else:
            merged.append(one)
            _index(one, len(merged) - 1, places)
    return tuple(t.draw for t in sorted(merged, key=_order))


def _days(draw: Draw) -> list[str]:
    return sorted(str(d) for d in {draw.date, draw.known_on} if d is not None and d.exact is not None)


def _manner(draw: Draw) -> str:
    return (draw.accession or "none").partition(":")[0]


def _places(one: Told) -> list[str]:
    """Where a draw can be found again: its entries, identifiers, accession, and its days."""
    draw = one.draw
    found = [f"source {s.reference}" for s in draw.sources] + [f"key {k}" for k in (*one.keys, *one.links)]
    found += [f"accession {draw.accession}"] if draw.accession is not None else []
    for day in _days(draw):
        found += [f"day {day} {_manner(draw)}", f"alike {day} {draw.outcome} {sorted(_lab(draw.laboratory))}"]
    return found


def _candidates(one: Told, places: dict[str, list[int]]) -> list[int]:
    """Those that may be the same draw. Two that name their specimens differently, in one manner, hardly are."""
    draw = one.draw
    names = [f"source {s.reference}" for s in draw.sources]
    names += [f"key {k}" for k in (*one.keys, *one.links)]
    names += [f"source {k}" for k in one.keys] + [f"key {s.reference}" for s in draw.sources]
    names += [f"accession {draw.accession}"] if draw.accession is not None else []
    mine = _manner(draw)
    for day in _days(draw):
        names += [
            f"day {day} {m}" for m in ("none", "accession", "specimen") if m == "none" or m != mine or one.document
        ]
        if draw.laboratory is not None:
            names.append(f"alike {day} {draw.outcome} {sorted(_lab(draw.laboratory))}")
    return sorted({number for name in names for number in places.get(name, ())})


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


def _assay(name: str | None) -> str | None:
    """A name that tells an assay from another; "ctDNA panel" tells nothing."""
    said = _plain(name)
    return next((known for known in _KNOWN_ASSAYS if known in said), None)


def _same(one: Told, other: Told) -> bool:
    """The same sample: the same accession, identifier or entry, else the same day and nothing that parts them."""
    a, b = one.draw, other.draw
    if {a.specimen, b.specimen} == {Specimen.PLASMA, Specimen.TISSUE}:
        return False
    refs = {s.reference for s in a.sources} & {s.reference for s in b.sources}
    if any(r.startswith("Observation/") for r in refs) and not (_two_specimens(a, b)):
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
    better, worse = sorted(
        (one, other),
        key=lambda t: (t.draw.outcome is Outcome.NOT_READABLE, -t.rank, t.inferred, _RANK.index(t.draw.outcome)),
    )
    a, b = better.draw, worse.draw
    if better.rank > worse.rank and b.outcome is not Outcome.NOT_READABLE:
        return _replaced(better, worse, notes, withdrawn)
    detected = Outcome.DETECTED in (a.outcome, b.outcome)
    conflict = Standing.CONFLICT in (a.standing, b.standing) or _contradict(one, other)
    outcome = Outcome.DETECTED if detected else a.outcome
    draw = replace(
        _filled(a, b),
        outcome=outcome,
        standing=Standing.CONFLICT if conflict else a.standing,
        findings=_findings(a, b) if detected else (),
        uninformative=outcome is Outcome.NOT_DETECTED and (a.uninformative or b.uninformative),
        sources=tuple(sorted({*a.sources, *b.sources}, key=lambda s: (s.reference, s.version or ""))),
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


def _filled(a: Draw, b: Draw) -> Draw:
    """What the better one leaves open, from the other; the date with the better basis."""
    dated = [d for d in (a, b) if d.date is not None and d.date_basis is not None]
    dated.sort(
        key=lambda d: (_BASES.index(d.date_basis) if d.date_basis else 9, d.date is None or d.date.exact is None)
    )
    best = dated[0] if dated else a
    identities = [d.accession for d in (a, b) if d.accession is not None]
    identities.sort(key=lambda i: not i.startswith("accession:"))
    return replace(
        a,
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
        sources = tuple(sorted({*a.sources, *b.sources}, key=lambda s: (s.reference, s.version or "")))
    return replace(
        better,
        draw=replace(_filled(a, b), sources=sources, outcome=a.outcome, findings=a.findings, standing=a.standing),
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
        covered = any(looked_for(name, negative.draw.covers) for name in _named(positive.draw))
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
        if finding.vaf is None or other is None or finding.vaf == other:
            continue
        digits = max(finding.vaf.as_tuple().exponent, other.as_tuple().exponent)
        if abs(finding.vaf - other) > Decimal(1).scaleb(int(digits)):
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
        found[key] = replace(finding if old.vaf is None and finding.vaf is not None else old, sources=sources)
    if len(found) > 1 and "other" in found:
        del found["other"]
    return tuple(found[key] for key in sorted(found))
