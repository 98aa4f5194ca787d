"""The whole app is killed at every step of a confirmation; another process of it finds one plan and goes on with it."""

from __future__ import annotations

import html
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from smart_app.cli.main import main as smart_app
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.writing.identity import SYSTEM
from smart_app.smart.launches import digest
from tests.support.java import free_port, hapi_server
from tests.support.running import Running, app_and_sandbox

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENT = "sandbox-first-positive"
CLOSED = ("revoked", "completed", "entered-in-error")
MOST = 80
Json = dict[str, Any]
FOREIGN = {
    "resourceType": "CarePlan",
    "id": "team-plan",
    "status": "active",
    "intent": "plan",
    "subject": {"reference": f"Patient/{PATIENT}"},
    "identifier": [{"system": "urn:team", "value": "7"}],
    "title": "Another team's plan",
}


@dataclass
class Bed:
    """The app that survives, the one to be killed beside it on the same store, and the FHIR server."""

    running: Running
    base: str
    doomed: subprocess.Popen[str]

    def __post_init__(self) -> None:
        gate = Gate()
        gate.allow(self.base)
        self.client = FhirClient(self.base, gate)

    @property
    def plans(self) -> list[Json]:
        found, record = self.client.search("CarePlan", [("patient", PATIENT)])
        assert record.complete
        return [p for _, p in found]

    @property
    def ours(self) -> list[Json]:
        return [p for p in self.plans if any(i.get("system") == SYSTEM for i in p["identifier"])]

    @property
    def living(self) -> list[Json]:
        return [p for p in self.ours if p["status"] not in CLOSED]

    def beside(self, plan: Json) -> list[Json]:
        found, record = self.client.search("Provenance", [("target", f"CarePlan/{plan['id']}")])
        assert record.complete
        return [r for _, r in found]

    def start_anew(self) -> None:
        for plan in self.plans:
            for witness in self.beside(plan):
                assert self.client.send("DELETE", f"Provenance/{witness['id']}").status in (200, 204)
        # a plan that names another one in ``replaces`` keeps it from being deleted: the newest goes first
        for plan in sorted(self.plans, key=lambda p: "replaces" in p, reverse=True):
            assert self.client.send("DELETE", f"CarePlan/{plan['id']}").status in (200, 204)
        self.client.send("DELETE", "Observation/late-draw")
        assert self.client.send("PUT", "CarePlan/team-plan", body=FOREIGN).status in (200, 201)
        services = self.running.app.extensions["esr1"]
        with services.store._transaction() as db:
            db.execute("DELETE FROM record WHERE kind IN ('journal', 'write-lock')")

    def later_draw(self) -> None:
        """A positive result of yesterday."""
        day = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
        late = {
            "resourceType": "Observation",
            "id": "late-draw",
            "status": "final",
            "category": [
                {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                            "code": "laboratory",
                        }
                    ]
                }
            ],
            "subject": {"reference": f"Patient/{PATIENT}"},
            "code": {"text": "ESR1 mutation, ctDNA, plasma"},
            "effectiveDateTime": day,
            "valueString": "ESR1 p.Asp538Gly detected, VAF 1.8 %",
        }
        assert self.client.send("PUT", "Observation/late-draw", body=late).status in (200, 201)

    def launch(self, url: str) -> tuple[requests.Session, str]:
        """A browser of its own, and the address of its launch."""
        token = secrets.token_urlsafe(16)
        value = {"issuer": "open", "patient": PATIENT}
        self.running.app.extensions["esr1"].store.put("handoff", digest(token), value, 60)
        browser = requests.Session()
        answer = browser.get(f"{url}/open/handoff/{token}", timeout=60)
        assert answer.status_code == 200, answer.text
        return browser, answer.url

    def killed_at(self, number: int, act: Callable[[requests.Session, str], object]) -> bool:
        """Lets the doomed app do it; False where it lived to the end."""
        port = free_port()
        assert self.doomed.stdin is not None
        assert self.doomed.stdout is not None
        self.doomed.stdin.write(f"{port} {number}\n")
        self.doomed.stdin.flush()
        assert self.doomed.stdout.readline().strip() == "ready"
        try:
            act(*self.launch(f"http://127.0.0.1:{port}"))
        except requests.ConnectionError:
            assert self.doomed.stdout.readline().strip() == "ended -9"
            return True
        child = Path(f"/proc/{self.doomed.pid}/task/{self.doomed.pid}/children").read_text().split()[0]
        os.kill(int(child), signal.SIGTERM)
        self.doomed.stdout.readline()
        return False


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""


def confirm(browser: requests.Session, address: str, **wishes: str) -> str:
    page = browser.get(address + "plan", timeout=60).text
    if wishes:
        form = {"csrf_token": hidden(page, "csrf_token"), **wishes}
        page = browser.post(address + "plan", data=form, timeout=60).text
    form = {"csrf_token": hidden(page, "csrf_token"), "token": hidden(page, "token"), "looked": "yes"}
    return browser.post(address + "plan/confirm", data=form, timeout=60).text


def close(browser: requests.Session, address: str) -> str:
    page = browser.get(address + "plan/stored", timeout=60).text
    form = {name: hidden(page, name) for name in ("csrf_token", "token", "seen")}
    form |= {"status": "entered-in-error", "reason": "wrong"}
    return browser.post(address + "plan/close", data=form, timeout=60).text


