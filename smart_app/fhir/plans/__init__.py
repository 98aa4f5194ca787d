"""Search plans as data: one TOML file per kind of server says what to ask it for a patient's chart.

A plan is chosen by the issuer's setting, else by what the CapabilityStatement says of itself, else it is ``generic``.
Habits of the servers: a category or code demanded for Observation, kinds of resources not served, page sizes.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from smart_app.domain.facts import Part
from smart_app.errors import ConfigError
from smart_app.fhir.reading.record import Json, obj, text


@dataclass(frozen=True, slots=True)
class Query:
    """One search below the patient. ``fallback`` runs instead where the server refuses this one (HTTP 400/422)."""

    type: str
    parts: tuple[str, ...]
    params: tuple[tuple[str, str], ...] = ()
    needed: bool = True
    optional: bool = False  # a refusal says "not here" (a category this server does not know), not "unread"
    include: str | None = None
    fallback: tuple[Query, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    recognise: tuple[str, ...]
    count: int | None
    concurrency: int
    queries: tuple[Query, ...] = field(default=())


_PARTS = {part.value for part in Part} | {"plans"}


def _query(table: Json, where: str) -> Query:
    allowed = {"type", "parts", "params", "needed", "optional", "include", "fallback"}
    unknown = set(table) - allowed
    if unknown or not set(table.get("parts", ())) <= _PARTS or not text(table.get("type")):
        raise ConfigError(f"{where}: a query is not right: {sorted(unknown) or table}", code="config.plan")
    return Query(
        type=table["type"],
        parts=tuple(table["parts"]),
        params=tuple((k, v) for k, v in obj(table.get("params")).items()),
        needed=table.get("needed", True),
        optional=table.get("optional", False),
        include=table.get("include"),
        fallback=tuple(_query({"parts": table["parts"], **f}, where) for f in table.get("fallback", ())),
    )


@cache
def all_plans() -> dict[str, Plan]:
    """The shipped plans by name."""
    found: dict[str, Plan] = {}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        plan = Plan(
            name=table["name"],
            recognise=tuple(table.get("recognise", ())),
            count=table.get("count"),
            concurrency=table.get("concurrency", 6),
            queries=tuple(_query(q, file.name) for q in table["query"]),
        )
        found[plan.name] = plan
    return found


def choose_plan(capabilities: Json | None, name: str | None = None) -> Plan:
    """The plan of that name (ConfigError where there is none), else the one that knows this server, else generic."""
    plans = all_plans()
    if name is not None:
        if name not in plans:
            raise ConfigError(f"There is no search plan {name!r}; there are {', '.join(plans)}.", code="config.plan")
        return plans[name]
    statement = obj(capabilities)
    says = " ".join(
        filter(
            None,
            (
                text(obj(statement.get("software")).get("name")),
                text(statement.get("publisher")),
                text(obj(statement.get("implementation")).get("description")),
            ),
        )
    ).lower()
    for plan in plans.values():
        if any(word in says for word in plan.recognise):
            return plan
    return plans["generic"]
