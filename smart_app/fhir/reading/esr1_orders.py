"""ctDNA draws that are ordered or booked."""

from __future__ import annotations

import re
from datetime import date

from smart_app.domain.facts import OrderedDraw
from smart_app.fhir.reading.labtext import ESR1
from smart_app.fhir.reading.record import Json, Record, items, obj, reference_of, source_of, text, words
from smart_app.fhir.reading.specimens import names_liquid

_OPEN = {"active", "on-hold", "booked", "pending", "proposed", "arrived", "checked-in"}
_NO_ORDER = {"option", "reflex-order-option"}
_TALK = re.compile(r"\b(?:discuss|review|explain|counsel)\w*|results? (?:visit|review|discussion)", re.I)
_DRAWN = re.compile(r"\b(?:draws?|blood|phlebotomy|sampl\w+|collect\w*|lab|test|ct-?dna|venipuncture)\b", re.I)


def ordered_draws(record: Record) -> tuple[OrderedDraw, ...]:
    """Open orders and appointments for a ctDNA or ESR1 test that no result answers yet, the earliest first."""
    answered = {
        reference
        for result in record.all("DiagnosticReport", "Observation")
        if text(result.get("status")) not in ("registered", "cancelled", "entered-in-error")
        for r in items(result.get("basedOn"))
        if (reference := "/".join((text(r.get("reference")) or "").split("/_history/")[0].split("/")[-2:]))
    }
    found: list[OrderedDraw] = []
    for resource in record.all("ServiceRequest", "Appointment"):
        with record.notes.guard(resource):
            if _open(resource) and reference_of(resource) not in answered and _for_ctdna(resource):
                day = record.when(resource.get("occurrenceDateTime")) or record.when(resource.get("start"))
                period = record.when(obj(resource.get("occurrencePeriod")).get("start"))
                asked = next(
                    (d for p in items(resource.get("requestedPeriod")) if (d := record.when(p.get("start")))), None
                )
                found.append(OrderedDraw(day or period or asked, (source_of(resource),)))
    return tuple(sorted(found, key=lambda o: (o.date.first if o.date else date.max, o.sources[0].reference)))


def _open(resource: Json) -> bool:
    return (
        text(resource.get("status")) in _OPEN
        and resource.get("doNotPerform") is not True
        and text(resource.get("intent")) not in _NO_ORDER
    )


def _for_ctdna(resource: Json) -> bool:
    """By the order's own words; a visit "to discuss the ESR1 result" is no draw."""
    concepts = [resource.get("code"), *items(resource.get("orderDetail")), *items(resource.get("serviceType"))]
    own = f"{' '.join(words(c) for c in concepts)} {text(resource.get('description')) or ''}"
    told = " ".join(
        [
            *(words(c) for c in items(resource.get("reasonCode"))),
            *(text(n.get("text")) or "" for n in items(resource.get("note"))),
            text(resource.get("comment")) or "",
        ]
    )
    visit = resource.get("resourceType") == "Appointment"
    if _TALK.search(f"{own} {told}"):
        return False
    if names_liquid(own) or (ESR1.search(own) and (not visit or _DRAWN.search(own))):
        return True
    return visit and bool(names_liquid(told) and _DRAWN.search(f"{own} {told}"))
