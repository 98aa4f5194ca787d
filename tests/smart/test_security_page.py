"""docs/security.md names no test that does not exist, and no item without a test or a reason."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 80
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in _text(file)]
    assert missing == []
    assert PAGE.count("::test_") == len(named)


def test_every_item_of_the_standard_has_a_test_or_a_reason_and_stands_once() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| \d+\.\d+\.\d+", line)]
    assert len(rows) > 70
    for row in rows:
        assert NAMED.search(row) or "reason:" in row or row.startswith("| 11.2.3"), row
    items = [item for row in rows for item in re.findall(r"\d+\.\d+\.\d+", row.split("|")[1])]
    assert len(items) == len(set(items)), sorted(i for i in items if items.count(i) > 1)


def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8") if (ROOT / file).is_file() else ""
