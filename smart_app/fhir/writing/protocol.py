"""Writing a plan exactly once: journal, look, write, read back, compare.

- The journal is written before the first byte leaves, under a lock per patient: two confirmations, one write.
- A plan of ours that is there is updated with ``If-Match``; else created, with ``If-None-Exist`` where offered.
- A write without an answer is *unknown*: the server is looked at first, and no second POST follows.
- Success is said only after the plan was read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from smart_app.errors import AppError, FhirError, WriteError
from smart_app.fhir.client import FhirClient, Response, failure
from smart_app.fhir.gate import under
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.compare import lost
from smart_app.fhir.writing.identity import NUMBER_SYSTEM
from smart_app.fhir.writing.looking import Found, look, of_patient
from smart_app.fhir.writing.offers import offers
from smart_app.fhir.writing.patching import mark_of, patched
from smart_app.fhir.writing.stored import is_living

Journal = Callable[[str], None]
_NOT_SENT = ("net.circuit_open", "net.origin")
_NOTHING = "Nothing was written. The plan is shown below to copy."


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it. ``changed`` False: it was there already. ``dropped``: what the server did not keep.

    ``twins``: how many further living plans of ours the server has now (0, unless it was raced by another process).
    """

    plan: Json
    created: bool
    changed: bool
    dropped: tuple[str, ...] = ()
    twins: int = 0


def can_write(client: FhirClient) -> dict[str, bool]:
    """What the server's own statement offers for CarePlan."""
    return offers(client, "CarePlan")


def write_plan(
    client: FhirClient,
    patient_id: str,
    plan: Json,
    expected: str,
    journal: Journal,
    *,
    withdrawn: Iterable[str] = (),
) -> Written:
    """Writes the confirmed plan. ``expected`` is ``Found.version`` at preview; ``journal`` notes each state before it.

    WriteError: ``write.stale`` (something changed: preview again), ``write.refused`` (NOT saved), ``write.unknown``
    (no answer and not found: nobody knows), ``write.unverified`` (said to be saved, could not be read back),
    ``write.not_offered``, ``write.cannot_look``.
    """
    found = _expected(client, patient_id, plan, expected)
    offered = can_write(client)
    if found.plan is None:
        if not offered["create"]:
            raise WriteError("This EHR does not let the app create a care plan.", code="write.not_offered")
        return _create(client, patient_id, plan, offered["conditional"], journal)
    return _update(client, patient_id, found, patched(found.plan, plan, withdrawn), offered["update"], journal)


def change_plan(
    client: FhirClient, patient_id: str, change: Callable[[Json], Json], expected: str, journal: Journal
) -> Written:
    """Changes our living plan by ``change`` (to close it); errors as ``write_plan``."""
    found = look(client, patient_id)
    if found.version != expected or found.plan is None:
        raise WriteError("The plan in the EHR has changed since it was shown.", code="write.stale")
    return _update(client, patient_id, found, change(found.plan), can_write(client)["update"], journal)


def follow_plan(
    client: FhirClient, patient_id: str, plan: Json, closing: Json, expected: str, journal: Journal
) -> Written:
    """Completes our living plan (as ``closing``) and creates the one that follows it; errors as ``write_plan``.

    In this order there are never two living plans. Killed in between, the next launch finds none living and offers to
    create it. Where the creation is refused, the old plan is made active again, as it was.
    """
    found = _expected(client, patient_id, plan, expected)
    if found.plan is None:
        raise WriteError("The plan in the EHR has changed since the preview.", code="write.stale")
    offered = can_write(client)
    if not (offered["create"] and offered["update"]):
        raise WriteError("This EHR does not let the app create a care plan.", code="write.not_offered")

    def under_way(state: str) -> None:
        journal("sending" if state == "sent" else state)

    ended = _update(client, patient_id, found, closing, True, under_way)
    try:
        written = _create(client, patient_id, plan, offered["conditional"], journal)
    except WriteError as error:
        if error.code == "write.refused":
            _reopen(client, found.plan, ended.plan, error)
        raise
    dropped = (*written.dropped, *(f"{name} (of the plan that was completed)" for name in ended.dropped))
    return Written(written.plan, written.created, written.changed, dropped, written.twins)


