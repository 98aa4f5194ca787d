"""Rung 6: the plan as a message to the signed-in clinician (Communication), only on explicit wish."""

from __future__ import annotations

from fhir.resources.R4B.communication import Communication

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.identity import NUMBER_SYSTEM
from smart_app.fhir.writing.ladder.content import TITLE, Content
from smart_app.fhir.writing.ladder.rungs import Shape


def build(content: Content, shape: Shape) -> Json:
    """The Communication to send, from and to the clinician who asked for it; checked by fhir.resources."""
    made: Json = {"resourceType": "Communication"}
    if not shape.plain_fields:
        made["identifier"] = [{"system": NUMBER_SYSTEM, "value": content.number}]
    made |= {
        "status": "completed",
        "subject": {"reference": f"Patient/{content.patient_id}"},
        "topic": {"text": TITLE},
        **({"encounter": {"reference": f"Encounter/{content.encounter_id}"}} if content.encounter_id else {}),
        "sent": content.moment,
        "recipient": [{"reference": content.author}],
        "sender": {"reference": content.author},
        "payload": [{"contentString": content.document}],
    }
    Communication.model_validate_json(jsontext.dumps(made))
    return made


def may_be_ours(message: Json) -> bool:
    return text(message.get("status")) in ("completed", "in-progress")


def words(message: Json) -> str:
    return next((w for p in items(message.get("payload")) if (w := text(p.get("contentString")))), "")


def author_of(message: Json) -> str:
    return text(obj(message.get("sender")).get("reference")) or ""
