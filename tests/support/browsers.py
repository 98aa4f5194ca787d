"""One Playwright for the whole test run: a second one beside it is refused ("Sync API inside the asyncio loop")."""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any


@cache
def playing() -> Any:
    from playwright.sync_api import sync_playwright

    started = sync_playwright().start()
    atexit.register(started.stop)
    return started
