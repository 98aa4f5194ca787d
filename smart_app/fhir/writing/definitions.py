"""Our PlanDefinition: what a care plan of ours instantiates. One for each policy, made from the policy's settings."""

from __future__ import annotations

import html
import re
from datetime import date

from smart_app.domain.policy import Policy
from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.identity import ACTIVITY_SYSTEM, BASE, DRAW, DRAW_TEXT, REVIEW, REVIEW_TEXT

URL = f"{BASE}/PlanDefinition/"
_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"


def definition_id(policy_name: str) -> str:
    """The id under which the app serves the definition of this policy."""
    return "esr1-" + re.sub(r"[^A-Za-z0-9.-]", "-", policy_name)[:59]


def canonical(policy_name: str, policy_version: str) -> str:
    """``url|version``, as a care plan names what it instantiates."""
    return f"{URL}{definition_id(policy_name)}|{policy_version}"


def plan_definition(policy: Policy) -> Json:
    """The policy as a FHIR R4 PlanDefinition; the same bytes for the same policy."""
    when = (
        f"First draw {policy.first_draw_from_months} to {policy.first_draw_by_months} months after the line began; "
        f"after a result without ESR1 mutation the next one {policy.interval_from_months} to "
        f"{policy.interval_to_months} months later; after a failed draw within {policy.redraw_within_days} days; "
        f"after an unclear one within {policy.repeat_within_days} days; aligned with a scan or visit in those days."
    )
    what = (
        "Surveillance of ESR1 mutations in ctDNA in HR+/HER2- advanced breast cancer on first-line aromatase inhibitor "
        "and CDK4/6 inhibitor, without progression."
    )
    review = "An ESR1 mutation newly detected in plasma inside the window asks for a review of the treatment."
    names = "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", policy.name))
    paragraphs = "".join(f"<p>{html.escape(s, quote=False)}</p>" for s in (what, policy.basis, when, review))
    made: Json = {
        "resourceType": "PlanDefinition",
        "id": definition_id(policy.name),
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'},
        "url": f"{URL}{definition_id(policy.name)}",
        "version": policy.version,
        "name": f"Esr1Surveillance{names}"[:255],
        "title": f"ctDNA ESR1 surveillance, policy {policy.name}",
        "type": {"coding": [{"system": _TYPE, "code": "clinical-protocol"}]},
        "status": "active",
        "experimental": False,
        "publisher": "ESR1 SMART app",
        "description": what,
        "purpose": policy.basis,
        "usage": "The clinician sees each plan and confirms it. It is a flag, not an order, and it names no drug.",
        "action": [
            {
                "title": DRAW_TEXT,
                "description": when,
                "code": [{"coding": [{"system": ACTIVITY_SYSTEM, "code": DRAW}], "text": DRAW_TEXT}],
            },
            {
                "title": REVIEW_TEXT,
                "description": review,
                "code": [{"coding": [{"system": ACTIVITY_SYSTEM, "code": REVIEW}], "text": REVIEW_TEXT}],
            },
        ],
    }
    if (day := _day(policy.version)) is not None:
        made["date"] = day
    return made


def _day(version: str) -> str | None:
    try:
        return date.fromisoformat(version).isoformat()
    except ValueError:
        return None
