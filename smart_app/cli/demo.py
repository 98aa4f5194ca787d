"""``smart-app demo``: the app and the sandbox EHR on the loopback, one address to open."""

from __future__ import annotations

import argparse
import signal
import socket
import threading
from datetime import UTC, date, datetime
from pathlib import Path

from waitress.server import create_server

from smart_app.errors import AppError
from smart_app.sandbox.profiles import profiles
from smart_app.sandbox.server import Sandbox, create_sandbox
from smart_app.smart.issuers import load_issuers
from smart_app.web.app import create_app, warm
from smart_app.web.log import configure
from smart_app.web.settings import Settings

HOST = "127.0.0.1"
_WAY_ROUND = "Choose others: make demo PORT=8010 EHR_PORT=8011"


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("demo", help="the app with the embedded sandbox EHR")
    parser.add_argument("--port", type=int, default=8000, help="the app's port")
    parser.add_argument("--ehr-port", type=int, default=8001, help="the sandbox EHR's port")
    parser.add_argument("--data", type=Path, default=Path(".demo"), help="where written plans are kept")
    parser.add_argument("--fhir", metavar="URL", help="stand in front of this FHIR R4 server instead of the own store")
    parser.add_argument("--as", dest="profile", choices=sorted(profiles()), help="the server that the sandbox plays")
    parser.add_argument("--day", type=date.fromisoformat, help="load the patients as of this day (default: today)")
    parser.set_defaults(func=run)


def _free(port: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise AppError(
                f"Port {port} on {HOST} is in use, so the {name} cannot start.",
                code="demo.port_in_use",
                advice=_WAY_ROUND,
            ) from error


def issuers_toml(arguments: argparse.Namespace) -> str:
    """The demo's registration: the sandbox by SMART launch, and an open server without sign-in."""
    ehr = f"http://{HOST}:{arguments.ehr_port}"
    open_base = arguments.fhir.rstrip("/") if arguments.fhir else f"{ehr}/open/fhir"
    name = "Sandbox EHR" if not arguments.fhir else "Sandbox EHR in front of another server"
    return f"""# Written by `smart-app demo` at every start.
[[issuer]]
id = "sandbox"
name = "{name}"
base = "{ehr}/fhir"
auth = "public"
client_id = "esr1-demo"

[[issuer]]
id = "open"
name = "Open test server"
base = "{open_base}"
auth = "none"
"""


def _loaded_on(file: Path, day: date) -> date:
    """The day from which the loaded patients' dates count; noted at the first start."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(day.isoformat(), encoding="utf-8")
    return date.fromisoformat(file.read_text(encoding="utf-8").strip())


def run(arguments: argparse.Namespace) -> int:
    if arguments.port == arguments.ehr_port:
        raise AppError(
            f"The app and the sandbox EHR cannot both have port {arguments.port}.",
            code="demo.same_port",
            advice=_WAY_ROUND,
        )
    _free(arguments.port, "app")
    _free(arguments.ehr_port, "sandbox EHR")
    data: Path = arguments.data
    data.mkdir(parents=True, exist_ok=True)
    (data / "issuers.toml").write_text(issuers_toml(arguments), encoding="utf-8")
    app_url, ehr_url = f"http://{HOST}:{arguments.port}", f"http://{HOST}:{arguments.ehr_port}"
    configure()
    settings = Settings(load_issuers(data / "issuers.toml"), data / "data", app_url)
    day = arguments.day or datetime.now(UTC).date()
    played = profiles()[arguments.profile] if arguments.profile else None
    made = Sandbox(data / "ehr", ehr_url, app_url, day, arguments.fhir, profile=played)
    sandbox = create_sandbox(made)
    app = create_app(settings)
    warm(app)
    servers = [
        create_server(app, host=HOST, port=arguments.port, threads=8, ident=None),
        create_server(sandbox, host=HOST, port=arguments.ehr_port, threads=16, ident=None),
    ]
    loaded = _loaded_on(data / "ehr" / "day", day)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # before the address is told: whoever starts us may stop us at once
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        threading.Thread(target=server.run, daemon=True).start()
    print(f"Open {ehr_url}/ in a browser and choose a patient. Ctrl-C stops everything.", flush=True)
    if loaded != day and not arguments.fhir:
        print(
            f"The patients' dates count from {loaded}, when they were loaded; to renew them: rm -r {data}", flush=True
        )
    stop.wait()
    for server in servers:
        server.close()
    print("Stopped. What was written is kept in", data)
    return 0
