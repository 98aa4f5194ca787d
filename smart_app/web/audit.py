"""What goes into the audit trail, noted where it happens: pages at the door, writes at the FHIR client."""

from __future__ import annotations

from flask import Flask, Response, g, request

from smart_app.smart.launches import Launch
from smart_app.web.settings import services

_SHEETS = ("service.style", "service.end")  # no reading of a record; the end is noted by itself


def install(app: Flask) -> None:
    """One entry for each page about a patient, shown or refused, and for each sign-in that was refused."""

    @app.after_request
    def door(response: Response) -> Response:
        endpoint, launch = request.endpoint or "", g.get("visited")
        code = g.get("error_code")
        if launch is not None and endpoint not in _SHEETS:
            outcome = "done" if response.status_code < 400 else "refused"
            services().audit.note("read", launch, outcome=outcome, page=endpoint, code=code)
        elif endpoint in ("callback.callback", "pick.choose") and response.status_code >= 400:
            issuer = g.get("issuer")
            if issuer is not None:  # a flood of made-up states must not fill the trail
                named = {"issuer": issuer.id, "base": issuer.base}
                services().audit.note("refused", None, outcome="refused", code=code, page=endpoint, **named)
        elif code == "session.other_browser":
            services().audit.note("refused", None, outcome="refused", code=code, page=endpoint)
        return response


def opened(launch: Launch) -> None:
    services().audit.note("opened", launch)


def ended(launch: Launch) -> None:
    services().audit.note("ended", launch)
