"""Writing a plan exactly once: journal, look, write, read back, compare.

- The journal is written before the first byte leaves, under a lock per patient: two confirmations, one write.
- A plan of ours that is there is updated with ``If-Match``; else created, with ``If-None-Exist`` where offered.
- A write without an answer is *unknown*: the server is looked at first, and no second POST follows.
- Success is said only after the plan was read back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from smart_app.errors import FhirError, WriteError
from smart_app.fhir.client import FhirClient, Response, failure
from smart_app.fhir.gate import under
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.careplan import patched
from smart_app.fhir.writing.compare import lost
from smart_app.fhir.writing.identity import SYSTEM, plan_key
from smart_app.fhir.writing.stored import living, own_plans


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it. ``changed`` False: it was there already. ``dropped``: what the server did not keep."""

    plan: Json
    created: bool
    changed: bool
    dropped: tuple[str, ...] = ()


def can_write(client: FhirClient) -> dict[str, bool]:
    """What the server's own statement offers for CarePlan."""
    statement = client.capabilities()
    rest = next(iter(items(statement.get("rest"))), {})
    for resource in items(rest.get("resource")):
        if resource.get("type") == "CarePlan":
            codes = {text(i.get("code")) for i in items(resource.get("interaction"))}
            conditional = resource.get("conditionalCreate") is True
            return {"create": "create" in codes, "update": "update" in codes, "conditional": conditional}
    return {"create": False, "update": False, "conditional": False}


def find_living(client: FhirClient, patient_id: str) -> Json | None:
    """Our living plan as the server has it now. WriteError where the server cannot be asked completely."""
    query = [("patient", patient_id), ("identifier", f"{SYSTEM}|{plan_key(patient_id)}")]
    entries, record = client.search("CarePlan", query)
    if not record.complete:
        entries, record = client.search("CarePlan", [("patient", patient_id)])
    if not record.complete:
        raise WriteError(
            f"Whether a plan is there already could not be looked up: {record.error}", code="write.cannot_look"
        )
    found = own_plans([r for _, r in entries if r.get("resourceType") == "CarePlan"], patient_id)
    return living([p for p in found if _of(p, client, patient_id)])


def _of(plan: Json, client: FhirClient, patient_id: str) -> bool:
    reference = text(obj(plan.get("subject")).get("reference"))
    return reference in (f"Patient/{patient_id}", f"{client.base}/Patient/{patient_id}")


def version_of(plan: Json | None) -> str:
    """Id and version of a stored plan, '' for none: what a preview is bound to."""
    if plan is None:
        return ""
    return f"{plan.get('id')}/{obj(plan.get('meta')).get('versionId', '')}"


def write_plan(
    client: FhirClient, patient_id: str, plan: Json, expected: str, journal: Callable[[str], None]
) -> Written:
    """Writes the confirmed plan. ``expected`` is ``version_of`` at preview; ``journal`` notes each state before it.

    WriteError: ``write.stale`` (something changed: preview again), ``write.refused`` (NOT saved), ``write.unknown``
    (no answer and not found: nobody knows), ``write.not_offered``.
    """
    if text(obj(plan.get("subject")).get("reference")) != f"Patient/{patient_id}":
        raise WriteError("The plan is for another patient; nothing was written.", code="write.other_patient")
    stored = find_living(client, patient_id)
    if version_of(stored) != expected:
        raise WriteError("The plan in the EHR has changed since the preview.", code="write.stale")
    offered = can_write(client)
    if stored is None:
        if not offered["create"]:
            raise WriteError("This EHR does not let the app create a care plan.", code="write.not_offered")
        return _create(client, patient_id, plan, offered["conditional"], journal)
    renewed = patched(stored, plan)
    if renewed == stored:
        return Written(stored, created=False, changed=False)
    if not offered["update"]:
        raise WriteError("This EHR does not let the app update its care plan.", code="write.not_offered")
    return _update(client, patient_id, stored, renewed, journal)


