"""Writes one plan and kills itself (SIGKILL) at its n-th input or output: a program that the tests start.

python -m tests.writing.killed BASE STORE PLAN PATIENT N      ends with 0 where it lived to the end
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.writing.journal import Journal
from smart_app.fhir.writing.looking import look
from smart_app.fhir.writing.protocol import write_plan
from smart_app.smart.store import SqliteStore, load_keys


class Doomed:
    """Passes every call on to ``inner`` and dies after the n-th one."""

    count = 0
    last = 0

    def __init__(self, inner: Any, names: tuple[str, ...]) -> None:
        self.inner, self.names = inner, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in self.names:
            return found

        def doomed(*args: Any, **more: Any) -> Any:
            result = found(*args, **more)
            self.step()  # after each one: that is also before the next one
            return result

        return doomed

    @classmethod
    def step(cls) -> None:
        Doomed.count += 1
        if Doomed.count == Doomed.last:
            os.kill(os.getpid(), signal.SIGKILL)


def store_of(folder: Path, ahead: float = 0.0) -> SqliteStore:
    """The app's store, as seen ``ahead`` seconds later."""
    return SqliteStore(folder / "app.sqlite", load_keys(folder / "app.key"), clock=lambda: time.time() + ahead)


def write_once(base: str, store: Any, plan: dict[str, Any], patient: str, gate: Any) -> None:
    client = FhirClient(base, gate)
    found = look(client, patient)
    journal = Journal.of(store, "one", patient)
    with journal.writing(plan, creating=found.plan is None) as note:
        write_plan(client, patient, plan, found.version, note)
    journal.settle()


def main() -> int:
    base, folder, file, patient, number = sys.argv[1:]
    Doomed.last = int(number)
    gate = Gate()
    gate.allow(base)
    store = Doomed(store_of(Path(folder)), ("put", "add", "get", "delete"))
    plan = jsontext.loads(Path(file).read_bytes())
    write_once(base, store, plan, patient, Doomed(gate, ("request",)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
