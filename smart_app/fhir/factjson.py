"""Frozen dataclasses (facts, policies) as plain JSON and back, bit for bit: what a decision is replayed from."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from smart_app.domain.dates import PartialDate

T = TypeVar("T")
_TEXTUAL = (PartialDate, date, Decimal)


def encode(value: Any) -> Any:
    """Dates and Decimals become text with their precision and digits; a set becomes a sorted list."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, _TEXTUAL):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, frozenset):
        return sorted(encode(item) for item in value)
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], value: Any) -> T:
    """The dataclass that ``encode`` wrote. ValueError names the place of what does not fit; nothing is guessed.

    A field that the text does not have keeps its default, so that a record of an older version can be read.
    """
    made: T = _decode(kind, value, kind.__name__)
    return made


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode(kind: Any, value: Any, at: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        return _decode(next(k for k in get_args(kind) if k is not type(None)), value, at)
    if origin in (tuple, frozenset):
        if not isinstance(value, list):
            raise ValueError(f"{at}: must be a list")
        inner = get_args(kind)[0]
        return origin(_decode(inner, item, f"{at}[{number}]") for number, item in enumerate(value))
    if is_dataclass(kind) and kind is not PartialDate:
        return _decode_dataclass(kind, value, at)
    return _decode_plain(kind, value, at)


def _decode_dataclass(kind: Any, value: Any, at: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{at}: must be an object")
    hints = _hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise ValueError(f"{at}: has an unknown field")
    given = {name: _decode(hints[name], item, f"{at}.{name}") for name, item in value.items()}
    try:
        return kind(**given)
    except TypeError as error:
        raise ValueError(f"{at}: a field is missing") from error


def _decode_plain(kind: Any, value: Any, at: str) -> Any:
    if kind in (bool, int):
        if type(value) is not kind:
            raise ValueError(f"{at}: must be {'true or false' if kind is bool else 'a whole number'}")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{at}: must be a text")
    try:
        if kind is PartialDate:
            return PartialDate.parse(value)
        if kind is date:
            return date.fromisoformat(value)
        return kind(value)
    except (ValueError, InvalidOperation) as error:
        raise ValueError(f"{at}: is not {kind.__name__}") from error
