"""A FHIR server played back: each answer leaves exactly so late after its request came, however many come at once.

What it does not know yet it fetches from the server behind it, in the same time; answers to GET below ``/fhir/`` are
remembered with their address and given from memory from then on. Sign-in and token requests always go through: they
hold a nonce. A process of its own, one thread, connections kept: nothing in it is slow enough to be measured as the
app.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import requests

_PUBLIC = ("/fhir/metadata", "/fhir/.well-known/smart-configuration")
_DROPPED = {"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"}


class Replay:
    """``behind``: ``http://host:port`` of the server that is played back; ``late`` in seconds."""

    def __init__(self, behind: str, late: float) -> None:
        self.behind, self.late = behind, late
        self.known: dict[str, bytes] = {}
        self.asked: list[tuple[float, float, str]] = []  # came, left, address; of what the FHIR base was asked
        self.wire, self.pool = requests.Session(), ThreadPoolExecutor(16)

    async def serve(self, port: int) -> None:
        server = await asyncio.start_server(self.connection, "127.0.0.1", port, backlog=200)
        async with server:
            await server.serve_forever()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                came = asyncio.get_running_loop().time()
                method, target, _ = head[0].split(" ")
                pairs = (line.partition(":") for line in head[1:] if line)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if target == "/asked":
                    answer, self.asked = _answer(200, {}, json.dumps(self.asked).encode()), []
                else:
                    answer = await self.answer(method, target, headers, body)
                    await asyncio.sleep(came + self.late - asyncio.get_running_loop().time())
                    if target.startswith("/fhir/"):
                        self.asked.append((came, asyncio.get_running_loop().time(), target))
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        replays = method == "GET" and target.startswith("/fhir/")
        if replays and not headers.get("authorization", "").startswith("Bearer ") and target not in _PUBLIC:
            return _answer(401, {}, b"")
        if replays and target in self.known:
            return self.known[target]
        found = await asyncio.get_running_loop().run_in_executor(self.pool, self.fetch, method, target, headers, body)
        if replays:
            self.known[target] = found
        return found

    def fetch(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        sent = {k: v for k, v in headers.items() if k not in ("connection", "content-length")}
        answer = self.wire.request(method, self.behind + target, headers=sent, data=body, allow_redirects=False)
        return _answer(answer.status_code, dict(answer.headers), answer.content)


def _answer(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} .", *(f"{k}: {v}" for k, v in headers.items() if k.lower() not in _DROPPED)]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


def _run(port: int, behind: str, late: float) -> None:
    asyncio.run(Replay(behind, late).serve(port))


def await_server(port: int) -> None:
    """Returns when something listens there."""
    for _ in range(300):
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError("no server came up")


@contextmanager
def apart(target: Callable[..., None], port: int, *args: Any) -> Iterator[None]:
    """``target`` serves ``port`` in a process of its own; ready when this begins, ended with it."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=args, daemon=True)
    process.start()
    try:
        await_server(port)
        yield
    finally:
        process.terminate()
        process.join()


def replaying(port: int, behind: str, late: float) -> AbstractContextManager[None]:
    return apart(_run, port, port, behind, late)
