"""The one way out: every HTTP request of the app goes through a Gate.

Registered origins only, no redirect followed, nothing taken from the environment (proxies, netrc), a deadline over the
whole answer however it trickles in, a cap on its size after decompression, GET tried again with jitter within a budget
(never a POST or PUT), also where the server throttles (429, or 403 with Retry-After), and a circuit breaker. An origin
that is open for public addresses only is held to that twice: when its name is looked up, and on the connected socket
(no DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

import requests

from smart_app.errors import FhirError
from smart_app.fhir.ahead import open_ahead
from smart_app.fhir.publicnet import PublicAdapter, is_public
from smart_app.fhir.timed import TimedAdapter, within

MAX_BYTES = 64 * 1024 * 1024
UNPACKED_TIMES, UNPACKED_AT_LEAST = 200, 1024 * 1024
CONNECT_SECONDS = 5.0
ENCODINGS = ("gzip", "deflate")
_OWN = {
    "User-Agent": "esr1-smart-app",
    "Accept-Encoding": ", ".join(ENCODINGS),
    "Accept": "*/*",
    "Connection": "keep-alive",
}
RETRY_STATUS = frozenset({502, 503, 504})
PATIENCE = 6.0  # seconds of waiting, over all tries of one request, that a waiting clinician is asked to sit out
BREAK_AFTER = 12  # failures in a row that stop further tries
BREAK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


@dataclass(slots=True)
class _Health:
    failures: int = 0
    open_until: float = 0.0


def origin_of(url: str) -> str:
    """``scheme://host:port`` in lower case with the port spelled out; FhirError ``net.origin`` where it has none."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
        host = parts.hostname
    except (ValueError, KeyError) as error:
        raise FhirError("The address is not a web address.", code="net.origin") from error
    if not host or parts.username is not None or parts.password is not None:
        raise FhirError("The address has no host or carries a user name.", code="net.origin")
    return f"{parts.scheme}://{host.lower()}:{port}"


