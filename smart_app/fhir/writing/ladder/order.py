"""Rung 4, the contract only: the draw as an unsigned order that a CDS Hooks card suggests. Nothing sends it yet.

Epic takes a ``ServiceRequest`` create suggestion (order-select, patient-view) with a code of the site's own preference
list; the order's details come from that list, not from here. The clinician signs or discards it in the EHR.
"""

from __future__ import annotations

from fhir.resources.R4B.servicerequest import ServiceRequest

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, obj
from smart_app.fhir.writing.identity import DRAW_TEXT
from smart_app.fhir.writing.ladder.content import Content
from smart_app.fhir.writing.patching import activity_kind

EPIC_LIST = "urn:com.epic.cdshooks.action.code.system.preference-list-item"


def suggestion(content: Content, order_code: str | None = None) -> Json | None:
    """One CDS Hooks 2.0 card with the draw as a draft order; None where no draw is planned.

    ``order_code``: the site's code of the order in its preference list; without it the order is words only, which Epic
    does not take.
    """
    draw = next((a for a in items(content.plan.get("activity")) if activity_kind(a) == "draw"), None)
    if draw is None:
        return None
    period = obj(obj(draw.get("detail")).get("scheduledPeriod"))
    code: Json = {"text": DRAW_TEXT}
    if order_code is not None:
        code["coding"] = [{"system": EPIC_LIST, "code": order_code}]
    order: Json = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "plan",
        "code": code,
        "subject": {"reference": f"Patient/{content.patient_id}"},
        **({"encounter": {"reference": f"Encounter/{content.encounter_id}"}} if content.encounter_id else {}),
        "occurrencePeriod": period,
        **({"requester": {"reference": content.author}} if content.author else {}),
    }
    ServiceRequest.model_validate_json(jsontext.dumps(order))
    words = f"Next ctDNA draw for ESR1: {period.get('start')} to {period.get('end')}"
    return {
        "summary": words,
        "indicator": "info",
        "source": {"label": "ESR1 SMART app"},
        "selectionBehavior": "any",
        "suggestions": [
            {
                "label": "Draft the order for the draw",
                "actions": [{"type": "create", "description": words, "resource": order}],
            }
        ],
    }
