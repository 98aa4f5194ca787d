"""The rungs and the vendors' shapes, read from TOML once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to put the plan into an EHR. ``access``: "c", "u" or "" (nothing is written)."""

    id: str
    number: str
    name: str
    resource: str
    access: str
    where: str
    carries: str
    wish: bool = False
    works: bool = True

    @property
    def writes(self) -> bool:
        return bool(self.access) and self.works

    @property
    def posts(self) -> bool:
        """Written by this package; the care plan has its own protocol."""
        return self.writes and self.resource != "CarePlan"


@dataclass(frozen=True, slots=True)
class Feature:
    """What a server may lack, and what the rungs do without it."""

    name: str
    rungs: str
    without: str


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of server wants to be written to.

    ``asks``: letters of "crus" by type to ask for at the first sign-in of an issuer that is registered as this kind.
    ``plain_fields``: no identifier, description, contained resource or relation, which that server would refuse.
    """

    name: str
    content_type: str
    doc_status: str
    needs_encounter: bool
    needs_practitioner: bool
    needs_period_end: bool
    plain_fields: bool
    barred: Mapping[str, str] = field(default_factory=dict)
    asks: Mapping[str, str] = field(default_factory=dict)


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def rungs() -> tuple[Rung, ...]:
    """All rungs, the highest first."""
    return tuple(Rung(**entry) for entry in _table("rungs.toml")["rung"])


@cache
def features() -> tuple[Feature, ...]:
    return tuple(Feature(**entry) for entry in _table("rungs.toml")["feature"])


@cache
def shapes() -> Mapping[str, Shape]:
    """By the name of the search plan that fits the server."""
    table = _table("vendors.toml")
    return {name: Shape(name=name, **{**table["generic"], **own}) for name, own in table.items()}


def shape_of(name: str) -> Shape:
    return shapes().get(name, shapes()["generic"])


def rung(ident: str) -> Rung:
    """KeyError where there is none."""
    return {r.id: r for r in rungs()}[ident]
