"""Every plan and Provenance that a test of this run has written goes through the FHIR validator: no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_app.fhir import jsontext
from tests.support.collected import FOUND
from tests.writing.validating import OURS, unexplained, validated, verdicts


@pytest.mark.last
@pytest.mark.validator
@pytest.mark.parametrize("version", ["6.1.0", "7.0.0", "8.0.0"])
def test_every_plan_that_a_test_has_written_is_valid(tmp_path: Path, version: str) -> None:
    if not FOUND:
        pytest.skip("no test of this run has written a plan")
    said = validated(dict(FOUND), tmp_path, version)
    assert len(verdicts(said)) == len(FOUND)
    assert unexplained(said) == []


@pytest.mark.validator
@pytest.mark.parametrize("version", ["6.1.0", "8.0.0"])
def test_our_definitions_are_valid(tmp_path: Path, version: str) -> None:
    files = {file.stem: jsontext.loads(file.read_bytes()) for file in sorted(OURS.glob("*.json"))}
    said = validated(files, tmp_path, version)
    assert len(verdicts(said)) == len(files)
    assert unexplained(said) == []
