"""Codes of genomic results, from ``genomics.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from smart_app.domain.facts import Origin, Outcome, Significance, Specimen
from smart_app.errors import ConfigError


@dataclass(frozen=True, slots=True)
class GenomicCodes:
    """LOINC codes by role, and what each answer code means."""

    loinc: dict[str, str]
    genes: dict[str, frozenset[str]]  # naming authority -> its codes for ESR1
    outcome: dict[str, Outcome]
    absent: dict[str, str]  # dataAbsentReason -> "failed" | "pending"
    significance: dict[str, Significance]
    origin: dict[str, Origin]
    specimen: dict[str, Specimen]
    not_results: frozenset[str]


def _turned(table: dict[str, list[str]], name: str) -> dict[str, str]:
    turned: dict[str, str] = {}
    for meaning, codes in table.items():
        for code in codes:
            if turned.setdefault(code, meaning) != meaning:
                raise ConfigError(f"genomics.toml: [{name}] {code} stands for both {turned[code]} and {meaning}")
    return turned


@cache
def genomic_codes() -> GenomicCodes:
    """The package's table. ConfigError where it contradicts itself or names what the domain does not know."""
    path = Path(__file__).with_name("genomics.toml")
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return GenomicCodes(
            loinc=dict(data["loinc"]),
            genes={authority: frozenset(codes) for authority, codes in data["gene"].items()},
            outcome={c: Outcome(m) for c, m in _turned(data["outcome"], "outcome").items()},
            absent=_turned(data["absent"], "absent"),
            significance={c: Significance(m) for c, m in _turned(data["significance"], "significance").items()},
            origin={c: Origin(m) for c, m in _turned(data["origin"], "origin").items()},
            specimen={c: Specimen(m) for c, m in _turned(data["specimen"], "specimen").items()},
            not_results=frozenset(data["not_results"]["codes"]),
        )
    except (KeyError, ValueError, AttributeError) as error:
        raise ConfigError(f"genomics.toml: {type(error).__name__}: {error}") from None
