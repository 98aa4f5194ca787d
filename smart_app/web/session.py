"""The guard of every page under ``/s/<launch_id>/``: path, browser secret and server record must agree."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request

from smart_app.web.security import check_post
from smart_app.web.settings import services


def _name() -> str:
    return "__Host-esr1" if _secure() else "esr1-local"


def _secure() -> bool:
    return services().settings.public_url.startswith("https://")


def browser_secret() -> str | None:
    """The secret of this browser (not of a patient or a launch), where it has one."""
    return request.cookies.get(_name())


def ensure_browser_secret() -> str:
    secret = browser_secret()
    if secret is None or len(secret) < 40:
        secret = secrets.token_urlsafe(32)
        g.new_browser_secret = secret
    return secret


def install(app: Flask) -> None:
    """Loads ``g.launch`` before any view under ``/s/`` runs and sets the browser's secret where one was made."""

    @app.before_request
    def guard() -> None:
        launch_id = (request.view_args or {}).get("launch_id")
        if launch_id is not None:
            g.launch = services().launches.find(launch_id, browser_secret())
            if request.method == "POST":
                check_post()

    @app.after_request
    def remember(response: Response) -> Response:
        secret = g.get("new_browser_secret")
        if secret is not None:
            # inside an EHR's frame only a partitioned cookie comes back; http is for the loopback only
            secure = _secure()
            response.set_cookie(
                _name(),
                secret,
                secure=secure,
                httponly=True,
                samesite="None" if secure else "Lax",
                partitioned=secure,
                path="/",
            )
        return response
