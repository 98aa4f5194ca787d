"""``smart-app replay``: from a saved decision to the same decision, bit for bit, or what differs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from smart_app import __version__
from smart_app.cli.show import say
from smart_app.domain import decide
from smart_app.domain.facts import Chart
from smart_app.domain.policy import Policy
from smart_app.errors import AppError
from smart_app.fhir.decisionjson import SCHEMA, decision_json
from smart_app.fhir.factjson import decode
from smart_app.fhir.writing.provenance import record_in

_SHOWN = 20


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("replay", help="decide again from a saved decision and compare")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        required=True,
        help="what decide --json printed, or the Provenance beside a care plan; - is stdin",
    )
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """0: the same decision; 1: something differs, and is said; 2: no decision record."""
    record = load_record(arguments.record)
    chart, policy, today = inputs_of(record)
    again = json.loads(json.dumps(decision_json(decide(chart, policy, today))))
    told = {key: record.get(key) for key in again if key != "code_version"}
    told["policy"] = {key: _at(record.get("policy"), key) for key in again["policy"]}
    recorded_by = record.get("code_version")
    if recorded_by != __version__:
        say([f"recorded by version {recorded_by}, replayed by {__version__}"])
    differing = list(differences(told, {key: again[key] for key in told}))
    if told["input_digest"] != again["input_digest"]:
        say(["the recorded inputs are not those that the decision was made from: their digest differs"])
    if not differing:
        say([f"the same decision: {again['headline']}", f"inputs sha256 {again['input_digest']}"])
        return 0
    say(differing[:_SHOWN])
    if len(differing) > _SHOWN:
        say([f"and {len(differing) - _SHOWN} more"])
    return 1


def load_record(file: Path) -> dict[str, Any]:
    """AppError ``record.unreadable`` or ``record.invalid``."""
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        record = json.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise AppError(f"{file.name} could not be read.", code="record.unreadable") from error
    except (ValueError, RecursionError) as error:
        raise AppError(f"{file.name} is not JSON.", code="record.invalid") from error
    if isinstance(record, dict) and record.get("resourceType") in ("Provenance", "Bundle"):
        record = _written(record, file)
    if not isinstance(record, dict) or "inputs" not in record:
        raise AppError(f"{file.name} is no decision record: it has no inputs.", code="record.invalid")
    if record.get("schema") != SCHEMA:
        raise AppError(f"{file.name} has a schema that this version does not read.", code="record.invalid")
    return record


def _written(resource: dict[str, Any], file: Path) -> Any:
    try:
        return record_in(resource)
    except ValueError as error:
        raise AppError(f"{file.name} holds no decision record: {error}.", code="record.invalid") from error


def inputs_of(record: dict[str, Any]) -> tuple[Chart, Policy, date]:
    """What the decision was made from. AppError ``record.invalid`` names the place of what does not fit."""
    inputs = record["inputs"]
    try:
        chart, policy = decode(Chart, _at(inputs, "chart")), decode(Policy, _at(inputs, "policy"))
        today = date.fromisoformat(_at(inputs, "today") or "")
    except (ValueError, TypeError, RecursionError) as error:
        raise AppError(f"The record's inputs cannot be read: {error}.", code="record.invalid") from error
    return chart, policy, today


def _at(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def differences(recorded: Any, now: Any, at: str = "") -> Iterator[str]:
    """One line for each place where the two differ."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key in sorted({*recorded, *now}):
            yield from differences(recorded.get(key), now.get(key), f"{at}.{key}" if at else key)
    elif isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        for number, (one, other) in enumerate(zip(recorded, now, strict=True)):
            yield from differences(one, other, f"{at}[{number}]")
    elif type(recorded) is not type(now) or recorded != now:
        yield f"{at}: recorded {json.dumps(recorded)}, now {json.dumps(now)}"
