"""Connections opened while there is nothing else to do: the searches that follow wait for no handshake."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError


def open_ahead(adapter: HTTPAdapter, url: str, verify: bool | str, count: int, seconds: float) -> None:
    """Fills the adapter's pool for this address with ``count`` open connections; one that fails is left to its request.

    They are the very connections that requests would make, with the same checks of certificate and address.
    """
    asked = requests.PreparedRequest()
    asked.prepare("GET", url)
    pool = adapter.get_connection_with_tls_context(asked, verify)
    if not isinstance(pool, HTTPConnectionPool):
        return
    adapter.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]
    taken = [pool._get_conn() for _ in range(count)]

    def connect(one: object) -> None:
        if isinstance(one, HTTPConnection) and one.is_closed:
            one.timeout = seconds
            try:
                one.connect()
            except (OSError, HTTPError):
                one.close()

    try:
        with ThreadPoolExecutor(count) as threads, suppress(RuntimeError):  # no more threads: then without
            list(threads.map(connect, taken))
    finally:
        for one in taken:
            pool._put_conn(one)
