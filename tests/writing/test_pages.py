"""The pages of the care plan through the running app, against a scripted EHR: confirm once, and never say too much."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from smart_app.fhir import jsontext
from smart_app.fhir.writing.journal import Journal
from smart_app.sandbox.patients import everybody
from smart_app.smart.store import SqliteStore, load_keys
from tests.smart.ehr import PATIENT as P1
from tests.smart.ehr import App, Ehr, running
from tests.support.fake_server import Answer, Request, fake_server
from tests.writing.support import KINDS, PlanServer

ROOT = Path(__file__).resolve().parent.parent.parent
TODAY = datetime.now(UTC).date()


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


SUBJECT = {"reference": "Patient/p1"}
POSITIVE = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"versionId": "1"},
    "status": "final",
    "subject": SUBJECT,
    "code": {"text": "ESR1 mutation, ctDNA, plasma"},
    "effectiveDateTime": ago(10),
    "valueString": "ESR1 p.Asp538Gly detected, VAF 0.8 %",
}


class Rooms:
    """An EHR that launches and keeps care plans, and one running app."""

    def __init__(self, ehr: Ehr, app: App, data: Path) -> None:
        self.ehr, self.app, self.data = ehr, app, data
        self.server = PlanServer(ehr.fake)
        self.address = app.launched(ehr)

    def results(self, *found: Any) -> None:
        entries = [{"resource": r} for r in found]
        self.ehr.fake.on("/fhir/Observation", Answer(body={"resourceType": "Bundle", "entry": entries}))

    def person(self, ident: str) -> str:
        """A launch of a sandbox patient."""
        person = next(p for p in everybody(TODAY) if p.id == ident)
        for resource in person.resources:
            self.ehr.fake.on(f"/fhir/{resource['resourceType']}/{resource['id']}", Answer(body=resource))
        for kind in KINDS:
            entries = [{"resource": r} for r in person.resources if r["resourceType"] == kind]
            self.ehr.fake.on(f"/fhir/{kind}", Answer(body={"resourceType": "Bundle", "entry": entries}))
        self.ehr.token["patient"] = ident
        return self.app.launched(self.ehr)

    def preview(self, address: str | None = None) -> requests.Response:
        return self.app.get((address or self.address) + "plan")

    def post(self, path: str, page: str, address: str | None = None, **fields: str) -> requests.Response:
        form = {"csrf_token": hidden(page, "csrf_token"), "token": hidden(page, "token"), **fields}
        url = self.app.url + (address or self.address) + path
        return self.app.browser.post(url, data=form, timeout=60)

    def confirm(self, page: str, **fields: str) -> requests.Response:
        return self.post("plan/confirm", page, **fields)

    @property
    def store(self) -> SqliteStore:
        return SqliteStore(self.data / "app.sqlite", load_keys(self.data / "app.key"))


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""


def heading(answer: requests.Response) -> str:
    found = re.search(r"<h1>(.*?)</h1>", answer.text, re.S)
    assert found is not None, answer.text
    return html.unescape(found[1])


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    with fake_server() as fake:
        ehr = Ehr(fake)
        for app in running(ehr, tmp_path):
            yield Rooms(ehr, app, tmp_path / "data")


def test_nothing_is_written_by_looking_and_one_plan_by_confirming(rooms: Rooms) -> None:
    page = rooms.preview().text
    assert rooms.server.writes == 0
    answer = rooms.confirm(page)
    assert heading(answer) == "The plan is in the EHR"
    assert list(rooms.server.plans) == ["plan1"]
    assert rooms.server.plans["plan1"]["author"] == {"reference": "Practitioner/d1"}
    assert "Created, and read back from the EHR" in answer.text
    again = rooms.confirm(rooms.preview().text)
    assert heading(again) == "The same plan is in the EHR already"
    assert rooms.server.writes == 1


def test_a_double_click_writes_once_and_shows_the_result_of_the_first(rooms: Rooms) -> None:
    page = rooms.preview().text
    started, go = threading.Event(), threading.Event()

    def slow(request: Request) -> Answer | None:
        if request.method == "POST":
            started.set()
            go.wait(5)
        return None

    rooms.server.before = slow
    answers: list[requests.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(rooms.confirm(page))) for _ in range(2)]
    threads[0].start()
    assert started.wait(5)
    threads[1].start()
    threading.Timer(0.5, go.set).start()
    for thread in threads:
        thread.join()
    assert [heading(a) for a in answers] == ["The plan is in the EHR"] * 2
    assert (len(rooms.server.posts), len(rooms.server.plans)) == (1, 1)
    assert heading(rooms.confirm(page)) == "The plan is in the EHR"
    assert rooms.server.writes == 1


@pytest.mark.parametrize("conditional", [True, False])
def test_two_windows_that_confirm_at_once_make_one_plan(rooms: Rooms, conditional: bool) -> None:
    rooms.server.conditional = conditional
    pages = [rooms.preview().text, rooms.preview().text]
    barrier = threading.Barrier(2)
    answers: list[requests.Response] = []

    def click(page: str) -> None:
        barrier.wait()
        answers.append(rooms.confirm(page))

    threads = [threading.Thread(target=click, args=(p,)) for p in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rooms.server.plans) == 1
    assert sum(heading(a) == "The plan is in the EHR" for a in answers) == 1
    other = next(a for a in answers if heading(a) != "The plan is in the EHR")
    assert "nothing was written" in other.text.lower()


def test_a_chart_that_changed_since_the_preview_gives_a_fresh_preview(rooms: Rooms) -> None:
    page = rooms.preview().text
    rooms.results(POSITIVE)
    answer = rooms.confirm(page)
    assert "Something changed in the EHR since the preview" in answer.text
    assert "D538G" in answer.text
    assert rooms.server.writes == 0
    assert heading(rooms.confirm(answer.text)) == "The plan is in the EHR"


def test_a_stored_plan_that_somebody_changed_since_the_preview_is_not_touched(rooms: Rooms) -> None:
    rooms.confirm(rooms.preview().text)
    rooms.results(POSITIVE)
    page = rooms.preview().text
    rooms.server.plans["plan1"]["note"] = [{"text": "by another team"}]
    assert "Something changed in the EHR since the preview" in rooms.confirm(page).text
    assert rooms.server.writes == 1


def test_the_confirmation_of_one_launch_is_worth_nothing_in_another(rooms: Rooms) -> None:
    page = rooms.preview().text
    other = rooms.app.launched(rooms.ehr)
    form = {"csrf_token": hidden(rooms.preview(other).text, "csrf_token"), "token": hidden(page, "token")}
    answer = rooms.app.browser.post(rooms.app.url + other + "plan/confirm", data=form, timeout=30)
    assert "was used or is too old" in answer.text
    assert rooms.server.writes == 0


def test_the_result_of_one_launch_is_not_shown_in_another(rooms: Rooms) -> None:
    page = rooms.preview().text
    rooms.confirm(page)
    second = rooms.app.browser.post(
        rooms.app.url + rooms.address + "plan/confirm",
        data={"csrf_token": hidden(page, "csrf_token"), "token": hidden(page, "token")},
        allow_redirects=False,
        timeout=30,
    )
    key = second.headers["Location"].rsplit("/", 1)[-1]
    other = rooms.app.launched(rooms.ehr)
    assert rooms.app.get(f"{other}plan/result/{key}").headers["Location"] == f"{other}plan"


REFUSALS = {
    401: "sign-in has run out",
    403: "does not let this app write care plans",
    405: "does not take care plans from apps",
    422: "found the plan not valid",
    429: "asks to slow down",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_is_said_with_what_to_do_and_the_plan_can_be_taken_along(rooms: Rooms, status: int) -> None:
    rooms.server.before = lambda r: Answer(status) if r.method == "POST" else None
    answer = rooms.confirm(rooms.preview().text)
    assert answer.status_code == 502
    assert heading(answer) == "The plan was NOT saved"
    assert REFUSALS[status] in answer.text
    rooms.server.before = lambda _r: None
    assert "plan.json" in answer.text
    assert "ended without an answer" not in rooms.preview().text


def test_an_answer_that_never_comes_is_unknown_and_resolved_at_the_next_launch(rooms: Rooms) -> None:
    rooms.server.before = lambda r: Answer(drop=True) if r.method == "POST" else None
    page = rooms.preview().text
    answer = rooms.confirm(page)
    assert heading(answer) == "It is not known whether the plan was saved"
    assert heading(rooms.confirm(page)) == "It is not known whether the plan was saved"  # the double click, repeated
    assert len(rooms.server.posts) == 1
    rooms.server.before = lambda _r: None
    rooms.server.plans["late"] = {  # it arrives after all
        **jsontext.loads(rooms.server.posts[0].body),
        "id": "late",
        "meta": {"versionId": "1"},
    }
    address = rooms.app.launched(rooms.ehr)
    fresh = rooms.preview(address).text
    assert "A plan of this app is in the EHR now" in fresh
    assert "Nothing. The stored plan says the same." in fresh
    assert "ended without an answer" not in rooms.preview(address).text
    assert rooms.server.writes == 0


def test_where_the_server_cannot_prevent_a_twin_the_clinician_looks_before_a_second_try(rooms: Rooms) -> None:
    rooms.server.conditional = False
    rooms.server.before = lambda r: Answer(drop=True) if r.method == "POST" else None
    rooms.confirm(rooms.preview().text)
    rooms.server.before = lambda _r: None
    page = rooms.preview().text
    assert "No plan of this app was found in the EHR" in page
    assert 'name="looked"' in page
    refused = rooms.confirm(page)
    assert "look into the EHR's care plans first" in html.unescape(refused.text)
    assert rooms.server.writes == 0
    assert heading(rooms.confirm(refused.text, looked="yes")) == "The plan is in the EHR"
    assert 'name="looked"' not in rooms.preview().text


def test_what_the_server_dropped_is_named_on_the_page(rooms: Rooms) -> None:
    def forgetful(request: Request, answer: Answer) -> Answer:
        for plan in rooms.server.plans.values():
            plan.pop("contained", None)
        return answer

    rooms.server.after = forgetful
    assert "did not keep these elements as sent: contained" in rooms.confirm(rooms.preview().text).text


def test_a_server_without_care_plan_writing_is_no_dead_end(rooms: Rooms) -> None:
    rooms.server.can = ["read", "search-type"]
    page = rooms.preview().text
    assert "It cannot be written here" in page
    assert "plan/confirm" not in page
    words = rooms.post("plan.txt", page, note="call her")
    assert "Nora Secretname" in words.text
    assert "Note: call her" in words.text
    file = rooms.post("plan.json", page, note="call her")
    assert jsontext.loads(file.content)["note"][0]["text"] == "call her"
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_a_merged_patient_record_is_not_written_to(rooms: Rooms) -> None:
    link = [{"type": "replaced-by", "other": {"reference": "Patient/p2"}}]
    rooms.ehr.fake.on("/fhir/Patient/p1", Answer(body={**P1, "link": link}))
    page = rooms.preview().text
    assert "merged this patient record" in page
    assert "plan/confirm" not in page


def test_a_patient_record_that_is_not_active_is_not_written_to_even_after_the_preview(rooms: Rooms) -> None:
    page = rooms.preview().text
    rooms.ehr.fake.on("/fhir/Patient/p1", Answer(body={**P1, "active": False}))
    answer = rooms.confirm(page)
    assert "calls this patient record not active" in answer.text
    assert "plan/confirm" not in answer.text
    assert rooms.server.writes == 0


def test_a_launch_that_may_only_read_is_no_dead_end(rooms: Rooms) -> None:
    rooms.ehr.scope = "launch openid fhirUser patient/*.rs"
    rooms.address = rooms.app.launched(rooms.ehr)
    page = rooms.preview().text
    assert "did not grant this app to write care plans" in page
    assert "plan/confirm" not in page
    assert "Nora Secretname" in rooms.post("plan.txt", page).text


def test_a_plan_with_a_rule_that_we_do_not_know_is_not_changed(rooms: Rooms) -> None:
    rooms.confirm(rooms.preview().text)
    rooms.server.plans["plan1"]["modifierExtension"] = [{"url": "urn:x", "valueBoolean": True}]
    rooms.results(POSITIVE)
    page = rooms.preview().text
    assert "a rule on the stored plan" in page
    assert "plan/confirm" not in page


def test_a_user_that_the_server_does_not_know_is_not_named_as_author(rooms: Rooms) -> None:
    rooms.ehr.fake.on("/fhir/Practitioner/d1", Answer(404))
    rooms.address = rooms.app.launched(rooms.ehr)
    rooms.confirm(rooms.preview().text)
    assert "author" not in rooms.server.plans["plan1"]


def test_the_plan_is_closed_with_a_reason_and_the_next_one_follows_it(rooms: Rooms) -> None:
    page = rooms.confirm(rooms.preview().text).text
    seen = {"seen": hidden(page, "seen")}
    silent = rooms.post("plan/close", page, status="revoked", reason=" ", **seen)
    assert "Say how the plan ends, and why" in silent.text
    seen = {"seen": hidden(silent.text, "seen")}
    answer = rooms.post("plan/close", silent.text, status="revoked", reason="wrong day", **seen)
    assert heading(answer) == "The plan in the EHR is closed"
    assert rooms.server.plans["plan1"]["status"] == "revoked"
    page = rooms.preview().text
    assert "Earlier plans of this app" in page
    assert heading(rooms.confirm(page)) == "The plan is in the EHR"
    assert rooms.server.plans["plan2"]["replaces"] == [{"reference": "CarePlan/plan1"}]
    assert len(rooms.server.living) == 1


def test_a_plan_that_changed_since_it_was_shown_is_not_closed(rooms: Rooms) -> None:
    page = rooms.confirm(rooms.preview().text).text
    rooms.server.plans["plan1"]["goal"] = [{"reference": "Goal/1"}]
    answer = rooms.post("plan/close", page, status="revoked", reason="x", seen=hidden(page, "seen"))
    assert "has changed since it was shown" in answer.text
    assert rooms.server.plans["plan1"]["status"] == "active"


def test_a_writer_that_was_killed_holds_the_others_up_for_a_minute_and_no_longer(rooms: Rooms) -> None:
    page = rooms.preview().text
    key = Journal.of(rooms.store, "one", "p1").key
    assert rooms.store.add("write-lock", key, {"owner": "killed"}, 60)
    answer = rooms.confirm(page)
    assert "just being written from another window" in answer.text
    assert rooms.server.writes == 0
    rooms.store.delete("write-lock", key)
    assert heading(rooms.confirm(answer.text)) == "The plan is in the EHR"


def test_a_writer_that_was_killed_on_this_machine_holds_nobody_up(rooms: Rooms) -> None:
    program = (
        "import json, os, sys\n"
        "from smart_app.fhir.writing.holder import this_process\n"
        "print(json.dumps(this_process())); sys.stdout.flush(); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert other.stdin is not None
    assert other.stdout is not None
    holder = jsontext.loads(other.stdout.readline())
    key = Journal.of(rooms.store, "one", "p1").key
    assert rooms.store.add("write-lock", key, {"owner": "it", **holder}, 60)
    page = rooms.confirm(rooms.preview().text).text
    assert "just being written from another window" in page  # it lives
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert heading(rooms.confirm(page)) == "The plan is in the EHR"
    other.stdin.close()
    other.stdout.close()


def test_a_closing_without_an_answer_that_arrived_is_told_at_the_next_launch(rooms: Rooms) -> None:
    page = rooms.confirm(rooms.preview().text).text
    rooms.server.after = lambda r, a: Answer(drop=True) if r.method == "PUT" else a
    rooms.server.before = lambda r: Answer(500) if r.method == "GET" and rooms.server.writes > 1 else None
    answer = rooms.post("plan/close", page, status="revoked", reason="wrong", seen=hidden(page, "seen"))
    assert heading(answer) == "It is not known whether the plan was saved"
    rooms.server.after, rooms.server.before = (lambda _r, a: a), (lambda _r: None)
    fresh = rooms.preview(rooms.app.launched(rooms.ehr)).text
    assert "The plan is closed: it stands among the earlier plans below." in fresh
    assert "ended without an answer" not in rooms.preview().text


def test_an_ehr_that_fails_between_preview_and_confirmation_says_that_nothing_was_written(rooms: Rooms) -> None:
    page = rooms.preview().text
    rooms.ehr.fake.on("/fhir/Patient/p1", Answer(500))
    answer = rooms.confirm(page)
    assert "Nothing was written" in answer.text
    assert rooms.server.writes == 0


def test_the_draw_is_moved_with_a_reason_and_not_without(rooms: Rooms) -> None:
    address = rooms.person("sandbox-due")
    page = rooms.preview(address).text
    first, last = (TODAY + timedelta(days=d) for d in (300, 310))
    days = {"draw_from": first.isoformat(), "draw_until": last.isoformat()}
    silent = rooms.post("plan", page, address, **days).text
    assert "Outside the policy's days the draw needs a reason." in html.unescape(silent)
    assert "plan/confirm" not in silent
    for wrong in ({"draw_from": "3/4/2027"}, {"draw_from": last.isoformat(), "draw_until": first.isoformat()}):
        assert "plan/confirm" not in rooms.post("plan", page, address, **wrong).text
    moved = rooms.post("plan", page, address, draw_reason="on holiday", **days).text
    assert "Set by the clinician, because: on holiday" in moved
    assert heading(rooms.post("plan/confirm", moved, address)) == "The plan is in the EHR"
    detail = rooms.server.plans["plan1"]["activity"][0]["detail"]
    assert detail["scheduledPeriod"] == {"start": days["draw_from"], "end": days["draw_until"]}


NEWER = {**POSITIVE, "id": "o2", "effectiveDateTime": ago(1)}


def started(rooms: Rooms) -> str:
    """A plan that rests on one draw is stored, and the result of a later one has come; gives the preview."""
    rooms.results(POSITIVE)
    assert heading(rooms.confirm(rooms.preview().text)) == "The plan is in the EHR"
    rooms.results(POSITIVE, NEWER)
    return rooms.preview().text


def test_a_new_draw_result_completes_the_plan_and_the_next_one_follows_it(rooms: Rooms) -> None:
    page = started(rooms)
    assert "The stored plan is completed, because the result of the draw of" in page
    assert "Complete the stored plan and write the next one" in page
    answer = rooms.confirm(page)
    assert heading(answer) == "The plan is in the EHR"
    assert "The earlier plan is completed" in answer.text
    old, new = rooms.server.plans["plan1"], rooms.server.plans["plan2"]
    assert (old["status"], new["status"]) == ("completed", "active")
    assert new["replaces"] == [{"reference": "CarePlan/plan1"}]
    assert "is there. The next plan follows it." in old["text"]["div"]
    page = rooms.preview(rooms.app.launched(rooms.ehr)).text
    assert "Nothing. The stored plan says the same." in page
    assert "Earlier plans of this app" in page
    assert rooms.server.writes == 3


def test_the_clinician_may_keep_the_stored_plan_although_a_new_result_is_there(rooms: Rooms) -> None:
    page = rooms.post("plan", started(rooms), keep="yes").text
    assert "Update the plan in the EHR" in page
    assert heading(rooms.confirm(page)) == "The plan is in the EHR"
    assert list(rooms.server.plans) == ["plan1"]
    assert rooms.server.plans["plan1"]["status"] == "active"


def test_a_plan_that_follows_and_is_refused_leaves_the_old_one_as_it_was(rooms: Rooms) -> None:
    page = started(rooms)
    before = {k: v for k, v in rooms.server.plans["plan1"].items() if k != "meta"}
    rooms.server.before = lambda r: Answer(422) if r.method == "POST" else None
    answer = rooms.confirm(page)
    assert heading(answer) == "The plan was NOT saved"
    assert "The earlier plan is active again." in answer.text
    assert list(rooms.server.plans) == ["plan1"]
    assert {k: v for k, v in rooms.server.plans["plan1"].items() if k != "meta"} == before


def test_an_earlier_plan_that_cannot_be_reopened_is_said(rooms: Rooms) -> None:
    page = started(rooms)

    def after_the_first(request: Request) -> Answer | None:
        return Answer(403) if request.method != "GET" and rooms.server.writes == 2 else None

    rooms.server.before = after_the_first
    answer = rooms.confirm(page)
    assert "was completed and could not be reopened" in answer.text
    rooms.server.before = lambda _r: None
    assert heading(rooms.confirm(rooms.preview().text)) == "The plan is in the EHR"
    assert rooms.server.plans["plan2"]["replaces"] == [{"reference": "CarePlan/plan1"}]
    assert len(rooms.server.living) == 1


def test_a_plan_that_follows_and_gets_no_answer_is_looked_up_and_never_doubled(rooms: Rooms) -> None:
    page = started(rooms)
    rooms.server.after = lambda r, a: Answer(drop=True) if r.method == "POST" else a
    assert heading(rooms.confirm(page)) == "The plan is in the EHR"
    assert [p["status"] for p in rooms.server.plans.values()] == ["completed", "active"]


def test_a_server_that_lets_only_update_keeps_one_plan_when_a_new_result_comes(rooms: Rooms) -> None:
    page = started(rooms)
    assert "Complete the stored plan" in page
    rooms.server.can = ["read", "search-type", "update"]
    answer = rooms.confirm(page)
    assert "Something changed in the EHR since the preview" in answer.text
    assert heading(rooms.confirm(answer.text)) == "The plan is in the EHR"
    assert list(rooms.server.plans) == ["plan1"]
