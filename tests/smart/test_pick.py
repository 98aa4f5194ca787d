"""A standalone sign-in that names no patient: the picker, and everything bound to the one chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from smart_app.smart.scopes import may_search
from tests.smart.behaviours import shows
from tests.smart.ehr import PATIENT, App, Ehr, running
from tests.support.fake_server import Answer, Request

GRANTED = "openid fhirUser user/*.rs"
OTHER = {**PATIENT, "id": "p2", "name": [{"family": "Othername", "given": ["Olga"]}]}
MRN = {"type": {"coding": [{"code": "MR"}]}, "value": "MRN-778899"}


@pytest.fixture
def picking(ehr: Ehr, tmp_path: Path) -> Iterator[App]:
    """An EHR that grants user scopes and lets its patients be searched."""
    ehr.token.pop("patient")
    ehr.scope = GRANTED
    people = [{**PATIENT, "identifier": [MRN]}, OTHER]

    def search(request: Request) -> Answer:
        assert request.method == "POST"
        assert request.query == {}
        asked = parse_qs(request.body.decode())
        found = [p for p in people if asked.get("name", [""])[0] in str(p["name"])]
        found = [p for p in found if asked.get("identifier", [""])[0] in str(p.get("identifier", ""))]
        return Answer(body={"resourceType": "Bundle", "entry": [{"resource": p} for p in found]})

    ehr.fake.on("/fhir/Patient/_search", search)
    ehr.fake.on("/fhir/Patient/p2", Answer(body=OTHER))
    yield from running(ehr, tmp_path)


def begun(app: App, ehr: Ehr) -> requests.Response:
    """The callback of a standalone launch."""
    asked = {}
    answer = app.get("/launch", params={"iss": ehr.base})
    asked = {k: v[0] for k, v in parse_qs(answer.headers["Location"].partition("?")[2]).items()}
    ehr.nonce = asked["nonce"]
    return app.back(asked)


def form_of(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].split('"')[0]


def send(app: App, path: str, page: str, **fields: str) -> requests.Response:
    data = {"csrf_token": form_of(page), **fields}
    return app.browser.post(app.url + path, data=data, allow_redirects=False, timeout=20)


@shows("x8")
def test_a_patient_is_searched_by_post_and_the_one_chosen_is_the_launchs(picking: App, ehr: Ehr) -> None:
    place = begun(picking, ehr).headers["Location"]
    assert place.startswith("/pick/")
    page = picking.get(place)
    assert "Choose a patient" in page.text
    assert "Secretname" not in page.text
    for words in ({"name": "Nora"}, {"mrn": "MRN-778899"}):
        found = send(picking, place, page.text, **words)
        assert "Nora Secretname" in found.text
        assert "Olga" not in found.text
    answer = send(picking, f"{place}/choose", page.text, patient="p1")
    assert answer.status_code == 303
    shown = picking.get(answer.headers["Location"])
    assert "Nora Secretname" in shown.text
    assert "Dr Ada" in shown.text
    assert "Olga" not in shown.text
    addresses = [place, answer.headers["Location"], *(r.path + str(r.query) for r in ehr.fake.requests)]
    assert not any(re.search("Secretname|Nora|MRN-778899", a) for a in addresses)
    assert "session.ended" in picking.get(place).text  # the choice is made once


@shows("x8")
def test_the_choice_belongs_to_one_browser_and_to_its_own_page(picking: App, ehr: Ehr) -> None:
    place = begun(picking, ehr).headers["Location"]
    page = picking.get(place).text
    thief = App(picking.url)
    assert "session.other_browser" in thief.get(place).text
    for path in (place, f"{place}/choose"):
        assert send(thief, path, page, name="Nora", patient="p1").status_code == 403
        wrong = picking.browser.post(picking.url + path, data={"csrf_token": "x", "name": "Nora", "patient": "p1"})
        assert wrong.status_code == 403
        foreign = {"Origin": "https://evil.example"}
        data = {"csrf_token": form_of(page), "name": "Nora", "patient": "p1"}
        assert picking.browser.post(picking.url + path, data=data, headers=foreign).status_code == 403
    assert not any("Patient" in r.path for r in ehr.fake.requests)


@shows("x8")
@pytest.mark.parametrize(
    ("scope", "patient"),
    [
        ("openid patient/*.rs", None),
        ("openid user/Observation.rs", None),
        ("openid user/Patient.r", None),
        ("", None),
        (GRANTED, "../x"),
        (GRANTED, ""),
        (GRANTED, 7),
    ],
)
def test_nobody_is_picked_where_scopes_do_not_allow_it_or_a_patient_was_named_and_is_none(
    picking: App, ehr: Ehr, scope: str, patient: Any
) -> None:
    ehr.scope = scope
    if patient is not None:
        ehr.token["patient"] = patient
    page = begun(picking, ehr)
    assert page.status_code == 400
    assert "launch.no_patient" in page.text


@shows(35, "x8")
def test_an_ehr_launch_without_a_patient_is_refused_whatever_the_scopes(picking: App, ehr: Ehr) -> None:
    page = picking.back(picking.begin(ehr))
    assert page.status_code == 400
    assert "launch.no_patient" in page.text


@shows("x8")
@pytest.mark.parametrize("status", [403, 404, 405])
def test_an_ehr_that_does_not_let_patients_be_searched_is_named_and_no_address_is_tried(
    picking: App, ehr: Ehr, status: int
) -> None:
    ehr.fake.on("/fhir/Patient/_search", Answer(status))
    place = begun(picking, ehr).headers["Location"]
    page = send(picking, place, picking.get(place).text, name="Nora")
    assert page.status_code == 502
    assert "launch the app there" in page.text
    assert not any("Nora" in str(r.query) for r in ehr.fake.requests)


@shows("x8")
@pytest.mark.parametrize(
    "fields", [{}, {"name": "N"}, {"name": "Nora", "birth": "1960"}, {"name": "Nora", "birth": "x"}]
)
def test_too_little_to_search_for_is_said_and_asked_of_nobody(picking: App, ehr: Ehr, fields: dict[str, str]) -> None:
    place = begun(picking, ehr).headers["Location"]
    page = send(picking, place, picking.get(place).text, **fields)
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert ehr.fake.asked("/_search") == []


@shows(40, "x8")
def test_a_patient_answered_with_another_id_is_not_opened(picking: App, ehr: Ehr) -> None:
    place = begun(picking, ehr).headers["Location"]
    page = picking.get(place).text
    ehr.fake.on("/fhir/Patient/p2", Answer(body=PATIENT))
    assert "launch.other_patient" in send(picking, f"{place}/choose", page, patient="p2").text
    for patient in ("", "../p1", "p1/x", "Patient/p1"):
        assert "launch.no_patient" in send(picking, f"{place}/choose", page, patient=patient).text


@shows(15, "x8")
def test_a_server_without_a_picker_of_its_own_is_asked_for_user_scopes_when_standalone(picking: App, ehr: Ehr) -> None:
    ehr.document["capabilities"] = ["launch-standalone", "permission-v2", "permission-user"]
    standalone = picking.get("/launch", params={"iss": ehr.base}).headers["Location"]
    assert "user%2FObservation.rs" in standalone
    assert "launch%2Fpatient" in standalone
    assert "patient/Observation.rs" in picking.begin(ehr)["scope"].split()
    ehr.document["capabilities"].append("context-standalone-patient")
    assert "user%2F" not in picking.get("/launch", params={"iss": ehr.base}).headers["Location"]


@shows("x8")
@given(scope=st.text(max_size=30))
def test_only_scopes_of_a_user_or_system_may_search_patients(scope: str) -> None:
    if may_search((scope,)):
        assert re.match(r"(user|system)/(Patient|\*)\.(read|\*|[cruds]+)(\?.*)?\Z", scope, re.DOTALL)
