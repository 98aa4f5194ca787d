"""Writes ``docs/smart-conformance.md`` from the tests: ``python -m tests.smart.render``."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.smart.behaviours import HERE, SHOWN, TABLE

OUT = HERE.parents[1] / "docs" / "smart-conformance.md"
_HEAD = """# What this SMART client shows

Rendered from the tests by `python -m tests.smart.render`; a test fails where this page is not what they say.
Behaviours 1 to 55 follow SMART App Launch 2.2, RFC 6749, 7636, 9207, 9700 and OpenID Connect Core; an x marks ours.

| # | behaviour | shown by |
| --- | --- | --- |
"""


def rendered() -> str:
    for file in sorted(HERE.glob("test_*.py")):
        importlib.import_module(f"tests.smart.{file.stem}")
    lines = []
    for number, words in TABLE["behaviour"].items():
        places = [*sorted(SHOWN.get(number, [])), *TABLE["also"].get(number, [])]
        links = "<br>".join(f"[{_name(place)}](../{place.partition('::')[0]})" for place in places)
        lines.append(f"| {number} | {words} | {links or '**not shown yet**'} |\n")
    return _HEAD + "".join(lines)


def _name(place: str) -> str:
    file, _, test = place.partition("::")
    return test.removeprefix("test_").replace("_", " ") if test else Path(file).name


if __name__ == "__main__":
    OUT.write_text(rendered(), encoding="utf-8")
