"""The value of a receptor test: by code, by number with its unit, by text, by interpretation; nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from smart_app.codes import Codebook
from smart_app.domain.facts import ReceptorStatus
from smart_app.fhir.reading.marker_words import Said, by_percent, copies, her2, hormone, ratio, word
from smart_app.fhir.reading.record import Json, codings, items, obj, text, words


def has_value(holder: Json) -> bool:
    return any(key.startswith("value") and value not in (None, "", {}) for key, value in holder.items()) or bool(
        items(holder.get("interpretation"))
    )


def value_text(holder: Json) -> str:
    concept = obj(holder.get("valueCodeableConcept"))
    return " | ".join(dict.fromkeys(part for part in (words(concept), text(holder.get("valueString")) or "") if part))


def _number(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def said_of(holder: Json, test: str, book: Codebook) -> Said:
    """The value by code, by number or by text; then the interpretation where there is no other."""
    marker, _, method = test.partition("_")
    coded = set(book.meanings_of("answer", codings(holder.get("valueCodeableConcept"))))
    shown = value_text(holder)
    quantity = obj(holder.get("valueQuantity"))
    integer = holder.get("valueInteger")
    value = _number(quantity.get("value")) if quantity else _number(integer)
    if value is None and method == "ish":
        value = _quotient(obj(holder.get("valueRatio")))
    flags = {m for c in items(holder.get("interpretation")) for m in book.meanings_of("answer", codings(c))}
    flags |= {
        str(s)
        for c in items(holder.get("interpretation"))
        if (s := word(words(c))) in {ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE, ReceptorStatus.EQUIVOCAL}
    }
    if value is not None:
        counted = _by_number(value, quantity, marker, method)
        if counted.status is not ReceptorStatus.UNREADABLE or not flags:
            return counted if not flags or str(counted.status) in flags else Said(ReceptorStatus.UNREADABLE)
        return Said(ReceptorStatus(flags.pop())) if len(flags) == 1 else counted
    shown = shown or _range_text(obj(holder.get("valueRange")))
    textual = (
        (her2(shown, ish=method in {"ish", "copies"}) if marker == "her2" else hormone(shown)) if shown else Said()
    )
    if coded:
        status = ReceptorStatus(coded.pop()) if len(coded) == 1 else ReceptorStatus.UNREADABLE
        if (
            textual.status is status
            or textual.status is None
            or (textual.status is ReceptorStatus.UNREADABLE and word(shown) is None)
        ):
            return replace(textual, status=status, pending=False)
        return Said(ReceptorStatus.UNREADABLE)
    if shown:
        return textual
    if len(flags) == 1:
        return Said(ReceptorStatus(flags.pop()))
    valued = any(name.startswith("value") and value not in (None, "", {}) for name, value in holder.items())
    return Said(ReceptorStatus.UNREADABLE if flags or valued else None)


def _range_text(value: Json) -> str:
    """ "90-100%" of a Range in per cent; '' for any other."""
    low, high = obj(value.get("low")), obj(value.get("high"))
    numbers, units = (
        [_number(end.get("value")) for end in (low, high)],
        {text(end.get("code")) or text(end.get("unit")) for end in (low, high)},
    )
    return f"{numbers[0]}-{numbers[1]}%" if None not in numbers and units == {"%"} else ""


def _quotient(value: Json) -> Decimal | None:
    """HER2 over CEP17 of a Ratio."""
    over, under = (_number(obj(value.get(part)).get("value")) for part in ("numerator", "denominator"))
    return over / under if over is not None and under else None


def _by_number(value: Decimal, quantity: Json, marker: str, method: str) -> Said:
    unit = (text(quantity.get("code")) or text(quantity.get("unit")) or "").lower()
    sign = text(quantity.get("comparator")) or ""
    unreadable = Said(ReceptorStatus.UNREADABLE)
    if marker == "her2":
        if method == "copies":
            return Said(copies(value)) if not sign else unreadable
        if method == "ish":
            return Said(ratio(value, sign)) if unit in {"", "1", "{ratio}", "ratio"} else unreadable
        if value in (0, 1, 2, 3) and unit in {"", "1", "{score}", "score", "+"} and not sign:
            return her2(f"{int(value)}+", ish=False)
        return unreadable
    if unit in {"%", "percent"} or (not unit and method == "percent" and value > 1):
        percent = value
    elif unit == "1" and 0 <= value <= 1:
        percent = value * 100
    else:
        return unreadable
    if not 0 <= percent <= 100:
        return unreadable
    if sign.startswith("<") and percent > 1:
        return Said(ReceptorStatus.UNREADABLE, percent=percent)
    if sign.startswith(">") and percent < 1:
        return Said(ReceptorStatus.UNREADABLE, percent=percent)
    counted = by_percent(percent, percent < 1 or (sign == "<" and percent <= 1))
    return replace(counted, low=False) if sign.startswith(">") and percent >= 10 else counted
