"""A FHIR R4 store on SQLite: just what the app uses. JSON is kept as it came, digits included."""

from __future__ import annotations

import re
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
from smart_app.fhir.reading.record import Json, obj
from smart_app.sandbox.fhirsearch import TYPES, Refused, check_parameters, fits, patient_of

__all__ = ["TYPES", "FhirStore", "Refused", "patient_of"]
_KEPT_PAGES = 500
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


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

    def history(self, kind: str, ident: str) -> list[tuple[int, str, Json | None]]:
        """(version, time, resource) from the newest on; a deletion has no resource."""
        with self._lock:
            rows = self._db.execute(
                "SELECT version, at, body FROM version WHERE type = ? AND id = ? ORDER BY version DESC", (kind, ident)
            ).fetchall()
        if not rows:
            raise Refused(404, "not-found", f"{kind}/{ident} is not known.")
        return [(row[0], row[1], None if row[2] is None else jsontext.loads(row[2])) for row in rows]

    def create(
        self, kind: str, resource: Any, if_none_exist: str | None = None, ident: str | None = None
    ) -> tuple[Json, bool]:
        """The stored resource and whether it is new (a conditional create may find one)."""
        self._check(kind, resource)
        with self.transaction():
            if if_none_exist:
                found = self.matches(kind, parse_qsl(if_none_exist.lstrip("?"), keep_blank_values=True))
                if len(found) > 1:
                    raise Refused(412, "multiple-matches", "More than one resource matches If-None-Exist.")
                if found:
                    return found[0], False
            made = self._write(kind, ident or str(uuid.uuid4()), 1, resource)
        assert made is not None  # noqa: S101 - written just now
        return made, True

    def update(self, kind: str, ident: str, resource: Any, if_match: str | None = None) -> tuple[Json, bool]:
        self._check(kind, resource)
        if not _ID.match(ident):
            raise Refused(400, "invalid", "The id has letters that a FHIR id cannot have.")
        if resource.get("id") != ident:
            raise Refused(400, "invalid", "The body's id differs from the address.")
        with self.transaction():
            found = self._current(kind, ident)
            if if_match is not None and (found is None or if_match.removeprefix("W/").strip('"') != str(found[0])):
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
        check_parameters(kind, params)
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM version v WHERE type = ? AND version = "
                "(SELECT MAX(version) FROM version w WHERE w.type = v.type AND w.id = v.id) ORDER BY id",
                (kind,),
            ).fetchall()
        found = [jsontext.loads(row[0]) for row in rows if row[0] is not None]
        return [r for r in found if all(fits(r, name, value) for name, value in params)]

    def keep_page(self, rest: list[Json], included: list[Json], total: int, base: str) -> str:
        key = secrets.token_urlsafe(12)
        self._pages[key] = (rest, included, total, base)
        while len(self._pages) > _KEPT_PAGES:
            self._pages.pop(next(iter(self._pages)), None)
        return key

    def take_page(self, key: str) -> tuple[list[Json], list[Json], int, str]:
        kept = self._pages.get(key)
        if kept is None:
            raise Refused(410, "expired", "These pages have expired; search again.")
        return kept

    def expire_page(self, key: str) -> None:
        self._pages.pop(key, None)
