"""Variant allele fractions: ``%``, UCUM ``1`` or unmistakable words are converted; no unit, no guess."""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from smart_app.fhir.reading.record import Json, obj, text

_PERCENT = {"%", "percent", "per cent", "pct"}
_FRACTION = {"1", "{fraction}", "fraction", "decimal", "ratio", "proportion", "{ratio}"}
_AMOUNT = re.compile(
    r"(<=|>=|≤|≥|<|>|~|\bless than|\bbelow|\bunder|\bgreater than|\bmore than|\babove|\bover)?\s*(?<![0-9])([0-9]{1,9}(?:[.,][0-9]{1,9})?)\s{0,3}(?:%|per ?cent\b|pct\b)",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:limit of (?:detection|blank)|\blo[db]\b|sensitivity|tumou?r fraction|threshold|cut-?off)[^0-9%]{0,30}\Z", re.I
)
_RANGE = re.compile(r"[0-9]+(?:[.,][0-9]+)?\s{0,3}%?\s{0,3}(?:-|–|to)\s{0,3}\Z")
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
    try:
        number = Decimal(str(raw))
    except InvalidOperation:
        return None
    unit, code = text(quantity.get("unit")), text(quantity.get("code"))
    sign = text(quantity.get("comparator"))
    sign = sign if sign in ("<", "<=", ">", ">=") else None
    shown = f"{sign or ''}{number} {unit or code or '(no unit)'}"
    names = {u.lower() for u in (unit, code) if u is not None}
    if names and names <= _PERCENT | _FRACTION and not (names & _PERCENT and names & _FRACTION):
        fraction = number.scaleb(-2) if names & _PERCENT else number
        if 0 <= fraction <= 1:
            return Vaf(fraction, sign, shown)
    return Vaf(None, None, shown)


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
    for found in _AMOUNT.finditer(words):
        if _LIMIT.search(words[: found.start()]):
            continue
        lower = _RANGE.search(words[: found.start()])
        if lower is not None:
            return Vaf(None, None, f"{lower.group(0)}{found.group(0)}".strip())
        fraction = Decimal(found.group(2).replace(",", ".")).scaleb(-2)
        sign = (found.group(1) or "").lower()
        sign = _SIGNS.get(sign, sign)
        if fraction <= 1:
            return Vaf(fraction, sign, found.group(0).strip())
    bare = re.search(
        r"\b(?:VAF|MAF|AF|allele (?:fraction|frequency))\b[^0-9<>]{0,6}([<>]?\s*[0-9]+[.,][0-9]+)", words, re.I
    )
    return Vaf(None, None, f"{bare.group(1)} (no unit)") if bare else None


_STATED_LIMIT = re.compile(
    r"(?:limit of detection|\blod\b|detection limit)[^0-9%.;\n]{0,30}([0-9]+(?:[.,][0-9]+)?)\s*(?:%|percent\b)", re.I
)


def limit_of_detection(words: str) -> Decimal | None:
    """The assay's stated limit of detection as a fraction, where the words state one."""
    found = _STATED_LIMIT.search(words)
    return Decimal(found.group(1).replace(",", ".")).scaleb(-2) if found else None
