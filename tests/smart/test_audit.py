"""Who opened, read, wrote and ended what: kept with ids only, exported as valid FHIR R4 AuditEvents."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from hypothesis import given
from hypothesis import strategies as st

from smart_app.cli.main import main as smart_app
from smart_app.errors import FhirError
from smart_app.fhir.gate import Gate
from smart_app.smart.audit import AUDIT_SECONDS, EVENTS, OUTCOMES, AuditedClient, AuditTrail, audit_event
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import Launch
from smart_app.smart.store import SqliteStore, load_keys
from tests.smart.behaviours import shows
from tests.smart.ehr import App, Clock, Ehr, running
from tests.support.fake_server import Answer


def exported(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert smart_app(["audit", "--data", str(folder / "data"), *more]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for line in lines:
        AuditEvent.model_validate(line)
    return lines


def told(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(e["subtype"][0]["display"], e["outcome"]) for e in events]


@shows("x10")
def test_a_visit_leaves_who_read_and_ended_what_and_nothing_of_the_record(
    app: App, ehr: Ehr, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ehr.token["tenant"] = "ward-7"
    address = app.launched(ehr)
    page = app.get(address)
    app.get(address + "receipt")
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    app.browser.post(app.url + address + "end", data={"csrf_token": token})
    app.get(address)
    events = exported(tmp_path, capsys)
    assert told(events) == [("Login", "0"), ("read", "0"), ("read", "0"), ("Logout", "0")]
    for event in events:
        assert event["agent"][0]["who"] == {"reference": f"{ehr.base}/Practitioner/d1"}
        assert event["entity"][0]["what"] == {"reference": f"{ehr.base}/Patient/p1"}
        assert event["source"]["site"] == "ward-7"
    raw = json.dumps(events)
    for secret in ("Secretname", "Nora", "1960", "SECRET-TOKEN", address.split("/")[2], "Dr Ada"):
        assert secret not in raw
    assert (tmp_path / "data" / "app.sqlite").read_bytes().count(b"Practitioner/d1") == 0


@shows("x10")
def test_a_stolen_address_and_a_refused_sign_in_stand_in_the_trail(
    app: App, ehr: Ehr, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = app.launched(ehr)
    App(app.url).get(address)
    ehr.token["patient"] = None
    app.back(app.begin(ehr))
    App(app.url).get("/callback", params={"state": "made-up", "code": "x"})
    App(app.url).get("/s/made-up/")
    events = exported(tmp_path, capsys)
    assert [(e.get("outcomeDesc"), e["outcome"]) for e in events[1:]] == [
        ("session.other_browser", "4"),
        ("launch.no_patient", "4"),
    ]


@pytest.mark.parametrize(
    ("answer", "outcome", "resource"),
    [
        (Answer(201, {"resourceType": "CarePlan", "id": "c1"}), "0", "CarePlan/c1"),
        (Answer(403), "4", "CarePlan"),
        (Answer(500), "8", "CarePlan"),
        (Answer(drop=True), "8", "CarePlan"),
    ],
)
@shows("x10")
def test_every_write_stands_in_the_trail_with_what_became_of_it(
    ehr: Ehr, tmp_path: Path, answer: Answer, outcome: str, resource: str
) -> None:
    trail = AuditTrail(SqliteStore(tmp_path / "app.sqlite", load_keys(tmp_path / "key")))
    launch = Launch("an-id", Issuer("one", "One", ehr.base, "public"), "p1", "x", user_reference="Practitioner/d1")
    gate = Gate()
    gate.allow(ehr.base)
    ehr.fake.on("/fhir/CarePlan", answer)
    client = AuditedClient(launch, trail, gate, None)
    for method, path in (("POST", "CarePlan"), ("GET", "CarePlan/c1")):
        with pytest.raises(FhirError) if answer.drop else nullcontext():
            client.send(method, path, body={"resourceType": "CarePlan", "title": "Nora Secretname"})
    (event,) = (audit_event(e) for e in trail.entries())
    AuditEvent.model_validate(event)
    assert (event["action"], event["outcome"]) == ("C", outcome)
    assert event["entity"][1]["what"].get("reference", "").removeprefix(f"{ehr.base}/") in (resource, "")
    assert "Secretname" not in json.dumps(event)


@given(
    event=st.sampled_from(sorted(EVENTS)),
    outcome=st.sampled_from(sorted(OUTCOMES)),
    more=st.dictionaries(
        st.sampled_from(["patient", "user", "tenant", "launch", "page", "issuer", "resource", "code"]),
        st.from_regex(r"[A-Za-z][A-Za-z0-9.-]{0,20}(/[A-Za-z0-9.-]{1,20})?", fullmatch=True),
    ),
    based=st.booleans(),
)
def test_every_entry_is_a_valid_audit_event(event: str, outcome: str, more: dict[str, str], based: bool) -> None:
    entry = {"id": "1-2", "event": event, "outcome": outcome, "at": 1_795_273_200.5, **more}
    made = audit_event({**entry, **({"base": "https://ehr.example.org/fhir"} if based else {})})
    AuditEvent.model_validate(made)
    assert made["recorded"] == "2026-11-21T15:00:00.500+00:00"


def test_the_trail_is_kept_for_its_days_and_exported_from_a_moment_on(
    ehr: Ehr, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    for app in running(ehr, tmp_path, clock=clock):
        clock.ahead = -AUDIT_SECONDS - 60  # so long ago that its time is over now
        app.launched(ehr)
        clock.ahead = -3600
        app.launched(ehr)
        clock.ahead = 0
        app.launched(ehr)
    assert len(exported(tmp_path, capsys)) == 2
    assert exported(tmp_path, capsys, "--since", "2100-01-01") == []
    assert len(exported(tmp_path, capsys, "--since", "2020-01-01T00:00:00Z")) == 2


def test_wrong_arguments_of_the_export_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert smart_app(["audit", "--data", str(tmp_path)]) == 2
    assert "config.data" in capsys.readouterr().err
    SqliteStore(tmp_path / "app.sqlite", load_keys(tmp_path / "app.key"))
    assert smart_app(["audit", "--data", str(tmp_path), "--since", "soon"]) == 2
    assert "config.since" in capsys.readouterr().err


def test_a_list_longer_than_one_part_comes_whole_and_in_order(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "app.sqlite", load_keys(tmp_path / "key"))
    for number in range(1201):
        store.put("audit", f"{number:05}", {"n": number}, 60)
    store.put("other", "x", {}, 60)
    assert [value["n"] for _, value in store.all("audit")] == list(range(1201))
