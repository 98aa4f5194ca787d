"""The care plan: preview in words and as JSON, confirm, written, read back and shown as stored.

A confirmation is bound to exactly the previewed content: patient, plan, version of the stored plan and digest of the
inputs lie on the server under a token that works once. Anything that changed since gives a fresh preview.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from flask import Blueprint, Response, g, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import FhirError, WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, text
from smart_app.fhir.writing.careplan import PlanContext, build_plan, sentences
from smart_app.fhir.writing.compare import differences
from smart_app.fhir.writing.protocol import Written, can_write, find_living, version_of, write_plan
from smart_app.fhir.writing.stored import living
from smart_app.smart.launches import Launch
from smart_app.smart.scopes import may_write
from smart_app.web.chart import ChartView, read_view
from smart_app.web.settings import services

blueprint = Blueprint("plan", __name__)
PREVIEW_SECONDS = 1800.0
JOURNAL_SECONDS = 7 * 24 * 3600.0
LOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan as it would be written, and what writing it would do."""

    view: ChartView
    plan: Json
    words: list[str]
    stored: Json | None
    changes: list[str]
    why_not: str | None  # why it cannot be written here; the plan can still be copied


def _context(view: ChartView, note: str, decided: str) -> PlanContext:
    launch = view.launch
    return PlanContext(
        patient_id=launch.patient_id,
        chart=view.chart,
        user_reference=launch.user_reference,
        user_name=launch.user_name,
        encounter_id=launch.encounter_id,
        note=note,
        decided=decided,
    )


def prepare(launch: Launch, note: str = "", decided: str = "") -> Preview:
    """Reads the record anew and builds the plan."""
    view = read_view(launch)
    context = _context(view, note, decided)
    plan = build_plan(view.decision, context)
    why_not = _why_not(launch, living(view.own_plans) is not None)
    stored = None
    if why_not is None:
        try:
            stored = find_living(services().client(launch), launch.patient_id)
        except WriteError as error:
            why_not = error.message
    changes = differences(stored, plan) if stored is not None else []
    return Preview(view, plan, sentences(view.decision, context), stored, changes, why_not)


def _why_not(launch: Launch, there: bool) -> str | None:
    access = "u" if there else "c"
    if not may_write(launch.scopes_granted, "CarePlan", access):
        return "The EHR did not grant this app to write care plans."
    try:
        offered = can_write(services().client(launch))
    except FhirError as error:
        return f"What this EHR accepts could not be looked up: {error.message}"
    if not offered["update" if there else "create"]:
        return "This EHR does not let apps write a care plan (its own statement says so)."
    return None


@blueprint.get("/s/<launch_id>/plan")
def preview(launch_id: str) -> str:  # noqa: ARG001 - the guard used it
    """The plan in words and as JSON; nothing is written."""
    return _shown(prepare(_launch()))


@blueprint.post("/s/<launch_id>/plan")
def changed(launch_id: str) -> str:  # noqa: ARG001 - the guard used it
    """The same with a note, or with what the clinician decided on the review."""
    note = request.form.get("note", "").strip()[:2000]
    decided = request.form.get("decided", "").strip()[:2000]
    return _shown(prepare(_launch(), note, decided), note=note, decided=decided)


def _shown(made: Preview, message: str = "", note: str = "", decided: str = "") -> str:
    token = ""
    if made.why_not is None:
        token = secrets.token_urlsafe(24)
        value = {
            "launch": _launch().id,
            "expected": version_of(made.stored),
            "digest": made.view.decision.input_digest,
            "plan": _fingerprint(made.plan),
            "note": note,
            "decided": decided,
        }
        services().store.put("preview", token, value, PREVIEW_SECONDS)
    unfinished = services().store.get("journal", _journal_key(_launch()))
    return render_template(
        "plan/preview.html",
        made=made,
        view=made.view,
        token=token,
        message=message,
        note=note,
        decided=decided,
        unfinished=unfinished if unfinished and unfinished["state"] in ("sending", "unknown") else None,
        json=jsontext.dumps(made.plan, indent=2).decode(),
        raised=made.view.decision.switch_review.answer.value == "raised",
    )


