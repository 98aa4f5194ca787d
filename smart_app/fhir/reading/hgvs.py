"""Protein and DNA changes in one spelling: ``p.D538G``, ``c.1613A>G`` (HGVS). What is not one stays what it is."""

from __future__ import annotations

import re
from functools import lru_cache

from smart_app.domain.facts import Kind

THREE = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H",
    "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W",
    "Tyr": "Y", "Val": "V", "Ter": "*", "Sec": "U",
}  # fmt: skip
_AA1 = "ACDEFGHIKLMNPQRSTVWY"
_AA = "(?:" + "|".join(THREE) + f"|[{_AA1}*])"
_TAIL = rf"(?:{_AA}(?:fs(?:\*|Ter)?[0-9]*)?|=|delins(?:{_AA})+|del|dup|ins(?:{_AA})+|fs(?:\*|Ter)?[0-9]*)"
PROTEIN = re.compile(rf"(?<![A-Za-z0-9])(?:p\.)?\(?({_AA}[0-9]{{1,4}}(?:_{_AA}[0-9]{{1,4}})?{_TAIL})\)?(?![A-Za-z0-9])")
DNA = re.compile(
    r"(?<![A-Za-z0-9])[cg]\.[0-9+*_-]+(?:[ACGT]+>[ACGT]+|del[ACGT]*ins[ACGT]+|del[ACGT]*|dup[ACGT]*|ins[ACGT]+)"
)

# The coding sequence NM_000125 puts codon n at c.(3n-2)..c.(3n); these bases give these changes by the genetic code
# (codon 380 GAA, 463 TCN, 469 CTN, 536 CTC, 537 TAT, 538 GAC; the test works each one out). Left out on purpose: every
# DNA change that is not one of these; it keeps its DNA name alone.
_TRANSLATED = {
    "c.1138G>C": "p.E380Q",
    "c.1387T>C": "p.S463P",
    "c.1405C>G": "p.L469V",
    "c.1607T>G": "p.L536R",
    "c.1607T>C": "p.L536P",
    "c.1607T>A": "p.L536H",
    "c.1609T>A": "p.Y537N",
    "c.1609T>G": "p.Y537D",
    "c.1610A>C": "p.Y537S",
    "c.1610A>G": "p.Y537C",
    "c.1613A>G": "p.D538G",
    "c.1612G>A": "p.D538N",
}

# Where those coding positions lie on chromosome 6 (plus strand): GRCh37 as curated variant lists give them, and GRCh38,
# which lies 321,135 bases before it over the whole stretch from codon 380 to 538.
_GRCH37 = {1138: 152332832, 1387: 152415537, 1405: 152415555} | {c: 152418313 + c for c in range(1606, 1615)}
_TO_GRCH38 = -321135
_TRANSLATED_GENOMIC = {
    f"g.{_GRCH37[int(name[2:-3])] + shift}{name[-3:]}": change
    for name, change in _TRANSLATED.items()
    for shift in (0, _TO_GRCH38)
}

_DIGIT = re.compile(r"[0-9]")
_UNCHANGED = re.compile(r"(?<![A-Za-z])p\.\(?=\)?")
_ANY_CASE = re.compile(rf"(?i)\b(p\.\(?)?({'|'.join(THREE)})([0-9]{{1,4}})({'|'.join(THREE)}|fs|del|dup|ins|=|\*)")
_LOWER = re.compile(r"(?i)(?<![a-z0-9])([edlysvk][0-9]{3}[a-z])(?![a-z0-9])")


def spelled(text: str) -> str:
    """Changes written in another case (``ASP538GLY``, ``d538g``) in the usual one."""

    def title(match: re.Match[str]) -> str:
        tail = match.group(4)
        tail = tail.title() if tail.title() in THREE else tail.lower()
        return f"{(match.group(1) or '').lower()}{match.group(2).title()}{match.group(3)}{tail}"

    return _LOWER.sub(lambda m: m.group(1).upper(), _ANY_CASE.sub(title, text))


def protein(text: str) -> str | None:
    """The first protein change named in a text, as one-letter HGVS; None where there is none."""
    found = PROTEIN.search(spelled(text))
    return one_letter(found.group(1)) if found else None


def proteins(text: str) -> list[str]:
    """Every protein change named, in order."""
    return list(_proteins(text)) if len(text) < 200 else list(_proteins.__wrapped__(text))


@lru_cache(maxsize=1024)
def _proteins(text: str) -> list[str]:
    if not _DIGIT.search(text) and "=" not in text:
        return []
    named = [one_letter(found.group(1)) for found in PROTEIN.finditer(spelled(text))]
    return named or (["p.="] if _UNCHANGED.search(text) else [])


def one_letter(change: str) -> str:
    for three, one in THREE.items():
        change = change.replace(three, one)
    return f"p.{change.strip('()')}"


def dna(text: str) -> str | None:
    found = DNA.search(text)
    return found.group(0) if found else None


def translated(change: str | None) -> str | None:
    """The protein change of a known ESR1 DNA change, named on the coding sequence or on chromosome 6."""
    return _TRANSLATED.get(change or "") or _TRANSLATED_GENOMIC.get(change or "")


def coding_position(position: int) -> int | None:
    """The base of the coding sequence at a position that is on it, or on chromosome 6 from codon 534 to the last."""
    for shift in (0, _TO_GRCH38):
        if 1600 <= (base := position - shift - 152418313) <= 1788:
            return base
    return position if 1 <= position <= 1788 else None


def kind_of(protein_change: str | None, dna_change: str | None = None) -> Kind:
    """From the notation alone."""
    text = protein_change or ""
    if not text:
        if dna_change is None:
            return Kind.OTHER
        if re.search(r"[0-9][ACGT]>[ACGT]\Z", dna_change):
            return Kind.SNV
        return Kind.INDEL if re.search(r"del|ins|dup", dna_change) else Kind.OTHER
    if text.endswith("=") or re.fullmatch(r"p\.([A-Z])[0-9]+\1", text):
        return Kind.SYNONYMOUS
    if re.fullmatch(r"p\.[A-Z][0-9]+[A-Z*]", text):
        return Kind.SNV
    return Kind.INDEL