def under(url: str, base: str) -> bool:
    """Whether the address is the base itself or lies below it: same origin and path prefix, no dot segments."""
    try:
        if origin_of(url) != origin_of(base):
            return False
    except FhirError:
        return False
    path, prefix = urlsplit(url).path, urlsplit(base).path.rstrip("/")
    lowered = path.lower()
    if any(part in (".", "..") for part in path.split("/")) or "%2e" in lowered or "%2f" in lowered or "\\" in path:
        return False
    return path in (prefix, prefix + "/") or path.startswith(prefix + "/")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class Gate:
    """Thread-safe. ``sleep`` and ``clock`` are given by tests."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    max_bytes: int = MAX_BYTES
    verify: bool | str = True
    tries: int = 4
    _allowed: dict[str, bool] = field(default_factory=dict)
    _health: dict[str, _Health] = field(default_factory=dict)
    _adapter: TimedAdapter = field(
        default_factory=lambda: TimedAdapter(pool_connections=32, pool_maxsize=64, max_retries=0)
    )
    _public: TimedAdapter = field(
        default_factory=lambda: PublicAdapter(pool_connections=32, pool_maxsize=64, max_retries=0)
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allow(self, url: str, *, private: bool = True) -> None:
        """Opens the origin of this address. ``private`` False: only where it resolves to public addresses."""
        origin = origin_of(url)
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise FhirError("Only https is used outside this machine.", code="net.origin")
        with self._lock:
            self._allowed[origin] = self._allowed.get(origin, False) or private

    def warm(self, url: str, count: int) -> None:
        """Opens connections for reading there, where that is allowed; what fails says the request that needs it."""
        with suppress(FhirError):
            self._check(origin_of(url), url)
            open_ahead(self._adapter_for(url, pooled=True), url, self.verify, count, CONNECT_SECONDS)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 10.0,
        retry: bool | None = None,
        max_bytes: int | None = None,
    ) -> Reply:
        """One answer, or a FhirError ``net.*`` that says why there is none. Only GET is ever repeated."""
        origin = origin_of(url)
        self._check(origin, url)
        again = method == "GET" if retry is None else retry and method == "GET"
        patience = PATIENCE if again else 0.0
        for attempt in range(self.tries if again else 1):
            last = attempt == (self.tries if again else 1) - 1
            try:
                with within(timeout):
                    reply = self._once(method, url, headers, params, form, body, timeout, max_bytes or self.max_bytes)
            except FhirError as error:
                self._failed(origin)
                if last or error.code not in ("net.unreachable",):
                    raise
                patience -= self._pause(_backoff(attempt))
                continue
            self._worked(origin)
            if (reply.status in RETRY_STATUS or throttles(reply.status, reply.headers, reply.body)) and not last:
                asked = _retry_after(reply)
                wait = _backoff(attempt) if asked is None else asked * (1 + random.random() / 8)  # noqa: S311 - jitter
                if wait <= patience:
                    patience -= self._pause(wait)
                    continue
            if 300 <= reply.status < 400 and reply.status != 304:
                raise FhirError("The server answered with a redirect, which is not followed.", code="net.redirect")
            return reply
        raise AssertionError("unreachable")  # pragma: no cover

    def _pause(self, seconds: float) -> float:
        self.sleep(seconds)
        return seconds

    def _check(self, origin: str, url: str) -> None:
        with self._lock:
            private = self._allowed.get(origin)
            health = self._health.get(origin)
        if private is None:
            raise FhirError("This server is not registered; nothing was sent to it.", code="net.origin")
        if health is not None and health.open_until > self.clock():
            raise FhirError(
                "The server failed many times in a row and is left alone for a moment.",
                code="net.circuit_open",
                advice="Try again in a quarter of a minute.",
            )
        if not private:
            _require_public(urlsplit(url).hostname or "")

    def _adapter_for(self, url: str, *, pooled: bool) -> TimedAdapter:
        """Reads share their connections. A write has its own: one that the server let go meanwhile would lose it."""
        with self._lock:
            private = self._allowed.get(origin_of(url), False)
        if pooled:
            return self._adapter if private else self._public
        return TimedAdapter(max_retries=0) if private else PublicAdapter(max_retries=0)

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | list[tuple[str, str]] | None,
        form: Mapping[str, str] | None,
        body: bytes | None,
        timeout: float,
        max_bytes: int,
    ) -> Reply:
        deadline = self.clock() + timeout
        try:
            # no requests.Session: nothing of the environment counts, and no server's cookie reaches another launch
            asked = requests.PreparedRequest()
            asked.prepare(
                method, url, {**_OWN, **(headers or {})}, data=form if form is not None else body, params=params
            )
            with self._adapter_for(url, pooled=method == "GET").send(
                asked, stream=True, timeout=(min(CONNECT_SECONDS, timeout), timeout), verify=self.verify
            ) as answer:
                packed = answer.headers.get("Content-Encoding", "").strip().lower()
                if packed not in ("", "identity", *ENCODINGS):  # packed twice, a few bytes unpack to terabytes
                    raise FhirError("The answer is packed in a way that was not asked for.", code="net.encoding")
                content, most = bytearray(), min(max_bytes, _unpacked(answer.headers))
                for chunk in answer.iter_content(65536):
                    content += chunk
                    if len(content) > most:
                        raise FhirError("The answer was larger than the app accepts.", code="net.too_large")
                    if self.clock() > deadline:
                        raise FhirError("The server did not finish its answer in time.", code="net.timeout")
                return Reply(answer.status_code, answer.headers, bytes(content), answer.url)
        except requests.Timeout as error:
            raise FhirError(f"The server did not answer within {timeout:g} seconds.", code="net.timeout") from error
        except (requests.RequestException, OSError, ValueError) as error:
            if "timed out" in str(error).lower():
                raise FhirError("The server did not finish its answer in time.", code="net.timeout") from error
            raise FhirError("The server could not be reached.", code="net.unreachable") from error

    def _failed(self, origin: str) -> None:
        with self._lock:
            health = self._health.setdefault(origin, _Health())
            health.failures += 1
            if health.failures >= BREAK_AFTER:
                health.open_until, health.failures = self.clock() + BREAK_SECONDS, 0

    def _worked(self, origin: str) -> None:
        with self._lock:
            self._health.pop(origin, None)


def throttles(status: int, headers: Mapping[str, str], content: bytes) -> bool:
    """Too many requests: 429, or a 403 that says so by Retry-After or by the FHIR issue code ``throttled``.

    Any other 403 is a refusal, and is never sent again.
    """
    if status == 429:
        return True
    return status == 403 and ("Retry-After" in headers or b'"throttled"' in content[:4096])


def _backoff(attempt: int) -> float:
    return 0.1 * float(2**attempt) * (0.5 + random.random())  # noqa: S311 - jitter, not a secret


def _unpacked(headers: Mapping[str, str]) -> int:
    """What an answer may unpack to: JSON shrinks 10 to 60 times, one that shrinks 200 times is made to harm."""
    length = headers.get("Content-Length", "")
    if "Content-Encoding" not in headers or not length.isascii() or not length.isdigit():
        return MAX_BYTES
    return max(UNPACKED_AT_LEAST, UNPACKED_TIMES * int(length))


def _retry_after(reply: Reply) -> float | None:
    """Seconds asked for, also where an HTTP date says until when; None where nothing readable is said."""
    value = reply.header("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


def _require_public(host: str) -> None:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise FhirError("The server's name could not be resolved.", code="net.unreachable") from error
    if not all(is_public(str(address)) for address in found):
        raise FhirError("The address lies in a private network and is not registered.", code="net.origin")