def _reopen(client: FhirClient, stored: Json, ended: Json, error: WriteError) -> None:
    """Undoes the completion; where that fails too, the error says so."""
    version = text(obj(ended.get("meta")).get("versionId"))
    headers = {"If-Match": f'W/"{version}"'} if version is not None else {}
    try:
        done = client.send("PUT", f"CarePlan/{stored['id']}", body=stored, headers=headers).status in (200, 201)
    except AppError:
        done = False
    words = "The earlier plan is active again." if done else "The earlier plan was completed and could not be reopened."
    error.advice = f"{words} {error.advice}".strip()


def _expected(client: FhirClient, patient_id: str, plan: Json, expected: str) -> Found:
    if text(obj(plan.get("subject")).get("reference")) != f"Patient/{patient_id}":
        raise WriteError("The plan is for another patient; nothing was written.", code="write.other_patient")
    found = look(client, patient_id)
    if found.version != expected:
        raise WriteError("The plan in the EHR has changed since the preview.", code="write.stale")
    return found


def _create(client: FhirClient, patient_id: str, plan: Json, conditional: bool, journal: Journal) -> Written:
    headers = {"Prefer": "return=representation"}
    number = next((text(i.get("value")) for i in items(plan.get("identifier")) if i.get("system") == NUMBER_SYSTEM), "")
    if conditional:
        headers["If-None-Exist"] = urlencode({"identifier": f"{NUMBER_SYSTEM}|{number}"})
    answer = _send(client, "POST", "CarePlan", plan, headers, journal)
    if isinstance(answer, FhirError):
        return _after_silence(client, patient_id, plan, Found(), answer, journal)
    if answer.status in (409, 412):
        journal("refused")
        raise WriteError("A plan was written by someone else meanwhile.", code="write.stale")
    if answer.status not in (200, 201):
        raise _refused(answer, journal)
    written = _read_back(client, patient_id, plan, answer, Found(), created=answer.status == 201)
    journal("sent")
    if answer.status == 201:
        return _counted(client, patient_id, written)
    if written.dropped:
        raise WriteError("A plan was written by someone else meanwhile.", code="write.stale")
    return Written(written.plan, created=False, changed=False)


def _update(
    client: FhirClient, patient_id: str, found: Found, renewed: Json, offered: bool, journal: Journal
) -> Written:
    stored = found.plan
    assert stored is not None  # noqa: S101 - both callers have seen it
    if renewed == stored:
        return Written(stored, created=False, changed=False)
    if not offered:
        raise WriteError("This EHR does not let the app update its care plan.", code="write.not_offered")
    headers = {"Prefer": "return=representation"}
    if found.etag is not None:
        headers["If-Match"] = found.etag
    answer = _send(client, "PUT", f"CarePlan/{stored['id']}", renewed, headers, journal)
    if isinstance(answer, FhirError):
        return _after_silence(client, patient_id, renewed, found, answer, journal)
    if answer.status in (404, 409, 410, 412):
        journal("refused")
        raise WriteError("The plan in the EHR has changed since the preview.", code="write.stale")
    if answer.status not in (200, 201):
        raise _refused(answer, journal)
    written = _read_back(client, patient_id, renewed, answer, found, created=False)
    journal("sent")
    return written


def _send(
    client: FhirClient, method: str, path: str, body: Json, headers: dict[str, str], journal: Journal
) -> Response | FhirError:
    """The answer, or the error that left the outcome open; WriteError where surely nothing was written."""
    journal("sending")
    try:
        answer = client.send(method, path, body=body, headers=headers)
    except FhirError as error:
        if error.code in _NOT_SENT:
            journal("refused")
            raise not_sent(error) from error
        return error
    except AppError as error:  # the sign-in ended: a request refused with 401 was not carried out
        journal("refused")
        raise not_sent(error) from error
    # a 501 is an answer about the request; any other 5xx and a 408 may come from a proxy after the server has committed
    if answer.status == 408 or (answer.status >= 500 and answer.status != 501):
        return failure(answer)
    return answer


def not_sent(error: AppError) -> WriteError:
    """The same error as one that says that nothing was written."""
    advice = f"{_NOTHING} {error.advice}".strip()
    return WriteError(f"NOT saved: {error.message}", code="write.refused", advice=advice)


