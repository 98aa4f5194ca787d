"""Serves the whole app and kills itself (SIGKILL) at its n-th input or output while it writes: started by the tests.

python -m tests.writing.killed_app ISSUERS DATA       reads "PORT N" lines; says "ready", then how each one ended
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from smart_app.fhir.gate import Gate
from smart_app.smart.issuers import load_issuers
from smart_app.web.app import create_app
from smart_app.web.settings import Settings


class Fate:
    """Counts from the moment when the right to write is taken: before that nothing can have been written."""

    def __init__(self, last: int) -> None:
        self.last, self.count, self.armed, self.lock = last, 0, False, threading.Lock()

    def step(self) -> None:
        with self.lock:
            self.count += self.armed
            if self.armed and self.count == self.last:
                os.kill(os.getpid(), signal.SIGKILL)


class Doomed:
    """Passes every call on to ``inner`` and lets fate look after each one: that is also before the next one."""

    def __init__(self, inner: Any, names: tuple[str, ...], fate: Fate) -> None:
        self.inner, self.names, self.fate = inner, names, fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in self.names:
            return found

        def doomed(*args: Any, **more: Any) -> Any:
            self.fate.armed = self.fate.armed or args[:1] == ("write-lock",)
            result = found(*args, **more)
            self.fate.step()
            return result

        return doomed


def serve(issuers: Path, data: Path, port: int, last: int) -> None:
    fate = Fate(last)
    settings = Settings(load_issuers(issuers), data, f"http://127.0.0.1:{port}")
    app = create_app(settings, gate=Doomed(Gate(), ("request",), fate))  # type: ignore[arg-type]
    services = app.extensions["esr1"]
    services.__dict__["store"] = Doomed(services.store, ("put", "add", "get", "take", "delete"), fate)
    server = make_server("127.0.0.1", port, app, threaded=True)
    print("ready", flush=True)
    server.serve_forever(poll_interval=0.02)


def main() -> None:
    issuers, data = map(Path, sys.argv[1:])
    for line in sys.stdin:
        port, last = map(int, line.split())
        child = os.fork()
        if child == 0:
            serve(issuers, data, port, last)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
