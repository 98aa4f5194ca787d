"""Reads the code book's TOML files, the package's and a site's own, and refuses what is not right, by file and line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smart_app.codes.book import Codebook, Drugs, plain
from smart_app.codes.systems import BY_KEY, Code, Local, code_of
from smart_app.domain.facts import DrugClass
from smart_app.errors import ConfigError

OWN_FILES = ("drugs.toml", "breast.toml", "sites.toml", "markers.toml", "stages.toml", "status.toml", "visits.toml")
_TABLES = {
    "drug": {"name", "class", "names", "local", "note"} | {"rxnorm", "snomed", "atc", "ndc"},
    "pack": {"name", "drugs", "names", "local", "note"} | {"rxnorm", "snomed", "atc", "ndc"},
    "concept": {"kind", "means", "phrases", "local", "note"} | set(BY_KEY),
}


@dataclass(slots=True)
class _File:
    path: Path
    text: str

    def line(self, table: str, index: int, *needles: str) -> int:
        """The line of the first needle inside the index-th ``[[table]]``, else of the table's head."""
        lines = self.text.splitlines()
        heads = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{table}\s*\]\]", line)]
        if index >= len(heads):
            return 1
        start = heads[index]
        end = next((n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[[")), len(lines))
        for needle in needles:
            for number in range(start, end):
                if needle in lines[number]:
                    return number + 1
        return start + 1

    def error(self, message: str, table: str = "", index: int = 0, *needles: str) -> ConfigError:
        return ConfigError(f"{self.path}:{self.line(table, index, *needles) if table else 1}: {message}")


@dataclass(slots=True)
class _Draft:
    classes: dict[str, DrugClass] = field(default_factory=dict)
    drug_codes: dict[Code, Drugs] = field(default_factory=dict)
    drug_prefixes: dict[Code, Drugs] = field(default_factory=dict)
    names: dict[str, Drugs] = field(default_factory=dict)
    meanings: dict[tuple[str, Code], str] = field(default_factory=dict)
    prefixes: dict[tuple[str, Code], str] = field(default_factory=dict)
    phrases: dict[tuple[str, str], str] = field(default_factory=dict)


def load_codebook(site_file: Path | None = None) -> Codebook:
    """The package's code book and, where given, a site's additions. ConfigError names file and line."""
    draft = _Draft()
    here = Path(__file__).parent
    for path in [*(here / name for name in OWN_FILES), *([site_file] if site_file else [])]:
        _add(draft, path)
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for (kind, phrase), meaning in draft.phrases.items():
        by_kind.setdefault(kind, []).append((phrase, meaning))
    return Codebook(
        classes=draft.classes,
        drug_codes=draft.drug_codes,
        drug_prefixes=draft.drug_prefixes,
        names=draft.names,
        meanings=draft.meanings,
        prefixes=draft.prefixes,
        phrases={kind: tuple(sorted(rows, key=lambda row: -len(row[0]))) for kind, rows in by_kind.items()},
    )


def _add(draft: _Draft, path: Path) -> None:
    try:
        file = _File(path, path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from error
    try:
        tables = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        raise ConfigError(f"{path}:{at.group(1) if at else 1}: not TOML: {error}") from error
    for table, rows in tables.items():
        if table not in _TABLES or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            number = next((n for n, line in enumerate(file.text.splitlines(), 1) if table in line), 1)
            raise ConfigError(f"{path}:{number}: unknown table {table!r}; [[drug]], [[pack]] and [[concept]] are known")
    for table, add in (("drug", _add_drug), ("pack", _add_pack), ("concept", _add_concept)):
        for index, row in enumerate(tables.get(table, [])):
            for key in row.keys() - _TABLES[table]:
                raise file.error(f"unknown key {key!r} in [[{table}]]", table, index, key)
            add(draft, file, index, row)


def _text(file: _File, table: str, index: int, row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise file.error(f"[[{table}]] needs {key} as text", table, index, key)
    return value.strip()


def _list(file: _File, table: str, index: int, row: dict[str, Any], key: str) -> list[str]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise file.error(f"{key} must be a list of texts", table, index, key)
    return [item.strip() for item in value]


def _codes(file: _File, table: str, index: int, row: dict[str, Any]) -> list[tuple[Code, bool, str]]:
    """(code, is a prefix, as written) of every system in the row; a prefix is written with ``*`` at its end."""
    found: list[tuple[Code, bool, str]] = []
    for key, kind in BY_KEY.items():
        for raw in _list(file, table, index, row, key):
            value, prefix = raw.rstrip("*"), raw.endswith("*")
            if key == "ndc":
                value = code_of("http://hl7.org/fhir/sid/ndc", value).value
            form = r"[A-Z][0-9A-Z.]*" if prefix else kind.form
            if not re.fullmatch(form, value) or (prefix and key not in {"icd10", "atc"}):
                raise file.error(f"{raw!r} is not a {key} code", table, index, f'"{raw}"')
            found.append((kind(value), prefix, raw))
    local = row.get("local", {})
    if not isinstance(local, dict):
        raise file.error("local must map a system to a list of codes", table, index, "local")
    for system in local:
        found += [(code_of(system, raw), False, raw) for raw in _list(file, table, index, local, system)]
        if any(not isinstance(code, Local) and raw in local[system] for code, _, raw in found):
            raise file.error(f"{system!r} has a key of its own", table, index, system)
    return found


def _claim(draft: _Draft, file: _File, table: str, index: int, row: dict[str, Any], drugs: Drugs) -> None:
    """Gives the row's codes and names to the drugs; a code or name that means another drug already is refused."""
    for code, prefix, raw in _codes(file, table, index, row):
        held = draft.drug_prefixes if prefix else draft.drug_codes
        if held.setdefault(code, drugs) != drugs:
            other = " + ".join(sorted(held[code]))
            raise file.error(f"{code.key} {raw} already means {other}", table, index, f'"{raw}"')
    for name in [_text(file, table, index, row, "name"), *_list(file, table, index, row, "names")]:
        if draft.names.setdefault(plain(name), drugs) != drugs:
            other = " + ".join(sorted(draft.names[plain(name)]))
            raise file.error(f"the name {name!r} already means {other}", table, index, f'"{name}"')


def _add_drug(draft: _Draft, file: _File, index: int, row: dict[str, Any]) -> None:
    name = plain(_text(file, "drug", index, row, "name"))
    if "class" in row or name not in draft.classes:
        raw = _text(file, "drug", index, row, "class")
        try:
            drug_class = DrugClass(raw)
        except ValueError:
            known = ", ".join(sorted(DrugClass))
            raise file.error(f"unknown class {raw!r}; known: {known}", "drug", index, "class") from None
        if draft.classes.setdefault(name, drug_class) is not drug_class:
            raise file.error(f"{name} is already {draft.classes[name]}", "drug", index, "class")
    _claim(draft, file, "drug", index, row, frozenset({name}))


def _add_pack(draft: _Draft, file: _File, index: int, row: dict[str, Any]) -> None:
    drugs = frozenset(plain(drug) for drug in _list(file, "pack", index, row, "drugs"))
    unknown = sorted(drugs - draft.classes.keys())
    if len(drugs) < 2 or unknown:
        raise file.error(
            f"a pack needs two known drugs{f', not {unknown[0]!r}' if unknown else ''}",
            "pack",
            index,
            *(f'"{drug}"' for drug in unknown),
            "drugs",
        )
    _claim(draft, file, "pack", index, row, drugs)


def _add_concept(draft: _Draft, file: _File, index: int, row: dict[str, Any]) -> None:
    kind, means = (_text(file, "concept", index, row, key) for key in ("kind", "means"))
    for code, prefix, raw in _codes(file, "concept", index, row):
        held = draft.prefixes if prefix else draft.meanings
        if held.setdefault((kind, code), means) != means:
            raise file.error(
                f"{code.key} {raw} already means {held[kind, code]!r} as {kind}", "concept", index, f'"{raw}"'
            )
    for phrase in _list(file, "concept", index, row, "phrases"):
        if draft.phrases.setdefault((kind, plain(phrase)), means) != means:
            raise file.error(
                f"{phrase!r} already means {draft.phrases[kind, plain(phrase)]!r} as {kind}",
                "concept",
                index,
                f'"{phrase}"',
            )
