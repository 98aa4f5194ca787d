"""docs/write-back.md says what the data says, and every server of the matrix ends on a rung."""

from __future__ import annotations

import pytest

from smart_app.fhir.writing.ladder.rungs import rungs
from smart_app.sandbox.profiles import profiles
from tests.ladder.render import DOCUMENT, cell, chosen, rendered


def test_the_chapter_is_made_from_the_data() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert rendered(document) == document, "run python -m tests.ladder.render"


@pytest.mark.parametrize("name", list(profiles()))
def test_every_server_ends_on_the_rung_that_its_profile_names(name: str) -> None:
    profile = profiles()[name]
    assert chosen(profile).rung.id == profile.rung
    assert [cell(profile, r) for r in rungs()].count("**taken**") == 1


def test_the_matrix_holds_at_least_twelve_servers_and_the_five_vendors() -> None:
    assert len(profiles()) >= 12
    assert {"epic", "oracle-health", "athenahealth", "meditech", "eclinicalworks"} <= set(profiles())
