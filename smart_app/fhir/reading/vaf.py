"""Variant allele fractions: ``%``, UCUM ``1`` or unmistakable words are converted; no unit, no guess."""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from smart_app.fhir.reading.record import Json, obj, text

# "% VAF", "percent of cfDNA", "{percent}": the words beside the sign name the quantity and change nothing
_NAMES = r"(?:vaf|maf|af|variant|mutant|alleles?|allelic|fraction|frequency|of|total|cf-?dna|reads|[\s(){}])*"
_PERCENT = re.compile(rf"{_NAMES}(?:%|per ?cent(?:age)?|pct)(?:{_NAMES}|\s*\(percent\))\Z", re.I)
_FRACTION = re.compile(r"(?:1|[{]?(?:fraction|ratio)[}]?|decimal(?: fraction)?|proportion)\Z", re.I)
# beside the UCUM code 1 a unit that only names the quantity, as the guides' own examples have it
_QUANTITY_NAME = re.compile(r"[a-z\s{}-]*(?:frequency|fraction|allel|vaf|maf)[a-z\s{}-]*\Z", re.I)
_OTHER_UNIT = re.compile(r"per\b|cent|cop(?:y|ies)|mill?e|ppm", re.I)
_AMOUNT = re.compile(
    r"(<=|>=|≤|≥|<|>|~|\bless than|\bbelow|\bunder|\bgreater than|\bmore than|\babove|\bover)?\s*(?<![0-9])(?<![0-9][.,])([0-9]{1,9}(?:[.,][0-9]{1,9})?|(?<![\w)])\.[0-9]{1,9})\s{0,3}(?:%|per ?cent\b|pct\b)",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:limit of (?:detection|blank)|\blo[db]\b|sensitivity|(?:tumou?r|ctdna) (?:fraction|content|purity)|purity|cellularity|threshold|cut-?off|coverage|confidence|specificity|prevalence)[^0-9%]{0,30}\Z",
    re.I,
)
_NO_AMOUNT = re.compile(
    r"\s*(?:confidence|coverage|sensitivity|specificity|CI\b|identity|purity|(?:tumou?r|ctdna) (?:fraction|content|purity|cells)|of (?:the )?(?:patients|cases|bases|tumou?rs|women|cells))",
    re.I,
)
_RANGE = re.compile(r"[0-9]+(?:[.,][0-9]+)?\s{0,3}%?\s{0,3}(?:-|–|to|±|\+/-)\s{0,3}\Z")
_SIGNS = {
    "≤": "<=", "≥": ">=", "less than": "<", "below": "<", "under": "<", "greater than": ">", "more than": ">", "above": ">",
    "over": ">", "~": None, "": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vaf:
    """``fraction`` None where ``shown`` cannot be read as one."""

    fraction: Decimal | None = None
    comparator: str | None = None
    shown: str | None = None


def from_quantity(value: Any) -> Vaf | None:
    """A FHIR Quantity; None where it holds no number."""
    quantity = obj(value)
    raw = quantity.get("value")
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal | float):
        return None
    return _converted(
        str(raw), text(quantity.get("unit")), text(quantity.get("code")), text(quantity.get("comparator"))
    )


@lru_cache(maxsize=1024)
def _converted(raw: str, unit: str | None, code: str | None, sign: str | None) -> Vaf | None:
    """By the number's own digits: 0.8 and 0.80 are two amounts here."""
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return None
    sign = sign if sign in ("<", "<=", ">", ">=") else None
    shown = f"{sign or ''}{number} {unit or code or '(no unit)'}"
    power = _power(unit, code)
    if power is not None:
        fraction = number.scaleb(power)
        if 0 <= fraction <= 1:
            return Vaf(fraction, sign, shown)
    return Vaf(None, None, shown)


