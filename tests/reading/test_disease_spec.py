"""The table ``tests/spec/disease.toml``: diagnoses, spread, receptors, disease status, LDH and visits."""

from __future__ import annotations

import pytest

from smart_app.codes import load_codebook
from smart_app.fhir.reading.disease import read_disease
from smart_app.fhir.reading.visits import read_visits
from tests.support import spec_tables as spec

BOOK = load_codebook()
ROWS = spec.rows("disease.toml")


@pytest.mark.parametrize("row", ROWS, ids=[row["title"] for row in ROWS])
def test_resources_give_these_facts(row):
    record = spec.given(row)
    disease, visits = read_disease(record, BOOK), read_visits(record, BOOK)
    said = {
        "diagnoses": [spec.diagnosis_line(d) for d in disease.diagnoses],
        "spread": [spec.spread_line(s) for s in disease.spread],
        "receptors": [spec.receptor_line(r) for r in disease.receptors],
        "statuses": [spec.status_line(s) for s in disease.statuses],
        "ldh": [spec.ldh_line(value) for value in disease.ldh],
        "visits": [spec.visit_line(v) for v in visits],
    }
    assert {kind: said[kind] for kind in said if kind in row} == {kind: row[kind] for kind in said if kind in row}
    assert spec.asides(record) == sorted(row["aside"])
