"""``smart-app demo``: what it refuses, and what it says of patients that were loaded long ago."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smart_app.cli.main import main
from tests.support.java import free_port


def test_one_port_cannot_serve_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = str(free_port())
    assert main(["demo", "--data", str(tmp_path), "--port", port, "--ehr-port", port]) == 2
    said = capsys.readouterr().err
    assert port in said
    assert "make demo PORT=" in said
    assert "demo.same_port" in said


@pytest.mark.parametrize("base", ["hapi.fhir.org/baseR4", "http://hapi.example.org/fhir", "ftp://x/fhir"])
def test_a_server_address_that_cannot_be_used_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    ports = ["--port", str(free_port()), "--ehr-port", str(free_port())]
    assert main(["demo", "--data", str(tmp_path), *ports, "--fhir", base]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_later_start_says_from_which_day_the_dates_count(tmp_path: Path) -> None:
    for day, told in (("2026-11-21", False), ("2026-12-21", True)):
        ports = ["--port", str(free_port()), "--ehr-port", str(free_port()), "--day", day]
        program = [sys.executable, "-m", "smart_app.cli.main", "demo", "--data", str(tmp_path), *ports]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env={**os.environ, "TZ": "UTC"}) as running:
            assert running.stdout is not None
            assert "Open http://127.0.0.1:" in running.stdout.readline()
            second = running.stdout.readline() if told else ""
            running.send_signal(signal.SIGTERM)
            assert running.wait(timeout=20) == 0
        assert ("2026-11-21" in second) is told