def _create(
    client: FhirClient, patient_id: str, plan: Json, conditional: bool, journal: Callable[[str], None]
) -> Written:
    headers = {"Prefer": "return=representation"}
    if conditional:
        headers["If-None-Exist"] = urlencode({"identifier": f"{SYSTEM}|{plan_key(patient_id)}"})
    journal("sending")
    try:
        answer = client.send("POST", "CarePlan", body=plan, headers=headers)
    except FhirError as error:
        return _after_silence(client, patient_id, plan, error, journal)
    if answer.status == 412:
        raise WriteError("A plan was written by someone else meanwhile.", code="write.stale")
    if answer.status not in (200, 201):
        if answer.status >= 500:
            return _after_silence(client, patient_id, plan, failure(answer), journal)
        raise _refused(answer)
    journal("sent")
    written = _read_back(client, patient_id, plan, answer, created=answer.status == 201)
    if not written.created and lost(_core(plan), written.plan):
        raise WriteError("A plan was written by someone else meanwhile.", code="write.stale")
    return written


def _update(
    client: FhirClient, patient_id: str, stored: Json, renewed: Json, journal: Callable[[str], None]
) -> Written:
    version = text(obj(stored.get("meta")).get("versionId"))
    headers = {"Prefer": "return=representation"}
    if version is not None:
        headers["If-Match"] = f'W/"{version}"'
    journal("sending")
    try:
        answer = client.send("PUT", f"CarePlan/{stored['id']}", body=renewed, headers=headers)
    except FhirError as error:
        return _after_silence(client, patient_id, renewed, error, journal)
    if answer.status in (409, 412):
        raise WriteError("The plan in the EHR has changed since the preview.", code="write.stale")
    if answer.status not in (200, 201):
        if answer.status >= 500:
            return _after_silence(client, patient_id, renewed, failure(answer), journal)
        raise _refused(answer)
    journal("sent")
    return _read_back(client, patient_id, renewed, answer, created=False)


def _refused(answer: Response) -> WriteError:
    why = failure(answer).message if answer.status != 422 else "The EHR found the plan not valid."
    return WriteError(
        f"NOT saved: {why}", code="write.refused", advice="Nothing was written. The plan is shown below to copy."
    )


def _after_silence(
    client: FhirClient, patient_id: str, sent: Json, error: FhirError, journal: Callable[[str], None]
) -> Written:
    """No answer to a write: look before anything else; never send it again by ourselves."""
    journal("unknown")
    try:
        found = find_living(client, patient_id)
    except (WriteError, FhirError):
        found = None
    if found is not None and not lost(_core(sent), found):
        journal("sent")
        return Written(found, created=True, changed=True, dropped=tuple(lost(sent, found)))
    raise WriteError(
        f"The EHR did not answer, and it is not known whether the plan was saved. {error.message}",
        code="write.unknown",
        advice="Look into the EHR's care plans, or open this page again: it looks before it offers to write.",
    )


def _core(plan: Json) -> Json:
    return {k: plan[k] for k in ("identifier", "description", "status") if k in plan}


def _read_back(client: FhirClient, patient_id: str, sent: Json, answer: Response, *, created: bool) -> Written:
    """As the server stores it now; the Location is used only where it lies below the registered base."""
    ident = text(obj(answer.body).get("id")) if obj(answer.body).get("resourceType") == "CarePlan" else None
    if ident is None and answer.location:
        location = answer.location.split("/_history/")[0]
        if "://" not in location or under(location, client.base):
            ident = location.rstrip("/").rsplit("/", 1)[-1]
    try:
        stored = client.read("CarePlan", ident) if ident else find_living(client, patient_id)
    except FhirError as error:
        raise WriteError(
            f"The EHR said that the plan was saved, but it could not be read back. {error.message}",
            code="write.unverified",
            advice="Open this page again in a minute: it looks for the plan before it offers to write.",
        ) from error
    if stored is None or not _of(stored, client, patient_id):
        raise WriteError("The plan read back is not the one written; tell your EHR team.", code="write.unverified")
    return Written(stored, created=created, changed=True, dropped=tuple(lost(sent, stored)))
