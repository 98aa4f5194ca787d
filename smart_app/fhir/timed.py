"""Connections that are held to a deadline over the whole answer.

A timeout of a socket is one for each piece that arrives: a server that sends a byte now and then, or one interim
answer after another, would hold a thread for as long as it likes, before its headers are even read.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_now = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever this thread asks for inside has to be read within so many seconds."""
    _now.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        del _now.deadline


class _Until(io.RawIOBase):
    """The bytes of a socket, as long as there is time; TimeoutError then."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: float) -> None:
        self._sock, self._raw, self._deadline = sock, raw, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left, waits = self._deadline - time.monotonic(), self._sock.gettimeout()
        if left <= 0:
            raise TimeoutError("timed out")
        if waits is None or waits > left:
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedAnswer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        deadline = getattr(_now, "deadline", None)
        if deadline is not None:
            self.fp = io.BufferedReader(_Until(sock, self.fp.detach(), deadline))


class TimedHttp(HTTPConnection):
    response_class = _TimedAnswer


class TimedHttps(HTTPSConnection):
    response_class = _TimedAnswer


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = TimedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = TimedHttps


class TimedAdapter(HTTPAdapter):
    """Requests' adapter over such connections."""

    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"http": _HttpPool, "https": _HttpsPool}

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = dict(self.pools)
