"""The table ``tests/spec/vignettes.toml``: a patient's resources, and what ``smart-app decide`` must answer."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from smart_app.cli.main import main

ROWS = tomllib.loads((Path(__file__).parent.parent / "spec" / "vignettes.toml").read_text("utf-8"))["row"]


def _check(told: dict[str, Any], part: str) -> None:
    what, _, rest = part.partition(" ")
    if what == "window":
        assert [told["window"]["answer"], *told["window"]["clauses"]] == rest.split(" ")
        assert bool(told["window"]["settle"]) is (told["window"]["answer"] == "cannot_tell")
    elif what == "says":
        assert any(rest in reason["sentence"] for reason in told["reasons"])
    else:
        for name, value in (word.split("=") for word in part.split(" ")):
            assert told["modifiers"][name] == value, name


@pytest.mark.parametrize("row", ROWS, ids=[row["title"] for row in ROWS])
def test_each_story_is_answered_as_the_clauses_say(
    row: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "record.ndjson"
    file.write_text(row["given"].strip(), "utf-8")
    assert main(["decide", "--bundle", str(file), "--patient", "p1", "--today", row["today"], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    for part in row["expect"].split(" ; "):
        _check(told, part)
