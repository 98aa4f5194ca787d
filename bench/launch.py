"""From the callback to the rendered timeline, beside the network's own critical path, in one run.

The sandbox EHR stands behind a server that plays it back (``replay.py``): in a first launch it remembers what the FHIR
base answered, afterwards it answers from memory, each request exactly 50 ms late however many come at once. So the
EHR's own work, which would be another in another EHR, is in neither time. Connections are kept, as EHRs keep them.

- The app: from the browser's request of the callback to the last byte of the timeline, the redirect between included.
- The critical path: the bare token request, and then the slowest of the searches, sent all at once by ``requests`` from
  a thread each over connections that are open already, and only received, not read. They are the very requests that
  the app sends once it has the token and that need nothing but the token: those that name the patient.

Prints both and the ratio, also the ratio to what the clock alone makes of two round trips. Nothing is asserted: the
machine decides the times, the ratio is what to look at. ``--trace`` prints when each request of the last launch came
and was answered.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from flask import Flask
from replay import apart, replaying
from requests.adapters import HTTPAdapter
from waitress.server import create_server

from smart_app.sandbox.server import Sandbox, create_sandbox
from smart_app.smart.issuers import load_issuers
from smart_app.smart.tokens import challenge
from smart_app.web.app import create_app, warm
from smart_app.web.settings import Settings

LATE = 0.05
ROUNDS = 15
PATIENT = "sandbox-first-positive"
VERIFIER = "v" * 43


def serve(app: Flask, port: int) -> None:
    """As ``smart-app serve`` does, until this process ends."""
    server = create_server(app, host="127.0.0.1", port=port, threads=8, ident=None)
    threading.Thread(target=server.run, daemon=True).start()


def serve_ehr(sandbox: Sandbox, port: int) -> None:
    create_server(create_sandbox(sandbox), host="127.0.0.1", port=port, threads=16, ident=None).run()


def ehr(sandbox: Sandbox, port: int) -> AbstractContextManager[None]:
    return apart(serve_ehr, port, sandbox, port)


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


def asked_for(ehr_url: str) -> list[tuple[float, float, str]]:
    """When each request to the FHIR base since the last call came and was answered, and its address."""
    return [tuple(one) for one in requests.get(f"{ehr_url}/asked", timeout=30).json()]


def sign_in(session: requests.Session, app_url: str, ehr_url: str) -> dict[str, str]:
    """Everything up to the code; what the token request sends."""
    launched = session.post(f"{ehr_url}/launch", data={"patient": PATIENT}, allow_redirects=False, timeout=30)
    context = parse_qs(urlsplit(launched.headers["Location"]).query)["launch"][0]
    asked = {
        "response_type": "code",
        "client_id": "esr1-demo",
        "redirect_uri": f"{app_url}/callback",
        "scope": "launch openid fhirUser patient/*.rs",
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
    return form | {"redirect_uri": asked["redirect_uri"], "code_verifier": VERIFIER}


def bare_seconds(session: requests.Session, app_url: str, ehr_url: str, searches: list[str]) -> float:
    """The token, then the slowest of the searches sent all at once: what no client can go below."""
    form = sign_in(session, app_url, ehr_url)
    start = time.perf_counter()
    token = session.post(f"{ehr_url}/auth/token", data=form, timeout=30).json()["access_token"]
    first = time.perf_counter() - start

    def one(target: str) -> float:
        start = time.perf_counter()
        answer = session.get(ehr_url + target, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return time.perf_counter() - start

    with ThreadPoolExecutor(len(searches)) as pool:
        return first + max(pool.map(one, searches))


def trace(asked: list[tuple[float, float, str]]) -> None:
    start = min(came for came, _, _ in asked)
    for came, left, target in sorted(asked):
        print(f"{(came - start) * 1000:7.1f} {(left - start) * 1000:7.1f}  {target[:110]}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trace", action="store_true")
    wish = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    behind_port, ehr_port, app_port = free_port(), free_port(), free_port()
    app_url, ehr_url = f"http://127.0.0.1:{app_port}", f"http://127.0.0.1:{ehr_port}"
    file = folder / "issuers.toml"
    file.write_text(
        f'[[issuer]]\nid = "sandbox"\nname = "Sandbox"\nbase = "{ehr_url}/fhir"\n'
        'auth = "public"\nclient_id = "esr1-demo"\n'
    )
    bare_session = requests.Session()
    bare_session.mount("http://", HTTPAdapter(pool_maxsize=64))
    with (
        ehr(Sandbox(folder / "ehr", ehr_url, app_url, datetime.now(UTC).date()), behind_port),
        replaying(ehr_port, f"http://127.0.0.1:{behind_port}", LATE),
    ):
        app = create_app(Settings(load_issuers(file), folder / "data", app_url))
        warm(app)
        serve(app, app_port)
        for _ in range(2):  # the first page also reads data files, and the EHR's answers are remembered
            app_seconds(ehr_url)
        asked_for(ehr_url)
        app_seconds(ehr_url)
        searches = sorted({target for _, _, target in asked_for(ehr_url) if PATIENT in target})
        bare_seconds(bare_session, app_url, ehr_url, searches)
        pairs = []
        for _ in range(ROUNDS):
            bare = bare_seconds(bare_session, app_url, ehr_url, searches)
            asked_for(ehr_url)
            pairs.append((bare, app_seconds(ehr_url)))
        if wish.trace:
            trace(asked_for(ehr_url))
    bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(own / other for other, own in pairs)
    print(f"token + slowest of {len(searches)} searches, bare, at {LATE * 1000:.0f} ms: {bare * 1000:.0f} ms")
    print(f"callback to rendered timeline: {ours * 1000:.0f} ms")
    print(f"ratio: {ratio:.2f}; to two round trips by the clock: {ours / (2 * LATE):.2f}")


if __name__ == "__main__":
    main()