@lru_cache(maxsize=256)
def _power(unit: str | None, code: str | None) -> int | None:
    """-2 for a percentage, 0 for a fraction, None where unit and code do not say, or contradict each other."""
    if code == "1" and unit is not None and _QUANTITY_NAME.match(unit) and not _OTHER_UNIT.search(unit):
        unit = None
    said = {
        (-2 if _PERCENT.match(n) else 0 if _FRACTION.match(n) else None)
        for n in (unit, code)
        if n is not None and len(n) < 80
    }
    return said.pop() if len(said) == 1 else None


def unreadable(component: Json) -> Vaf | None:
    """An amount in a form that no fraction is made of (a range, a bare number): shown as it stands."""
    span = obj(component.get("valueRange"))
    if span:
        parts = [obj(span.get(name)) for name in ("low", "high")]
        return Vaf(None, None, " - ".join(f"{p.get('value', '?')} {text(p.get('unit')) or ''}".strip() for p in parts))
    quantity = obj(component.get("valueQuantity"))
    if quantity.get("value") is not None:  # a number written as text, or another wrong type
        unit = text(quantity.get("unit")) or text(quantity.get("code")) or ""
        return Vaf(None, None, f"{str(quantity['value'])[:40]} {unit}".strip())
    for name in ("valueInteger", "valueDecimal"):
        if component.get(name) is not None:
            return Vaf(None, None, f"{str(component[name])[:40]} (no unit)")
    return None


def from_ratio(value: Json) -> Vaf:
    """A FHIR Ratio of two plain numbers (84 of 10,000 reads) that divides without a remainder of digits."""
    parts = [obj(value.get(name)) for name in ("numerator", "denominator")]
    numbers = [p.get("value") for p in parts]
    shown = " : ".join(f"{n} {text(p.get('unit')) or ''}".strip() for n, p in zip(numbers, parts, strict=True))
    if all(isinstance(n, int | Decimal) and not isinstance(n, bool) for n in numbers) and numbers[1]:
        units = {text(p.get("unit")) for p in parts}
        fraction = Decimal(str(numbers[0])) / Decimal(str(numbers[1]))
        if len(units) == 1 and 0 <= fraction <= 1:
            return Vaf(fraction, None, shown)
    return Vaf(None, None, shown)


def from_text(words: str) -> Vaf | None:
    """The first percentage that is no limit of detection and no tumour fraction."""
    first = next(_amounts(words), None)
    if first is not None:
        return first
    bare = re.search(
        r"\b(?:VAF|MAF|AF|allele (?:fraction|frequency))\b[^0-9<>]{0,6}([<>]?\s*[0-9]+[.,][0-9]+)", words, re.I
    )
    return Vaf(None, None, f"{bare.group(1)} (no unit)") if bare else None


def amounts_of(words: str) -> list[Vaf]:
    """Every such percentage, in order."""
    return list(_amounts(words))


def _amounts(words: str) -> Iterator[Vaf]:
    for found in _AMOUNT.finditer(words):
        if _LIMIT.search(words[: found.start()]) or _NO_AMOUNT.match(words, found.end()):
            continue
        lower = _RANGE.search(words[: found.start()])
        if lower is not None:
            yield Vaf(None, None, f"{lower.group(0)}{found.group(0)}".strip())
            continue
        fraction = Decimal(found.group(2).replace(",", ".")).scaleb(-2)
        sign = (found.group(1) or "").lower()
        sign = _SIGNS.get(sign, sign)
        if fraction <= 1:
            yield Vaf(fraction, sign, found.group(0).strip())


_STATED_LIMIT = re.compile(
    r"(?:limit of detection|\blod\b|detection limit)[^0-9%.;\n]{0,30}([0-9]+(?:[.,][0-9]+)?)\s*(?:%|percent\b)", re.I
)


def limit_of_detection(words: str) -> Decimal | None:
    """The assay's stated limit of detection as a fraction, where the words state one."""
    found = _STATED_LIMIT.search(words)
    return Decimal(found.group(1).replace(",", ".")).scaleb(-2) if found else None
