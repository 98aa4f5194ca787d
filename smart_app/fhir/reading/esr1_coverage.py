"""Which changes or codons of ESR1 a record says its assay looks at (R5: what is not covered is not contradicted).

``p.D538G`` is a change, ``codons 536-538`` a stretch of the protein. Nothing is said where the record names neither: a
sequenced gene, an exon, a panel's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from smart_app.fhir.reading.esr1_gene import LOINC, components, gene_of, of, values
from smart_app.fhir.reading.esr1_reports import fetched, inline_texts
from smart_app.fhir.reading.esr1_tree import Group
from smart_app.fhir.reading.hgvs import coding_position, proteins, spelled
from smart_app.fhir.reading.labclauses import LAST_CODON
from smart_app.fhir.reading.labtext import ESR1, OTHER_GENE
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, text, words

_CODONS = re.compile(
    r"\bcodons?\s+((?:and\s+|or\s+|to\s+)?[0-9]{1,3}(?:\s*(?:-|–|to|through|,|/|&|and|or)\s*(?:and\s+|or\s+)?[0-9]{1,3})*)\b",
    re.I,
)
_STRETCH = re.compile(r"([0-9]{1,3})(?:\s*(?:-|–|to|through)\s*([0-9]{1,3}))?", re.I)
_BASES = re.compile(r"\b(?:c\.([0-9]{1,4})[_-](?:c\.)?([0-9]{1,4})|(?:g\.|chr6:(?:g\.)?)([0-9]{9})[_-]([0-9]{9}))\b")
_STATES = re.compile(
    r"\b(?:cover(?:s|ed|age|ing)?|interrogat\w+|target(?:s|ed|ing)?|limited to|restricted to|"
    r"designed (?:to detect|for)|detects|assesses|"
    r"(?:for|of) the following|looks? for|tests? for|tested for|screens? for|screened for|"
    r"dd-?pcr|digital pcr|allele[- ]specific)\b",
    re.I,
)
_MAY_STATE = re.compile(r"\bcodons?\b|\bc\.[0-9]|[A-Za-z][0-9]{3}[A-Za-z]", re.I)
_DENIES = re.compile(r"\b(?:not|n't|except|excluding|without|outside|beyond|other than)\b", re.I)
_FOUND = re.compile(r"(?<!not )\b(?:detected|identified|found|present|positive)\b", re.I)


def coverage(record: Record, group: Group, studied: Iterable[str], *, negative: bool) -> frozenset[str]:
    """What the entries' names, regions and words, the report's words and the study's regions (``studied``) state.

    ``negative``: the result is not detected, so that a stretch of codons named beside it is what was looked at.
    """
    found: set[str] = set()
    for entry in group.entries:
        found |= _of_entry(entry.resource)
        found |= of_words(_words_of(entry.resource), negative=negative)
    if group.report:
        forms = fetched(record, items(group.anchor.get("presentedForm")), group.anchor)
        found |= of_words([*_words_of(group.anchor), *inline_texts(forms)], negative=negative)
        found |= of_words([words(group.anchor.get("code"))], negative=negative)
    for what in studied:
        found |= codons_of(what) if _only_esr1(what) else set()
    return frozenset(found)


def of_words(said: Iterable[str], *, negative: bool) -> set[str]:
    """What sentences such as "the assay covers codons 536-538 only" state."""
    return {
        one
        for free in said
        if _MAY_STATE.search(free)
        for sentence in re.split(r"(?<![0-9])\.(?=\s|\Z)|(?<=[0-9])\.(?=\s+[A-Z]|\s*\Z)|[;\n]", free)
        for one in _of_sentence(spelled(sentence), negative=negative)
    }


def _words_of(resource: Json) -> list[str]:
    parts = [
        resource.get("valueString"),
        resource.get("conclusion"),
        obj(resource.get("valueCodeableConcept")).get("text"),
    ]
    return [
        t for part in (*parts, *(n.get("text") for n in items(resource.get("note")))) if (t := text(part)) is not None
    ]


def codons_of(said: str) -> set[str]:
    """``codons 536-538`` for every stretch that codons or bases of the coding sequence name."""
    found: set[str] = set()
    for one in _CODONS.finditer(said):
        for first, last in _STRETCH.findall(one.group(1)):
            found |= _stretch(int(first), int(last or first))
    for first, last, low, high in _BASES.findall(said):
        found |= _bases(int(first or low), int(last or high))
    return found


def _stretch(first: int, last: int) -> set[str]:
    if not 1 <= first <= last <= LAST_CODON:
        return set()
    return {f"codons {first}-{last}" if first < last else f"codon {first}"}


def _bases(low: int, high: int) -> set[str]:
    """Codons that lie wholly between two bases of the coding sequence, or of the last exon on chromosome 6."""
    first, last = coding_position(low), coding_position(high)
    return _stretch((first + 4) // 3, last // 3) if first is not None and last is not None else set()


def _only_esr1(said: str) -> bool:
    return all(ESR1.match(m.group(0)) for m in OTHER_GENE.finditer(said))


def _of_sentence(sentence: str, *, negative: bool) -> set[str]:
    if _DENIES.search(re.sub(r"\bnot (?:detected|found|identified|seen)\b", "", sentence)) or not _only_esr1(sentence):
        return set()
    if _STATES.search(sentence) and not _FOUND.search(sentence):
        return codons_of(sentence) | set(proteins(sentence))
    return codons_of(sentence) if negative and not _FOUND.search(sentence) else set()


def _of_entry(resource: Json) -> set[str]:
    """A test named after its targets, and the regions studied of ESR1 alone."""
    name = f"{words(resource.get('code'))} ; {words(resource.get('method'))}"
    found = set(proteins(name)) | codons_of(name) if _STATES.search(name) and _only_esr1(name) else set()
    if any(code == LOINC["region"] for _, code, _ in codings(resource.get("code"))):
        parts = components(resource)
        _, genes = gene_of(resource, parts)
        ranges = [c for c in items(resource.get("component")) if _is_range(c)]
        if genes == 1:
            for component in ranges:
                found |= _range(component)
        for said in values(list(items(resource.get("component")))):
            found |= codons_of(said) if _only_esr1(said) and (genes == 1 or ESR1.search(said)) else set()
        found |= set(proteins(" ; ".join(values(of(parts, "protein_change"))))) if genes == 1 else set()
    return found


def _is_range(component: Json) -> bool:
    return any(code == "51959-5" for _, code, _ in codings(component.get("code")))


def _range(component: Json) -> set[str]:
    span = obj(component.get("valueRange"))
    ends = [obj(span.get(name)).get("value") for name in ("low", "high")]
    numbers = [int(e) for e in ends if isinstance(e, int) and not isinstance(e, bool)]
    return _bases(*numbers) if len(numbers) == 2 else codons_of(text(component.get("valueString")) or "")
