"""The app, the sandbox EHR and a real browser, each over real sockets."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from smart_app.sandbox.auth import Client, Sessions
from smart_app.sandbox.fhirstore import FhirStore
from smart_app.sandbox.habits import Habits
from smart_app.sandbox.profiles import Profile
from smart_app.sandbox.server import Sandbox, create_sandbox
from smart_app.smart.issuers import load_issuers
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.support.browsers import playing
from tests.support.java import free_port

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def serving(app: Flask, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Running:
    """One app beside one sandbox EHR."""

    app_url: str
    ehr_url: str
    app: Flask
    sessions: Sessions
    store: FhirStore | None


@contextmanager
def app_and_sandbox(
    folder: Path,
    *,
    upstream: str | None = None,
    clients: list[Client] | None = None,
    issuers: str | None = None,
    day: date | None = None,
    lifetime: int = 3600,
    habits: dict[str, Habits] | None = None,
    profile: Profile | None = None,
    **settings: Any,
) -> Iterator[Running]:
    """Both on free ports. ``issuers``: TOML with {ehr} and {upstream} for the addresses."""
    app_port, ehr_port = free_port(), free_port()
    app_url, ehr_url = f"http://127.0.0.1:{app_port}", f"http://127.0.0.1:{ehr_port}"
    text = issuers or _ISSUERS
    file = folder / "issuers.toml"
    file.write_text(text.replace("{ehr}", ehr_url).replace("{upstream}", upstream or f"{ehr_url}/open/fhir"))
    made = Sandbox(folder / "ehr", ehr_url, app_url, day or datetime.now(UTC).date(), upstream, clients or [], lifetime)
    if habits is not None:
        made.habits = habits
    made.profile = profile
    sandbox = create_sandbox(made)
    app = create_app(Settings(load_issuers(file), folder / "data", app_url, **settings))
    sessions, store = sandbox.extensions["sandbox"]
    with serving(sandbox, ehr_port), serving(app, app_port):
        yield Running(app_url, ehr_url, app, sessions, store)


_ISSUERS = """
[[issuer]]
id = "sandbox"
name = "Sandbox EHR"
base = "{ehr}/fhir"
auth = "public"
client_id = "esr1-demo"

[[issuer]]
id = "open"
name = "Open test server"
base = "{upstream}"
auth = "none"
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A Playwright browser; skips with a word where there is no Chromium."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine, so no page is opened: on Debian, apt install chromium")
    browser = playing().chromium.launch(executable_path=program, args=list(FLAGS))
    try:
        yield browser
    finally:
        browser.close()
