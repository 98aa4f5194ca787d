"""The table ``tests/spec/drugs.toml``: medication resources and the exposures they must give."""

from __future__ import annotations

from datetime import date

import pytest

from smart_app.codes import load_codebook
from smart_app.fhir.reading.drugs import read_exposures
from tests.support import spec_tables as spec

BOOK = load_codebook()
ROWS = spec.rows("drugs.toml")


@pytest.mark.parametrize("row", ROWS, ids=[row["title"] for row in ROWS])
def test_medication_resources_give_these_exposures(row):
    record = spec.given(row)
    advanced = date.fromisoformat(row["advanced"]) if "advanced" in row else None
    exposures, unclear = read_exposures(record, BOOK, advanced)
    assert [spec.drug_line(e) for e in exposures] == row["drugs"]
    assert spec.asides(record) == sorted(row["aside"])
    shown = [code for code in row["aside"] if code in {"drug.conflict", "drug.blinded"}]
    assert len(unclear) == len(shown), "an unclear drug is shown, not only set aside"
