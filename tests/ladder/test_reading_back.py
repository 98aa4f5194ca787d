"""What was written on one rung is known at the next launch, on whatever rung it is; and nothing else is believed."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smart_app.fhir.harvest import harvest
from smart_app.fhir.writing.ladder.recall import Recalled
from smart_app.fhir.writing.ladder.standing import current
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import Launch, _from_value
from smart_app.web.chart import ChartView, read_view
from smart_app.web.climbing import Beside
from tests.fhir.wire import SEARCHED, client_for, statement, whole
from tests.ladder.ehr import PATIENT, Clinician, Json, ehr_of
from tests.support.fake_server import Answer, Request, fake_server
from tests.support.running import Running

DECISION = "Discussed; treatment goes on."
NARROW = """
[[issuer]]
id = "sandbox"
name = "Sandbox EHR"
base = "{ehr}/fhir"
auth = "public"
client_id = "esr1-demo"
scopes = ["launch", "openid", "fhirUser", "patient/*.rs"%s]
"""


def view_of(running: Running, one: Clinician) -> ChartView:
    services = running.app.extensions["esr1"]
    with running.app.test_request_context():
        value = services.store.get("launch", one.id)
        return read_view(_from_value(value, services.launches.issuers.by_id(value["issuer_id"])))


@pytest.fixture
def epic(tmp_path: Path) -> Iterator[tuple[Running, Json]]:
    """Epic, with one note of the app in which a decision is recorded."""
    with ehr_of(tmp_path, "epic") as running:
        Clinician(running)
        ada = Clinician(running)
        ada.climb(decided=DECISION)
        yield running, ada.stored()["DocumentReference"][0]


def document(running: Running, note: Json) -> str:
    assert running.store is not None
    binary = running.store.read("Binary", note["content"][0]["attachment"]["url"].partition("/")[2])
    return base64.b64decode(binary["data"]).decode()


def put_note(running: Running, note: Json, words: str, **changed: Any) -> None:
    assert running.store is not None
    data = base64.b64encode(words.encode()).decode()
    attachment = {"contentType": "text/plain", "data": data}
    rest = {k: v for k, v in note.items() if k not in ("id", "meta", "content")}
    running.store.create("DocumentReference", {**rest, "content": [{"attachment": attachment}], **changed})


def gone(running: Running, note: Json) -> None:
    assert running.store is not None
    running.store.delete("DocumentReference", note["id"])


def test_our_own_note_is_memory_and_never_a_result(epic: tuple[Running, Json]) -> None:
    running, note = epic
    before = len(view_of(running, Clinician(running)).chart.draws)
    view = view_of(running, Clinician(running))
    assert [r.text for r in view.chart.reviews] == [DECISION]
    assert view.chart.reviews[0].sources[0].reference == f"DocumentReference/{note['id']}"
    gone(running, note)
    without = view_of(running, Clinician(running))
    assert len(without.chart.draws) == before == len(view.chart.draws)
    assert without.decision.switch_review.answer.value == "raised"


def test_a_note_that_somebody_edited_is_shown_and_not_believed(epic: tuple[Running, Json]) -> None:
    running, note = epic
    words = document(running, note)
    gone(running, note)
    put_note(running, note, words.replace("treatment goes on", "treatment was changed"))
    one = Clinician(running)
    view = view_of(running, one)
    assert view.chart.reviews == ()
    assert view.decision.switch_review.answer.value == "raised"
    assert "not used" in one.page
    assert "changed or copied" in one.page


@pytest.mark.parametrize("copied", ["the line alone", "the whole note below other words"])
def test_a_line_copied_into_another_note_closes_no_flag(epic: tuple[Running, Json], copied: str) -> None:
    running, note = epic
    words = document(running, note)
    gone(running, note)
    line = words.strip().splitlines()[-1]
    put_note(running, note, f"Progress note\nSeen today.\n{line if copied == 'the line alone' else words}")
    view = view_of(running, Clinician(running))
    assert view.chart.reviews == ()
    assert view.decision.switch_review.answer.value == "raised"


def test_a_note_of_another_author_type_patient_or_status_closes_no_flag(epic: tuple[Running, Json]) -> None:
    running, note = epic
    words = document(running, note)
    gone(running, note)
    put_note(running, note, words, author=[{"reference": "Practitioner/somebody-else"}])
    put_note(running, note, words, type={"coding": [{"system": "http://loinc.org", "code": "11488-4"}]})
    put_note(running, note, words, status="entered-in-error")
    put_note(running, note, words, subject={"reference": "Patient/sandbox-second-positive"})
    assert view_of(running, Clinician(running)).chart.reviews == ()


def test_our_words_in_the_record_of_another_patient_close_no_flag(epic: tuple[Running, Json]) -> None:
    """The same document filed under another patient: the checksum names the patient."""
    from smart_app.fhir.writing.ladder.memory import parse

    running, note = epic
    assert parse(document(running, note), PATIENT) is not None
    assert parse(document(running, note), "sandbox-second-positive") is None


def test_where_a_care_plan_becomes_possible_it_takes_the_place_of_the_note(tmp_path: Path) -> None:
    writes = {"DocumentReference": "cu"}
    with ehr_of(tmp_path, "epic", writes=writes, terse=False) as running:
        Clinician(running)
        Clinician(running).climb(decided=DECISION)
        writes["CarePlan"] = "cu"  # the site is upgraded: the same record, now with care plans
        running.app.extensions["esr1"].statements._found.clear()
        Clinician(running)
        ada = Clinician(running)
        first = view_of(running, ada)
        assert isinstance(current(first.own_plans, first.kept), Recalled)
        assert "The plan is in the EHR" in ada.climb()
        note, plans = ada.stored()["DocumentReference"][0], ada.stored()["CarePlan"]
        assert len(plans) == 1
        assert {"reference": f"DocumentReference/{note['id']}"} in plans[0]["supportingInfo"]
        assert "takes the place of the clinical note" in plans[0]["text"]["div"]
        view = view_of(running, Clinician(running))
        assert current(view.own_plans, view.kept) == view.own_plans[0]
        assert [r.text for r in view.chart.reviews] == [DECISION]


def test_where_the_care_plan_can_no_longer_be_changed_the_note_says_so_and_is_the_plan(tmp_path: Path) -> None:
    writes = {"DocumentReference": "cu", "CarePlan": "cu"}
    with ehr_of(tmp_path, "epic", writes=writes) as running:
        Clinician(running)
        ada = Clinician(running)
        ada.climb()
        assert [k for k, v in ada.stored().items() if v] == ["CarePlan"]
        del writes["CarePlan"]
        running.app.extensions["esr1"].statements._found.clear()
        Clinician(running)
        ada = Clinician(running)
        assert "The plan is in the EHR" in ada.climb(decided=DECISION)
        assert [len(ada.stored()[k]) for k in ("CarePlan", "DocumentReference")] == [1, 1]
        view = view_of(running, Clinician(running))
        plan = current(view.own_plans, view.kept)
        assert isinstance(plan, Recalled)
        assert plan.memory is not None
        assert plan.memory.replaces == f"CarePlan/{ada.stored()['CarePlan'][0]['id']}"
        assert [r.text for r in view.chart.reviews] == [DECISION]


@pytest.mark.parametrize(
    ("profile", "scopes", "kind"),
    [
        ("hapi", "", None),
        ("hapi", ', "patient/DocumentReference.c"', "DocumentReference"),
        ("hapi", ', "patient/QuestionnaireResponse.cu"', "QuestionnaireResponse"),
        ("hapi", ', "patient/CarePlan.cu"', "CarePlan"),
        ("eclinicalworks", ', "patient/CarePlan.cu", "patient/QuestionnaireResponse.write"', "QuestionnaireResponse"),
        ("meditech", ', "patient/DocumentReference.crus"', None),
    ],
)
def test_narrowed_scopes_end_on_a_lower_rung_and_the_page_says_so(
    tmp_path: Path, profile: str, scopes: str, kind: str | None
) -> None:
    with ehr_of(tmp_path, profile, issuers=NARROW % scopes) as running:
        ada = Clinician(running)
        page = ada.climb()
        assert {k for k, v in ada.stored().items() if v} == ({kind} if kind else set())
        if kind is None:
            assert "to copy into the record" in page
            said = re.sub(r"<[^>]+>", "", ada.get("rung"))
            assert "did not ask to create" in said or "does not let apps create" in said


def test_a_message_is_sent_only_on_wish_and_is_read_back(tmp_path: Path) -> None:
    with ehr_of(tmp_path, "messages-only") as running:
        ada = Clinician(running)
        assert "to copy into the record" in ada.climb()
        assert ada.stored()["Communication"] == []
        ada.post("rung", wish="yes", decided=DECISION)
        assert ada.token is not None
        assert "The plan is in the EHR" in ada.post("rung/confirm", token=ada.token)
        assert len(ada.stored()["Communication"]) == 1
        assert [r.text for r in view_of(running, Clinician(running)).chart.reviews] == [DECISION]


def test_without_a_visit_epic_gets_the_text(tmp_path: Path) -> None:
    with ehr_of(tmp_path, "epic") as running:
        Clinician(running, visit=None)
        ada = Clinician(running, visit=None)
        assert "to copy into the record" in ada.climb()
        assert "only for a visit" in ada.page


def test_a_merged_record_is_written_to_on_no_rung(tmp_path: Path) -> None:
    with ehr_of(tmp_path, "epic") as running:
        assert running.store is not None
        patient = running.store.read("Patient", PATIENT)
        link = [{"other": {"reference": "Patient/sandbox-due"}, "type": "replaced-by"}]
        running.store.update("Patient", PATIENT, {**patient, "link": link})
        Clinician(running)
        ada = Clinician(running)
        assert "to copy into the record" in ada.climb()
        assert "merged" in ada.page
        assert not any(ada.stored().values())


def test_the_text_and_the_file_can_be_taken_from_every_launch(tmp_path: Path) -> None:
    with ehr_of(tmp_path, "read-only") as running:
        ada = Clinician(running)
        ada.climb(note="Seen today.")
        shown = ada.page
        text = ada.post("rung.txt", note="Seen today.")
        assert "Clara Dunne" in text
        assert "Note: Seen today." in text
        assert "ESR1-PLAN-1" not in text
        assert all(line in shown for line in text.splitlines() if line)
        ada.get("rung")
        file = ada.browser.get(f"{running.app_url}/s/{ada.id}/rung.json")
        assert file.headers["Content-Disposition"] == 'attachment; filename="esr1-care-plan.json"'
        assert file.json()["resourceType"] == "CarePlan"


def test_answers_and_messages_are_asked_for_beside_the_searches_and_not_after_them() -> None:
    """Each is a round trip that the first page would wait for."""
    under_way = threading.Barrier(3, timeout=10)

    def together(_request: Request) -> Answer:
        under_way.wait()
        return Answer(body={"resourceType": "Bundle", "type": "searchset", "entry": []})

    kinds = [*SEARCHED, "QuestionnaireResponse", "Communication"]
    with fake_server() as fake:
        whole(fake, statement(kinds=kinds))
        for kind in ("Observation", "QuestionnaireResponse", "Communication"):
            fake.on(f"/fhir/{kind}", together)
        client = client_for(fake)
        beside = Beside(Launch("l", Issuer("i", "I", fake.base, "none"), "p", "b"), None)
        _, receipt = harvest(client, "p", beside=beside.ask)
        assert receipt.complete
        assert [(r.resource_type, r.complete, r.needed) for r in beside.records] == [
            ("QuestionnaireResponse", True, False),
            ("Communication", True, False),
        ]
