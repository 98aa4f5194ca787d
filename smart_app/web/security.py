"""Headers of every answer, errors included."""

from __future__ import annotations

from flask import Flask, Response, g, request

from smart_app.smart.launches import Launch
from smart_app.web.csrf import csrf_token
from smart_app.web.settings import services

# one entry a directive, with its reason; nothing else is open
CSP: dict[str, tuple[str, str]] = {
    "default-src": ("'none'", "nothing that is not named below"),
    "style-src": ("'self'", "our one style sheet"),
    "script-src": ("'self'", "our one small script; the app works without it"),
    "img-src": ("'self'", "our icon; the timeline is inline SVG"),
    "form-action": ("'self'", "forms are sent to the app only, and by one page to the sign-in that it names"),
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


def content_security_policy(frame_ancestors: tuple[str, ...], form_action: tuple[str, ...] = ()) -> str:
    more = {"form-action": form_action}
    parts = [" ".join([name, value, *more.get(name, ())]) for name, (value, _why) in CSP.items()]
    return "; ".join([*parts, "frame-ancestors " + (" ".join(frame_ancestors) or "'none'")])


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
        response.headers["Content-Security-Policy"] = content_security_policy(ancestors, g.get("form_action", ()))
        for name, value in FIXED.items():
            response.headers[name] = value
        if request.path.startswith("/static/") and request.method == "GET" and response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=3600"
        elif request.path == "/jwks.json" and response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=300"
        if response.location is not None and response.location.startswith(request.host_url):
            # a missing slash: the address is given without the host, which is whatever the request said it is
            response.location = "/" + response.location[len(request.host_url) :].lstrip("/\\")
        if services().settings.public_url.startswith("https://"):
            response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        return response

    app.jinja_env.globals["csrf_token"] = csrf_token
