"""Which ESR1 findings count for the switch review (R3), and why the others do not (R5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from smart_app.domain.facts import Finding, Kind, Origin, Significance
from smart_app.domain.policy import Policy

_CODONS = re.compile(r"[A-Z*]([0-9]+)(?:_[A-Z*]([0-9]+))?")
_MISSENSE = re.compile(r"p\.([A-Z])([0-9]+)([A-Z])\Z")
_IN_FRAME = re.compile(r"p\.[A-Z][0-9]+(?:_[A-Z][0-9]+)?(?:delins[A-Z]+|del|dup|ins[A-Z]+)\Z")


class Tier(StrEnum):
    """Where a finding stands under the policy's variant list."""

    HOTSPOT = "hotspot"
    SECOND = "outside the hotspot list"
    NONE = "does not count"


def _codons(change: str) -> tuple[int, int] | None:
    found = _CODONS.search(change)
    if found is None:
        return None
    first = int(found.group(1))
    return first, int(found.group(2) or first)


def why_not(finding: Finding) -> tuple[str, str] | None:
    """(code, words) where a finding can never count, whatever the list says."""
    if finding.gene != "ESR1":
        return "other_gene", f"it is of another gene ({finding.gene})"
    if finding.origin is Origin.GERMLINE:
        return "germline", "it is germline"
    if finding.kind is Kind.SYNONYMOUS:
        return "synonymous", "it does not change the protein"
    if finding.kind is Kind.AMPLIFICATION:
        return "amplification", "it is an amplification, not a mutation of the ligand-binding domain"
    if finding.kind is Kind.FUSION:
        return "fusion", "it is a fusion: a resistance alteration of another kind, to be discussed"
    if finding.significance in (Significance.BENIGN, Significance.LIKELY_BENIGN):
        return "benign", "the laboratory calls it benign or likely benign"
    change = finding.protein_change
    missense = _MISSENSE.match(change) if change is not None else None
    if change is not None and (change.endswith("=") or (missense and missense.group(1) == missense.group(3))):
        return "synonymous", "it does not change the protein"
    return None


def tier(finding: Finding, policy: Policy) -> Tier:
    """R3: the policy's list, in-frame changes touching its codons, then the labelled second tier."""
    change = finding.protein_change
    if why_not(finding) is not None or change is None:
        return Tier.NONE
    if change in policy.hotspots:
        return Tier.HOTSPOT
    codons = _codons(change)
    if codons is None:
        return Tier.NONE
    if _IN_FRAME.match(change) and any(codons[0] <= c <= codons[1] for c in policy.indel_codons):
        return Tier.HOTSPOT
    called = finding.significance in (Significance.PATHOGENIC, Significance.LIKELY_PATHOGENIC)
    inside = policy.second_tier_from <= codons[0] <= policy.second_tier_to
    if policy.second_tier and called and inside and _MISSENSE.match(change):
        return Tier.SECOND
    return Tier.NONE


def qualifies(finding: Finding, policy: Policy) -> bool:
    """Whether the finding counts under the policy's variant list."""
    return tier(finding, policy) is not Tier.NONE


_STRETCH = re.compile(r"codons? ([0-9]+)(?:-([0-9]+))?\Z")


def looked_for(change: str, covers: Sequence[str] | None) -> bool:
    """Whether an assay looks for a change: it names it, or its codon; yes where it does not say (``covers`` None)."""
    if covers is None or change in covers:
        return True
    codons = _codons(change)
    stretches = [found for found in map(_STRETCH.match, covers) if found is not None]
    return codons is not None and any(
        int(s.group(1)) <= codons[0] and codons[1] <= int(s.group(2) or s.group(1)) for s in stretches
    )


def label(finding: Finding) -> str:
    """The finding's name for a sentence: protein change, else DNA change, else its kind."""
    kind = finding.kind.value if finding.kind in (Kind.AMPLIFICATION, Kind.FUSION) else "mutation"
    return finding.protein_change or finding.dna_change or f"ESR1 {kind}"
