"""Headers of every answer, errors included, and the check that a POST comes from our own page of this launch."""

from __future__ import annotations

import hashlib
import hmac

from flask import Flask, Response, abort, g, request

from smart_app.smart.launches import Launch
from smart_app.web.settings import services

# one entry a directive, with its reason; nothing else is open
CSP: dict[str, tuple[str, str]] = {
    "default-src": ("'none'", "nothing that is not named below"),
    "style-src": ("'self'", "our one style sheet"),
    "script-src": ("'self'", "our one small script; the app works without it"),
    "img-src": ("'self'", "our icon; the timeline is inline SVG"),
    "form-action": ("'self'", "forms are sent to the app only"),
    "base-uri": ("'none'", "no page may move its relative links"),
}

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def content_security_policy(frame_ancestors: tuple[str, ...]) -> str:
    parts = [f"{name} {value}" for name, (value, _why) in CSP.items()]
    return "; ".join([*parts, "frame-ancestors " + (" ".join(frame_ancestors) or "'none'")])


def csrf_token() -> str:
    """Bound to the launch: worth nothing for another one."""
    launch: Launch = g.launch
    return hmac.new(services().secret, f"{launch.id}:{launch.browser}".encode(), hashlib.sha256).hexdigest()


def check_post() -> None:
    """403 for a POST of a launch that does not come from our own page."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (request.host_url.rstrip("/"), services().settings.public_url, "null"):
        abort(403, "The form was not sent from this app.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403, "The form was not sent from this app.")
    if not hmac.compare_digest(request.form.get("csrf_token", ""), csrf_token()):
        abort(403, "The form is out of date. Reload the page and try again.")


def install(app: Flask) -> None:
    """Sets the headers on every answer of the app."""

    @app.after_request
    def headers(response: Response) -> Response:
        launch: Launch | None = g.get("launch")
        issuer = launch.issuer if launch is not None else g.get("issuer")
        if issuer is not None:
            ancestors = issuer.frame_ancestors
        else:  # a page about no patient: any registered EHR may frame it, so that its words are seen
            registered = services().settings.issuers
            ancestors = tuple(sorted({origin for one in registered for origin in one.frame_ancestors}))
        response.headers["Content-Security-Policy"] = content_security_policy(ancestors)
        for name, value in FIXED.items():
            response.headers[name] = value
        if request.path.startswith("/static/"):
            response.headers["Cache-Control"] = "public, max-age=3600"
        elif request.path == "/jwks.json" and response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=300"
        if services().settings.public_url.startswith("https://"):
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        return response

    app.jinja_env.globals["csrf_token"] = csrf_token
