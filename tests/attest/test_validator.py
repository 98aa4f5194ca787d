"""A plan with attested facts of every kind, held to R4, US Core and our own definitions by the FHIR validator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import (
    DiseaseStatus,
    DrugClass,
    Exposure,
    Extent,
    Progress,
    Proof,
    Setting,
    Spread,
    StopReason,
)
from tests.attest.test_round_trip import HER2, RESULT, attestations, plan_with
from tests.writing.validating import validated, verdicts

TAKEN = frozenset({Proof.TAKEN})
FACTS = [
    Spread(Extent.METASTASIS, PartialDate(2025), "lymph_node"),
    DiseaseStatus(Progress.STABLE, PartialDate(2026, 10, 15), imaging=True),
    Exposure("palbociclib", DrugClass.CDK46, PartialDate(2026, 1), last_seen=PartialDate(2026, 11, 3), proofs=TAKEN,
             setting=Setting.ADVANCED),
    Exposure("letrozole", DrugClass.AI, PartialDate(2020), PartialDate(2021, 5), stop_reason=StopReason.TOXICITY,
             proofs=TAKEN),
    Exposure("ribociclib", DrugClass.CDK46, None, on_hold=True, on_hold_since=PartialDate(2026), proofs=TAKEN),
]  # fmt: skip


@pytest.mark.validator
@pytest.mark.parametrize("version", ["6.1.0", "8.0.0"])
def test_a_plan_with_attested_facts_is_valid(tmp_path: Path, version: str) -> None:
    given = [attestations(f, n, "letter of 3 Nov 2026", "Dr Ada", n == 12) for n, f in enumerate(FACTS, 10)]
    from_report = replace(RESULT, id="att-00000000000000ff", report="DiagnosticReport/pdf")
    plans = {"five": plan_with(HER2, RESULT, *given), "report": plan_with(from_report), "none": plan_with()}
    said = validated(plans, tmp_path, version)
    assert len(verdicts(said)) == 3
    assert not any("INVALID" in line for line in said), said
