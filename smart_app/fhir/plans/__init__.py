"""Search plans as data: one TOML file per kind of server says what to ask it for a patient's chart.

A plan is chosen by the issuer's setting, else by what the CapabilityStatement says of itself, else it is ``generic``.
Habits of the servers: a category or code demanded for Observation, kinds of resources not served, page sizes,
windows of dates to fan out over, how many requests at once.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from itertools import pairwise

from smart_app.domain.facts import Part
from smart_app.errors import ConfigError
from smart_app.fhir.reading.record import Json, obj, text


@dataclass(frozen=True, slots=True)
class Windows:
    """Disjoint stretches of a search parameter's dates, counted in ``years`` back from today: the last one is open."""

    by: str
    years: tuple[int, ...]

    def of(self, today: date) -> tuple[list[tuple[str, str]], ...]:
        """As search parameters, the newest first: ``ge`` the earlier end, ``lt`` the later one."""
        edges = [date(today.year - back, today.month, min(today.day, 28)).isoformat() for back in self.years]
        newest = [[(self.by, f"ge{edges[0]}")]]
        between = [[(self.by, f"ge{low}"), (self.by, f"lt{high}")] for high, low in pairwise(edges)]
        return (*newest, *between, [(self.by, f"lt{edges[-1]}")])


@dataclass(frozen=True, slots=True)
class Query:
    """One search below the patient. ``fallback`` runs instead where the server refuses this one (HTTP 400/422)."""

    type: str
    parts: tuple[str, ...]
    params: tuple[tuple[str, str], ...] = ()
    needed: bool = True
    optional: bool = False  # a refusal says "not here" (a category this server does not know), not "unread"
    include: tuple[str, ...] = ()  # sent where the server offers it
    windows: Windows | None = None  # to fan out over, where pages are many
    fallback: tuple[Query, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """``count``: entries a page; ``concurrency``: requests under way at once."""

    name: str
    recognise: tuple[str, ...]
    count: int | None
    concurrency: int
    queries: tuple[Query, ...] = field(default=())


_PARTS = {part.value for part in Part} | {"plans"}


def _query(table: Json, where: str) -> Query:
    allowed = {"type", "parts", "params", "needed", "optional", "include", "windows", "fallback"}
    unknown = set(table) - allowed
    if unknown or not set(table.get("parts", ())) <= _PARTS or not text(table.get("type")):
        raise ConfigError(f"{where}: a query is not right: {sorted(unknown) or table}", code="config.plan")
    include, windows = table.get("include", ()), table.get("windows")
    inherited: Json = {name: table[name] for name in ("parts", "include", "windows") if name in table}
    return Query(
        type=table["type"],
        parts=tuple(table["parts"]),
        params=tuple((k, v) for k, v in obj(table.get("params")).items()),
        needed=table.get("needed", True),
        optional=table.get("optional", False),
        include=(include,) if isinstance(include, str) else tuple(include),
        windows=Windows(windows["by"], tuple(windows["years"])) if windows is not None else None,
        fallback=tuple(_query({**inherited, **f}, where) for f in table.get("fallback", ())),
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
        if any(re.search(rf"\b{re.escape(word)}\b", says) for word in plan.recognise):
            return plan
    return plans["generic"]