def _fingerprint(plan: Json) -> str:
    return hashlib.sha256(jsontext.dumps(plan)).hexdigest()


def _journal_key(launch: Launch) -> str:
    return hashlib.sha256(f"{launch.issuer.id}|{launch.patient_id}".encode()).hexdigest()


@blueprint.post("/s/<launch_id>/plan/confirm")
def confirm(launch_id: str) -> str | Answer | tuple[str, int]:
    """Writes exactly what was previewed, once."""
    launch = _launch()
    token = request.form.get("token", "")
    value = services().store.take("preview", token)
    if value is None or value["launch"] != launch.id:
        done = services().store.get("confirmed", token)
        if done is not None and done["launch"] == launch.id:
            return redirect(f"/s/{launch_id}/plan/stored", 303)  # a double click: the first one wrote it
        return _shown(prepare(launch), message="This preview was used or is too old. Please look at the plan again.")
    made = prepare(launch, value["note"], value["decided"])
    same = (
        made.why_not is None
        and _fingerprint(made.plan) == value["plan"]
        and made.view.decision.input_digest == value["digest"]
        and version_of(made.stored) == value["expected"]
    )
    if not same:
        words = "Something changed in the EHR since the preview. Please look at the plan again; nothing was written."
        return _shown(made, message=words, note=value["note"], decided=value["decided"])
    services().store.put("confirmed", token, {"launch": launch.id}, PREVIEW_SECONDS)
    try:
        written = _locked_write(launch, made, value["expected"])
    except WriteError as error:
        if error.code == "write.stale":
            return _shown(prepare(launch), message=f"{error.message} Please look at it again; nothing was written.")
        return _not_saved(made, error)
    return render_template(
        "plan/stored.html", view=made.view, written=written, plan=written.plan, **_plan_words(written.plan)
    )


def _locked_write(launch: Launch, made: Preview, expected: str) -> Written:
    """One write per patient at a time, across tabs, browsers and processes; the journal outlives a crash."""
    store, key = services().store, _journal_key(launch)
    if not store.add("write-lock", key, {}, LOCK_SECONDS):
        raise WriteError("The plan is just being written from another window.", code="write.stale")
    try:

        def journal(state: str) -> None:
            store.put("journal", key, {"state": state, "plan": _fingerprint(made.plan)}, JOURNAL_SECONDS)

        written = write_plan(services().client(launch), launch.patient_id, made.plan, expected, journal)
        store.delete("journal", key)
        return written
    finally:
        store.delete("write-lock", key)


def _not_saved(made: Preview, error: WriteError) -> tuple[str, int]:
    shown = jsontext.dumps(made.plan, indent=2).decode()
    return render_template("plan/not_saved.html", made=made, view=made.view, error=error, json=shown), 502


@blueprint.get("/s/<launch_id>/plan/stored")
def stored(launch_id: str) -> str | Answer:
    """The plan as it stands in the EHR now."""
    launch = _launch()
    view = read_view(launch)
    plan = find_living(services().client(launch), launch.patient_id)
    if plan is None:
        return redirect(f"/s/{launch_id}/plan", 303)
    return render_template("plan/stored.html", view=view, written=None, plan=plan, **_plan_words(plan))


def _plan_words(plan: Json) -> dict[str, object]:
    meta = plan.get("meta")
    version = text(meta.get("versionId")) if isinstance(meta, dict) else None
    return {"json": jsontext.dumps(plan, indent=2).decode(), "version": version}


@blueprint.get("/s/<launch_id>/plan.json")
def download(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The plan as a FHIR file, for EHRs that take none from an app."""
    made = prepare(_launch())
    answer = Response(jsontext.dumps(made.plan, indent=2), content_type="application/fhir+json")
    answer.headers["Content-Disposition"] = 'attachment; filename="esr1-care-plan.json"'
    return answer


def _launch() -> Launch:
    found: Launch = g.launch
    return found
