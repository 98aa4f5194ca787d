"""``smart-app``: collects the commands and turns an AppError into one line with its code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from smart_app import __version__
from smart_app.errors import AppError

_GROUPS = (
    "demo",
    "serve",
    "open",
    "patients",
    "read",
    "decide",
    "replay",
    "evidence",
    "policy",
    "keys",
    "audit",
    "sessions",
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smart-app", description="ctDNA ESR1 follow-up as a SMART on FHIR app")
    parser.add_argument("--version", action="version", version=f"smart-app {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in _GROUPS:
        importlib.import_module(f"smart_app.cli.{group}").add_to(subparsers)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Exit codes: 0 done, 1 the answer is no, 2 bad input (message and stable code on stderr)."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.func(arguments))
    except AppError as error:
        print(f"smart-app: {error.message} [{error.code}]", file=sys.stderr)
        if error.advice:
            print(f"           {error.advice}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
