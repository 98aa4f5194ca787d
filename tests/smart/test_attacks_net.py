"""A server that trickles: no answer, however it is cut, holds a thread of the app beyond its deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from smart_app.errors import FhirError
from smart_app.fhir.gate import Gate
from tests.smart.behaviours import shows

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def trickling(data: bytes, pause: float, at_once: int) -> Iterator[str]:
    """A server on the loopback that sends these bytes a few at a time, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        for start in range(0, len(data), at_once):
                            connection.sendall(data[start : start + at_once])
                            time.sleep(pause)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/fhir"
        server.shutdown(socket.SHUT_RDWR)


@shows("x13")
@pytest.mark.parametrize(
    ("data", "at_once"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", 1),
        (OK + b"X-More: 1\r\n" * 90 + b"Content-Length: 2\r\n\r\n{}", 11),
        (OK + b"Content-Length: 2000\r\n\r\n" + b" " * 2000, 40),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 300, 34),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 3000, 33),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 300, 25),
    ],
    ids=["status", "headers", "body", "chunks", "chunk extension", "interim answers"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_trickles_in_is_left_at_the_deadline(data: bytes, at_once: int, method: str) -> None:
    with trickling(data, 0.1, at_once) as base:
        gate = Gate(tries=1)
        gate.allow(base)
        started = time.monotonic()
        with pytest.raises(FhirError) as caught:
            gate.request(method, base, timeout=0.5)
        assert caught.value.code == "net.timeout"
        assert time.monotonic() - started < 1.5


def test_the_deadline_of_one_answer_is_not_the_next_ones(fast: str) -> None:
    gate = Gate(tries=1)
    gate.allow(fast)
    for _ in range(6):
        assert gate.request("GET", fast, timeout=0.4).status == 200
        time.sleep(0.1)


@pytest.fixture
def fast() -> Iterator[str]:
    with trickling(OK + b"Content-Length: 2\r\n\r\n{}", 0.0, 1000) as base:
        yield base
