"""The Provenance beside a plan: written once, never in the plan's way, and a record that replays bit for bit."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from smart_app.cli.main import main as smart_app
from smart_app.errors import FhirError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.decisionjson import replayable
from smart_app.fhir.gate import Gate
from smart_app.fhir.writing.provenance import aimed, draft, put_beside, record_in
from smart_app.policies import load_policy
from smart_app.sandbox.patients import everybody
from tests.support.fake_server import Answer, FakeServer, Request, fake_server
from tests.support.running import app_and_sandbox
from tests.writing.support import DAY, PATIENT, Json, chart_of
from tests.writing.test_killed_app import Bed, bed, close, confirm

PLAN = {"resourceType": "CarePlan", "id": "plan1", "meta": {"versionId": "2"}}
EVERYBODY = [p.id for p in everybody(DAY)]


def made(ident: str = PATIENT, user: str | None = "Practitioner/d1") -> Json:
    chart, decision = chart_of(ident)
    record = replayable(decision, chart, load_policy("trial-strict"))
    return draft(decision, chart, record, user, datetime(2026, 11, 21, 9, 30, tzinfo=UTC), creating=True)


class Witnesses:
    """A server that keeps Provenance."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake, self.kept = fake, []  # type: ignore[var-annotated]
        self.can, self.conditional = ["create", "search-type"], True
        self.before: Callable[[Request], Answer | None] = lambda _r: None
        self.after: Callable[[Request, Answer], Answer] = lambda _r, a: a
        fake.on("/fhir/metadata", lambda _r: Answer(body=self.statement()))
        fake.on("/fhir/Provenance", self.provenance)

    def statement(self) -> Json:
        codes = [{"code": c} for c in self.can]
        offered = {"type": "Provenance", "interaction": codes, "conditionalCreate": self.conditional}
        return {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "resource": [offered]}]}

    def provenance(self, request: Request) -> Answer:
        early = self.before(request)
        if early is not None:
            return early
        if request.method == "GET":
            entries = [{"resource": r} for r in self.kept]
            return Answer(body={"resourceType": "Bundle", "type": "searchset", "entry": entries})
        self.kept.append({**jsontext.loads(request.body), "id": f"w{len(self.kept)}"})
        return self.after(request, Answer(201))

    def put_beside(self, witness: Json | None = None) -> str:
        gate = Gate(sleep=lambda _s: None)
        gate.allow(self.fake.base)
        return put_beside(FhirClient(self.fake.base, gate), witness or made(), [PLAN])


@pytest.fixture
def server() -> Iterator[Witnesses]:
    with fake_server() as fake:
        yield Witnesses(fake)


def test_it_names_the_plan_version_policy_digest_people_and_sources(server: Witnesses) -> None:
    _, decision = chart_of(PATIENT)
    assert server.put_beside() == "written"
    kept = server.kept[0]
    assert kept["target"] == [{"reference": "CarePlan/plan1/_history/2"}]
    assert kept["policy"] == ["https://esr1.example.org/fhir/PlanDefinition/esr1-trial-strict|2026-11-21"]
    assert [a["type"]["coding"][0]["code"] for a in kept["agent"]] == ["author", "assembler"]
    assert kept["entity"][0]["what"]["identifier"]["value"] == decision.input_digest
    assert any(e["what"]["reference"].startswith("Observation/") for e in kept["entity"][1:])


def test_the_same_one_is_written_once(server: Witnesses) -> None:
    witness = made()
    assert [server.put_beside(witness) for _ in range(3)] == ["written"] * 3
    assert len(server.kept) == 1
    server.put_beside(made())
    assert len(server.kept) == 2


@pytest.mark.parametrize("conditional", [True, False])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_twice(server: Witnesses, conditional: bool) -> None:
    server.conditional = conditional
    server.after = lambda _r, _a: Answer(504)
    witness = made()
    assert server.put_beside(witness) == "written"
    assert server.put_beside(witness) == "written"
    assert len(server.kept) == 1


def test_an_answer_that_never_came_is_unknown_and_written_at_the_next_try(server: Witnesses) -> None:
    server.before = lambda r: Answer(drop=True) if r.method == "POST" else None
    witness = made()
    assert server.put_beside(witness) == "unknown"
    server.before = lambda _r: None
    assert server.put_beside(witness) == "written"


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [("POST", 422, "refused"), ("POST", 403, "refused"), ("GET", 403, "refused"), ("GET", 500, "unknown")],
)
def test_a_server_that_will_not_have_it_is_told_and_not_pressed(
    server: Witnesses, asked: str, status: int, told: str
) -> None:
    server.before = lambda r: Answer(status) if r.method == asked and "Provenance" in r.path else None
    assert server.put_beside() == told
    assert server.kept == []


def test_a_server_that_offers_none_is_not_asked(server: Witnesses) -> None:
    server.can = ["read"]
    assert server.put_beside() == "not_offered"
    assert server.fake.asked("/Provenance") == []


