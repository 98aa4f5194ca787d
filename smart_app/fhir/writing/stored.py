"""Our plans as they stand in the EHR: which one is continued, and what clinicians have recorded in them."""

from __future__ import annotations

from datetime import tzinfo

from smart_app.domain.facts import ReviewDecision
from smart_app.fhir.reading.record import Json, items, obj, source_of, text, when
from smart_app.fhir.writing.identity import FLAG_URL, SYSTEM, plan_key

_CLOSED = {"revoked", "entered-in-error", "completed"}


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


def living(plans: list[Json]) -> Json | None:
    """The plan to continue: the newest one that is not closed."""
    return next((p for p in plans if text(p.get("status")) not in _CLOSED), None)


def read_reviews(plans: list[Json], zone: tzinfo) -> tuple[ReviewDecision, ...]:
    """Decisions on switch reviews that clinicians recorded in our plans (closes those variants: R2)."""
    found: list[ReviewDecision] = []
    for plan in plans:
        if text(plan.get("status")) == "entered-in-error":
            continue
        for extension in items(plan.get("extension")):
            if extension.get("url") != FLAG_URL:
                continue
            parts = items(extension.get("extension"))
            told = {text(p.get("url")) or "": p for p in parts if p.get("url") != "variant"}
            day = when(obj(told.get("decidedOn")).get("valueDate"), zone)
            if day is None:
                continue
            variants = tuple(v for p in parts if p.get("url") == "variant" and (v := text(p.get("valueString"))))
            found.append(
                ReviewDecision(
                    day,
                    variants,
                    text(obj(told.get("decision")).get("valueString")) or "",
                    text(obj(told.get("decidedBy")).get("valueString")),
                    (source_of(plan),),
                )
            )
    return tuple(sorted(found, key=lambda r: (str(r.date), r.variants)))