_WHY = {
    401: ("The EHR no longer accepts this sign-in.", "Launch the app again from the EHR; it shows this plan again."),
    403: ("The EHR does not let this app write care plans.", "Copy the plan into your note."),
    404: ("The EHR does not take care plans from apps.", "Copy the plan into your note."),
    405: ("The EHR does not take care plans from apps.", "Copy the plan into your note."),
    501: ("The EHR does not take care plans from apps.", "Copy the plan into your note."),
    413: ("The plan is too large for the EHR.", "Copy the plan into your note."),
    400: ("The EHR found the plan not valid.", "Tell your EHR team, and copy the plan into your note."),
    422: ("The EHR found the plan not valid.", "Tell your EHR team, and copy the plan into your note."),
}


def _refused(answer: Response, journal: Journal) -> WriteError:
    journal("refused")
    error = failure(answer)
    why, advice = _WHY.get(answer.status, (error.message, error.advice))
    said = WriteError(f"NOT saved: {why}{_issue(answer)}", code="write.refused", advice=f"{_NOTHING} {advice}".strip())
    said.status = answer.status
    return said


def _issue(answer: Response) -> str:
    """Code and place of the server's complaints, never its free words (they may hold the record's contents)."""
    told: list[str] = []
    for issue in items(obj(answer.body).get("issue")):
        places = [p for p in [*_texts(issue.get("expression")), *_texts(issue.get("location"))] if len(p) < 80]
        told.append(" ".join(filter(None, (text(issue.get("code")), *places[:1])))[:120])
    return f" It says: {'; '.join(dict.fromkeys(told[:5]))}." if any(told) else ""


def _texts(value: object) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _after_silence(
    client: FhirClient, patient_id: str, sent: Json, before: Found, error: FhirError, journal: Journal
) -> Written:
    """No answer to a write: look before anything else; never send it again by ourselves."""
    journal("unknown")
    ident = text(obj(before.plan).get("id"))
    try:
        if ident is not None and not is_living(sent):
            now = Found.of(client.send("GET", f"CarePlan/{ident}"))  # a closed plan is not among the living
        else:
            now = look(client, patient_id)
    except AppError:
        now = before
    if now.plan is not None and now.version != before.version:
        gone = lost(sent, now.plan)
        fresh = (
            mark_of(sent) != "" and mark_of(sent) == mark_of(now.plan) and mark_of(sent) != mark_of(before.plan or {})
        )
        if fresh or not gone:
            journal("sent")
            created = before.plan is None
            written = Written(now.plan, created=created, changed=True, dropped=tuple(gone))
            return _counted(client, patient_id, written) if created else written
        raise WriteError(
            "The EHR did not answer. A plan is there now, but it is not the one that was sent.", code="write.stale"
        )
    raise WriteError(
        f"The EHR did not answer, and it is not known whether the plan was saved. {error.message}",
        code="write.unknown",
        advice="Look into the EHR's care plans, or open this page again: it looks before it offers to write.",
    )


def _read_back(
    client: FhirClient, patient_id: str, sent: Json, answer: Response, before: Found, *, created: bool
) -> Written:
    """As the server stores it now; the Location is used only where it lies below the registered base."""
    ident = text(obj(before.plan).get("id"))
    if ident is None and obj(answer.body).get("resourceType") == "CarePlan":
        ident = text(obj(answer.body).get("id"))
    if ident is None and answer.location:
        location = answer.location.split("/_history/")[0]
        if "://" not in location or under(location, client.base):
            ident = location.rstrip("/").rsplit("/", 1)[-1]
    try:
        stored = client.read("CarePlan", ident) if ident else look(client, patient_id).plan
    except (FhirError, WriteError) as error:
        raise WriteError(
            f"The EHR said that the plan was saved, but it could not be read back. {error.message}",
            code="write.unverified",
            advice="Open this page again in a minute: it looks for the plan before it offers to write.",
        ) from error
    if stored is None or not of_patient(stored, client, patient_id):
        raise WriteError("The plan read back is not the one written; tell your EHR team.", code="write.unverified")
    return Written(stored, created=created, changed=True, dropped=tuple(lost(sent, stored)))


def _counted(client: FhirClient, patient_id: str, written: Written) -> Written:
    """A server without conditional create can be raced: look once more, so that a twin is said and can be closed."""
    try:
        twins = look(client, patient_id).living - 1
    except (FhirError, WriteError):
        twins = 0
    return Written(written.plan, written.created, written.changed, written.dropped, max(0, twins))
