"""Which test shows which behaviour of a SMART client; ``docs/smart-conformance.md`` is rendered from it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])
HERE = Path(__file__).resolve().parent
TABLE = tomllib.loads((HERE / "behaviours.toml").read_text(encoding="utf-8"))
SHOWN: dict[str, list[str]] = {}


def shows(*behaviours: int | str) -> Callable[[Test], Test]:
    """Marks a test as showing these behaviours of ``behaviours.toml``."""

    def mark(test: Test) -> Test:
        module = Path(test.__code__.co_filename).name  # type: ignore[attr-defined]
        for behaviour in map(str, behaviours):
            assert behaviour in TABLE["behaviour"], behaviour
            place = f"tests/smart/{module}::{test.__name__}"
            if place not in SHOWN.setdefault(behaviour, []):
                SHOWN[behaviour].append(place)
        return test

    return mark
