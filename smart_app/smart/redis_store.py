"""The store on a Redis server, for an app of more than one process or machine. The optional extra ``redis``.

The same contract as ``SqliteStore``. Values are sealed before they leave the process, together with the name they lie
under, so that whoever can write to the server can neither read a record nor put one in another's place. What must be
one step is one command or one script on the server. Each value begins with its end in seconds since 1970, for the
scripts.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from cryptography.fernet import InvalidToken, MultiFernet
from redis.backoff import NoBackoff
from redis.retry import Retry

from smart_app.errors import ConfigError
from smart_app.fhir.gate import is_loopback
from smart_app.smart.store import StoreDown, Value

_PREFIX = "esr1:"
_SECONDS = 2.0  # that the server has for an answer
_PART = 500
# KEYS[1] the name; ARGV: the new value, its life in milliseconds, now
_LIVES = (
    "local held = redis.call('GET', KEYS[1]) local lives = held and tonumber(held:match('^[^ ]+')) > tonumber(ARGV[3])"
)
_SET = "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1"
_ADD = f"{_LIVES} if lives then return 0 end {_SET}"
_REPLACE = f"{_LIVES} if not lives then return 0 end {_SET}"
# what the server must be set to, or the write journal does not outlive it and locks vanish early
_NEEDED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def open_redis(where: str, keys: MultiFernet, clock: Callable[[], float] = time.time) -> RedisStore:
    """``where``: ``rediss://``, on the loopback also ``redis://``, or ``unix://``. ConfigError ``config.store``."""
    try:
        parts = urlsplit(where)
        plain = parts.scheme == "redis" and not is_loopback(parts.hostname or "")
        client = redis.Redis.from_url(
            where,
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
            retry=Retry(
                NoBackoff(), 1
            ),  # a connection that the server let go; what was done twice is refused, not lost
        )
    except ValueError:
        raise ConfigError("ESR1_STORE is no address of a Redis server.", code="config.store") from None
    if plain:
        raise ConfigError("Outside this machine Redis is spoken to by rediss:// only.", code="config.store")
    _check_settings(client)
    return RedisStore(client, keys, clock)


def _check_settings(client: Any) -> None:
    """Where the server does not say how it is set (many hosted ones do not), whoever runs it must know."""
    for name, wanted in _NEEDED.items():
        try:
            said = client.config_get(name)
        except redis.ResponseError:
            continue
        except redis.RedisError as error:
            raise StoreDown("The store does not answer.") from error
        found = {_text(k): _text(v) for k, v in said.items()}.get(name)
        if found not in (None, wanted):
            raise ConfigError(f"The Redis server must be set to {name} {wanted}.", code="config.store")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def _spoken() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise StoreDown("The store does not answer.") from error


class RedisStore:
    """Safe for threads, processes and machines. ``client``: a ``redis.Redis`` that gives bytes."""

    def __init__(self, client: Any, keys: MultiFernet, clock: Callable[[], float] = time.time) -> None:
        self._client, self._keys, self._clock = client, keys, clock
        self._add, self._replace = client.register_script(_ADD), client.register_script(_REPLACE)

    def _sealed(self, name: str, value: Value, ttl: float) -> bytes:
        expires = self._clock() + ttl
        sealed = self._keys.encrypt(json.dumps([name, expires, value], separators=(",", ":")).encode())
        return f"{expires:.6f} ".encode() + sealed

    def _opened(self, name: str, raw: bytes | None) -> Value | None:
        """None for what is over, sealed with a key that is gone, or not put under this name by us."""
        try:
            bound, expires, value = json.loads(self._keys.decrypt((raw or b"").partition(b" ")[2]))
        except (InvalidToken, ValueError):
            return None
        return value if bound == name and expires > self._clock() else None

    def put(self, kind: str, key: str, value: Value, ttl: float) -> None:
        name = _name(kind, key)
        with _spoken():
            self._client.set(name, self._sealed(name, value, ttl), px=_milliseconds(ttl))

    def add(self, kind: str, key: str, value: Value, ttl: float) -> bool:
        return self._script(self._add, _name(kind, key), value, ttl)

    def replace(self, kind: str, key: str, value: Value, ttl: float) -> bool:
        return self._script(self._replace, _name(kind, key), value, ttl)

    def _script(self, script: Any, name: str, value: Value, ttl: float) -> bool:
        with _spoken():
            sent = [self._sealed(name, value, ttl), _milliseconds(ttl), f"{self._clock():.6f}"]
            return bool(script(keys=[name], args=sent) == 1)

    def get(self, kind: str, key: str) -> Value | None:
        name = _name(kind, key)
        with _spoken():
            return self._opened(name, self._client.get(name))

    def take(self, kind: str, key: str) -> Value | None:
        name = _name(kind, key)
        with _spoken():
            return self._opened(name, self._client.getdel(name))

    def delete(self, kind: str, key: str) -> None:
        with _spoken():
            self._client.delete(_name(kind, key))

    def all(self, kind: str) -> Iterator[tuple[str, Value]]:
        start = _name(kind, "")
        with _spoken():
            names = sorted(set(self._client.scan_iter(match=f"{start}*", count=1000)))
        for at in range(0, len(names), _PART):
            part = names[at : at + _PART]
            with _spoken():
                found = self._client.mget(part)
            for raw_name, raw in zip(part, found, strict=True):
                value = self._opened(_text(raw_name), raw)
                if value is not None:
                    yield _text(raw_name).removeprefix(start), value


def _name(kind: str, key: str) -> str:
    return f"{_PREFIX}{kind}:{key}"


def _milliseconds(ttl: float) -> int:
    return max(1, math.ceil(ttl * 1000))
