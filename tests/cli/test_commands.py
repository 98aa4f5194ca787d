"""The command line: the documented JSON, and one line with a stable code for bad input."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from smart_app.cli.main import main
from smart_app.fhir import jsontext
from smart_app.sandbox.patients import everybody
from tests.support.java import free_port

DAY = date(2026, 11, 21)


def bundle(folder: Path, *idents: str) -> str:
    people = [p for p in everybody(DAY) if p.id in idents]
    entry = [{"resource": r} for p in people for r in p.resources]
    file = folder / "bundle.json"
    file.write_bytes(jsontext.dumps({"resourceType": "Bundle", "type": "collection", "entry": entry}))
    return str(file)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("person", everybody(DAY), ids=lambda p: p.id)
def test_decide_gives_what_a_clinician_expects_of_each_sandbox_patient(
    person: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bundle(tmp_path, person.id)
    shown = told(capsys, "decide", "--bundle", file, "--today", "2026-11-21", "--json")
    assert shown["window"]["answer"] == person.expect["window"]
    assert shown["switch_review"]["answer"] == person.expect["review"]
    assert (shown["next_draw"] is not None) is person.expect["draw"]
    assert shown["policy"]["name"] == "trial-strict"
    assert len(shown["input_digest"]) == 64
    assert set(shown["modifiers"]) == {
        "prior_adjuvant_ai",
        "bone",
        "visceral",
        "multiple_sites",
        "ai_6_months",
        "ldh_high",
    }


def test_read_gives_the_documented_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(capsys, "read", "--bundle", bundle(tmp_path, "sandbox-two-labs"), "--json")
    assert [d["outcome"] for d in shown["draws"]] == ["not_detected", "detected", "detected"]
    found = [d["findings"][0] for d in shown["draws"][1:]]
    assert [(f["protein_change"], f["vaf"], f["qualifies"]) for f in found] == [
        ("p.E380Q", "0.0031", True),
        ("p.E380Q", "0.0062", True),
    ]
    assert {"draws", "drugs", "lines", "receptors", "disease", "visits", "set_aside", "receipt"} <= set(shown)
    assert shown["receptors"]["er"] == "positive"


def test_read_and_decide_are_readable_in_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = bundle(tmp_path, "sandbox-first-positive")
    assert main(["read", "--bundle", file]) == 0
    assert main(["decide", "--bundle", file, "--today", "2026-11-21", "--policy", "practical"]) == 0
    out = capsys.readouterr().out
    assert "detected p.D538G 0.84 %" in out
    assert "switch review due" in out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["decide", "--bundle", "nowhere.json", "--today", "2026-11-21"], "input.unreadable"),
        (["decide", "--today", "2026-11-21"], "input.source"),
        (["read", "--bundle", "{empty}"], "input.empty"),
        (["read", "--bundle", "{text}"], "input.not_json"),
        (["read", "--bundle", "{two}"], "input.patient"),
        (["read", "--bundle", "{two}", "--timezone", "Mars"], "input.timezone"),
        (["decide", "--bundle", "{two}", "--today", "2026-11-21", "--policy", "none"], "config.policy"),
        (["read", "--fhir", "http://ehr.example.org/fhir", "--patient", "p"], "net.origin"),
        (["read", "--fhir", "http://127.0.0.1:9/fhir", "--patient", "p"], "net.unreachable"),
    ],
)
def test_bad_input_gives_one_line_with_a_stable_code_and_exit_code_2(
    arguments: list[str], code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_text('{"resourceType": "Bundle"}')
    (tmp_path / "text").write_text("hello")
    names = {"{empty}": tmp_path / "empty", "{text}": tmp_path / "text"}
    two = bundle(tmp_path, "sandbox-due", "sandbox-man")
    given = [two if a == "{two}" else str(names.get(a, a)) for a in arguments]
    assert main(given) == 2
    assert code in capsys.readouterr().err


def test_evidence_and_policies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence"]) == 0
    assert main(["policy", "show", "trial-strict"]) == 0
    out = capsys.readouterr().out
    assert "16.0 v 9.2" in out
    assert "first_draw_from_months = 6" in out


def demo(folder: Path, port: int, ehr_port: int) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "smart_app.cli.main", "demo", "--data", str(folder)]
    ports = ["--port", str(port), "--ehr-port", str(ehr_port)]
    pipe = subprocess.PIPE
    return subprocess.Popen([*program, *ports], stdout=pipe, stderr=pipe, text=True, env={**os.environ, "TZ": "UTC"})


def test_the_demo_starts_prints_one_address_keeps_what_was_written_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    port, ehr_port = free_port(), free_port()
    plan = {
        "resourceType": "CarePlan",
        "id": "kept",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": "Patient/sandbox-due"},
    }
    for start in range(2):
        running = demo(tmp_path, port, ehr_port)
        assert running.stdout is not None
        line = running.stdout.readline()
        assert f"http://127.0.0.1:{ehr_port}/" in line
        address = f"http://127.0.0.1:{ehr_port}/open/fhir/CarePlan/kept"
        for _ in range(50):
            try:
                requests.get(f"http://127.0.0.1:{ehr_port}/", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        if start == 0:
            assert requests.put(address, json=plan, timeout=10).status_code == 201
        assert requests.get(address, timeout=10).json()["meta"]["versionId"] == "1"
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 0


def test_a_port_in_use_gives_a_clear_message_and_the_way_round(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = demo(tmp_path, taken.getsockname()[1], free_port())
        _, err = running.communicate(timeout=30)
    assert running.returncode == 2
    assert "is in use" in err
    assert "make demo PORT=" in err
