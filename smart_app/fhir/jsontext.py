"""FHIR JSON in and out with the digits of every number kept: ``0.10`` stays ``0.10``."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NoReturn

import simplejson

DEEPEST = 200  # levels
_NESTING = (dict, list)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _Spelt(Decimal):
    """A number in a spelling that Decimal would not give back: ``1e2``, ``-0``."""

    raw: str

    def __str__(self) -> str:
        return self.raw


def _number(raw: str) -> Decimal:
    plain = Decimal(raw)
    if str(plain) == raw:
        return plain
    spelt = _Spelt(raw)
    spelt.raw = raw
    return spelt


def _whole(raw: str) -> int | Decimal:
    return _number(raw) if raw == "-0" else int(raw)


@contextmanager
def no_collection() -> Iterator[None]:
    """Parsing and reading make many containers and no cycles; the collector would walk all of them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if gc.get_freeze_count() == 0:  # what was made is put among the old without a walk over it
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def loads(raw: bytes | str, deepest: int | None = None) -> Any:
    """Parses JSON; fractions become Decimal with their spelling.

    ValueError for anything that is not JSON, also where it nests too deep. ``deepest``: levels that the
    caller's walkers can take; what a server sends is read with DEEPEST.
    """
    try:
        with no_collection():
            found = json.loads(raw, parse_float=_number, parse_int=_whole, parse_constant=_no_constant)
            if deepest is not None:
                _check_depth(found, deepest)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def loads_plain(raw: bytes | str) -> Any:
    """As ``loads``, for what decides who is let in: a name that stands twice in one object is no JSON here.

    Readers differ in which of the two counts, so that two parties could see two different patients in one answer.
    """
    try:
        return json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_once_each)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _check_depth(value: Any, deepest: int) -> None:
    """What can be parsed could still be too deep for whoever walks it; FHIR nests a few dozen levels at the most."""
    level, depth = [value] if type(value) in _NESTING else [], 0
    while level:
        depth += 1
        if depth > deepest:
            raise ValueError("nested too deep")
        below: list[Any] = []
        for one in level:
            below += [v for v in (one.values() if type(one) is dict else one) if type(v) in _NESTING]
        level = below


def dumps(value: Any, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON; Decimal is written with its own digits, keys in the order given."""
    separators = (",", ": ") if indent else (",", ":")
    text = simplejson.dumps(value, use_decimal=True, ensure_ascii=False, indent=indent, separators=separators)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair is legal in JSON, but only as an escape
        text = simplejson.dumps(value, use_decimal=True, ensure_ascii=True, indent=indent, separators=separators)
        return text.encode()
