"""Plasma or tissue, and when the sample was taken."""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import re

from smart_app.codes.genomics import genomic_codes
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Specimen
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, text, words

CTDNA = re.compile(
    r"\bct-?dna\b|\bcf-?dna\b|cell[- ]free|circulating tumou?r DNA|liquid biops|guardant ?360(?! ?tissue)|foundationone ?liquid|"
    r"\bf1 ?l(?:iquid)? ?cdx\b|tempus xf|blood[- ]based",
    re.I,
)
LIQUID = re.compile(rf"{CTDNA.pattern}|\bplasma\b|\bstreck\b", re.I)
_TISSUE = re.compile(
    r"\btissue\b|\bbiops(?:y|ies)\b|\bFFPE\b|\btumou?r block\b|paraffin|core needle|resection|formalin", re.I
)
_BLOOD = re.compile(r"\b(?:whole )?blood\b|venous", re.I)


def from_words(said: str) -> Specimen:
    """Words of a test's or specimen's name. "Liquid biopsy" is plasma, "biopsy" is tissue."""
    if LIQUID.search(said):
        return Specimen.PLASMA
    return Specimen.TISSUE if _TISSUE.search(said) else Specimen.UNKNOWN


def specimens_of(record: Record, *resources: Json) -> list[Json]:
    """The Specimen resources (or bare references, for their display) of the nearest resource that names one."""
    for resource in resources:
        named = items(resource.get("specimen"))
        if named:
            return [
                record.resolve(reference, resource) or {"_display": reference.get("display"), **reference}
                for reference in named
            ]
    return []


def kind_of_specimen(found: list[Json], context: str) -> Specimen:
    """``context``: the words of the test and the report. Blood counts as plasma: a ctDNA test's whole-blood tube."""
    kinds: set[Specimen] = set()
    for specimen in found:
        known = {genomic_codes().specimen.get(code) for _, code, _ in codings(specimen.get("type"))}
        said = f"{words(specimen.get('type'))} {text(specimen.get('_display')) or ''}"
        if Specimen.PLASMA in known or LIQUID.search(said) or (_BLOOD.search(said) and not _TISSUE.search(said)):
            kinds.add(Specimen.PLASMA)
        elif Specimen.TISSUE in known or _TISSUE.search(said):
            kinds.add(Specimen.TISSUE)
    if len(kinds) == 1:
        return kinds.pop()
    return from_words(context) if not kinds else Specimen.UNKNOWN


def collected(record: Record, found: list[Json]) -> PartialDate | None:
    for specimen in found:
        collection = obj(specimen.get("collection"))
        day = record.when(collection.get("collectedDateTime"))
        day = day or record.when(obj(collection.get("collectedPeriod")).get("start"))
        if day is not None:
            return day
    return None


def identity(found: list[Json]) -> str | None:
    """An accession or the specimen's own identity."""
    for specimen in found:
        accession = text(obj(specimen.get("accessionIdentifier")).get("value"))
        if accession is not None:
            return f"accession:{accession}"
        for identifier in items(specimen.get("identifier")):
            value = text(identifier.get("value"))
            if value is not None:
                return f"accession:{value}"
        ident = text(specimen.get("id")) or text(specimen.get("reference"))
        if ident is not None:
            return f"specimen:{ident.rsplit('/', 1)[-1]}"
    return None
