"""Decision -> US Core CarePlan: the next draw, the switch-review flag, and words that read well in any EHR."""

from __future__ import annotations

import html
from dataclasses import dataclass

from fhir.resources.R4B.careplan import CarePlan

from smart_app import __version__
from smart_app.domain.dates import add_months
from smart_app.domain.decision import Decision, ReviewAnswer, WindowAnswer
from smart_app.domain.facts import Chart
from smart_app.domain.wording import day_words
from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.identity import FLAG_URL, SYSTEM, plan_key

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-careplan"
CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"
TITLE = "ctDNA ESR1 surveillance"
DRAW_TEXT = "ctDNA ESR1 test (plasma)"
REVIEW_TEXT = "Switch review: ESR1 mutation detected"
_REFERABLE = ("Observation", "DiagnosticReport", "DocumentReference", "Condition")


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Who the plan is for and by whom. ``decided``: what the clinician recorded on the review, if anything."""

    patient_id: str
    chart: Chart
    user_reference: str | None = None
    user_name: str | None = None
    encounter_id: str | None = None
    note: str = ""
    decided: str = ""


def sentences(decision: Decision, context: PlanContext) -> list[str]:
    """The plan in words, for the preview and for the narrative. Names no drug to give."""
    said = [decision.headline]
    planned = decision.next_draw
    if planned is not None:
        aligned = (
            f" Best with the {planned.aligned_to.split(' ')[0]} on {day_words(planned.due)}."
            if planned.aligned_to
            else ""
        )
        said.append(f"Next ctDNA draw: {day_words(planned.earliest)} to {day_words(planned.latest)}.{aligned}")
    else:
        said += [r.sentence for r in decision.reasons if r.code.startswith("draw.none")]
    if decision.switch_review.answer is ReviewAnswer.RAISED:
        said.append("Switch review: please review the treatment. This is a flag, not an order, and it names no drug.")
    elif decision.switch_review.answer is ReviewAnswer.CANNOT_TELL:
        said.append("Whether a switch review is due cannot be told from the record.")
    if decision.window.answer is WindowAnswer.CANNOT_TELL and decision.window.settle:
        said.append("What would settle it: " + "; ".join(decision.window.settle) + ".")
    if context.decided:
        by = f" ({context.user_name})" if context.user_name else ""
        said.append(f"Recorded on the switch review, {day_words(decision.today)}{by}: {context.decided}")
    if context.note:
        said.append(f"Note: {context.note}")
    said.append(f"Policy {decision.policy_name} {decision.policy_version}, as of {day_words(decision.today)}.")
    return list(dict.fromkeys(said))


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
    if context.decided:
        parts.append({"url": "decidedOn", "valueDate": decision.today.isoformat()})
        parts.append({"url": "decision", "valueString": context.decided})
        if context.user_name or context.user_reference:
            parts.append({"url": "decidedBy", "valueString": context.user_name or context.user_reference or ""})
    return {"url": FLAG_URL, "extension": parts}


def _references(names: set[str]) -> list[Json]:
    return [{"reference": n} for n in sorted(names) if n.split("/")[0] in _REFERABLE]


def _activities(decision: Decision, context: PlanContext) -> list[Json]:
    made: list[Json] = []
    planned = decision.next_draw
    if planned is not None:
        words = f"ctDNA draw for ESR1 between {day_words(planned.earliest)} and {day_words(planned.latest)}"
        words += f", aligned with {planned.aligned_to}" if planned.aligned_to else ""
        made.append(
            {
                "detail": {
                    "kind": "ServiceRequest",
                    "code": {"text": DRAW_TEXT},
                    "status": "not-started",
                    "scheduledPeriod": {"start": planned.earliest.isoformat(), "end": planned.latest.isoformat()},
                    "description": words,
                }
            }
        )
    if decision.switch_review.answer is ReviewAnswer.RAISED:
        found = {s.reference for f in decision.switch_review.findings for s in f.sources}
        grounds = [
            r for r in _references(found) if r["reference"].startswith(("Observation", "DiagnosticReport", "Document"))
        ]
        detail: Json = {
            "kind": "Task",
            "code": {"text": REVIEW_TEXT},
            "reasonCode": [{"text": f"ESR1 {', '.join(decision.switch_review.variants)} detected in plasma"}],
            "status": "completed" if context.decided else "not-started",
            "description": "Review the treatment with the patient. A flag, not an order; it names no drug.",
        }
        if grounds:
            detail["reasonReference"] = grounds
        made.append({"detail": detail})
    return made


def build_plan(decision: Decision, context: PlanContext) -> Json:
    """The plan as plain JSON, the same bytes for the same decision; validated by fhir.resources before it is given."""
    said = sentences(decision, context)
    div = "".join(f"<p>{html.escape(s, quote=False)}</p>" for s in said)
    breast = {s.reference for d in context.chart.diagnoses if d.breast for s in d.sources}
    results = {s.reference for d in context.chart.draws for s in d.sources}
    end = decision.next_draw.latest if decision.next_draw is not None else add_months(decision.today, 3)
    plan: Json = {
        "resourceType": "CarePlan",
        "meta": {"profile": [US_CORE]},
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{div}</div>'},
        "contained": [
            {
                "resourceType": "Device",
                "id": "app",
                "deviceName": [{"name": "ESR1 SMART app", "type": "user-friendly-name"}],
                "version": [{"value": __version__}],
            }
        ],
        "extension": [_extension(decision, context)],
        "identifier": [{"system": SYSTEM, "value": plan_key(context.patient_id)}],
        "status": "active",
        "intent": "plan",
        "category": [{"coding": [{"system": CATEGORY, "code": "assess-plan"}]}],
        "title": TITLE,
        "description": decision.headline,
        "subject": {"reference": f"Patient/{context.patient_id}"},
        "period": {"start": decision.today.isoformat(), "end": max(end, decision.today).isoformat()},
        "created": decision.today.isoformat(),
        "contributor": [{"reference": "#app"}],
    }
    if context.user_reference is not None:
        plan["author"] = {"reference": context.user_reference}
    if context.encounter_id is not None:
        plan["encounter"] = {"reference": f"Encounter/{context.encounter_id}"}
    if addresses := [r for r in _references(breast) if r["reference"].startswith("Condition/")]:
        plan["addresses"] = addresses
    if supporting := _references(results):
        plan["supportingInfo"] = supporting
    if activities := _activities(decision, context):
        plan["activity"] = activities
    if context.note:
        plan["note"] = [{"text": context.note}]
    CarePlan.model_validate_json(jsontext.dumps(plan))
    return plan


_OURS = (
    "text",
    "status",
    "intent",
    "title",
    "description",
    "period",
    "addresses",
    "supportingInfo",
    "author",
    "encounter",
    "note",
)


def patched(stored: Json, plan: Json) -> Json:
    """Our stored plan with our elements renewed; foreign elements, extensions and digits stay as they are."""
    made = dict(stored)
    for name in _OURS:
        if name in plan:
            made[name] = plan[name]
        elif name in ("activity", "supportingInfo", "addresses"):
            made.pop(name, None)
    others = [e for e in stored.get("extension", []) if not (isinstance(e, dict) and e.get("url") == FLAG_URL)]
    earlier = [e for e in stored.get("extension", []) if _is_decided(e)]
    kept_decisions = [e for e in earlier if e != plan["extension"][0]]
    made["extension"] = [*others, *kept_decisions, *plan["extension"]]
    activities = [a for a in stored.get("activity", []) if not _is_our_activity(a)] + plan.get("activity", [])
    if activities:
        made["activity"] = activities
    else:
        made.pop("activity", None)
    return made


def _is_decided(extension: object) -> bool:
    """A flag on which a clinician's decision is recorded stays: it closes those variants (R2)."""
    if not isinstance(extension, dict) or extension.get("url") != FLAG_URL:
        return False
    return any(isinstance(p, dict) and p.get("url") == "decidedOn" for p in extension.get("extension", []))


def _is_our_activity(activity: object) -> bool:
    detail = activity.get("detail") if isinstance(activity, dict) else None
    code = detail.get("code") if isinstance(detail, dict) else None
    return isinstance(code, dict) and code.get("text") in (DRAW_TEXT, REVIEW_TEXT)
