"""Structured logs: JSON lines with an allow-list of fields, so that nothing about a patient can slip in."""

from __future__ import annotations

import json
import logging
import sys

_FIELDS = ("code", "kind", "place", "method", "route", "status", "ms")


class JsonLine(logging.Formatter):
    """Only the level, the logger's name, a fixed event word and the fields of the allow-list."""

    def format(self, record: logging.LogRecord) -> str:
        event = record.msg if isinstance(record.msg, str) and record.msg.replace("_", "").isalpha() else "message"
        line = {"level": record.levelname.lower(), "logger": record.name.split(".")[0], "event": event}
        line.update({name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})
        return json.dumps(line)


def configure() -> None:
    """Sends all logs to stderr in this form; libraries' own words are not kept."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
