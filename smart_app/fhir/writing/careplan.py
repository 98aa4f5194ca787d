"""Decision -> US Core CarePlan: the next draw, the switch-review flag, and words that read well in any EHR."""

from __future__ import annotations

from fhir.resources.R4B.careplan import CarePlan

from smart_app import __version__
from smart_app.domain.dates import add_months
from smart_app.domain.decision import Decision, ReviewAnswer
from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.attested import attach
from smart_app.fhir.writing.definitions import canonical
from smart_app.fhir.writing.following import newest_draw
from smart_app.fhir.writing.identity import (
    ACTIVITY_SYSTEM,
    DECLINED_TEXT,
    DRAW,
    DRAW_TEXT,
    FLAG_URL,
    NUMBER_SYSTEM,
    REVIEW,
    REVIEW_TEXT,
    SYSTEM,
    plan_key,
    plan_number,
)
from smart_app.fhir.writing.wording import (
    Moved,
    PlanContext,
    decided_text,
    draw_days,
    draw_sentence,
    narrative,
    sentences,
    words_mark,
)

__all__ = ["Moved", "PlanContext", "build_plan", "sentences"]

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-careplan"
CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"
TITLE = "ctDNA ESR1 surveillance"
_RESULTS = ("Observation", "DiagnosticReport", "DocumentReference")


def _extension(decision: Decision, context: PlanContext) -> Json:
    """The machine-readable flag (docs/fhir/StructureDefinition-switch-review.json)."""
    review = decision.switch_review
    parts: list[Json] = [
        {"url": "flag", "valueCode": review.answer.value.replace("_", "-")},
        {"url": "window", "valueCode": decision.window.answer.value.replace("_", "-")},
        {"url": "policy", "valueString": f"{decision.policy_name} {decision.policy_version}"},
        {"url": "inputDigest", "valueString": decision.input_digest},
        {"url": "asOf", "valueDate": decision.today.isoformat()},
    ]
    parts += [{"url": "variant", "valueString": v} for v in review.variants]
    if (newest := newest_draw(context.chart)) is not None:
        parts.append({"url": "lastDraw", "valueDateTime": str(newest)})
    decided = decided_text(decision, context)
    if decided:
        parts.append({"url": "outcome", "valueCode": "declined" if context.declined else "reviewed"})
        parts.append({"url": "decidedOn", "valueDate": decision.today.isoformat()})
        parts.append({"url": "decision", "valueString": decided})
        if context.user_name or context.user_reference:
            parts.append({"url": "decidedBy", "valueString": context.user_name or context.user_reference or ""})
    return {"url": FLAG_URL, "extension": parts}


def _references(names: set[str], types: tuple[str, ...]) -> list[Json]:
    return [{"reference": n} for n in sorted(names) if n.split("/")[0] in types and "/" in n]


def _signed(words: str, decision: Decision, context: PlanContext) -> Json:
    """An annotation with who and when."""
    made: Json = {}
    if context.user_reference is not None:
        made["authorReference"] = {"reference": context.user_reference}
        if context.user_name:
            made["authorReference"]["display"] = context.user_name
    elif context.user_name:
        made["authorString"] = context.user_name
    return {**made, "time": decision.today.isoformat(), "text": words}


def _draw(decision: Decision, context: PlanContext) -> list[Json]:
    days = draw_days(decision, context)
    if days is None:
        return []
    ordered = any(r.code == "draw.ordered" for r in decision.reasons)
    detail: Json = {
        "kind": "ServiceRequest",
        "code": {"coding": [{"system": ACTIVITY_SYSTEM, "code": DRAW}], "text": DRAW_TEXT},
        "status": "scheduled" if ordered else "not-started",
        "scheduledPeriod": {"start": days[0].isoformat(), "end": days[1].isoformat()},
        "description": draw_sentence(decision, context),
    }
    return [{"detail": detail}]


