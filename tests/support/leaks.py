"""Looks at every answer of every app that a test runs, and at every log line, for what must not stand there.

Nowhere: an access or refresh token. Only on pages of the right patient's launch (and in the two pickers): a patient's
name and record number. Never of another patient than the page's own; never in a header, an address or a log line.
"""

from __future__ import annotations

import html
import logging
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from flask import Flask, Response, g, request, request_finished, template_rendered

from smart_app.web.log import JsonLine

SHORTEST = 10  # characters: what is shorter ("a1", "Other") stands in pages for reasons of its own
PICKERS = ("open_server.", "pick.")
_NOBODY = "Name not recorded"


@dataclass
class Known:
    """What one app has to keep to itself."""

    tokens: set[str] = field(default_factory=set)
    people: dict[str, set[str]] = field(default_factory=dict)  # by patient: name and record number


@dataclass
class Scanner:
    """One for a whole run of tests. ``found``: what leaked, where, without repeating it."""

    known: WeakKeyDictionary[Flask, Known] = field(default_factory=WeakKeyDictionary)
    secrets: set[str] = field(default_factory=set)  # of all apps, for the log
    lines: set[str] = field(default_factory=set)
    found: list[str] = field(default_factory=list)
    answers: int = 0

    def connect(self) -> None:
        request_finished.connect(self.answered)
        template_rendered.connect(self.rendered)

    def disconnect(self) -> None:
        request_finished.disconnect(self.answered)
        template_rendered.disconnect(self.rendered)

    def rendered(self, sender: Flask, context: dict[str, Any], **_: Any) -> None:
        """Learns the people of this app from the banners that its pages were made with."""
        shown = [getattr(context.get("view"), "patient", None), context.get("patient")]
        for person in shown:
            if person is not None and hasattr(person, "mrn"):
                words = {w for w in (person.name, person.mrn) if long(w) and w != _NOBODY}
                self.known.setdefault(sender, Known()).people.setdefault(person.id, set()).update(words)
                self.secrets |= words

    def answered(self, sender: Flask, response: Response, **_: Any) -> None:
        services = sender.extensions.get("esr1")
        if services is None or response.direct_passthrough:
            return
        self.answers += 1
        known = self.known.setdefault(sender, Known())
        visited = g.get("visited")
        if visited is not None:
            token = services.store.get("token", visited.id)
            known.tokens |= {t for t in ((token or {}).get("access"), (token or {}).get("refresh")) if long(t)}
            self.secrets |= known.tokens
        page = g.get("launch")
        own = page.patient_id if page is not None else None
        body = html.unescape(response.get_data().decode("utf-8", "replace"))
        edges = f"{request.full_path} {response.headers}"
        where = f"{request.endpoint} {response.status_code}"
        if any(t in body or t in edges for t in known.tokens):
            self.found.append(f"a token in the answer of {where}")
        everybody = {w for words in known.people.values() for w in words}
        if any(w in edges for w in everybody):
            self.found.append(f"a patient in the address or headers of {where}")
        if (request.endpoint or "").startswith(PICKERS):
            return
        allowed = known.people.get(own or "", set())
        if any(w in body for w in everybody if not any(w in mine for mine in allowed)):
            self.found.append(f"another patient, or one where nobody belongs, in the answer of {where}")

    def logged(self, line: str) -> None:
        self.lines.add(line)

    def leaks(self) -> list[str]:
        """Everything found, log lines included; asked once, at the end."""
        lines = [line.partition(" ")[0] for line in self.lines if any(s in line for s in self.secrets)]
        return [*dict.fromkeys(self.found), *(f"a log line of {name}" for name in sorted(set(lines)))]


def long(words: object) -> bool:
    return isinstance(words, str) and len(words) >= SHORTEST


class Listener(logging.Handler):
    """Log lines of the app as it writes them, and of all libraries as they word them."""

    def __init__(self, scanner: Scanner) -> None:
        super().__init__()
        self.scanner, self.form = scanner, JsonLine()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("smart_app"):
            self.scanner.logged(f"{record.name} {self.form.format(record)}")
        elif not record.name.startswith(("werkzeug", "asyncio", "hypothesis")):
            self.scanner.logged(f"{record.name} {record.getMessage()}")
