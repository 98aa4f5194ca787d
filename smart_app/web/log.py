"""Structured logs: JSON lines with an allow-list of fields, so that nothing about a patient can slip in."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime

from flask import Flask, Response, g, request

from smart_app.smart.launches import digest

_FIELDS = ("code", "kind", "place", "method", "route", "status", "ms", "launch")
log = logging.getLogger("smart_app")


class JsonLine(logging.Formatter):
    """Only the level, the logger's name, a fixed event word and the fields of the allow-list."""

    def format(self, record: logging.LogRecord) -> str:
        event = record.msg if isinstance(record.msg, str) and record.msg.replace("_", "").isalpha() else "message"
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name.split(".")[0], "event": event}
        line.update({name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})
        return json.dumps(line)


def configure(*, requests: bool = False) -> None:
    """Sends all logs to stderr in this form; libraries' own words are not kept. ``requests``: a line for each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.INFO if requests else logging.NOTSET)


def install(app: Flask) -> None:
    """One line per request: its route and never its address, which holds a launch id; of that a digest stands there."""

    @app.before_request
    def begun() -> None:
        g.begun = time.monotonic()

    @app.after_request
    def done(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule is not None else "none"
        took = round((time.monotonic() - g.begun) * 1000) if "begun" in g else None
        method = request.method if request.method in ("GET", "POST", "HEAD", "OPTIONS") else "other"
        told = {"method": method, "route": route, "status": response.status_code, "ms": took}
        visited = g.get("visited")
        log.info("request", extra={**told, **({"launch": digest(visited.id)[:16]} if visited is not None else {})})
        return response
