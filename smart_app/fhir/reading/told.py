"""A draw as one report, panel, document or lone Observation tells it, before the tellings of one sample are joined."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from smart_app.domain.facts import Draw, Finding, Source


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


def different(one: Decimal, other: Decimal) -> bool:
    """Whether two amounts of one change are more than rounding apart."""
    if one == other:
        return False
    digits = max(one.as_tuple().exponent, other.as_tuple().exponent)
    return abs(one - other) > Decimal(1).scaleb(int(digits))


def with_sources(finding: Finding, sources: tuple[Source, ...]) -> Finding:
    """The same finding resting on other entries (written out: records can hold thousands)."""
    return Finding(
        protein_change=finding.protein_change,
        dna_change=finding.dna_change,
        vaf=finding.vaf,
        vaf_comparator=finding.vaf_comparator,
        vaf_text=finding.vaf_text,
        kind=finding.kind,
        significance=finding.significance,
        origin=finding.origin,
        below_limit=finding.below_limit,
        gene=finding.gene,
        sources=sources,
    )
