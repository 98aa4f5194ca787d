"""Printing what came from a record: one fact a line, no control characters, any terminal encoding."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def printable(words: str) -> str:
    """One line without control or other unprintable characters, so that a record cannot steer the terminal."""
    return "".join(c if c.isprintable() else " " for c in words)


def say(lines: Iterable[str]) -> None:
    """Prints the lines; what the terminal cannot show is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        print(printable(line).encode(encoding, "backslashreplace").decode(encoding))


def say_json(value: Any) -> None:
    """ASCII JSON, indented: any terminal and any file takes it."""
    print(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False))