# --- replay -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", EVERYBODY)
def test_what_was_written_replays_to_the_same_decision(
    ident: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, decision = chart_of(ident)
    file = tmp_path / "provenance.json"
    file.write_bytes(jsontext.dumps(aimed(made(ident, None), [PLAN])))
    assert smart_app(["replay", "--record", str(file)]) == 0
    assert f"inputs sha256 {decision.input_digest}" in capsys.readouterr().out


def test_the_newest_of_a_list_is_replayed() -> None:
    chart, decision = chart_of("sandbox-due")
    record = replayable(decision, chart, load_policy("trial-strict"))
    late = draft(decision, chart, record, None, datetime(2026, 11, 22, tzinfo=UTC), creating=False)
    entries = [{"resource": r} for r in (made(), late, {"resourceType": "OperationOutcome"})]
    assert record_in({"resourceType": "Bundle", "entry": entries})["input_digest"] == decision.input_digest


def packed(raw: bytes) -> Json:
    content = [{"attachment": {"data": base64.b64encode(raw).decode()}}]
    return {"resourceType": "Provenance", "contained": [{"id": "record", "content": content}]}


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Provenance"},
        {"resourceType": "Bundle"},
        packed(b"no gzip"),
        packed(gzip.compress(b"no JSON")),
        packed(gzip.compress(b"{}")[:-9]),
        packed(gzip.compress(b" " * 30_000_000)),
        packed(gzip.compress(b"[]")),
    ],
    ids=["nothing", "empty list", "not packed", "no JSON", "cut off", "too large", "no record"],
)
def test_a_provenance_without_a_record_is_refused_in_words(
    resource: Json, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(resource))
    assert smart_app(["replay", "--record", str(file)]) == 2
    assert "record.invalid" in capsys.readouterr().err


# --- beside a plan that the app writes --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with bed(tmp_path_factory.mktemp("witness")) as it:
        yield it


def beside(it: Bed, plan: Json) -> list[Json]:
    found, _ = it.client.search("Provenance", [("target", f"CarePlan/{plan['id']}")])
    return [r for _, r in found]


def test_a_plan_written_through_the_pages_has_one_that_replays(
    sandbox: Bed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.start_anew()
    page = confirm(*sandbox.launch(sandbox.running.app_url))
    assert "stands beside it as a Provenance" in page
    plan = sandbox.living[0]
    confirm(*sandbox.launch(sandbox.running.app_url))  # the same again
    (witness,) = beside(sandbox, plan)
    assert witness["target"] == [{"reference": f"CarePlan/{plan['id']}/_history/1"}]
    file = tmp_path / "provenance.json"
    file.write_bytes(jsontext.dumps(witness))
    assert smart_app(["replay", "--record", str(file)]) == 0
    digest = next(p["valueString"] for p in plan["extension"][0]["extension"] if p["url"] == "inputDigest")
    assert f"inputs sha256 {digest}" in capsys.readouterr().out


def test_a_closing_takes_no_provenance_along(sandbox: Bed) -> None:
    sandbox.start_anew()
    browser, address = sandbox.launch(sandbox.running.app_url)
    confirm(browser, address)
    plan = sandbox.living[0]
    close(browser, address)
    assert len(beside(sandbox, plan)) == 1


def test_through_a_sign_in_it_is_written_where_the_scopes_hold_it(tmp_path: Path) -> None:
    with app_and_sandbox(tmp_path) as running:
        browser = requests.Session()
        landed = browser.post(f"{running.ehr_url}/launch", data={"patient": PATIENT}, timeout=60)
        page = confirm(browser, landed.url)
        assert "stands beside it as a Provenance" in page
        assert running.store is not None
        (plan,) = running.store.matches("CarePlan", [("patient", PATIENT)])
        (witness,) = running.store.matches("Provenance", [("target", f"CarePlan/{plan['id']}")])
        assert witness["agent"][0]["who"] == plan["author"]


class Cut:
    """The network, but no Provenance gets through."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gate, name)

    def request(self, method: str, url: str, **more: Any) -> Any:
        if url.endswith("/Provenance") and method == "POST":
            raise FhirError("The server could not be reached.", code="net.unreachable")
        return self.gate.request(method, url, **more)


def test_a_plan_whose_provenance_got_no_answer_has_it_after_the_next_launch(sandbox: Bed) -> None:
    sandbox.start_anew()
    services = sandbox.running.app.extensions["esr1"]
    gate = services.gate
    services.gate = Cut(gate)
    try:
        page = confirm(*sandbox.launch(sandbox.running.app_url))
    finally:
        services.gate = gate
    assert "the next launch looks for the Provenance" in page
    plan = sandbox.living[0]
    assert beside(sandbox, plan) == []
    browser, address = sandbox.launch(sandbox.running.app_url)
    assert "ended without an answer" not in browser.get(address + "plan", timeout=60).text
    browser.get(address + "plan", timeout=60)
    assert len(beside(sandbox, plan)) == 1
