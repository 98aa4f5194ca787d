"""CapabilityStatements of the issuers, looked up without a token while a sign-in ends, so that no page waits for one.

A statement says what a server can do and nothing about a patient; it is kept for ten minutes.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field

from smart_app.errors import FhirError
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.reading.record import Json

_KEEP = 600.0
_PATIENCE = 2.0  # seconds that a page waits for one under way; then it asks itself


@dataclass(slots=True)
class Statements:
    """By FHIR base."""

    gate: Gate
    _found: dict[str, tuple[float, Future[Json | None]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def warm(self, base: str) -> None:
        """Starts looking, where nothing fresh is known."""
        coming: Future[Json | None] = Future()
        with self._lock:
            kept = self._found.get(base)
            if kept is not None and time.monotonic() - kept[0] < _KEEP:
                return
            self._found[base] = (time.monotonic(), coming)
        threading.Thread(target=self._look, args=(base, coming), daemon=True).start()

    def _look(self, base: str, coming: Future[Json | None]) -> None:
        try:
            coming.set_result(FhirClient(base, self.gate).capabilities())
        except FhirError:
            with self._lock:
                self._found.pop(base, None)
            coming.set_result(None)

    def of(self, base: str) -> Json | None:
        """What is known; None where nothing is, or not in time."""
        with self._lock:
            kept = self._found.get(base)
        if kept is None or time.monotonic() - kept[0] >= _KEEP:
            return None
        try:
            return kept[1].result(_PATIENCE)
        except Late:
            return None
