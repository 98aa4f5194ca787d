"""A real Redis server in a folder of its own on a Unix socket, set as the app asks for; gone with the test."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOW = "redis-server is missing (on Debian: apt-get install -y redis-server)"
SAFE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


@contextmanager
def redis_server(folder: Path, **changed: str) -> Iterator[str]:
    """Its address. ``changed``: settings with ``_`` for ``-``. Where there is no Redis the test says so."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip(HOW)
    socket = folder / "redis.sock"
    settings = SAFE | {k.replace("_", "-"): v for k, v in changed.items()}
    settings |= {"port": "0", "unixsocket": str(socket), "dir": str(folder), "save": ""}
    arguments = [word for name, value in settings.items() for word in (f"--{name}", *value.split(" "))]
    with subprocess.Popen([command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                if socket.exists():
                    break
                time.sleep(0.05)
            yield f"unix://{socket}"
        finally:
            process.terminate()
