"""The check that a POST comes from our own page, and under ``/s/`` from a page of this very launch."""

from __future__ import annotations

import hashlib
import hmac

from flask import abort, g, request

from smart_app.smart.launches import Launch
from smart_app.web.i18n import N_
from smart_app.web.settings import services


def csrf_token() -> str:
    """Bound to the launch and its browser: worth nothing for another one, and the same in every process."""
    launch: Launch = g.launch
    return form_token(launch.id, launch.browser)


def form_token(ident: str, browser: str) -> str:
    """For the forms of one launch, or one choice of a patient. ``browser``: digest of the secret its browser got."""
    return hmac.new(browser.encode(), f"form:{ident}".encode(), hashlib.sha256).hexdigest()


def is_own() -> bool:
    """Whether the browser says that our own page sent this. ``null`` is what our no-referrer policy makes of it."""
    origin = request.headers.get("Origin")
    own = (request.host_url.rstrip("/"), services().settings.public_url, "null")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    return (origin is None or origin in own) and site in ("same-origin", "none")


def check_own() -> None:
    if not is_own():
        abort(403, N_("The form was not sent from this app."))


def check_post() -> None:
    """403 for a POST of a launch that does not come from our own page."""
    check_form(g.launch.id, g.launch.browser)


def check_form(ident: str, browser: str) -> None:
    check_own()
    if not hmac.compare_digest(request.form.get("csrf_token", "").encode(), form_token(ident, browser).encode()):
        abort(403, N_("The form is out of date. Reload the page and try again."))