@contextmanager
def bed(folder: Path, upstream: str | None = None) -> Iterator[Bed]:
    with app_and_sandbox(folder, upstream=upstream) as running:
        run = [sys.executable, "-m", "tests.writing.killed_app", str(folder / "issuers.toml"), str(folder / "data")]
        doomed = subprocess.Popen(run, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield Bed(running, upstream or f"{running.ehr_url}/open/fhir", doomed)
        finally:
            assert doomed.stdin is not None
            assert doomed.stdout is not None
            doomed.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                doomed.wait(10)
            doomed.kill()
            doomed.stdout.close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with bed(tmp_path_factory.mktemp("bed")) as made:
        yield made


@pytest.fixture(scope="module")
def hapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with hapi_server() as base:
        assert smart_app(["patients", "load", "--fhir", base]) == 0
        with bed(tmp_path_factory.mktemp("hapi"), base) as made:
            yield made


def foreign(bed: Bed) -> Json:
    return next(p for p in bed.plans if p["id"] == "team-plan")


def created(bed: Bed) -> int:
    """Killed at each step of the first write; gives how many steps there were."""
    for number in range(1, MOST):
        bed.start_anew()
        before = foreign(bed)
        killed = bed.killed_at(number, lambda browser, address: confirm(browser, address, note="the confirmed one"))
        assert len(bed.ours) <= 1
        page = confirm(*bed.launch(bed.running.app_url), note="the confirmed one")
        assert [n["text"] for p in bed.ours for n in p["note"]] == ["the confirmed one"], (number, page)
        assert [p["status"] for p in bed.ours] == ["active"]
        assert len(bed.beside(bed.ours[0])) == 1, number
        assert foreign(bed) == before
        if not killed:
            return number - 1
    raise AssertionError("it never lived to the end")


def followed(bed: Bed) -> int:
    """Killed while one plan is completed and the next one created."""
    for number in range(1, MOST):
        bed.start_anew()
        before = foreign(bed)
        confirm(*bed.launch(bed.running.app_url), note="theirs")
        first = bed.living[0]["id"]
        bed.later_draw()
        killed = bed.killed_at(number, confirm)
        assert len(bed.living) <= 1
        assert len(bed.ours) <= 2
        page = confirm(*bed.launch(bed.running.app_url))
        assert {p["id"]: p["status"] for p in bed.ours if p["id"] == first} == {first: "completed"}, (number, page)
        assert [p["replaces"] for p in bed.living] == [[{"reference": f"CarePlan/{first}"}]]
        assert len(bed.ours) == 2
        assert [len(bed.beside(p)) for p in bed.ours] == [1, 1], number
        assert foreign(bed) == before
        if not killed:
            return number - 1
    raise AssertionError("it never lived to the end")


def closed(bed: Bed) -> int:
    """Killed while a plan is entered in error."""
    for number in range(1, MOST):
        bed.start_anew()
        before = foreign(bed)
        confirm(*bed.launch(bed.running.app_url))
        killed = bed.killed_at(number, close)
        browser, address = bed.launch(bed.running.app_url)
        if bed.living:
            close(browser, address)
        else:
            browser.get(address + "plan", timeout=60)
        assert [p["status"] for p in bed.ours] == ["entered-in-error"], number
        assert sum("wrong" in n["text"] for n in bed.ours[0]["note"]) == 1
        assert "ended without an answer" not in browser.get(address + "plan", timeout=60).text
        assert foreign(bed) == before
        if not killed:
            return number - 1
    raise AssertionError("it never lived to the end")


def test_the_app_killed_while_it_creates_a_plan_in_the_sandbox(sandbox: Bed) -> None:
    assert created(sandbox) > 10


def test_the_app_killed_while_one_plan_follows_another_in_the_sandbox(sandbox: Bed) -> None:
    assert followed(sandbox) > 15


def test_the_app_killed_while_it_closes_a_plan_in_the_sandbox(sandbox: Bed) -> None:
    assert closed(sandbox) > 5


@pytest.mark.hapi
def test_the_app_killed_while_it_writes_to_hapi(hapi: Bed) -> None:
    assert created(hapi) > 10
    assert followed(hapi) > 15
    assert closed(hapi) > 5


def test_a_flag_declined_with_a_reason_stays_declined_at_the_next_launch(sandbox: Bed) -> None:
    sandbox.start_anew()
    browser, address = sandbox.launch(sandbox.running.app_url)
    page = browser.get(address + "plan", timeout=60).text
    form = {"csrf_token": hidden(page, "csrf_token"), "declined": "yes"}
    silent = html.unescape(browser.post(address + "plan", data=form, timeout=60).text)
    assert "Declining the flag needs a reason." in silent
    assert "plan/confirm" not in silent
    confirm(browser, address, declined="yes", decided="known before")
    activity = sandbox.living[0]["activity"][0]
    assert activity["detail"]["status"] == "cancelled"
    assert activity["detail"]["statusReason"] == {"text": "Flag declined by the clinician"}
    assert activity["progress"][0]["text"] == "known before"
    browser, address = sandbox.launch(sandbox.running.app_url)
    assert 'id="declined"' not in browser.get(address + "plan", timeout=60).text  # it is not raised again
    confirm(browser, address)
    assert [a["detail"]["status"] for a in sandbox.living[0]["activity"]] == ["cancelled"]
    assert len(sandbox.ours) == 1
