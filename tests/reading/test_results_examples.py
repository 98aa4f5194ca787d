"""Third-party examples: none holds an ESR1 result, so none may give a draw, and none may stop the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smart_app.fhir.jsontext import loads
from smart_app.fhir.reading.record import Notes, Record
from smart_app.fhir.reading.results import Results, read_results

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = sorted(p.relative_to(EXAMPLES).as_posix() for p in EXAMPLES.rglob("*.json") if p.name != "manifest.json")


def _entries(value: Any, url: str = "") -> list[tuple[str, Any]]:
    if value.get("resourceType") != "Bundle":
        return [(url, value)]
    entries = [entry for entry in value.get("entry", []) if "resource" in entry]
    return [found for entry in entries for found in _entries(entry["resource"], entry.get("fullUrl", ""))]


@pytest.mark.parametrize("name", FILES)
def test_no_third_party_example_gives_an_invented_result(name):
    record = Record.of(_entries(loads((EXAMPLES / name).read_bytes())), ZoneInfo("America/New_York"), Notes())
    assert read_results(record, None) == Results()
    assert record.notes.set_aside == []


def test_all_examples_read_as_one_record_give_no_result_either():
    entries = [entry for name in FILES for entry in _entries(loads((EXAMPLES / name).read_bytes()))]
    record = Record.of(entries, ZoneInfo("America/New_York"), Notes())
    assert read_results(record, None) == Results()
