"""A note, a form or a message is written exactly once, whatever happens to the answer, the window or the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.ladder.ehr import PATIENT, Clinician, Json, ehr_of
from tests.support.running import Running

PROFILES = {"epic": "DocumentReference", "oracle-health": "DocumentReference", "meditech": "QuestionnaireResponse"}


@pytest.fixture(params=list(PROFILES), scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    with ehr_of(tmp_path_factory.mktemp(request.param), request.param) as running:
        Clinician(running)
        yield running, PROFILES[request.param]


@pytest.fixture
def ehr(place: tuple[Running, str]) -> tuple[Running, str]:
    """Emptied of what an earlier test wrote."""
    running, kind = place
    store, data = running.store, running.app.extensions["esr1"].store
    assert store is not None
    for resource in store.matches(kind, [("patient", PATIENT)]):
        if len(resource["id"]) == 36:
            store.delete(kind, resource["id"])
    with data._transaction() as db:
        db.execute("DELETE FROM record WHERE kind IN ('journal', 'write-lock', 'refused')")
    return running, kind


@contextmanager
def spoilt(running: Running, kind: str, *, before: Any = None, after: Any = None) -> Iterator[None]:
    """The server fails before, or after, it has stored a resource of this kind."""
    store: Any = running.store
    real: Callable[..., Any] = store.create

    def create(what: str, resource: Json, *rest: Any) -> Any:
        if what == kind and before is not None:
            before()
        made = real(what, resource, *rest)
        if what == kind and after is not None:
            after()
        return made

    store.create = create
    try:
        yield
    finally:
        del store.create


def fail() -> None:
    raise RuntimeError("the server fails here")


def previewed(running: Running, **form: str) -> Clinician:
    one = Clinician(running)
    one.get("plan")
    one.post("rung", **form)
    assert one.token is not None, one.page
    return one


def confirm(one: Clinician, **form: str) -> str:
    assert one.token is not None, one.page
    return one.post("rung/confirm", token=one.token, **form)


def count(one: Clinician) -> int:
    return sum(len(v) for v in one.stored().values())


def test_an_answer_lost_after_the_commit_is_found_and_not_sent_again(ehr: tuple[Running, str]) -> None:
    running, kind = ehr
    one = previewed(running)
    with spoilt(running, kind, after=fail):
        page = confirm(one)
    assert "The plan is in the EHR" in page
    assert count(one) == 1


def test_an_answer_lost_before_the_commit_is_not_known_and_asks_before_a_second_post(ehr: tuple[Running, str]) -> None:
    running, kind = ehr
    one = previewed(running)
    with spoilt(running, kind, before=fail):
        page = confirm(one)
    assert "not known whether the plan was saved" in page
    again = previewed(running)  # the next launch, another browser
    assert "ended without an answer" in again.page
    assert again.asked
    assert "Please look into the patient's record first" in confirm(again)
    assert count(again) == 0
    assert "The plan is in the EHR" in confirm(again, looked="yes")
    assert count(again) == 1
    after = Clinician(running)
    after.get("rung")
    assert "ended without an answer" not in after.page


def test_a_write_that_arrives_late_is_found_by_the_next_preview_and_not_repeated(ehr: tuple[Running, str]) -> None:
    running, kind = ehr
    one = previewed(running)
    late: list[Json] = []
    store: Any = running.store
    real = store.create

    def create(what: str, resource: Json, *rest: Any) -> Any:
        if what == kind:
            late.append(resource)
            raise RuntimeError("no answer")
        return real(what, resource, *rest)

    store.create = create
    try:
        assert "not known whether" in confirm(one)
    finally:
        del store.create
    store.create(kind, late[0])
    again = Clinician(running)
    again.get("rung")
    assert "The same plan is in the EHR already" in again.page
    assert "ended without an answer" not in again.page
    assert again.token is None
    assert count(again) == 1


def test_a_double_click_writes_once(ehr: tuple[Running, str]) -> None:
    running, _ = ehr
    one = previewed(running)
    token, csrf = one.token, one.raw.partition('name="csrf_token" value="')[2].partition('"')[0]

    def click(_: int) -> requests.Response:
        where = f"{running.app_url}/s/{one.id}/rung/confirm"
        return requests.post(where, data={"token": token, "csrf_token": csrf}, cookies=one.browser.cookies, timeout=60)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(click, range(2)))
    assert count(one) == 1
    assert any("The plan is in the EHR" in a.text for a in answers)


def test_two_browsers_that_confirm_at_once_make_one(ehr: tuple[Running, str]) -> None:
    running, _ = ehr
    clinicians = [previewed(running), previewed(running)]
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(confirm, clinicians))
    assert count(clinicians[0]) == 1
    assert sum("<h1>The plan is in the EHR</h1>" in p for p in pages) == 1
    assert sum("nothing was written by this click" in p or "since the preview" in p for p in pages) == 1


def test_a_refusal_drops_to_the_next_rung_for_this_launch_and_says_so(ehr: tuple[Running, str]) -> None:
    running, kind = ehr
    from smart_app.sandbox.fhirstore import Refused

    def no() -> None:
        raise Refused(403, "forbidden", "no")

    one = previewed(running)
    with spoilt(running, kind, before=no):
        page = confirm(one)
    assert "NOT saved" in page
    assert one.status == 502
    one.get("rung")
    assert "The EHR refused it in this session (HTTP 403)" in one.page
    assert one.token is None
    assert "to copy into the record" in one.page
    assert count(one) == 0


def test_after_a_change_the_new_one_says_what_it_takes_the_place_of(ehr: tuple[Running, str]) -> None:
    running, _ = ehr
    confirm(previewed(running))
    second = previewed(running, note="Seen today.")
    assert "This takes the place of the" in second.page
    assert "The plan is in the EHR" in confirm(second)
    assert count(second) == 2
    third = Clinician(running)
    third.get("rung")
    from smart_app.fhir.writing.ladder.recall import Recalled
    from smart_app.fhir.writing.ladder.standing import current
    from smart_app.web.chart import read_view

    app = running.app
    with app.test_request_context():
        launches = app.extensions["esr1"].launches
        value = app.extensions["esr1"].store.get("launch", third.id)
        from smart_app.smart.launches import _from_value

        launch = _from_value(value, launches.issuers.by_id(value["issuer_id"]))
        view = read_view(launch)
    plan = current(view.own_plans, view.kept)
    assert isinstance(plan, Recalled)
    assert len(view.kept) == 2
    assert plan.memory is not None
    assert plan.memory.replaces == next(k.reference for k in view.kept if k.reference != plan.reference)
