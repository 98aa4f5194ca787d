"""From a launch to "written", or to the text, at every server profile, over real sockets: no dead end anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_app.sandbox.profiles import profiles
from tests.ladder.ehr import Clinician, ehr_of

KINDS = {"careplan.create": "CarePlan", "note": "DocumentReference", "questionnaire": "QuestionnaireResponse"}


@pytest.mark.parametrize("name", list(profiles()))
def test_every_profile_ends_on_its_rung_with_one_plan_and_the_next_launch_knows_it(name: str, tmp_path: Path) -> None:
    profile = profiles()[name]
    with ehr_of(tmp_path, name) as running:
        Clinician(running)  # where the SMART configuration lists no scopes, the first launch learns what to ask for
        ada = Clinician(running)
        page = ada.climb(decided="Discussed; treatment goes on.")
        stored = {k: len(v) for k, v in ada.stored().items() if v}
        if profile.rung == "text":
            assert stored == {}
            assert "to copy into the record" in page
            assert "Next ctDNA draw" in page or "ESR1" in page
            return
        assert "The plan is in the EHR" in page
        assert stored == {KINDS[profile.rung]: 1}
        again = Clinician(running)
        timeline = again.get("plan")
        assert "Discussed; treatment goes on." in timeline, "the decision is read back"
        assert "the flag is closed for it" in timeline
