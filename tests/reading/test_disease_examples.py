"""Third-party examples: each is read without a malformed entry and gives the facts written down in ``tests/spec``.

After a change that is meant, ``python -m tests.reading.test_disease_examples`` writes the file anew: read the diff.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smart_app.codes import load_codebook
from smart_app.fhir.jsontext import loads
from smart_app.fhir.reading.disease import read_disease
from smart_app.fhir.reading.drugs import read_exposures
from smart_app.fhir.reading.record import Notes, Record
from smart_app.fhir.reading.visits import read_visits
from tests.support import spec_tables as spec

EXAMPLES = Path(__file__).parent.parent / "examples"
EXPECTED = Path(__file__).parent.parent / "spec" / "disease-examples.json"
FILES = sorted(p.relative_to(EXAMPLES).as_posix() for p in EXAMPLES.rglob("*.json") if p.name != "manifest.json")
BOOK = load_codebook()


def _entries(value: Any, url: str = "") -> list[tuple[str, Any]]:
    if value.get("resourceType") != "Bundle":
        return [(url, value)]
    entries = [entry for entry in value.get("entry", []) if "resource" in entry]
    return [found for entry in entries for found in _entries(entry["resource"], entry.get("fullUrl", ""))]


def facts(name: str) -> dict[str, Any]:
    record = Record.of(_entries(loads((EXAMPLES / name).read_bytes())), ZoneInfo("America/New_York"), Notes())
    exposures, unclear = read_exposures(record, BOOK)
    disease, visits = read_disease(record, BOOK), read_visits(record, BOOK)
    said = {
        "drugs": [spec.drug_line(e) for e in exposures],
        "unclear": list(unclear),
        "diagnoses": [spec.diagnosis_line(d) for d in disease.diagnoses],
        "spread": [spec.spread_line(s) for s in disease.spread],
        "receptors": [spec.receptor_line(r) for r in disease.receptors],
        "statuses": [spec.status_line(s) for s in disease.statuses],
        "ldh": [spec.ldh_line(value) for value in disease.ldh],
        "visits": len(visits),
        "aside": spec.asides(record),
    }
    return {kind: value for kind, value in said.items() if value}


@pytest.mark.parametrize("name", FILES)
def test_a_third_party_example_gives_the_facts_written_down(name):
    assert facts(name) == json.loads(EXPECTED.read_text("utf-8")).get(name, {})


def test_no_third_party_example_has_an_entry_that_cannot_be_read():
    assert "entry.malformed" not in EXPECTED.read_text("utf-8")
    assert len(FILES) == 201


if __name__ == "__main__":
    found = {name: said for name in FILES if (said := facts(name))}
    EXPECTED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
