"""The rungs below the care plan: which one and why, preview, confirm once, written, read back.

As with the care plan, a confirmation is bound to exactly the previewed content and works once.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import AppError, WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.writing.ladder.posting import Posted, post
from smart_app.fhir.writing.ladder.questionnaire import IDENT, questionnaire
from smart_app.fhir.writing.ladder.text import copyable, fhir_file
from smart_app.fhir.writing.protocol import not_sent
from smart_app.smart.launches import Launch
from smart_app.web.climbing import KIND, Climbed, climb, journal_for, note_refusal, settle_arrived
from smart_app.web.i18n import N_, _
from smart_app.web.planning import Wishes, journal_of, prepare
from smart_app.web.settings import services

blueprint = Blueprint("rungs", __name__)
PREVIEW_SECONDS = 1800.0
_AGAIN = ("write.stale", "write.busy")
_ONCE_MORE = N_("Please look at it again; nothing was written by this click.")
_SOME_TEXT = "text/plain; charset=utf-8"


@blueprint.app_template_global("kind_words")
def kind_words(reference: str) -> str:
    """ "clinical note" for ``DocumentReference/x``."""
    return _(KIND.get(reference.split("/")[0], N_("entry")))


def _launch() -> Launch:
    found: Launch = g.launch
    return found


def _climbed(launch: Launch, wishes: Wishes, now: datetime, *, wish: bool) -> Climbed:
    return climb(launch, prepare(launch, wishes), now, wish=wish)


def _now(launch: Launch) -> datetime:
    return services().settings.now().astimezone(launch.issuer.zone).replace(microsecond=0)


@blueprint.route("/s/<launch_id>/rung", methods=["GET", "POST"])
def preview(launch_id: str) -> str | Answer:
    """What the highest rung that works would write; nothing is written."""
    launch = _launch()
    wish = request.form.get("wish") == "yes"
    wishes = Wishes.of(request.form)
    climbed = _climbed(launch, wishes, _now(launch), wish=wish)
    if climbed.rung.resource == "CarePlan":
        return redirect(f"/s/{launch_id}/plan", 303)
    return _shown(climbed, wishes)


def _shown(climbed: Climbed, wishes: Wishes, message: str = "") -> str:
    launch = climbed.view.launch
    unknown = settle_arrived(services().client(launch), climbed)
    # where looking cannot tell, or an earlier write got no answer and is not found, only the clinician can know
    ask = bool(unknown) or (climbed.draft is not None and not climbed.standing.complete)
    token = ""
    if climbed.draft is not None and climbed.same is None and not climbed.made.wrong:
        token = secrets.token_urlsafe(24)
        value = {
            "launch": launch.id,
            "bound": climbed.fingerprint,
            "ask": ask,
            "wishes": wishes.as_value(),
            "wish": climbed.wish,
            "now": climbed.content.now.isoformat(),
        }
        services().store.put("rung-preview", token, value, PREVIEW_SECONDS)
    return render_template(
        "rungs/preview.html",
        climbed=climbed,
        view=climbed.view,
        token=token,
        ask=ask,
        unknown=unknown,
        message=message,
        wishes=wishes,
        text=_copy(climbed),
        json=jsontext.dumps(climbed.draft, indent=2).decode() if climbed.draft is not None else "",
    )


def _copy(climbed: Climbed) -> str:
    who = climbed.view.patient
    return copyable(climbed.content, f"{who.name}, born {who.birth or 'not recorded'}, MRN {who.mrn or 'not recorded'}")


@blueprint.post("/s/<launch_id>/rung/confirm")
def confirm(launch_id: str) -> str | Answer | tuple[str, int]:
    """Writes exactly what was previewed, once."""
    launch, token = _launch(), request.form.get("token", "")
    value = services().store.take("rung-preview", token)
    if value is None or value["launch"] != launch.id:
        if services().store.get("rung-outcome", _key(token)) is not None:
            return redirect(f"/s/{launch_id}/rung/result/{_key(token)}", 303)
        words = N_("This preview was used or is too old. Please look at it again; nothing was written by this click.")
        return _shown(_climbed(launch, Wishes(), _now(launch), wish=False), Wishes(), words)
    _remember(launch, token, {"state": "writing"})
    try:
        return _confirmed(launch, token, value)
    except AppError as error:
        _remember(launch, token, {"state": "failed", "code": error.code, "message": error.message})
        raise


def _confirmed(launch: Launch, token: str, value: dict[str, Any]) -> str | tuple[str, int]:
    wishes, now = Wishes(**value["wishes"]), datetime.fromisoformat(value["now"]).astimezone(launch.issuer.zone)
    try:
        climbed = _climbed(launch, wishes, now, wish=value["wish"])
    except AppError as error:
        raise type(error)(f"{error.message} Nothing was written.", code=error.code, advice=error.advice) from error
    looked = request.form.get("looked") == "yes"
    message = ""
    if climbed.fingerprint != value["bound"]:
        message = N_("Something changed in the EHR since the preview. Please look at it again; nothing was written.")
    elif value["ask"] and not looked:
        message = N_("Please look into the patient's record first, and say so below; nothing was written.")
    if message:
        _remember(launch, token, {"state": "again", "message": message})
        return _shown(_climbed(launch, wishes, _now(launch), wish=value["wish"]), wishes, message)
    try:
        posted = _post(launch, climbed, looked=looked)
    except AppError as caught:
        failed = caught if isinstance(caught, WriteError) else not_sent(caught)
        if failed.code in _AGAIN:
            message = f"{failed.message} {_ONCE_MORE}"
            _remember(launch, token, {"state": "again", "message": message})
            return _shown(_climbed(launch, wishes, _now(launch), wish=value["wish"]), wishes, message)
        note_refusal(launch, climbed.rung.id, failed)
        told = {"state": "failed", "code": failed.code, "message": failed.message, "advice": failed.advice}
        _remember(launch, token, told)
        return _not_saved(climbed, failed)
    kept = {"changed": posted.changed, "dropped": list(posted.dropped), "readable": posted.readable}
    _remember(launch, token, {"state": "written", "reference": _reference(posted), **kept})
    return _written(climbed, _reference(posted), kept)


def _reference(posted: Posted) -> str:
    return f"{posted.resource.get('resourceType')}/{posted.resource.get('id')}"


def _post(launch: Launch, climbed: Climbed, *, looked: bool) -> Posted:
    """One write per patient at a time over all rungs, windows and processes; the journal outlives a crash."""
    assert climbed.draft is not None  # noqa: S101 - a preview without a draft gives no token
    own, shared = journal_for(launch, climbed.rung.id), journal_of(launch)
    with ExitStack() as locks:
        # ours first: it ends first, so that who holds it holds the other as well
        note = locks.enter_context(own.writing(climbed.content.plan, creating=True))
        locks.enter_context(shared.writing(climbed.content.plan, creating=False))
        posted = post(
            services().client(launch),
            climbed.rung,
            climbed.draft,
            climbed.content,
            climbed.standing.version,
            note,
            looked=looked,
        )
    own.settle()
    return posted


def _key(token: str) -> str:
    return hashlib.sha256(f"rung|{token}".encode()).hexdigest()[:32]


def _remember(launch: Launch, token: str, outcome: dict[str, Any]) -> None:
    services().store.put("rung-outcome", _key(token), {"launch": launch.id, **outcome}, PREVIEW_SECONDS)


@blueprint.get("/s/<launch_id>/rung/result/<key>")
def result(launch_id: str, key: str) -> str | Answer | tuple[str, int]:
    """What became of a confirmation: a second click shows the result of the first."""
    launch = _launch()
    outcome = services().store.get("rung-outcome", key)
    if outcome is None or outcome["launch"] != launch.id:
        return redirect(f"/s/{launch_id}/rung", 303)
    climbed = _climbed(launch, Wishes(), _now(launch), wish=False)
    if outcome["state"] == "written":
        return _written(climbed, outcome["reference"], outcome)
    if outcome["state"] == "again":
        return _shown(climbed, Wishes(), outcome["message"])
    if outcome["state"] == "failed":
        error = WriteError(outcome["message"], code=outcome["code"], advice=outcome.get("advice", ""))
    else:
        words = N_("The first click is still at work; the EHR has not answered yet.")
        error = WriteError(words, code="write.unknown", advice=N_("Reload this page in a moment."))
    return _not_saved(climbed, error)


def _written(climbed: Climbed, reference: str, told: dict[str, Any]) -> str:
    return render_template(
        "rungs/written.html", climbed=climbed, view=climbed.view, reference=reference, told=told, text=_copy(climbed)
    )


def _not_saved(climbed: Climbed, error: WriteError) -> tuple[str, int]:
    return render_template(
        "rungs/not_saved.html", climbed=climbed, view=climbed.view, error=error, text=_copy(climbed)
    ), 502


@blueprint.route("/s/<launch_id>/rung.txt", methods=["GET", "POST"])
def words(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The text to copy, as a file."""
    launch = _launch()
    climbed = _climbed(launch, Wishes.of(request.form), _now(launch), wish=False)
    return _file(_copy(climbed), _SOME_TEXT, "esr1-plan.txt")


@blueprint.route("/s/<launch_id>/rung.json", methods=["GET", "POST"])
def download(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The plan as a FHIR file."""
    launch = _launch()
    climbed = _climbed(launch, Wishes.of(request.form), _now(launch), wish=False)
    return _file(fhir_file(climbed.content), "application/fhir+json", "esr1-care-plan.json")


def _file(content: str | bytes, kind: str, name: str) -> Response:
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@blueprint.get(f"/fhir/Questionnaire/{IDENT}")
def published() -> Response:
    """The Questionnaire that our QuestionnaireResponses answer; it belongs to no patient."""
    answer = jsonify(questionnaire())
    answer.content_type = "application/fhir+json"
    return answer
