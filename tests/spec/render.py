"""Writes the spec tables into ``docs/reading.md``: ``python -m tests.spec.render``; with ``--check`` only compares."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE.parent.parent / "docs" / "reading.md"

INTRODUCTION = """# How records are read

Made from the tables in `tests/spec` by `make docs`; a test compares. Every row is run by the tests.

Beside the tables, `tests/reading/test_results_properties.py` writes generated draws in nineteen shapes, reads them back,
and damages records (deletes, retypes, truncates, swaps units): 2,000 examples each in `make test`, 100,000 in
`make nightly`, which sets the environment variable `HYPOTHESIS_PROFILE=nightly`.

The choices behind the ESR1 tables:

- *No call* (LOINC LA18198-4) is **failed**: LOINC describes it as a determination that did not come about, often because
  the test failed. It is never a negative.
- A variant fraction is converted where its unit is `%`, UCUM `1`, or one of the words percent, decimal, fraction, ratio,
  proportion. Unit and code that contradict each other, a value beyond the whole, and a number without a unit are
  unreadable and shown as reported.
- A DNA change is given its protein name only for twelve changes that the genetic code settles (codon *n* is
  `c.(3n-2)` to `c.(3n)` of NM_000125). Every other one keeps its DNA name alone.
- Code and name of a gene that differ make the result *not readable*; protein and DNA change that do not fit, value and
  interpretation, conclusion and member that contradict each other make it a *conflict*.
- Words that name ESR1 as what a test covers, in a recommendation or in passing give no draw and are set aside as
  `esr1.no_result`. Words that name it as a result and cannot be understood give a draw that is *not readable*.
- Reports are read in English. A German or Spanish sentence is read where every word of it is known; any other one is never
  taken for a negative: the draw is *not readable*, so that somebody opens it.
- A fluid that is not blood (cerebrospinal fluid, effusion, ascites, urine, by code or by name) is neither plasma nor
  tissue, whatever the test is called; it raises no flag and is no draw of the schedule.
- ESR1 among the studied regions (or the regions of a genomic study) and no ESR1 variant beside it is *not detected*; any
  answer about ESR1 for the same sample stands before it. A member of the report that was not read makes it *not readable*.
- What an assay covers is read where the record states it: a test or method named after its targets, "covers codons
  536-538 only", ranges of the regions studied, one change alone that was negative. Exons and panel names state nothing.
- A percentage is an amount only where it is one: not a tumour fraction, a limit of detection, coverage, confidence or
  purity; 0.3±0.1 % and 0.5–0.9 % are shown as they stand. "0.84 % and 0.31 %" after two changes belong to them in turn.
- Abnormal and normal flags (A, N) count only where nothing else is said: systems set them by default.
- One draw: the same accession, result identifier, specimen or entry; else the same day where neither laboratory nor assay
  part them. A corrected result replaces the earlier one, which stays visible as withdrawn; a final one replaces the
  preliminary one. Results of one sample that contradict each other are one draw that is a conflict.
"""

SECTIONS = (
    ("ESR1 results: resources", "results.toml", ("draws", "withdrawn", "ordered")),
    ("ESR1 results: words", "results-words.toml", ("says",)),
    ("Drugs", "drugs.toml", ("drugs",)),
    ("Disease", "disease.toml", ("diagnoses", "spread", "receptors", "statuses", "ldh", "visits")),
)


def render() -> str:
    """The whole document."""
    parts = [INTRODUCTION]
    for title, name, columns in SECTIONS:
        path = HERE / name
        if path.exists():
            parts.append(f"## {title}\n")
            parts.extend(_tables(path, columns))
    return "\n".join(parts).rstrip() + "\n"


def _tables(path: Path, columns: tuple[str, ...]) -> list[str]:
    source = path.read_text("utf-8")
    headings = re.findall(r"(?m)^# --- (.+)$|^(\[\[row\]\])$", source)
    rows = iter(tomllib.loads(source)["row"])
    found: list[str] = []
    words = columns == ("says",)
    head = "| words | say |\n|---|---|" if words else "| shape | gives | set aside |\n|---|---|---|"
    table: list[str] = []
    for heading, row in headings:
        if heading:
            found += [*_closed(head, table), f"### {heading}\n"]
            table = []
        elif row:
            one = next(rows)
            table.append(_word_row(one) if words else _row(one, columns))
    return [*found, *_closed(head, table)]


def _closed(head: str, table: list[str]) -> list[str]:
    return [f"{head}\n" + "\n".join(table) + "\n"] if table else []


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>").replace("<<", "&lt;&lt;")


def _word_row(row: dict[str, Any]) -> str:
    says = row["says"] or "*nothing*"
    return f"| {_cell(row['words'].replace('<', '&lt;'))} | {_cell(says.replace('<', '&lt;'))} |"


def _row(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    kinds = sorted({json.loads(line)["resourceType"] for line in row["given"].strip().splitlines()})
    gives = [
        (f"{column}: " if column not in ("draws", "drugs") else "") + line.replace("<", "&lt;")
        for column in columns
        for line in row.get(column, [])
    ]
    aside = ", ".join(f"`{code}`" for code in row.get("aside", []))
    given = "<br>".join(_cell(line) for line in gives) or "*nothing*"
    return f"| {_cell(row['title'])} ({', '.join(kinds)}) | {given} | {aside} |"


def main(arguments: list[str]) -> int:
    said = render()
    if "--check" in arguments:
        return 0 if TARGET.exists() and TARGET.read_text("utf-8") == said else 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(said, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
