"""Reads a policy from TOML and refuses what it does not understand, with the file and the line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from smart_app.domain.policy import Policy
from smart_app.errors import ConfigError
from smart_app.policies.settings import SETTINGS, Setting

SHIPPED = ("trial-strict", "practical")
DEFAULT = "trial-strict"
CODE = "config.policy"

_CHANGE = re.compile(
    r"p\.(?:[A-Z*][1-9][0-9]{0,2}(?:[A-Z*]|=|del|dup|delins[A-Z]+)"
    r"|[A-Z][1-9][0-9]{0,2}_[A-Z][1-9][0-9]{0,2}(?:del|dup|ins[A-Z]+|delins[A-Z]+))\Z"
)


def load_policy(name_or_path: str | Path) -> Policy:
    """A shipped policy by its name, or a policy file. ConfigError ``config.policy`` names file and line."""
    name = str(name_or_path)
    if name in SHIPPED:
        return _shipped(name)
    path = Path(name)
    try:
        raw = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if path.suffix != ".toml" and path.name == name:
            raise ConfigError(f"There is no policy {name!r}; shipped: {', '.join(SHIPPED)}.", code=CODE) from error
        raise ConfigError(f"The policy file {path.name} could not be read.", code=CODE) from error
    return parse_policy(path.name, raw)


def _shipped(name: str) -> Policy:
    source = resources.files(__package__).joinpath(f"{name}.toml")
    return _read(f"{name}.toml", source.read_text(encoding="utf-8"))


def parse_policy(file: str, raw: str) -> Policy:
    """The policy that a file's text describes; ``file`` is its name for messages.

    A file that carries a shipped policy's name and version with other settings would look like that policy on the page:
    its name gets " (changed)".
    """
    policy = _read(file, raw)
    for name in SHIPPED:
        original = _shipped(name)
        if (policy.name, policy.version) == (original.name, original.version) and policy != original:
            return replace(policy, name=f"{policy.name} (changed)")
    return policy


def _read(file: str, raw: str) -> Policy:
    try:
        table: dict[str, Any] = tomllib.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}{_at(error)}: is not TOML.", code=CODE) from error
    for key, value in table.items():
        if key not in SETTINGS:
            raise _wrong(file, raw, key, "unknown setting")
        why = _misfit(SETTINGS[key], value)
        if why is not None:
            raise _wrong(file, raw, key, why)
    for key in ("name", "version", "basis"):
        if key not in table:
            raise ConfigError(f"{file}: {key} is missing.", code=CODE)
    try:
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
        policy = Policy(**values)
    except (ValueError, TypeError) as error:
        key, _, why = str(error).partition(": ")
        raise _wrong(file, raw, key, why or "is not right") from error
    for key, why in _contradictions(policy):
        raise _wrong(file, raw, key, why)
    return policy


def _at(error: Exception) -> str:
    found = re.search(r"at line ([0-9]+)", str(error))
    return f", line {found.group(1)}" if found else ""


def _misfit(setting: Setting, value: object) -> str | None:
    """What is wrong with the type or the size of a value, or None."""
    if setting.kind == "text":
        if not isinstance(value, str) or not value.strip():
            return "must be a text in quotes"
        return "must be one line" if not value.isprintable() else None
    if setting.kind == "yes/no":
        return None if isinstance(value, bool) else "must be true or false"
    if setting.kind == "whole number":
        return _number_misfit(setting, value)
    if not isinstance(value, list):
        return "must be a list"
    if setting.kind == "whole numbers":
        return next((why for item in value if (why := _number_misfit(setting, item)) is not None), None)
    for item in value:
        if not isinstance(item, str) or not _CHANGE.match(item):
            return 'must be protein changes in one-letter form such as "p.D538G"'
    return None


def _number_misfit(setting: Setting, value: object) -> str | None:
    low, high = setting.bounds or (0, 3650)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        return f"must be a whole number from {low} to {high}"
    return None


def _contradictions(policy: Policy) -> list[tuple[str, str]]:
    """What no single setting shows: (setting, why)."""
    found: list[tuple[str, str]] = []
    if not policy.hotspots and not policy.second_tier:
        found.append(("hotspots", "is empty and second_tier is off: hardly any result could raise the review"))
    for key in ("hotspots", "indel_codons"):
        values = getattr(policy, key)
        if len(set(values)) != len(values):
            found.append((key, "names something twice"))
    return found


def _line_of(raw: str, key: str) -> int | None:
    """The line where a top-level key is set. A look-alike inside a longer value does not count: the text before the
    true one is TOML by itself."""
    quoted = re.escape(key)
    begins = re.compile(rf"\s*(?:\[+\s*)?(?:{quoted}|\"{quoted}\"|'{quoted}')\s*[=.\]]")
    lines = raw.split("\n")
    for number, line in enumerate(lines, 1):
        if begins.match(line):
            try:
                tomllib.loads("\n".join(lines[: number - 1]))
            except (ValueError, RecursionError):
                continue
            return number
    return None


def _wrong(file: str, raw: str, key: str, why: str) -> ConfigError:
    line = _line_of(raw, key)
    shown = key if key.isprintable() and len(key) <= 60 else "a setting"
    where = f"{file}, line {line}" if line is not None else file
    return ConfigError(f"{where}: {shown}: {why}.", code=CODE)
