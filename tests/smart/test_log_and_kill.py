"""What the app says of itself while it runs, and its sessions ended from the server's side."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app.cli.main import main as smart_app
from smart_app.web.log import _FIELDS, JsonLine
from tests.smart.behaviours import shows
from tests.smart.ehr import App, Ehr


@given(
    message=st.text(),
    extra=st.dictionaries(st.sampled_from([*_FIELDS, "patient", "token", "name_of"]), st.text()),
)
def test_a_log_line_is_one_line_of_json_with_the_fields_that_are_allowed(message: str, extra: dict[str, str]) -> None:
    record = logging.makeLogRecord({"name": "smart_app", "msg": message, "levelname": "INFO", **extra})
    line = JsonLine().format(record)
    assert "\n" not in line
    assert "\r" not in line
    told = json.loads(line)
    assert set(told) <= {"at", "level", "logger", "event", *_FIELDS}
    assert datetime.fromisoformat(told["at"]).utcoffset() is not None
    assert told["event"] == message or told["event"] == "message"


@shows("x2")
def test_a_session_is_ended_from_the_servers_side_at_once(
    app: App, ehr: Ehr, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sessions(*more: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        code = smart_app(["sessions", "--data", str(tmp_path / "data"), *more])
        return code, capsys.readouterr().out.splitlines()

    first, second, third = (app.launched(ehr) for _ in range(3))
    code, lines = sessions()
    assert (code, len(lines)) == (0, 3)
    assert all("Practitioner/d1" in line and "p1" not in line.split() for line in lines)
    assert not any(address.split("/")[2] in line for line in lines for address in (first, second, third))
    assert sessions("--end", lines[0].split()[0]) == (0, ["1 ended"])
    assert sorted(app.get(a).status_code for a in (first, second, third)) == [200, 200, 403]
    assert sessions("--end", "nobody") == (1, ["0 ended"])
    assert sessions("--end-user", "Practitioner/other") == (1, ["0 ended"])
    assert sessions("--end-user", "Practitioner/d1") == (0, ["2 ended"])
    assert {app.get(a).status_code for a in (first, second, third)} == {403}
    app.launched(ehr)
    assert sessions("--end-all") == (0, ["1 ended"])
    assert smart_app(["sessions", "--data", str(tmp_path / "nowhere")]) == 2
