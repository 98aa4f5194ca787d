"""Every failure ends on a page that says what happened and what to do, with a code and never a stack trace."""

from __future__ import annotations

import logging
import secrets

from flask import Flask, g, render_template, request
from werkzeug.exceptions import HTTPException

from smart_app.errors import AppError, FhirError, LaunchError
from smart_app.web.csrf import is_own
from smart_app.web.i18n import N_

log = logging.getLogger("smart_app")

_ADVICE = {
    "launch": N_("Go back to the EHR and launch the app again from the patient's chart."),
    "session": N_("Go back to the EHR and launch the app again from the patient's chart."),
    "token": N_("Go back to the EHR and launch the app again. If it happens again, tell your EHR team the code below."),
    "id_token": N_("Nothing was opened. Tell your EHR team the code below."),
    "discovery": N_("Nothing was opened. Tell your EHR team the code below."),
    "net": N_("Try again in a minute. If it happens again, tell your EHR team the code below."),
    "fhir": N_("Nothing is shown, because a part would be missing without a word. Try again in a minute."),
    "config": N_("The app's configuration has to be mended; tell whoever runs it."),
}
_STATUS = {"session": 403, "launch": 400, "discovery": 502, "token": 502, "id_token": 502, "net": 502, "fhir": 502}


_HTTP_ADVICE = {413: N_("Go back and send less."), 429: N_("Wait a minute, then try again.")}
WRITTEN = ("note", "decided", "basis")  # what a clinician may have typed; it must not be lost with the session


def install(app: Flask) -> None:
    """Registers the handlers."""

    @app.errorhandler(AppError)
    def known(error: AppError) -> tuple[str, int]:
        family, g.error_code = error.code.split(".")[0], error.code
        log.warning("error", extra={"code": error.code})
        advice = error.advice or _ADVICE.get(family, N_("Try again. If it happens again, tell whoever runs the app."))
        title = N_("The EHR could not be read") if isinstance(error, FhirError) else N_("This did not work")
        if isinstance(error, LaunchError):
            title = N_("Please launch the app again") if family == "session" else N_("The app could not be opened")
        return _page(title, error.message, advice, error.code, _STATUS.get(family, 500))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> tuple[str, int, list[tuple[str, str]]]:
        status = error.code or 500
        kept = [(name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After")]
        words = {
            404: N_("There is no such page."),
            405: N_("This page cannot be used in this way."),
            413: N_("That was too large."),
            429: N_("That was too fast."),
        }.get(status, error.description if status == 403 and error.description else N_("This did not work."))
        advice = _HTTP_ADVICE.get(status, N_("Go back to the EHR and launch the app again."))
        return *_page(N_("This did not work"), words, advice, f"http.{status}", status), kept

    @app.errorhandler(Exception)
    def unknown(error: Exception) -> tuple[str, int]:
        number = secrets.token_hex(4)
        # the exception's text may hold patient data: only its kind and place are logged
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
        log.error("unexpected", extra={"code": "app.unexpected", "kind": type(error).__name__, "place": place})
        return _page(
            N_("This did not work"),
            N_("Something went wrong inside the app. Nothing was written to the EHR by this page."),
            N_("Try again. If it happens again, tell whoever runs the app the code below."),
            f"app.unexpected {number}",
            500,
        )


def _page(title: str, message: str, advice: str, code: str, status: int) -> tuple[str, int]:
    launch = g.pop("launch", None)  # an error page shows nothing of a patient
    if launch is not None:
        g.issuer = launch.issuer
    return render_template(
        "error.html", title=title, message=message, advice=advice, code=code, written=_written()
    ), status


def _written() -> list[str]:
    """What was typed into the form that failed, to copy. Only where the browser says that it is our own form."""
    if request.method != "POST" or not is_own():
        return []
    try:
        return [words for name in WRITTEN if (words := request.form.get(name, "").strip())]
    except HTTPException:
        return []  # the form itself could not be read
