"""The care plan: preview in words and as JSON, confirm, written, read back and shown as stored.

A confirmation is bound to exactly the previewed content: patient, plan, version of the stored plan and digest of the
inputs lie on the server under a token that works once. Anything that changed since gives a fresh preview.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import AppError, WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.looking import look
from smart_app.fhir.writing.patching import CLOSINGS, closed
from smart_app.fhir.writing.protocol import Written, change_plan, follow_plan, not_sent, write_plan
from smart_app.fhir.writing.wording import typed
from smart_app.smart.launches import Launch
from smart_app.web.chart import ChartView, read_view
from smart_app.web.climbing import choice_of, note_refusal
from smart_app.web.i18n import N_
from smart_app.web.planning import (
    Preview,
    Wishes,
    banner_id,
    bear_witness,
    fingerprint,
    journal_of,
    left_over,
    prepare,
    signature,
    witness_of,
)
from smart_app.web.settings import services

blueprint = Blueprint("plan", __name__)
PREVIEW_SECONDS = 1800.0
WAIT_SECONDS = 20.0  # how long a second click waits for the first one
_AGAIN = ("write.stale", "write.busy")
_ONCE_MORE = N_("Please look at it again; nothing was written by this click.")


@blueprint.get("/s/<launch_id>/plan")
def preview(launch_id: str) -> str:  # noqa: ARG001 - the guard used it
    """The plan in words and as JSON; nothing is written."""
    return _shown(prepare(_launch(), Wishes()), Wishes())


@blueprint.post("/s/<launch_id>/plan")
def changed(launch_id: str) -> str:  # noqa: ARG001 - the guard used it
    """The same with what the clinician typed: a note, other days, a decision on the review."""
    wishes = Wishes.of(request.form)
    return _shown(prepare(_launch(), wishes), wishes)


def _shown(made: Preview, wishes: Wishes, message: str = "") -> str:
    became, entry = left_over(made)
    # without conditional create the server would take a second plan, should the first still arrive: the clinician looks
    ask = became == "absent" and made.stored is None and not made.conditional
    token = ""
    if made.why_not is None and not made.wrong:
        token = secrets.token_urlsafe(24)
        value = {"launch": _launch().id, "bound": fingerprint(made), "ask": ask, "wishes": wishes.as_value()}
        services().store.put("preview", token, value, PREVIEW_SECONDS)
    return render_template(
        "plan/preview.html",
        made=made,
        view=made.view,
        token=token,
        message=message,
        wishes=wishes,
        became=became,
        entry=entry,
        ask=ask,
        json=jsontext.dumps(made.shown, indent=2).decode(),
        raised=made.view.decision.switch_review.answer.value == "raised",
        ladder=choice_of(made)[0],
    )


@blueprint.post("/s/<launch_id>/plan/confirm")
def confirm(launch_id: str) -> str | Answer | tuple[str, int]:
    """Writes exactly what was previewed, once."""
    launch, token = _launch(), request.form.get("token", "")
    value = services().store.take("preview", token)
    if value is None or value["launch"] != launch.id:
        if services().store.get("outcome", _outcome_key(token)) is not None:
            return redirect(f"/s/{launch_id}/plan/result/{_outcome_key(token)}", 303)
        words = N_("This preview was used or is too old. Please look at the plan again.")
        return _shown(prepare(launch, Wishes()), Wishes(), message=words)
    _remember(launch, token, {"state": "writing"})
    try:
        return _confirmed(launch, token, value)
    except AppError as error:
        # from the moment of sending on every error is a WriteError, told apart below: so nothing was sent here
        _remember(launch, token, {"state": "failed", "code": error.code, "message": error.message})
        raise


def _confirmed(launch: Launch, token: str, value: dict[str, Any]) -> str | tuple[str, int]:
    wishes = Wishes(**value["wishes"])
    try:
        made = prepare(launch, wishes)
    except AppError as error:
        raise type(error)(f"{error.message} Nothing was written.", code=error.code, advice=error.advice) from error
    message = ""
    if made.why_not is not None or fingerprint(made) != value["bound"]:
        message = N_(
            "Something changed in the EHR since the preview. Please look at the plan again; nothing was written."
        )
    elif value["ask"] and request.form.get("looked") != "yes":
        message = N_("Please look into the EHR's care plans first, and say so below; nothing was written.")
    if message:
        _remember(launch, token, {"state": "again", "message": message})
        return _shown(made, wishes, message=message)
    try:
        written, witness = _write(launch, made)
    except AppError as failed:
        return _unwritten(launch, token, wishes, made, _as_write_error(failed))
    told = {
        "ended": made.ends is not None,
        "witness": witness,
        "created": written.created,
        "changed": written.changed,
        "dropped": written.dropped,
        "twins": written.twins,
    }
    _remember(launch, token, {"state": "written", **told})
    return _stored(made.view, written.plan, {"state": "written", **told})


def _as_write_error(error: AppError) -> WriteError:
    return error if isinstance(error, WriteError) else not_sent(error)


def _unwritten(launch: Launch, token: str, wishes: Wishes, made: Preview, error: WriteError) -> str | tuple[str, int]:
    """Somebody was faster: a fresh preview. Else the page that says what is (not) saved."""
    if error.code in _AGAIN:
        message = f"{error.message} {_ONCE_MORE}"
        _remember(launch, token, {"state": "again", "message": message})
        return _shown(prepare(launch, wishes), wishes, message=message)
    told = {"state": "failed", "code": error.code, "message": error.message, "advice": error.advice}
    _remember(launch, token, told)
    note_refusal(launch, "careplan.create" if made.stored is None else "careplan.update", error)
    return _not_saved(made, error)


def _write(launch: Launch, made: Preview) -> tuple[Written, str]:
    """One write per patient at a time, across tabs, browsers and processes; the journal outlives a crash."""
    journal = journal_of(launch)
    client = services().client(launch)
    ident, expected, witness = launch.patient_id, made.found.version, witness_of(made)
    with journal.writing(made.shown, creating=made.stored is None, witness=witness) as note:
        if made.ends is not None:
            written = follow_plan(client, ident, made.plan, made.ends, expected, note)
        else:
            written = write_plan(client, ident, made.plan, expected, note, withdrawn=made.withdrawn)
    borne = bear_witness(launch, witness, written.plan) if written.changed else ""
    if borne != "unknown":
        journal.settle()
    return written, borne


def _outcome_key(token: str) -> str:
    return hashlib.sha256(f"outcome|{token}".encode()).hexdigest()[:32]


def _remember(launch: Launch, token: str, outcome: dict[str, Any]) -> None:
    services().store.put("outcome", _outcome_key(token), {"launch": launch.id, **outcome}, PREVIEW_SECONDS)


@blueprint.get("/s/<launch_id>/plan/result/<key>")
def result(launch_id: str, key: str) -> str | Answer | tuple[str, int]:
    """What became of a confirmation: a second click shows the result of the first."""
    launch = _launch()
    outcome = services().store.get("outcome", key)
    until = time.monotonic() + WAIT_SECONDS
    while outcome is not None and outcome["state"] == "writing" and time.monotonic() < until:
        time.sleep(0.2)
        outcome = services().store.get("outcome", key)
    if outcome is None or outcome["launch"] != launch.id:
        return redirect(f"/s/{launch_id}/plan", 303)
    if outcome["state"] == "written":
        found = look(services().client(launch), launch.patient_id)
        if found.plan is not None:
            return _stored(read_view(launch), found.plan, outcome)
    if outcome["state"] == "again":
        return _shown(prepare(launch, Wishes()), Wishes(), message=outcome["message"])
    known = outcome["state"] == "failed"
    code = outcome["code"] if known else "write.unknown"
    words = outcome["message"] if known else N_("The first click is still at work; the EHR has not answered yet.")
    advice = outcome.get("advice", "") if known else N_("Reload this page in a moment.")
    return _not_saved(prepare(launch, Wishes()), WriteError(words, code=code, advice=advice))


def _not_saved(made: Preview, error: WriteError) -> tuple[str, int]:
    shown = jsontext.dumps(made.shown, indent=2).decode()
    return render_template("plan/not_saved.html", made=made, view=made.view, error=error, json=shown), 502


@blueprint.get("/s/<launch_id>/plan/stored")
def stored(launch_id: str) -> str | Answer:
    """The plan as it stands in the EHR now."""
    launch = _launch()
    view = read_view(launch)
    found = look(services().client(launch), launch.patient_id)
    if found.plan is None:
        return redirect(f"/s/{launch_id}/plan", 303)
    return _stored(view, found.plan, None)


def _stored(view: ChartView, plan: Json, outcome: dict[str, Any] | None, message: str = "") -> str:
    token = secrets.token_urlsafe(24)
    services().store.put("close", token, {"launch": view.launch.id}, PREVIEW_SECONDS)
    return render_template(
        "plan/stored.html",
        view=view,
        written=outcome,
        plan=plan,
        message=message,
        token=token,
        json=jsontext.dumps(plan, indent=2).decode(),
        version=banner_id(plan),
        seen=hashlib.sha256(jsontext.dumps(plan)).hexdigest(),
    )


@blueprint.post("/s/<launch_id>/plan/close")
def close(launch_id: str) -> str | Answer | tuple[str, int]:
    """Ends the stored plan: finished, revoked, or written in error. Nothing is deleted; the reason stands in it."""
    launch = _launch()
    status, reason = request.form.get("status", ""), typed(request.form.get("reason", ""))
    value = services().store.take("close", request.form.get("token", ""))
    client, view = services().client(launch), read_view(launch)
    found = look(client, launch.patient_id)
    if found.plan is None or value is None or value["launch"] != launch.id:
        return redirect(f"/s/{launch_id}/plan", 303)
    if hashlib.sha256(jsontext.dumps(found.plan)).hexdigest() != request.form.get("seen"):
        return _stored(view, found.plan, None, N_("The plan has changed since it was shown; nothing was written."))
    if status not in CLOSINGS or not reason:
        return _stored(view, found.plan, None, N_("Say how the plan ends, and why; nothing was written."))
    after = closed(found.plan, status, reason, view.today, signature(launch))
    journal = journal_of(launch)
    try:
        with journal.writing(after, creating=False) as note:
            written = change_plan(client, launch.patient_id, lambda _plan: after, found.version, note)
    except AppError as failed:
        error = _as_write_error(failed)
        return render_template("plan/not_saved.html", made=None, view=view, error=error, json=""), 502
    return _stored(view, written.plan, {"state": "closed", "dropped": written.dropped})


@blueprint.route("/s/<launch_id>/plan.json", methods=["GET", "POST"])
def download(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The plan as a FHIR file, for EHRs that take none from an app."""
    made = prepare(_launch(), Wishes.of(request.form))
    answer = Response(jsontext.dumps(made.shown, indent=2), content_type="application/fhir+json")
    answer.headers["Content-Disposition"] = 'attachment; filename="esr1-care-plan.json"'
    return answer


@blueprint.route("/s/<launch_id>/plan.txt", methods=["GET", "POST"])
def words(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The plan in words, to copy into a note."""
    made = prepare(_launch(), Wishes.of(request.form))
    lines = [f"{made.plan['title']}: {made.view.patient.name}, born {made.view.patient.birth or 'not recorded'}", ""]
    answer = Response("\n".join([*lines, *made.words, ""]), content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="esr1-care-plan.txt"'
    return answer


def _launch() -> Launch:
    found: Launch = g.launch
    return found
