"""What every rung writes is valid R4, in the shape of the vendor, and names no drug to give."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from smart_app.fhir import jsontext
from smart_app.fhir.writing.ladder import order
from smart_app.fhir.writing.ladder.memory import parse
from smart_app.fhir.writing.ladder.posting import BUILDERS
from smart_app.fhir.writing.ladder.questionnaire import ITEMS, questionnaire
from smart_app.fhir.writing.ladder.rungs import shapes
from smart_app.fhir.writing.ladder.text import copyable, fhir_file
from smart_app.fhir.writing.wording import typed
from smart_app.sandbox.patients import everybody
from smart_app.sandbox.profiles import RULES
from tests.ladder.support import AUTHOR, content_of
from tests.writing.support import DAY, PATIENT

ROOT = Path(__file__).resolve().parent.parent.parent
PEOPLE = [p.id for p in everybody(DAY)]


def valid(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate_json(jsontext.dumps(resource))


@pytest.mark.parametrize("vendor", list(shapes()))
@pytest.mark.parametrize("ident", PEOPLE)
def test_every_rung_of_every_patient_and_vendor_is_valid_and_is_read_back(ident: str, vendor: str) -> None:
    content = content_of(ident, note="A note with “quotes” & <marks>")
    for name, build in BUILDERS.items():
        resource = build(content, shapes()[vendor])
        valid(resource)
        assert resource["subject"] == {"reference": f"Patient/{ident}"}
        assert "modifierExtension" not in resource
        assert "implicitRules" not in resource
        for rule in RULES.values() if name == "note" else ():
            if vendor in getattr(rule, "__name__", ""):
                rule(resource)


def test_epic_takes_one_plain_text_for_a_visit_as_a_draft() -> None:
    note = BUILDERS["note"](content_of(PATIENT), shapes()["epic"])
    assert note["docStatus"] == "preliminary"
    assert note["context"] == {"encounter": [{"reference": "Encounter/e1"}]}
    (content,) = note["content"]
    assert set(content["attachment"]) == {"contentType", "data"}
    assert content["attachment"]["contentType"] == "text/plain"
    words = base64.b64decode(content["attachment"]["data"]).decode()
    assert parse(words, PATIENT) == content_of(PATIENT).memory
    RULES["epic.note"](note)


def test_oracle_takes_one_practitioner_and_a_period_that_ends_with_a_time() -> None:
    note = BUILDERS["note"](content_of(PATIENT), shapes()["oracle"])
    assert note["author"] == [{"reference": AUTHOR}]
    assert note["context"]["period"] == {"end": "2026-11-21T09:30:00+00:00"}
    assert note["docStatus"] == "final"
    RULES["oracle.note"](note)


def test_the_sandbox_refuses_a_note_in_the_other_vendors_shape() -> None:
    from smart_app.sandbox.fhirsearch import Refused

    for name, other in (("epic.note", "oracle"), ("oracle.note", "epic"), ("epic.note", "generic")):
        with pytest.raises(Refused):
            RULES[name](BUILDERS["note"](content_of(PATIENT, encounter_id=None), shapes()[other]))


def test_the_order_of_rung_4_is_an_unsigned_draft_for_the_draw_alone() -> None:
    due = "sandbox-due"
    card = order.suggestion(content_of(due), "12345")
    assert card is not None
    assert len(card["summary"]) < 140
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    resource = action["resource"]
    valid(resource)
    assert (action["type"], resource["status"]) == ("create", "draft")
    assert resource["code"]["coding"][0]["code"] == "12345"
    assert set(resource["occurrencePeriod"]) == {"start", "end"}
    assert order.suggestion(content_of(PATIENT)) is None, "no draw is planned while a review is open"


def test_the_published_questionnaire_is_the_one_that_is_answered() -> None:
    published = json.loads((ROOT / "docs/fhir/Questionnaire-esr1-surveillance-plan.json").read_text())
    assert published == questionnaire()
    valid(published)
    known = {i[0] for i in ITEMS}
    for ident in PEOPLE:
        answers = BUILDERS["questionnaire"](content_of(ident, decided="Discussed."), shapes()["meditech"])
        assert {i["linkId"] for i in answers["item"]} <= known
        assert answers["questionnaire"] == f"{published['url']}|{published['version']}"


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_typed_makes_valid_resources(note: str, decided: str) -> None:
    content = content_of(PATIENT, note=typed(note), decided=typed(decided))
    for build in BUILDERS.values():
        valid(build(content, shapes()["generic"]))
    assert "ESR1-PLAN-1" not in copyable(content, "N. N.")
    assert jsontext.loads(fhir_file(content)) == content.plan
