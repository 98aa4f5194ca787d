"""A real HTTP server on a loopback socket whose answers a test scripts: the network's edge, nothing of ours."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

# the types that the app searches where a server has them all
SEARCHED = [
    "Observation",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
    "Procedure",
    "ServiceRequest",
    "Appointment",
    "Encounter",
    "ImagingStudy",
    "CarePlan",
]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    pairs: tuple[tuple[str, str], ...] = ()  # the query as sent, where a name stands twice


@dataclass
class Answer:
    status: int = 200
    body: Any = None  # bytes are sent as they are, anything else as JSON
    headers: dict[str, str] = field(default_factory=dict)
    claim_length: int | None = None  # says so many bytes and sends fewer: a cut connection
    drip: float = 0.0  # seconds between the bytes of the body
    drop: bool = False  # closes the connection without a word


Handler = Callable[[Request], Answer]


@dataclass
class FakeServer:
    """``handlers`` are asked in order of path length, longest first; a missing one answers 404 with an outcome."""

    base: str
    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def on(self, path: str, answer: Answer | Handler) -> None:
        self.handlers[path] = answer if callable(answer) else lambda _request: answer

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(path)]

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        for path in sorted(self.handlers, key=len, reverse=True):
            if request.path == path or request.path.startswith(path + "/"):
                return self.handlers[path](request)
        return Answer(404, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]})


@contextmanager
def fake_server(host: str = "127.0.0.1", prefix: str = "/fhir") -> Iterator[FakeServer]:
    """A running server; its ``base`` is ``http://127.0.0.1:<port>/fhir``."""
    fake = FakeServer("")

    class Edge(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            request = Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {k.lower(): v for k, v in self.headers.items()},
                self.rfile.read(length),
                tuple(parse_qsl(parts.query, keep_blank_values=True)),
            )
            answer = fake.answer(request)
            if answer.drop:
                self.close_connection = True
                return
            raw = answer.body if isinstance(answer.body, bytes) else b""
            headers = dict(answer.headers)
            if answer.body is not None and not isinstance(answer.body, bytes):
                raw = json.dumps(answer.body).encode()
                headers.setdefault("Content-Type", "application/fhir+json")
            self.send_response(answer.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(answer.claim_length or len(raw)))
            self.end_headers()
            for start in range(0, len(raw), 1 if answer.drip else len(raw) or 1):
                self.wfile.write(raw[start : start + (1 if answer.drip else len(raw))])
                time.sleep(answer.drip)
            if answer.claim_length:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

        def log_message(self, *_args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64  # else a burst of connections waits a second for the kernel

        def handle_error(self, *_args: object) -> None:
            pass  # a client that gave up is part of the tests

    server = Quiet((host, 0), Edge)
    fake.base = f"http://{host}:{server.server_address[1]}{prefix}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
