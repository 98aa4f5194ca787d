"""Rung 3: the plan as a clinical note (DocumentReference) in the shape that the vendor takes.

Epic's Clinical Notes API: a visit, one ``text/plain`` attachment, ``docStatus`` preliminary (a draft that the clinician
signs). Oracle Health: one Practitioner as author, ``context.period.end`` with a time, no modifierExtension. Neither
detects a repeated note.
"""

from __future__ import annotations

import base64
import binascii
import html
import re

from fhir.resources.R4B.documentreference import DocumentReference

from smart_app.errors import FhirError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.reading.record import Json, codings, items, obj, text
from smart_app.fhir.writing.identity import NUMBER_SYSTEM
from smart_app.fhir.writing.ladder.content import TITLE, Content
from smart_app.fhir.writing.ladder.rungs import Shape

LOINC = "http://loinc.org"
TYPE = "11506-3"  # Progress note: on the type lists of all five vendors (US Core clinical notes)
_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"


def build(content: Content, shape: Shape) -> Json:
    """The DocumentReference to send; checked by fhir.resources."""
    raw = content.document.encode("utf-8", "replace")
    attachment = {"contentType": shape.content_type, "data": base64.b64encode(raw).decode()}
    if not shape.plain_fields:
        attachment |= {"title": TITLE, "creation": content.moment}
    made: Json = {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": shape.doc_status,
        "type": {"coding": [{"system": LOINC, "code": TYPE, "display": "Progress note"}], "text": "Progress note"},
        "category": [{"coding": [{"system": _CATEGORY, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": {"reference": f"Patient/{content.patient_id}"},
        "date": content.moment,
    }
    if content.author:
        made["author"] = [{"reference": content.author}]
    if not shape.plain_fields:
        made["identifier"] = [{"system": NUMBER_SYSTEM, "value": content.number}]
        made["description"] = TITLE
        if content.replaces.startswith("DocumentReference/"):
            made["relatesTo"] = [{"code": "replaces", "target": {"reference": content.replaces}}]
    made["content"] = [{"attachment": attachment}]
    context: Json = {}
    if content.encounter_id is not None:
        context["encounter"] = [{"reference": f"Encounter/{content.encounter_id}"}]
    if shape.needs_period_end:
        context["period"] = {"end": content.moment}
    if context:
        made["context"] = context
    DocumentReference.model_validate_json(jsontext.dumps(made))
    return made


def may_be_ours(note: Json) -> bool:
    """A progress note with a text: whether it is ours, its last line tells."""
    ours = any(i.get("system") == NUMBER_SYSTEM for i in items(note.get("identifier")))
    typed = any(system == LOINC and code == TYPE for system, code, _ in codings(note.get("type")))
    living = text(note.get("status")) != "entered-in-error" and note.get("docStatus") != "entered-in-error"
    return living and (ours or typed)


def words(client: FhirClient, note: Json) -> str | None:
    """The words of the first text of a note, None where none can be read."""
    for part in items(note.get("content")):
        attachment = obj(part.get("attachment"))
        kind = (text(attachment.get("contentType")) or "").split(";")[0].strip().lower()
        if kind in ("text/plain", "text/html", "application/xhtml+xml"):
            found = _attached(client, attachment)
            if found is not None:
                return found if kind == "text/plain" else html.unescape(re.sub(r"<[^>]*>", " ", found))
    return None


def _attached(client: FhirClient, attachment: Json) -> str | None:
    data, url = text(attachment.get("data")), text(attachment.get("url"))
    if data is not None:
        return _decoded(data)
    if url is None:
        return None
    try:
        answer = client.send("GET", url)
    except FhirError:
        return None
    if answer.status != 200:
        return None
    if answer.body is not None:
        return _decoded(text(answer.body.get("data")) or "") if answer.body.get("resourceType") == "Binary" else None
    return answer.text


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8-sig")
    except (ValueError, binascii.Error):
        return None
