"""``smart-app audit``: the audit trail as FHIR R4 AuditEvents, one a line (NDJSON), oldest first."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from smart_app.errors import ConfigError
from smart_app.fhir import jsontext
from smart_app.smart.audit import AUDIT_DAYS, AuditTrail, audit_event
from smart_app.smart.store import open_store


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("audit", help=f"who read and wrote what, of the last {AUDIT_DAYS} days")
    parser.add_argument("--data", type=Path, required=True, help="the folder where the app keeps its launches")
    parser.add_argument("--since", help="only what was recorded then or later, as 2026-11-21 or 2026-11-21T10:00:00Z")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    since = _moment(arguments.since) if arguments.since else 0.0
    trail = AuditTrail(open_store(arguments.data, existing=True))
    for entry in trail.entries():
        if entry["at"] >= since:
            sys.stdout.write(jsontext.dumps(audit_event(entry)).decode() + "\n")
    return 0


def _moment(value: str) -> float:
    """Seconds since 1970; a time without a zone is UTC."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise ConfigError(f"{value} is no day and no time.", code="config.since") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
