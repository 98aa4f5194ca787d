"""Short-lived server-side records (launches, tokens, the write journal), encrypted at rest.

``Store`` is the small contract; ``SqliteStore`` is the embedded one, safe for threads and for several processes on one
machine; ``RedisStore`` (``redis_store.py``) is for several machines. ``open_store`` gives the one that is set. Keys are
random ids or digests and never hold patient data; values are encrypted (Fernet, AES-128-CBC + HMAC).
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from smart_app.errors import ConfigError

Value = dict[str, Any]
KEYS_VARIABLE, STORE_VARIABLE = "ESR1_STORE_KEYS", "ESR1_STORE"
_LASTING = ("journal",)  # on the disk before the app goes on


class StoreDown(OSError):
    """The store does not answer."""


class Store(Protocol):
    """Records by kind and key, each with a time to live in seconds."""

    def put(self, kind: str, key: str, value: Value, ttl: float) -> None: ...
    def add(self, kind: str, key: str, value: Value, ttl: float) -> bool:
        """Stores only where nothing lives under the key; True for the one caller that did (a lock)."""

    def replace(self, kind: str, key: str, value: Value, ttl: float) -> bool:
        """Stores only where something lives under the key: what was ended meanwhile does not come back."""

    def get(self, kind: str, key: str) -> Value | None: ...
    def take(self, kind: str, key: str) -> Value | None:
        """Gets and deletes in one step: of two callers only one gets it."""

    def delete(self, kind: str, key: str) -> None: ...
    def all(self, kind: str) -> Iterator[tuple[str, Value]]:
        """Every living record of a kind, in the order of the keys."""


def open_store(data: Path, clock: Callable[[], float] = time.time, *, existing: bool = False) -> Store:
    """The store of the app whose files lie in ``data``: the Redis server that ``ESR1_STORE`` names, else SQLite there.

    ConfigError where it cannot be used; with ``existing`` also where the folder has no store yet.
    """
    where = os.environ.get(STORE_VARIABLE, "").strip()
    if where:
        try:
            from smart_app.smart.redis_store import open_redis  # its package is an optional one
        except ImportError as error:
            raise ConfigError(
                f"{STORE_VARIABLE} is set, and the Python package redis is not installed.", code="config.store"
            ) from error
        return open_redis(where, load_keys(data / "app.key"), clock)
    file = data / "app.sqlite"
    if existing and not file.exists():
        raise ConfigError(f"There is no app.sqlite in {data}.", code="config.data")
    return SqliteStore(file, load_keys(data / "app.key"), clock)


def load_keys(file: Path) -> MultiFernet:
    """The keys of a file, one a line, the first one encrypts. Made with mode 0600 where the file is missing.

    ``ESR1_STORE_KEYS`` in the environment (keys separated by blanks) stands in for the file.
    """
    given = os.environ.get(KEYS_VARIABLE, "").encode().split()
    if not given and not file.exists():
        _make(file)
    try:
        return MultiFernet([Fernet(line) for line in given or file.read_bytes().split()])
    except ValueError as error:
        raise ConfigError(f"{file.name} holds no usable key.", code="config.key") from error


def _make(file: Path) -> None:
    """Appears whole or not at all: another process that starts now never reads half a key."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(Fernet.generate_key() + b"\n")
    with suppress(FileExistsError):  # another process was first: its key counts
        os.link(part, file)
    part.unlink()


class SqliteStore:
    """The embedded store: one SQLite file. A thread takes a connection that no other one uses just then.

    A connection outlives the thread that opened it: SQLite gives a closed one's file descriptors back only when no
    other is open, so that one a thread would use up all descriptors of a process within a few hundred launches.
    """

    def __init__(self, file: Path, keys: MultiFernet, clock: Callable[[], float] = time.time) -> None:
        self._file, self._keys, self._clock = file, keys, clock
        self._idle: dict[int, list[sqlite3.Connection]] = {}  # by process: SQLite's connections do not outlive a fork
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        with self._transaction() as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS record (kind TEXT, key TEXT, value BLOB, expires REAL, "
                "PRIMARY KEY (kind, key)) WITHOUT ROWID"
            )
            db.execute("CREATE INDEX IF NOT EXISTS record_expires ON record (expires)")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        idle = self._idle.setdefault(os.getpid(), [])
        try:
            db = idle.pop()
        except IndexError:
            db = sqlite3.connect(self._file, timeout=10, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode=WAL")
        try:
            yield db
        except BaseException:
            db.close()  # whatever state it is in, nobody meets it
            raise
        idle.append(db)

    @contextmanager
    def _transaction(self, kind: str = "") -> Iterator[sqlite3.Connection]:
        with self._connection() as db:
            # a launch that a power failure loses is launched again; what was about to be written must outlive one
            db.execute(f"PRAGMA synchronous={'FULL' if kind in _LASTING else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _seal(self, value: Value) -> bytes:
        return self._keys.encrypt(json.dumps(value, separators=(",", ":")).encode())

    def _open(self, row: tuple[bytes] | None) -> Value | None:
        if row is None:
            return None
        try:
            value: Value = json.loads(self._keys.decrypt(row[0]))
        except InvalidToken:
            return None  # sealed with a key that is gone: the same as not there
        return value

    def put(self, kind: str, key: str, value: Value, ttl: float) -> None:
        with self._transaction(kind) as db:
            db.execute("DELETE FROM record WHERE expires <= ?", (self._clock(),))
            db.execute(
                "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", (kind, key, self._seal(value), self._clock() + ttl)
            )

    def add(self, kind: str, key: str, value: Value, ttl: float) -> bool:
        with self._transaction(kind) as db:
            db.execute("DELETE FROM record WHERE expires <= ?", (self._clock(),))
            done = db.execute(
                "INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?)",
                (kind, key, self._seal(value), self._clock() + ttl),
            )
            return done.rowcount == 1

    def replace(self, kind: str, key: str, value: Value, ttl: float) -> bool:
        now = self._clock()
        with self._transaction(kind) as db:
            done = db.execute(
                "UPDATE record SET value = ?, expires = ? WHERE kind = ? AND key = ? AND expires > ?",
                (self._seal(value), now + ttl, kind, key, now),
            )
            return done.rowcount == 1

    def get(self, kind: str, key: str) -> Value | None:
        # a single read needs no transaction of its own and waits for no writer (WAL)
        with self._connection() as db:
            row = db.execute(
                "SELECT value FROM record WHERE kind = ? AND key = ? AND expires > ?", (kind, key, self._clock())
            ).fetchone()
        return self._open(row)

    def all(self, kind: str) -> Iterator[tuple[str, Value]]:
        last = ""
        while True:  # in parts: a long list must hold up no writer and fill no memory
            with self._connection() as db:
                rows = db.execute(
                    "SELECT key, value FROM record WHERE kind = ? AND key > ? AND expires > ? ORDER BY key LIMIT 500",
                    (kind, last, self._clock()),
                ).fetchall()
            if not rows:
                return
            for key, sealed in rows:
                value = self._open((sealed,))
                if value is not None:
                    yield key, value
            last = rows[-1][0]

    def take(self, kind: str, key: str) -> Value | None:
        with self._transaction(kind) as db:
            row = db.execute(
                "DELETE FROM record WHERE kind = ? AND key = ? AND expires > ? RETURNING value",
                (kind, key, self._clock()),
            ).fetchone()
        return self._open(row)

    def delete(self, kind: str, key: str) -> None:
        with self._transaction(kind) as db:
            db.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))
