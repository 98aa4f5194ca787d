"""From the callback to the rendered timeline, beside the network's own critical path, in one run.

The sandbox EHR, a process of its own, answers 50 ms late, each request. The critical path is the token request and then
the slowest search, sent bare by ``requests`` to the same server; the app's time runs from the browser's callback to the
last byte of the timeline.
Prints both and the ratio. Nothing is asserted: the machine decides the times, the ratio is what to look at.
"""

from __future__ import annotations

import logging
import multiprocessing
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from smart_app.sandbox.server import Sandbox, create_sandbox
from smart_app.smart.issuers import load_issuers
from smart_app.smart.tokens import challenge
from smart_app.web.app import create_app
from smart_app.web.settings import Settings

LATE = 0.05
ROUNDS = 15
PATIENT = "sandbox-first-positive"
VERIFIER = "v" * 43
SEARCHES = ("Observation", "DiagnosticReport", "MedicationRequest", "Condition")


class Kept(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept, as EHRs keep them


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[int]:
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Kept)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()


def serve_ehr(sandbox: Sandbox, port: int) -> None:
    app = create_sandbox(sandbox)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)

    @app.before_request
    def late() -> None:
        time.sleep(LATE)

    make_server("127.0.0.1", port, app, threaded=True, request_handler=Kept).serve_forever()


@contextmanager
def ehr(sandbox: Sandbox, port: int) -> Iterator[None]:
    """In a process of its own, so that the EHR's work is not taken for the app's."""
    process = multiprocessing.get_context("spawn").Process(target=serve_ehr, args=(sandbox, port), daemon=True)
    process.start()
    try:
        for _ in range(200):
            with suppress(requests.ConnectionError):
                requests.get(sandbox.base, timeout=30)
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.join()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def begin(ehr_url: str) -> tuple[requests.Session, str]:
    """A browser at the moment when the EHR sends it back: its address is the callback's."""
    browser = requests.Session()
    at_launch = browser.post(f"{ehr_url}/launch", data={"patient": PATIENT}, allow_redirects=False, timeout=30)
    at_ehr = browser.get(at_launch.headers["Location"], allow_redirects=False, timeout=30)
    back = browser.get(at_ehr.headers["Location"], allow_redirects=False, timeout=30)
    return browser, back.headers["Location"]


def app_seconds(ehr_url: str) -> float:
    browser, callback = begin(ehr_url)
    start = time.perf_counter()
    page = browser.get(callback, timeout=60)
    spent = time.perf_counter() - start
    assert page.status_code == 200, page.text
    assert "not everything could be read" not in page.text.lower()
    return spent


def bare_seconds(app_url: str, ehr_url: str) -> float:
    """The token, then the slowest of the searches: what no client can go below."""
    session = requests.Session()
    launched = session.post(f"{ehr_url}/launch", data={"patient": PATIENT}, allow_redirects=False, timeout=30)
    context = parse_qs(urlsplit(launched.headers["Location"]).query)["launch"][0]
    scope = "launch openid fhirUser " + " ".join(f"patient/{kind}.rs" for kind in SEARCHES)
    asked = {
        "response_type": "code",
        "client_id": "esr1-demo",
        "redirect_uri": f"{app_url}/callback",
        "scope": scope,
        "state": "s",
        "aud": f"{ehr_url}/fhir",
        "nonce": context,
        "launch": context,
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    back = session.get(f"{ehr_url}/auth/authorize?{urlencode(asked)}", allow_redirects=False, timeout=30)
    code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "client_id": "esr1-demo"}
    form |= {"redirect_uri": asked["redirect_uri"], "code_verifier": VERIFIER}
    start = time.perf_counter()
    token = session.post(f"{ehr_url}/auth/token", data=form, timeout=30).json()["access_token"]
    first = time.perf_counter() - start
    slowest = 0.0
    for kind in SEARCHES:
        start = time.perf_counter()
        query = {"patient": PATIENT, "_count": "200"}
        answer = session.get(
            f"{ehr_url}/fhir/{kind}", params=query, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        slowest = max(slowest, time.perf_counter() - start)
    return first + slowest


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp())
    ehr_port, app_port = free_port(), free_port()
    app_url, ehr_url = f"http://127.0.0.1:{app_port}", f"http://127.0.0.1:{ehr_port}"
    file = folder / "issuers.toml"
    file.write_text(
        f'[[issuer]]\nid = "sandbox"\nname = "Sandbox"\nbase = "{ehr_url}/fhir"\n'
        'auth = "public"\nclient_id = "esr1-demo"\n'
    )
    app = create_app(Settings(load_issuers(file), folder / "data", app_url))
    with ehr(Sandbox(folder / "ehr", ehr_url, app_url, datetime.now(UTC).date()), ehr_port), serving(app, app_port):
        app_seconds(ehr_url)  # the first page also reads data files
        pairs = [(bare_seconds(app_url, ehr_url), app_seconds(ehr_url)) for _ in range(ROUNDS)]
    bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(own / other for other, own in pairs)
    print(f"token + slowest search, bare requests, {LATE * 1000:.0f} ms a round trip: {bare * 1000:.0f} ms")
    print(f"callback to rendered timeline: {ours * 1000:.0f} ms")
    print(f"ratio: {ratio:.2f}")


if __name__ == "__main__":
    main()
