"""Rate limits on launching, on the callback and on writing: a brake on floods, far above what people do."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from flask import Flask, g, request
from werkzeug.exceptions import TooManyRequests

from smart_app.fhir.gate import is_loopback
from smart_app.web.settings import services

WINDOW = 60.0
# a whole hospital may come from one address; the loopback is one machine's own tests
LAUNCHES, LOCAL_LAUNCHES = 600, 20_000
WRITES = 60  # a minute and a launch
_MEASURED = {
    "launch.begin": "launch",
    "callback.callback": "callback",
    "open_server.choose": "launch",
    "pick.search": "search",
}


@dataclass(slots=True)
class Limiter:
    """Counts by name and caller in windows of a minute. One per process."""

    _started: float = 0.0
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self, name: str, caller: str, limit: int, now: float) -> bool:
        with self._lock:
            if not 0 <= now - self._started < WINDOW:
                self._started = now
                self._counts.clear()
            self._counts[name, caller] += 1
            return self._counts[name, caller] > limit


def install(app: Flask) -> None:
    limiter = Limiter()

    @app.before_request
    def brake() -> None:
        caller, now = request.remote_addr or "", services().clock()
        name = _MEASURED.get(request.endpoint or "")
        if name is not None:
            local = is_loopback(caller) and services().settings.public_url.startswith("http://")
            limited = limiter.over(name, caller, LOCAL_LAUNCHES if local else LAUNCHES, now)
        else:
            launch = g.get("launch")
            limited = request.method == "POST" and launch is not None and limiter.over("write", launch.id, WRITES, now)
        if limited:
            raise TooManyRequests(retry_after=int(WINDOW))
