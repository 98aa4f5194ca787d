"""The write journal: what was about to be written, kept until it is known what became of it; and one writer at a time.

Both lie in the app's store under issuer and patient, not under the launch: the next launch finds what a crash left.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from smart_app.errors import WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.holder import is_gone, this_process
from smart_app.fhir.writing.patching import mark_of

JOURNAL_SECONDS = 7 * 24 * 3600.0
LOCK_SECONDS = 60.0  # longer than one request with its look afterwards; a process killed elsewhere holds it no longer


class Records(Protocol):
    """What the journal needs of the app's store."""

    def put(self, kind: str, key: str, value: dict[str, Any], ttl: float) -> None: ...
    def add(self, kind: str, key: str, value: dict[str, Any], ttl: float) -> bool: ...
    def take(self, kind: str, key: str) -> dict[str, Any] | None: ...
    def get(self, kind: str, key: str) -> dict[str, Any] | None: ...
    def delete(self, kind: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A write that is not settled. ``mark``: which build of the plan; ``creating``: it was a first write.

    ``witness``: the Provenance to be written beside it, once the plan is known to be there.
    """

    state: str  # "sending" (a crash left it), "unknown" (no answer came), "sent" (only the witness may be missing)
    mark: str
    creating: bool
    witness: Json | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one issuer and patient."""

    records: Records
    key: str

    @classmethod
    def of(cls, records: Records, issuer_id: str, patient_id: str) -> Journal:
        return cls(records, hashlib.sha256(f"{issuer_id}|{patient_id}".encode()).hexdigest())

    @contextmanager
    def writing(self, plan: Json, *, creating: bool, witness: Json | None = None) -> Iterator[Note]:
        """The right to write, held by one at a time over all windows and processes; WriteError ``write.busy``."""
        owner = secrets.token_hex(16)
        if not self._claim({"owner": owner, **this_process()}):
            raise WriteError(
                "The plan of this patient is just being written from another window. Nothing was written here.",
                code="write.busy",
                advice="Wait a minute, then look at the plan again.",
            )
        try:
            yield Note(self, owner, mark_of(plan), creating, witness)
        finally:
            if self._holds(owner):
                self.records.delete("write-lock", self.key)

    def _claim(self, lock: dict[str, Any]) -> bool:
        """Takes the lock where it is free, or where the process that held it was killed."""
        if self.records.add("write-lock", self.key, lock, LOCK_SECONDS):
            return True
        held = self.records.get("write-lock", self.key)
        if held is None or not is_gone(held):
            return False
        taken = self.records.take("write-lock", self.key)
        if taken is not None and taken.get("owner") != held.get("owner"):  # somebody else was faster
            self.records.add("write-lock", self.key, taken, LOCK_SECONDS)
            return False
        return self.records.add("write-lock", self.key, lock, LOCK_SECONDS)

    def _holds(self, owner: str) -> bool:
        held = self.records.get("write-lock", self.key)
        return held is not None and held.get("owner") == owner

    def unfinished(self) -> Entry | None:
        value = self.records.get("journal", self.key)
        if value is None:
            return None
        witness = jsontext.loads(value["witness"]) if "witness" in value else None
        return Entry(str(value.get("state")), str(value.get("mark")), value.get("creating") is True, witness)

    def settle(self) -> None:
        """What became of the last write is known."""
        self.records.delete("journal", self.key)


@dataclass(frozen=True, slots=True)
class Note:
    """Writes down each state before it is entered: ``sending``, ``unknown``, then ``sent`` or ``refused``."""

    journal: Journal
    owner: str
    mark: str
    creating: bool
    witness: Json | None = None

    def __call__(self, state: str) -> None:
        journal = self.journal
        if state == "refused" or (state == "sent" and self.witness is None):
            journal.settle()
            return
        if state == "sending":
            if not journal._holds(self.owner):
                raise WriteError(
                    "It took too long to look at the EHR; nothing was written.", code="write.stale", advice=""
                )
            journal.records.put("write-lock", journal.key, {"owner": self.owner, **this_process()}, LOCK_SECONDS)
        value: dict[str, Any] = {"state": state, "mark": self.mark, "creating": self.creating}
        if self.witness is not None:
            value["witness"] = jsontext.dumps(self.witness).decode()
        journal.records.put("journal", journal.key, value, JOURNAL_SECONDS)
