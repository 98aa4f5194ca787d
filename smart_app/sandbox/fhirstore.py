"""A FHIR R4 store on SQLite: just what the app uses. JSON is kept as it came, digits included."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, codings, items, obj, text

TYPES = (
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Observation",
    "DiagnosticReport",
    "DocumentReference",
    "Specimen",
    "Condition",
    "Procedure",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
    "ServiceRequest",
    "Appointment",
    "Encounter",
    "ImagingStudy",
    "CarePlan",
    "Provenance",
)
TOKENS = ("code", "category", "status", "identifier", "_tag", "_id", "name", "intent")
INCLUDES = tuple(
    f"{kind}:medication"
    for kind in ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")
)


class Refused(Exception):
    """An answer that is not the one asked for: HTTP status, issue code, words."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words


class FhirStore:
    """Versions of resources; the newest one is current. Safe for threads."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._lock = threading.RLock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS version (seq INTEGER PRIMARY KEY, type TEXT, id TEXT, version INTEGER, "
            "at TEXT, body BLOB, UNIQUE (type, id, version))"
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS by_id ON version (type, id)")
        self._pages: dict[str, tuple[list[Json], list[Json], int, str]] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            nested = self._db.in_transaction
            if not nested:
                self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if not nested:
                    self._db.execute("ROLLBACK")
                raise
            if not nested:
                self._db.execute("COMMIT")

    def _current(self, kind: str, ident: str) -> tuple[int, bytes | None] | None:
        row = self._db.execute(
            "SELECT version, body FROM version WHERE type = ? AND id = ? ORDER BY version DESC LIMIT 1", (kind, ident)
        ).fetchone()
        return row if row is None else (int(row[0]), row[1])

    def _write(self, kind: str, ident: str, version: int, resource: Json | None) -> Json | None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = None
        if resource is not None:
            meta = {**obj(resource.get("meta")), "versionId": str(version), "lastUpdated": now}
            rest = {k: v for k, v in resource.items() if k not in ("resourceType", "id", "meta")}
            resource = {"resourceType": kind, "id": ident, "meta": meta, **rest}
            body = jsontext.dumps(resource)
        self._db.execute(
            "INSERT INTO version (type, id, version, at, body) VALUES (?, ?, ?, ?, ?)",
            (kind, ident, version, now, body),
        )
        return resource

    def _check(self, kind: str, resource: Any) -> None:
        if kind not in TYPES:
            raise Refused(404, "not-supported", f"This server does not keep {kind}.")
        if not isinstance(resource, dict) or resource.get("resourceType") != kind:
            raise Refused(400, "invalid", f"The body is not a {kind}.")
        if kind == "CarePlan" and not all(resource.get(k) for k in ("status", "intent", "subject")):
            raise Refused(422, "required", "CarePlan needs status, intent and subject.")

    def read(self, kind: str, ident: str, version: int | None = None) -> Json:
        with self._lock:
            if version is None:
                found = self._current(kind, ident)
            else:
                row = self._db.execute(
                    "SELECT version, body FROM version WHERE type = ? AND id = ? AND version = ?",
                    (kind, ident, version),
                ).fetchone()
                found = None if row is None else (int(row[0]), row[1])
        if found is None:
            raise Refused(404, "not-found", f"{kind}/{ident} is not known.")
        if found[1] is None:
            raise Refused(410, "deleted", f"{kind}/{ident} was deleted.")
        resource: Json = jsontext.loads(found[1])
        return resource

    def history(self, kind: str, ident: str) -> list[Json]:
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM version WHERE type = ? AND id = ? ORDER BY version DESC", (kind, ident)
            ).fetchall()
        if not rows:
            raise Refused(404, "not-found", f"{kind}/{ident} is not known.")
        return [jsontext.loads(row[0]) for row in rows if row[0] is not None]

    def create(self, kind: str, resource: Any, if_none_exist: str | None = None) -> tuple[Json, bool]:
        """The stored resource and whether it is new (a conditional create may find one)."""
        self._check(kind, resource)
        with self.transaction():
            if if_none_exist:
                found = self.matches(kind, _parsed(if_none_exist))
                if len(found) > 1:
                    raise Refused(412, "multiple-matches", "More than one resource matches If-None-Exist.")
                if found:
                    return found[0], False
            made = self._write(kind, str(uuid.uuid4()), 1, resource)
        assert made is not None  # noqa: S101 - written just now
        return made, True

    def update(self, kind: str, ident: str, resource: Any, if_match: str | None = None) -> tuple[Json, bool]:
        self._check(kind, resource)
        if resource.get("id") != ident:
            raise Refused(400, "invalid", "The body's id differs from the address.")
        with self.transaction():
            found = self._current(kind, ident)
            if if_match is not None and (found is None or if_match.strip('W/"') != str(found[0])):
                raise Refused(412, "conflict", "The resource has changed since it was read.")
            made = self._write(kind, ident, found[0] + 1 if found else 1, resource)
        assert made is not None  # noqa: S101 - written just now
        return made, found is None

    def delete(self, kind: str, ident: str) -> None:
        with self.transaction():
            found = self._current(kind, ident)
            if found is not None and found[1] is not None:
                self._write(kind, ident, found[0] + 1, None)

    def matches(self, kind: str, params: list[tuple[str, str]]) -> list[Json]:
        """Current resources of a kind that fit every parameter, oldest first."""
        if kind not in TYPES:
            raise Refused(404, "not-supported", f"This server does not keep {kind}.")
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM version v WHERE type = ? AND version = "
                "(SELECT MAX(version) FROM version w WHERE w.type = v.type AND w.id = v.id) ORDER BY id",
                (kind,),
            ).fetchall()
        found = [jsontext.loads(row[0]) for row in rows if row[0] is not None]
        return [r for r in found if all(_fits(r, name, value) for name, value in params)]

    def keep_page(self, rest: list[Json], included: list[Json], total: int, base: str) -> str:
        key = secrets.token_urlsafe(12)
        self._pages[key] = (rest, included, total, base)
        return key

    def take_page(self, key: str) -> tuple[list[Json], list[Json], int, str]:
        if key not in self._pages:
            raise Refused(410, "expired", "These pages have expired; search again.")
        return self._pages[key]


def _parsed(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query.lstrip("?"), keep_blank_values=True)


def patient_of(resource: Json) -> str | None:
    """``Patient/x`` that a resource belongs to."""
    if resource.get("resourceType") == "Patient":
        return f"Patient/{resource.get('id')}"
    for field in ("subject", "patient"):
        reference = text(obj(resource.get(field)).get("reference"))
        if reference is not None:
            return reference
    for participant in items(resource.get("participant")):
        reference = text(obj(participant.get("actor")).get("reference"))
        if reference is not None and reference.startswith("Patient/"):
            return reference
    return None


def _fits(resource: Json, name: str, value: str) -> bool:
    if name in ("patient", "subject"):
        return patient_of(resource) == (value if "/" in value else f"Patient/{value}")
    if name == "_id":
        return resource.get("id") in value.split(",")
    if name == "name":
        said = jsontext.dumps(resource.get("name", [])).decode().lower()
        return value.lower() in said
    if name == "_tag":
        return any(_token(value, c.get("system"), c.get("code")) for c in items(obj(resource.get("meta")).get("tag")))
    if name == "identifier":
        return any(_token(value, i.get("system"), i.get("value")) for i in items(resource.get("identifier")))
    if name in ("status", "intent"):
        return resource.get(name) in value.split(",")
    if name in ("code", "category"):
        concepts = items(resource.get(name))
        return any(
            _token(part, system, code) for part in value.split(",") for c in concepts for system, code, _ in codings(c)
        )
    raise Refused(400, "not-supported", f"This server does not search by {name}.")


def _token(wanted: str, system: object, code: object) -> bool:
    if "|" in wanted:
        left, right = wanted.split("|", 1)
        return (not left or left == system) and (not right or right == code)
    return wanted == code
