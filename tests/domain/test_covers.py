"""Which variants an assay looks for, by the changes and codons it says it covers (R5)."""

from __future__ import annotations

import pytest

from smart_app.domain.variants import looked_for


@pytest.mark.parametrize(
    ("change", "covers", "answer"),
    [
        ("p.D538G", None, True),
        ("p.D538G", ("p.D538G", "p.Y537S"), True),
        ("p.D538G", ("p.Y537S",), False),
        ("p.D538G", ("codons 536-538",), True),
        ("p.D538G", ("codon 538",), True),
        ("p.E380Q", ("codons 536-538", "codon 463"), False),
        ("p.L536_D538del", ("codons 536-538",), True),
        ("p.L536_L539del", ("codons 536-538",), False),
        ("p.K529_L536del", ("codons 536-538",), False),
        ("ESR1 mutation", ("codons 536-538",), False),
    ],
)
def test_an_assay_looks_for_what_it_names_or_for_the_codons_it_names(change, covers, answer):
    assert looked_for(change, covers) is answer
