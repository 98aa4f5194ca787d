"""Rung 5: the plan as answers to this app's own Questionnaire (docs/fhir/Questionnaire-esr1-surveillance-plan.json)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.identity import NUMBER_SYSTEM
from smart_app.fhir.writing.ladder.content import TITLE, Content
from smart_app.fhir.writing.ladder.rungs import Shape

IDENT = "esr1-surveillance-plan"
URL = f"https://esr1.example.org/fhir/Questionnaire/{IDENT}"
VERSION = "1.0.0"
# linkId, question, type, repeats
ITEMS = (
    ("plan", "The plan in words", "text", False),
    ("draw-from", "First day of the next ctDNA draw for ESR1", "date", False),
    ("draw-until", "Last day of the next ctDNA draw for ESR1", "date", False),
    ("flag", "Switch review: raised, not-raised or cannot-tell", "string", False),
    ("window", "Surveillance window: inside, outside or cannot-tell", "string", False),
    ("variant", "ESR1 variants the review was raised for", "string", True),
    ("decided-on", "Day of the decision on the switch review", "date", False),
    ("decision", "Decision on the switch review, in the clinician's words", "text", False),
    ("decided-by", "Who decided", "string", False),
    ("policy", "Surveillance policy and version", "string", False),
    ("memory", "For the app: read back at the next launch", "text", False),
)


_PURPOSE = (
    "The ESR1 surveillance plan as answers, for EHRs that take no care plan and no note from apps. "
    "The app fills it in and the clinician confirms. It orders nothing and names no drug."
)


def questionnaire() -> Json:
    """The published Questionnaire."""
    asked = "".join(f"<li>{escape(said, quote=False)}</li>" for _, said, _, _ in ITEMS)
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{_PURPOSE}</p><ul>{asked}</ul></div>'
    return {
        "resourceType": "Questionnaire",
        "id": IDENT,
        "text": {"status": "generated", "div": div},
        "url": URL,
        "version": VERSION,
        "name": "ESR1SurveillancePlan",
        "title": TITLE,
        "status": "active",
        "experimental": False,
        "subjectType": ["Patient"],
        "date": "2026-11-21",
        "publisher": "ESR1 SMART app",
        "description": _PURPOSE,
        "item": [
            {"linkId": ident, "text": said, "type": kind, **({"repeats": True} if repeats else {})}
            for ident, said, kind, repeats in ITEMS
        ],
    }


def build(content: Content, _shape: Shape) -> Json:
    """The QuestionnaireResponse to send; checked by fhir.resources."""
    memory = content.memory
    draw, decided = memory.draw or ("", "", ""), memory.decided or ("", "", "")
    answers: dict[str, Iterable[str]] = {
        "plan": (content.shown,),
        "draw-from": (draw[0],),
        "draw-until": (draw[1],),
        "flag": (memory.flag,),
        "window": (memory.window,),
        "variant": memory.variants,
        "decided-on": (decided[0],),
        "decision": (decided[1],),
        "decided-by": (decided[2],),
        "policy": (memory.policy,),
        "memory": (memory.line(content.patient_id, content.shown),),
    }
    item: list[Json] = []
    for ident, said, kind, _ in ITEMS:
        given = [{"valueDate" if kind == "date" else "valueString": v} for v in answers[ident] if v]
        if given:
            item.append({"linkId": ident, "text": said, "answer": given})
    made: Json = {
        "resourceType": "QuestionnaireResponse",
        "identifier": {"system": NUMBER_SYSTEM, "value": content.number},
        "questionnaire": f"{URL}|{VERSION}",
        "status": "completed",
        "subject": {"reference": f"Patient/{content.patient_id}"},
        **({"encounter": {"reference": f"Encounter/{content.encounter_id}"}} if content.encounter_id else {}),
        "authored": content.moment,
        **({"author": {"reference": content.author}} if content.author else {}),
        "item": item,
    }
    QuestionnaireResponse.model_validate_json(jsontext.dumps(made))
    return made


def may_be_ours(answers: Json) -> bool:
    asked = (text(answers.get("questionnaire")) or "").partition("|")[0]
    return asked == URL and text(answers.get("status")) in ("completed", "amended")


def words(answers: Json) -> str:
    """The plan and the line below it."""
    said = {
        text(i.get("linkId")): text(a.get("valueString")) or ""
        for i in items(answers.get("item"))
        for a in items(i.get("answer"))
    }
    return f"{said.get('plan', '')}\n\n{said.get('memory', '')}"


def author_of(answers: Json) -> str:
    return text(obj(answers.get("author")).get("reference")) or ""