def _review(decision: Decision, context: PlanContext) -> list[Json]:
    review = decision.switch_review
    if review.answer is not ReviewAnswer.RAISED:
        return []
    decided = decided_text(decision, context)
    grounds = _references({s.reference for f in review.findings for s in f.sources}, _RESULTS)
    detail: Json = {
        "kind": "Task",
        "code": {"coding": [{"system": ACTIVITY_SYSTEM, "code": REVIEW}], "text": REVIEW_TEXT},
        "reasonCode": [{"text": f"ESR1 {v.removeprefix('ESR1 ')} detected in plasma"} for v in review.variants],
        **({"reasonReference": grounds} if grounds else {}),
        **_state(decided, context),
        "description": "Review the treatment with the patient. A flag, not an order; it names no drug.",
    }
    return [{**({"progress": [_signed(decided, decision, context)]} if decided else {}), "detail": detail}]


def _state(decided: str, context: PlanContext) -> Json:
    if decided and context.declined:
        return {"status": "cancelled", "statusReason": {"text": DECLINED_TEXT}}
    return {"status": "completed" if decided else "not-started"}


def build_plan(decision: Decision, context: PlanContext) -> Json:
    """The plan as plain JSON, the same bytes for the same decision; validated by fhir.resources before it is given."""
    chart = context.chart
    breast = {s.reference for d in chart.diagnoses if d.breast for s in d.sources}
    results = {s.reference for d in chart.draws for s in d.sources}
    days = draw_days(decision, context)
    end = days[1] if days is not None else add_months(decision.today, 3)
    plan: Json = {
        "resourceType": "CarePlan",
        "meta": {"profile": [US_CORE]},
        "text": narrative(sentences(decision, context)),
        "contained": [
            {
                "resourceType": "Device",
                "id": "app",
                "deviceName": [{"name": "ESR1 SMART app", "type": "user-friendly-name"}],
                "version": [{"value": __version__}],
            }
        ],
        "extension": [],
        "identifier": [
            {"system": SYSTEM, "value": plan_key(context.patient_id)},
            {"use": "secondary", "system": NUMBER_SYSTEM, "value": plan_number(context.patient_id, context.number)},
        ],
        "instantiatesCanonical": [canonical(decision.policy_name, decision.policy_version)],
    }
    if context.replaces is not None:
        plan["replaces"] = [{"reference": context.replaces}]
    plan |= {
        "status": "active",
        "intent": "plan",
        "category": [{"coding": [{"system": CATEGORY, "code": "assess-plan"}]}],
        "title": TITLE,
        "description": decision.headline,
        "subject": {"reference": f"Patient/{context.patient_id}"},
    }
    if context.encounter_id is not None:
        plan["encounter"] = {"reference": f"Encounter/{context.encounter_id}"}
    plan["period"] = {"start": decision.today.isoformat(), "end": max(end, decision.today).isoformat()}
    plan["created"] = decision.today.isoformat()
    if context.user_reference is not None:
        plan["author"] = {"reference": context.user_reference}
    elif context.user_name:
        plan["author"] = {"display": context.user_name}
    plan["contributor"] = [{"reference": "#app"}]
    if addresses := _references(breast, ("Condition",)):
        plan["addresses"] = addresses
    follows = [{"reference": context.follows[0]}] if context.follows is not None else []
    if supporting := _references(results, _RESULTS) + follows:
        plan["supportingInfo"] = supporting
    attach(plan, context.attested, context.patient_id, referable=context.user_reference is not None)
    if activities := _draw(decision, context) + _review(decision, context):
        plan["activity"] = activities
    if context.note:
        plan["note"] = [_signed(context.note, decision, context)]
    flag = _extension(decision, context)
    flag["extension"].append({"url": "words", "valueString": words_mark(plan)})
    plan["extension"] = [flag]
    CarePlan.model_validate_json(jsontext.dumps(plan))
    return plan
