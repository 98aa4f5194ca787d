"""Our plans as they stand in the EHR: which one is continued, and what clinicians have recorded in them."""

from __future__ import annotations

import re
from datetime import tzinfo

from smart_app.domain.facts import ReviewDecision
from smart_app.fhir.reading.record import Json, items, obj, source_of, text, when
from smart_app.fhir.writing.identity import DECLINED_TEXT, FLAG_URL, NUMBER_SYSTEM, SYSTEM, plan_key
from smart_app.fhir.writing.patching import activity_kind

_CLOSED = {"revoked", "entered-in-error", "completed"}
_REASON = re.compile(r"ESR1 (.+) detected in plasma\Z")


def own_plans(care_plans: list[Json], patient_id: str) -> list[Json]:
    """Our plans of this patient, newest first. Other teams' plans are never among them."""
    mine = [
        plan
        for plan in care_plans
        if any(
            text(i.get("system")) == SYSTEM and text(i.get("value")) == plan_key(patient_id)
            for i in items(plan.get("identifier"))
        )
        and text(obj(plan.get("subject")).get("reference")) is not None
    ]
    return sorted(
        mine, key=lambda p: (text(obj(p.get("meta")).get("lastUpdated")) or "", text(p.get("id")) or ""), reverse=True
    )


find_own_plans = own_plans


def is_living(plan: Json) -> bool:
    return text(plan.get("status")) not in _CLOSED


def living(plans: list[Json]) -> Json | None:
    """The plan to continue: the newest one that is not closed."""
    return next((p for p in plans if is_living(p)), None)


def number_of(plan: Json) -> int:
    """The how-manieth plan of the patient this is; 1 where it does not say."""
    for identifier in items(plan.get("identifier")):
        last = (text(identifier.get("value")) or "").rpartition("/")[2]
        if identifier.get("system") == NUMBER_SYSTEM and last.isdecimal():
            return int(last)
    return 1


def next_number(plans: list[Json]) -> int:
    """The number of the plan that would be created now."""
    return max((number_of(p) for p in plans), default=0) + 1


def replaced(plans: list[Json]) -> str | None:
    """``CarePlan/x``, the newest closed plan, which the next one follows; an erroneous one is followed by none."""
    found = next((p for p in plans if text(p.get("status")) in ("completed", "revoked")), None)
    return f"CarePlan/{found['id']}" if found is not None and text(found.get("id")) else None


def read_reviews(plans: list[Json], zone: tzinfo) -> tuple[ReviewDecision, ...]:
    """Decisions on switch reviews that clinicians recorded in our plans (closes those variants: R2).

    From the extension; where a server has dropped it, from the progress of the finished review activity.
    """
    found: list[ReviewDecision] = []
    for plan in plans:
        if text(plan.get("status")) == "entered-in-error":
            continue
        recorded = [r for e in items(plan.get("extension")) if (r := _from_extension(plan, e, zone)) is not None]
        known = {(str(r.date), r.variants) for r in recorded}
        shown = [r for a in items(plan.get("activity")) if (r := _from_activity(plan, a, zone)) is not None]
        found += [*recorded, *(r for r in shown if (str(r.date), r.variants) not in known)]
    return tuple(sorted(found, key=lambda r: (str(r.date), r.variants)))


def _from_extension(plan: Json, extension: Json, zone: tzinfo) -> ReviewDecision | None:
    if extension.get("url") != FLAG_URL:
        return None
    parts = items(extension.get("extension"))
    told = {text(p.get("url")) or "": p for p in parts if p.get("url") != "variant"}
    day = when(obj(told.get("decidedOn")).get("valueDate"), zone)
    if day is None:
        return None
    return ReviewDecision(
        day,
        tuple(v for p in parts if p.get("url") == "variant" and (v := text(p.get("valueString")))),
        text(obj(told.get("decision")).get("valueString")) or "",
        text(obj(told.get("decidedBy")).get("valueString")),
        (source_of(plan),),
    )


def _from_activity(plan: Json, activity: Json, zone: tzinfo) -> ReviewDecision | None:
    detail = obj(activity.get("detail"))
    declined = obj(detail.get("statusReason")).get("text") == DECLINED_TEXT
    if activity_kind(activity) != "review" or (detail.get("status") != "completed" and not declined):
        return None
    said = next(reversed(items(activity.get("progress"))), {})
    day = when(said.get("time"), zone)
    reasons = [_REASON.match(text(obj(c).get("text")) or "") for c in items(detail.get("reasonCode"))]
    if day is None or not text(said.get("text")):
        return None
    by = obj(said.get("authorReference"))
    return ReviewDecision(
        day,
        tuple(m[1] for m in reasons if m is not None),
        text(said.get("text")) or "",
        text(by.get("display")) or text(by.get("reference")) or text(said.get("authorString")),
        (source_of(plan),),
    )
