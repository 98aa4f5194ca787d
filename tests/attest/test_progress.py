"""While the record is being read the page is never blank, never wrong, and fills in without script."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import pytest

from smart_app.web import progress
from tests.attest.rooms import HER2, LACKING, PDF_ONLY, Rooms, headline, rooms, words
from tests.support.fake_server import Answer, Request

__all__ = ["rooms"]
POSITIVE = "sandbox-first-positive"
EMPTY = {"resourceType": "Bundle", "type": "searchset", "entry": []}


def slowly(made: Rooms, path: str, go: threading.Event, answer: Answer | None = None) -> None:
    """This search answers only after ``go``."""
    before = made.ehr.fake.handlers[path]

    def wait(request: Request) -> Answer:
        go.wait(20)
        return answer or before(request)

    made.ehr.fake.on(path, wait)


def settled(made: Rooms, at: str, *, tries: int = 8) -> str:
    """As a browser without script: the page asks again as long as it says so."""
    for _ in range(tries):
        page = words(made.client.get(at))
        again = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', page)
        if again is None:
            return page
        at = again[1]
        assert at.endswith("&hold=yes")
    raise AssertionError("it never ended")


def is_reading(page: str) -> bool:
    return '<h1 id="reading">Reading the record</h1>' in page


def without_an_answer(page: str) -> bool:
    said = ("not due", "Not due", "Switch review", "Next draw", "Cannot tell", "Outside", "Inside", 'id="answer"')
    return not any(words in page for words in said)


def test_a_fast_record_comes_without_a_detour(rooms: Rooms) -> None:
    rooms.patient(POSITIVE)
    page = words(rooms.client.get(rooms.launch()))
    assert headline(page).endswith("switch review due.")
    assert "refresh" not in page


def test_a_slow_search_leaves_the_rest_readable_and_the_answer_waits_for_it(rooms: Rooms) -> None:
    rooms.patient(POSITIVE)
    at = rooms.launch()
    go = threading.Event()
    slowly(rooms, "/fhir/MedicationRequest", go)
    slowly(rooms, "/fhir/MedicationStatement", go)
    began = time.monotonic()
    page = words(rooms.client.get(at))
    assert time.monotonic() - began < progress.LONGEST + 2
    assert is_reading(page)
    assert without_an_answer(page)
    assert "Drug orders: <strong>being read</strong>" in page
    assert re.search(r"Laboratory results and findings: <strong>read</strong>, \d+ entries", page)
    assert "p.D538G" in page
    assert "Read so far, not complete" in page
    assert "Reading the record – ctDNA ESR1" in page
    later = words(rooms.client.get(at))
    assert is_reading(later)
    assert without_an_answer(later)
    go.set()
    final = settled(rooms, at)
    assert headline(final).endswith("switch review due.")
    assert len(rooms.ehr.fake.asked(f"/Patient/{POSITIVE}")) == 1


def test_a_failed_search_beside_a_slow_one_is_named_and_blanks_nothing(rooms: Rooms) -> None:
    rooms.patient(POSITIVE)
    at = rooms.launch()
    go = threading.Event()
    slowly(rooms, "/fhir/Encounter", go)
    rooms.ehr.fake.on("/fhir/Condition", Answer(500, {"resourceType": "OperationOutcome", "issue": []}))
    page = words(rooms.client.get(at))
    assert is_reading(page)
    assert "Diagnoses: <strong>not read completely</strong>" in page
    assert "p.D538G" in page
    go.set()
    final = settled(rooms, at)
    assert "What could not be read" in final
    assert 'id="answer"' in final


def test_a_patient_who_cannot_be_read_ends_on_the_page_that_says_so(rooms: Rooms) -> None:
    rooms.patient(POSITIVE)
    at = rooms.launch()
    go = threading.Event()
    slowly(rooms, f"/fhir/Patient/{POSITIVE}", go, Answer(404, {"resourceType": "OperationOutcome", "issue": []}))
    page = words(rooms.client.get(at))
    assert is_reading(page)
    assert "p.D538G" not in page
    assert 'class="patient"' not in page
    go.set()
    for _ in range(5):
        answer = rooms.client.get(f"{at}?hold=yes")
        if not is_reading(words(answer)):
            break
    assert answer.status_code == 502
    assert "could not be read" in words(answer)


def test_another_patient_in_the_answer_is_never_shown_while_reading(rooms: Rooms) -> None:
    rooms.patient(POSITIVE)
    at = rooms.launch()
    go = threading.Event()
    slowly(rooms, "/fhir/Encounter", go)
    other = {"resourceType": "Patient", "id": "other", "name": [{"text": "Somebody Else"}]}
    rooms.ehr.fake.on(f"/fhir/Patient/{POSITIVE}", Answer(body=other))
    page = words(rooms.client.get(at))
    go.set()
    assert is_reading(page)
    assert "Somebody Else" not in page
    assert "p.D538G" not in page


def test_two_launches_never_share_a_reading(rooms: Rooms) -> None:
    rooms.patient(POSITIVE)
    at = rooms.launch()
    go = threading.Event()
    slowly(rooms, "/fhir/Encounter", go)
    assert is_reading(words(rooms.client.get(at)))
    rooms.patient(LACKING)
    slowly(rooms, "/fhir/Encounter", go)
    other = rooms.launch()
    page = words(rooms.client.get(other))
    assert is_reading(page)
    assert "p.D538G" not in page
    go.set()
    assert "p.D538G" in settled(rooms, at)
    assert "p.D538G" not in settled(rooms, other)
    stranger = rooms.app.test_client().get(at)
    assert stranger.status_code == 403


def test_a_finished_reading_is_handed_out_once_and_thrown_away_within_seconds(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "KEPT", 0.3)
    rooms.patient(POSITIVE)
    at = rooms.launch()
    go = threading.Event()
    slowly(rooms, "/fhir/Encounter", go)
    assert is_reading(words(rooms.client.get(at)))
    known: progress.Readings = rooms.app.extensions["esr1.readings"]
    assert len(known._known) == 1
    go.set()
    until = time.monotonic() + 5
    while known._known and time.monotonic() < until:
        time.sleep(0.05)
    assert known._known == {}
    rooms.page(at)
    assert known._known == {}
    assert len(rooms.ehr.fake.asked(f"/Patient/{POSITIVE}")) == 2


def test_what_is_attested_meanwhile_is_not_missed(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    first = threading.Event()
    slowly(rooms, "/fhir/Encounter", first)
    assert is_reading(words(rooms.client.get(at)))
    rooms.patient(LACKING)  # fast again
    assert rooms.attest(at, "receptor", HER2).status_code == 303
    first.set()
    assert "HER2 negative" in settled(rooms, at)


def test_the_order_of_the_table_is_kept_and_nothing_else_of_the_query_comes_back(rooms: Rooms) -> None:
    rooms.patient(PDF_ONLY)
    at = rooms.launch()
    go = threading.Event()
    slowly(rooms, "/fhir/Encounter", go)
    page = words(rooms.client.get(f"{at}?sort=newest"))
    assert f'content="0; url={at}?sort=newest&hold=yes"' in page
    page = words(rooms.client.get(f'{at}?sort="><script>'))
    go.set()
    assert f'content="0; url={at}?sort=oldest&hold=yes"' in page
    settled(rooms, at)


def test_a_reading_that_breaks_ends_on_an_error_page_and_the_next_one_is_new(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms.patient(POSITIVE)
    at = rooms.launch()
    broken: Callable[[Request], Answer] = lambda _r: Answer(body=b"{")  # noqa: E731
    good = rooms.ehr.fake.handlers[f"/fhir/Patient/{POSITIVE}"]
    rooms.ehr.fake.on(f"/fhir/Patient/{POSITIVE}", broken)
    assert rooms.client.get(at).status_code == 502
    rooms.ehr.fake.on(f"/fhir/Patient/{POSITIVE}", good)
    assert 'id="answer"' in words(rooms.client.get(at))
