"""Writing a note, answers or a message exactly once: journal, look, POST, read back, compare.

Nobody offers an idempotency key. So a POST without an answer is *unknown*: the server is looked at by the mark in the
last line; where looking cannot tell, a second POST needs the clinician's word that nothing is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from smart_app.errors import FhirError, WriteError
from smart_app.fhir.client import FhirClient, Response
from smart_app.fhir.gate import under
from smart_app.fhir.reading.record import Json, obj, text
from smart_app.fhir.writing.compare import lost
from smart_app.fhir.writing.identity import NUMBER_SYSTEM
from smart_app.fhir.writing.ladder import communication, note, questionnaire
from smart_app.fhir.writing.ladder.content import Content
from smart_app.fhir.writing.ladder.recall import Standing, look_for, recalled
from smart_app.fhir.writing.ladder.rungs import Rung, Shape
from smart_app.fhir.writing.offers import is_conditional
from smart_app.fhir.writing.protocol import Journal, _issue, _send

BUILDERS: dict[str, Callable[[Content, Shape], Json]] = {
    "note": note.build,
    "questionnaire": questionnaire.build,
    "communication": communication.build,
}
_STATUS = {
    401: "The EHR no longer accepts this sign-in.",
    403: "The EHR does not let this app write it.",
    404: "The EHR does not take it from apps.",
    405: "The EHR does not take it from apps.",
    413: "It is too large for the EHR.",
    400: "The EHR found it not valid.",
    422: "The EHR found it not valid.",
    429: "The EHR asks to slow down.",
    501: "The EHR does not take it from apps.",
}


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of it. ``changed`` False: it was there already. ``readable``: the next launch can read it back."""

    resource: Json
    changed: bool
    dropped: tuple[str, ...] = ()
    readable: bool = True


def post(
    client: FhirClient, rung: Rung, draft: Json, content: Content, expected: str, journal: Journal, *, looked: bool
) -> Posted:
    """Writes the confirmed draft. ``expected``: ``Standing.version`` at preview; ``looked``: the clinician's word.

    WriteError as ``write_plan``: ``write.stale``, ``write.refused`` (with ``status``), ``write.unknown``,
    ``write.unverified``, ``write.cannot_look``, ``write.other_patient``.
    """
    if text(obj(draft.get("subject")).get("reference")) != f"Patient/{content.patient_id}":
        raise WriteError("The plan is for another patient; nothing was written.", code="write.other_patient")
    before = look_for(client, rung.resource, content.patient_id, content.author)
    if before.version != expected:
        raise WriteError("What stands in the EHR has changed since the preview.", code="write.stale")
    there = before.with_mark(content.mark)
    if there is not None and not there.is_over:
        return Posted(there.resource, changed=False)
    if not before.complete and not looked:
        raise WriteError(f"Whether it is there already could not be looked up: {before.why}", code="write.cannot_look")
    headers = {"Prefer": "return=representation"}
    if "identifier" in draft and is_conditional(client.capabilities(), rung.resource):
        headers["If-None-Exist"] = urlencode({"identifier": f"{NUMBER_SYSTEM}|{content.number}"})
    answer = _send(client, "POST", rung.resource, draft, headers, journal)
    if isinstance(answer, FhirError):
        return _after_silence(client, rung, content, before, answer, journal)
    if answer.status in (409, 412):
        journal("refused")
        raise WriteError("It was written by someone else meanwhile.", code="write.stale")
    if answer.status not in (200, 201):
        journal("refused")
        raise _refused(answer)
    posted = _read_back(client, rung, draft, content, answer)
    journal("sent")
    return posted


def _refused(answer: Response) -> WriteError:
    why = _STATUS.get(answer.status, f"The EHR refused the request (HTTP {answer.status}).")
    error = WriteError(
        f"NOT saved: {why}{_issue(answer)}", code="write.refused", advice="Nothing was written; the plan stands below."
    )
    error.status = answer.status
    return error


def _after_silence(
    client: FhirClient, rung: Rung, content: Content, before: Standing, error: FhirError, journal: Journal
) -> Posted:
    journal("unknown")
    now = look_for(client, rung.resource, content.patient_id, content.author)
    there = now.with_mark(content.mark)
    if there is not None and before.with_mark(content.mark) is None:
        journal("sent")
        return Posted(there.resource, changed=True)
    raise WriteError(
        f"The EHR did not answer, and it is not known whether it was saved. {error.message}",
        code="write.unknown",
        advice="Look into the patient's record, or open this page again: it looks before it offers to write.",
    )


def _read_back(client: FhirClient, rung: Rung, draft: Json, content: Content, answer: Response) -> Posted:
    """As the server stores it; words are compared as words, because servers keep a note's text apart."""
    ident = text(obj(answer.body).get("id")) if obj(answer.body).get("resourceType") == rung.resource else None
    if ident is None and answer.location:
        location = answer.location.split("/_history/")[0]
        if "://" not in location or under(location, client.base):
            ident = location.rstrip("/").rsplit("/", 1)[-1]
    stored: Json | None = None
    why = ""
    try:
        if ident is not None:
            stored = client.read(rung.resource, ident)
        else:
            found = look_for(client, rung.resource, content.patient_id, content.author).with_mark(content.mark)
            stored = found.resource if found is not None else None
    except FhirError as error:
        why = error.message
    if stored is None:
        raise WriteError(
            f"The EHR said that it was saved, but it could not be read back. {why}".strip(),
            code="write.unverified",
            advice="Look into the patient's record before writing again.",
        )
    known = recalled(client, stored, content.patient_id)
    same = known is not None and known.memory is not None and known.memory.mark == content.mark
    if text(obj(stored.get("subject")).get("reference")) not in (
        f"Patient/{content.patient_id}",
        f"{client.base}/Patient/{content.patient_id}",
    ):
        raise WriteError("What was read back is of another patient; tell your EHR team.", code="write.unverified")
    dropped = [name for name in lost(draft, stored) if not (name == "content" and same)]
    return Posted(stored, changed=True, dropped=tuple(dropped), readable=same)
