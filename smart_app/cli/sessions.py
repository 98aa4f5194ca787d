"""``smart-app sessions``: which launches are open, and their end from the server's side. No patient is named."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from smart_app.smart.issuers import Issuers
from smart_app.smart.launches import Launches, digest
from smart_app.smart.store import open_store


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("sessions", help="list the open launches, or end them at once")
    parser.add_argument("--data", type=Path, required=True, help="the folder where the app keeps its launches")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--end", metavar="ID", help="end the launch of this id (as listed)")
    which.add_argument("--end-user", metavar="REFERENCE", help="end all launches of a user, as Practitioner/123")
    which.add_argument("--end-all", action="store_true", help="end every launch")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Tokens are deleted here with the launch; at the EHR they end by themselves."""
    store = open_store(arguments.data, existing=True)
    launches = Launches(store, Issuers(()))
    ending = arguments.end or arguments.end_user or arguments.end_all
    count = 0
    for ident, value in list(store.all("launch")):
        shown, user = digest(ident)[:16], value.get("user_reference")
        chosen = arguments.end_all or shown == arguments.end or (user is not None and user == arguments.end_user)
        if ending and chosen:
            launches.end(ident)
            count += 1
        elif not ending:
            print(f"{shown}  {value['issuer_id']}  {user or '-'}  {_at(value['created'])}  {_at(value['last_seen'])}")
    if ending:
        print(f"{count} ended")
    return 0 if count or not ending else 1


def _at(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
