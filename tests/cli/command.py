"""Runs ``smart-app …`` in this process, through its front door."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from smart_app.cli import main as front
from smart_app.fhir import jsontext
from smart_app.sandbox.patients import everybody

DAY = date(2026, 11, 21)
PEOPLE = {person.id: person for person in everybody(DAY)}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def smart_app(*words: str | Path) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = front.main([str(word) for word in words])
        except SystemExit as stopped:  # argparse's own refusals
            code = int(stopped.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources], **more}


def person(name: str) -> list[dict[str, Any]]:
    return list(PEOPLE[f"sandbox-{name}"].resources)


def write(file: Path, value: Any) -> Path:
    file.write_bytes(value if isinstance(value, bytes) else jsontext.dumps(value))
    return file
