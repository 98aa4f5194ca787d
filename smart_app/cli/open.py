"""``smart-app open``: hands a patient of an open test server to the running app, by an address that works once."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from smart_app.cli.serve import public_url
from smart_app.errors import ConfigError
from smart_app.smart.issuers import load_issuers
from smart_app.smart.launches import PENDING_SECONDS, digest
from smart_app.smart.store import open_store


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("open", help="open a patient of an open test server (no sign-in)")
    parser.add_argument("--config", type=Path, default=Path(".demo"), help="the folder that holds issuers.toml")
    parser.add_argument("--data", type=Path, help="the running app's data folder (default: CONFIG/data)")
    parser.add_argument("--public-url", default="http://127.0.0.1:8000")
    parser.add_argument("--issuer", help="id of the open issuer (default: the only one)")
    parser.add_argument("--patient", required=True, help="id of the Patient on that server")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    issuers = [i for i in load_issuers(arguments.config / "issuers.toml") if i.open_server]
    chosen = [i for i in issuers if arguments.issuer in (None, i.id)]
    if len(chosen) != 1:
        known = ", ".join(i.id for i in issuers) or "none"
        raise ConfigError(f"Say which open issuer with --issuer; registered: {known}.", code="config.open_issuer")
    data = arguments.data or arguments.config / "data"
    store = open_store(data)
    token = secrets.token_urlsafe(24)
    store.put("handoff", digest(token), {"issuer": chosen[0].id, "patient": arguments.patient}, PENDING_SECONDS)
    print(f"{public_url(arguments.public_url)}/open/handoff/{token}")
    return 0
