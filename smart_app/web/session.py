"""The guard of every page under ``/s/<launch_id>/``: path, browser secret and server record must agree.

Every sign-in and every launch has a secret of its own in a cookie of its own: what the browser held before the sign-in
opens nothing after it, and two launches in one browser never share anything.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import LaunchError
from smart_app.fhir.gate import is_loopback
from smart_app.smart.launches import ABSOLUTE_SECONDS, PENDING_SECONDS, digest
from smart_app.web.csrf import check_post
from smart_app.web.settings import services

LOGIN, PICK, SESSION = "login", "pick", "s"
KEPT = 40  # launches that one browser may hold; older ones give way, or the Cookie header grows without end
_SECURE_PREFIX, _LOCAL_PREFIX = "__Host-esr1-", "esr1-local-"
_FRAMES = ("iframe", "frame", "embed", "object", "fencedframe")


def new_secret() -> str:
    """256 random bits and the second of making, by which old cookies are told."""
    return f"{int(services().clock())}.{secrets.token_urlsafe(32)}"


def secret_of(kind: str, key: str) -> str | None:
    """This browser's secret for a sign-in (its state) or a launch (its id)."""
    for prefix in _prefixes():
        found = request.cookies.get(f"{prefix}{kind}-{_tag(key)}")
        if found is not None:
            return found
    return None


def remember(kind: str, key: str, secret: str) -> None:
    """Gives the browser this secret with the answer."""
    g.setdefault("cookies", {})[f"{kind}-{_tag(key)}"] = secret


def forget(kind: str, key: str) -> None:
    g.setdefault("cookies", {})[f"{kind}-{_tag(key)}"] = None


def embedded() -> bool | None:
    """Whether this request fills a frame; None where the browser does not say."""
    where = request.headers.get("Sec-Fetch-Dest")
    return None if where in (None, "", "empty") else where in _FRAMES


def canonical() -> Answer | None:
    """On the loopback ``localhost`` and ``127.0.0.1`` are two sites: the way to the one whose cookies will count."""
    own, here = urlsplit(services().settings.public_url), urlsplit(f"//{request.host}")
    same_server = own.scheme == "http" and is_loopback(here.hostname or "") and own.port == _port(request.host)
    if not same_server or request.host == own.netloc:
        return None
    return redirect(f"{services().settings.public_url}{request.path}?{request.query_string.decode('latin-1')}", 307)


def _meant_for_us() -> bool:
    """On the loopback its own names only: a foreign one that was made to lead here (DNS rebinding) is another site."""
    try:
        return is_loopback((urlsplit(f"//{request.host}").hostname or "").lower())
    except ValueError:
        return False


def _port(host: str) -> int | None:
    try:
        return urlsplit(f"//{host}").port
    except ValueError:
        return None


def _secure() -> bool:
    return services().settings.public_url.startswith("https://")


def _prefixes() -> tuple[str, ...]:
    return (_SECURE_PREFIX,) if _secure() else (_SECURE_PREFIX, _LOCAL_PREFIX)


def _tag(key: str) -> str:
    return digest(key)[:20]


def install(app: Flask) -> None:
    """Loads ``g.launch`` before any view under ``/s/`` runs and sets the cookies that a view gave or took."""

    @app.before_request
    def guard() -> None:
        if not _secure() and not _meant_for_us():
            abort(400)
        if request.method == "HEAD" and request.endpoint in _ONCE:
            abort(405)  # a look ahead must not use up what works once
        launch_id = (request.view_args or {}).get("launch_id")
        if launch_id is not None:
            g.launch = g.visited = services().launches.find(launch_id, secret_of(SESSION, launch_id))
            if request.method not in ("GET", "HEAD", "OPTIONS"):
                check_post()

    @app.after_request
    def cookies(response: Response) -> Response:
        changed: dict[str, str | None] = g.pop("cookies", {})
        if any(value is not None for value in changed.values()):
            changed = {**dict.fromkeys(_outdated()), **changed}
        for name, value in changed.items():
            _dress(response, name, value)
        return response


def check_routes(app: Flask) -> None:
    """A page under ``/s/`` that names no launch would have no guard: the app does not start with one."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/s/") and not rule.rule.startswith("/s/<launch_id>/"):
            raise AssertionError(f"{rule.rule} is not guarded")


_ONCE = ("launch.begin", "callback.callback", "open_server.handoff")


def _outdated() -> list[str]:
    """Cookies of launches that are over for their age, and the oldest where there are too many."""
    now = services().clock()
    made: list[tuple[float, str]] = []
    for cookie, value in request.cookies.items():
        prefix = next((p for p in _prefixes() if cookie.startswith(p)), None)
        if prefix is not None:
            stamp = value.partition(".")[0]
            made.append((float(stamp) if stamp.isdecimal() else 0.0, cookie.removeprefix(prefix)))
    made.sort(reverse=True)
    sessions = [name for _, name in made if name.startswith(f"{SESSION}-")]
    old = {name for when, name in made if when < now - ABSOLUTE_SECONDS}
    passing = (f"{LOGIN}-", f"{PICK}-")
    logins = {name for when, name in made if name.startswith(passing) and when < now - PENDING_SECONDS}
    return sorted({*old, *logins, *sessions[KEPT - 1 :]})


def _dress(response: Response, name: str, value: str | None) -> None:
    """Sets or (None) deletes one cookie, as this browser and this place need it.

    In an EHR's frame only ``SameSite=None; Secure; Partitioned`` comes back. A top-level window needs none of that and
    gets ``Lax``. Where the browser does not say which it is, the first form works in both. Plain http is for the
    loopback only; there a browser takes ``Secure`` cookies too, other clients do not, so only a frame gets them.
    """
    framed = embedded()
    secure = _secure() or framed is True
    crossing = secure and framed is not False
    response.set_cookie(
        (_SECURE_PREFIX if secure else _LOCAL_PREFIX) + name,
        value or "",
        max_age=None if value is not None else 0,
        secure=secure,
        httponly=True,
        samesite="None" if crossing else "Lax",
        partitioned=crossing,
        path="/",
    )


def no_cookie(message: str) -> LaunchError:
    """For a browser that sent back none of what it was given."""
    return LaunchError(message, code="launch.cookie_blocked")
