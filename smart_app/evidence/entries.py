"""One entry of evidence, and the loader that refuses a wrong one with file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import date, datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from smart_app.domain.decision import Decision
from smart_app.errors import ConfigError

STANCES = ("for", "against", "neutral")

# how the entry was checked, in words for a reader
MARKS: Mapping[str, str] = MappingProxyType(
    {
        "read": "an abstract, a report or an excerpt of the source was read, never the whole paper or label",
        "second-hand": "read only where somebody else quotes or retells it",
        "source document only": "stated by the project's source document; no other source was found",
        "untraced": "looked for; no source that gives it was found",
        "not read": "listed as a reference; a link only",
        "judgement": "the project's judgement, no source",
    }
)

REGIONS: Mapping[str, str] = MappingProxyType(
    {
        "us": "United States",
        "eu": "European Union",
        "uk": "United Kingdom",
        "jp": "Japan",
        "cn": "China",
        "ch": "Switzerland",
    }
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One statement with its source. ``number`` is text as published; ``dated`` is the source's own date, as text.

    ``mark``: how it was checked (``MARKS``). ``region``: a regulator's (``REGIONS``), else None. ``reference``: one of
    the eight references that the app lists by title.
    """

    id: str
    claim: str
    population: str
    number: str
    stance: str
    source: str
    url: str
    dated: str
    mark: str
    checked_on: date
    recheck_by: date
    region: str | None = None
    note: str = ""
    reference: bool = False

    def is_stale(self, today: date) -> bool:
        """Past its recheck date it is shown as out of date; on that date it still holds."""
        return today > self.recheck_by


_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_TEXTS = ("id", "claim", "population", "number", "stance", "source", "url", "dated", "mark", "note")
_KNOWN = {field.name for field in fields(Evidence)}
_NEEDED = [field.name for field in fields(Evidence) if field.default is MISSING]


@cache
def load_evidence() -> tuple[Evidence, ...]:
    """All entries of the shipped files, in file order. ConfigError ``config.evidence`` where one is not right."""
    found: dict[str, Evidence] = {}
    for file in sorted(resources.files(__package__).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".toml"):
            continue
        for entry in parse_evidence(file.name, file.read_text(encoding="utf-8")):
            if entry.id in found:
                raise ConfigError(f"{file.name}: {entry.id}: this id is used twice.", code="config.evidence")
            found[entry.id] = entry
    return tuple(found.values())


@cache
def by_id() -> Mapping[str, Evidence]:
    """The shipped entries by id."""
    return MappingProxyType({entry.id: entry for entry in load_evidence()})


def parse_evidence(name: str, raw: str) -> tuple[Evidence, ...]:
    """The entries of one TOML file: ``[defaults]`` for all of them, then one ``[[evidence]]`` table each.

    ConfigError ``config.evidence`` names the file and the line of the entry.
    """
    try:
        table: dict[str, Any] = tomllib.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: is not TOML: {error}", code="config.evidence") from error
    defaults, listed = table.pop("defaults", {}), table.pop("evidence", [])
    if table or not isinstance(defaults, dict) or not isinstance(listed, list):
        raise ConfigError(f"{name}: only [defaults] and [[evidence]] may stand here.", code="config.evidence")
    lines = [n for n, line in enumerate(raw.splitlines(), 1) if line.strip().replace(" ", "") == "[[evidence]]"]
    found: list[Evidence] = []
    for number, entry in enumerate(listed):
        line = lines[number] if len(lines) == len(listed) else None
        where = f"{name}, line {line}" if line is not None else f"{name}, entry {number + 1}"
        if not isinstance(entry, dict):
            raise ConfigError(f"{where}: an entry is a table.", code="config.evidence")
        found.append(_entry(where, {**defaults, **entry}))
    seen: set[str] = set()
    for entry in found:
        if entry.id in seen:
            raise ConfigError(f"{name}: {entry.id}: this id is used twice.", code="config.evidence")
        seen.add(entry.id)
    return tuple(found)


def _entry(where: str, table: dict[str, Any]) -> Evidence:
    def wrong(why: str) -> ConfigError:
        return ConfigError(f"{where}: {why}.", code="config.evidence")

    unknown, missing = sorted(set(table) - _KNOWN), [key for key in _NEEDED if key not in table]
    if unknown:
        raise wrong(f"{unknown[0]}: unknown")
    if missing:
        raise wrong(f"{missing[0]} is missing")
    for key in _TEXTS:
        if not isinstance(table.get(key, ""), str):
            raise wrong(f"{key}: must be a text")
    for key in ("checked_on", "recheck_by"):
        if not isinstance(table[key], date) or isinstance(table[key], datetime):
            raise wrong(f"{key}: must be a date such as 2026-11-21, without quotes")
    if not isinstance(table.get("reference", False), bool):
        raise wrong("reference: must be true or false")
    for key in ("claim", "source"):
        if not table[key].strip():
            raise wrong(f"{key}: must not be empty")
    if not _ID.match(table["id"]):
        raise wrong("id: must be a short slug such as serena-6-pfs")
    if table["stance"] not in STANCES:
        raise wrong(f"stance: must be one of {', '.join(STANCES)}")
    if table["mark"] not in MARKS:
        raise wrong(f"mark: must be one of {', '.join(MARKS)}")
    if table.get("region") is not None and table["region"] not in tuple(REGIONS):
        raise wrong(f"region: must be one of {', '.join(REGIONS)}")
    if table["url"] and not table["url"].startswith("https://"):
        raise wrong("url: must begin with https://")
    if table["recheck_by"] <= table["checked_on"]:
        raise wrong("recheck_by: must be later than checked_on")
    return Evidence(**table)


def regional(entries: Iterable[Evidence], region: str | None) -> tuple[Evidence, ...]:
    """The region's entries first, then those of no region, then the other regions'; the order inside stays."""
    rank: dict[str | None, int] = {region: 0, None: 1} if region is not None else {None: 0}
    return tuple(sorted(entries, key=lambda entry: rank.get(entry.region, 2)))


def rests_on_stale(ids: Iterable[str], today: date) -> bool:
    """Whether a clause rests only on sources whose check has expired. A clause that names no source does not."""
    named = [by_id()[one] for one in ids if one in by_id()]
    return bool(named) and all(entry.is_stale(today) for entry in named)


def marked(decision: Decision) -> Decision:
    """The decision in which every reason that rests only on stale sources says so (``Reason.stale``).

    The rules know nothing of when a source expires; whoever shows or writes a decision passes it through here.
    """
    reasons = tuple(
        replace(r, stale=words) if (words := stale_sentence(r.evidence, decision.today)) is not None else r
        for r in decision.reasons
    )
    return replace(decision, reasons=reasons) if reasons != decision.reasons else decision


def stale_sentence(ids: Iterable[str], today: date) -> str | None:
    """What a clause that rests only on stale sources says of itself, else None."""
    listed = tuple(ids)
    if not rests_on_stale(listed, today):
        return None
    last = max(by_id()[one].checked_on for one in listed if one in by_id())
    return f"The sources behind this clause are out of date: last checked on {last.isoformat()}."
