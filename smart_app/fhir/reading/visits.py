"""Visits and scans to which a draw may be aligned (clause D11): booked, planned, done and cancelled ones.

A date is one the record gives for the event itself: an order without an occurrence has none. Imaging that does not
follow the tumour (bone density, echocardiogram, mammogram) is a visit like any other.
"""

from __future__ import annotations

from dataclasses import replace

from smart_app.codes import Codebook
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Visit, VisitKind
from smart_app.fhir.reading.progress import is_imaging
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, source_of, text, words

_TYPES = ("Appointment", "Encounter", "ServiceRequest", "ImagingStudy", "DiagnosticReport", "Procedure")
_CANCELLED = {"cancelled", "noshow", "revoked", "not-done", "stopped"}
_DONE = {
    "fulfilled",
    "arrived",
    "checked-in",
    "finished",
    "completed",
    "available",
    "final",
    "amended",
    "corrected",
    "appended",
    "triaged",
    "in-progress",
    "onleave",
    "partial",
}


def read_visits(record: Record, codebook: Codebook) -> tuple[Visit, ...]:
    """All visits with a date, by date; what several resources say of one day and kind is one visit."""
    merged: dict[tuple[VisitKind, PartialDate, bool], Visit] = {}
    for resource in record.all(*_TYPES):
        with record.notes.guard(resource):
            visit = _visit(record, resource, codebook)
            if visit is None:
                continue
            key = (visit.kind, visit.date, visit.cancelled)
            old = merged.get(key)
            if old is not None:
                visit = replace(
                    old,
                    done=old.done or visit.done,
                    text=old.text or visit.text,
                    sources=(*old.sources, *visit.sources),
                )
            merged[key] = visit
    return tuple(sorted(merged.values(), key=lambda v: (v.date.first, v.kind, v.cancelled)))


def _visit(record: Record, resource: Json, book: Codebook) -> Visit | None:
    status = (text(resource.get("status")) or "").lower()
    if status == "entered-in-error":
        return None
    kind = _kind(resource, book)
    day = _day(record, resource)
    if kind is None or day is None:
        return None
    return Visit(kind, day, status in _CANCELLED, status in _DONE, _label(resource), (source_of(resource),))


def _kind(resource: Json, book: Codebook) -> VisitKind | None:
    """SCAN, VISIT, or None where the resource is neither (a laboratory order, a report that is not imaging)."""
    name = resource.get("resourceType")
    said = _said(resource)
    coded = [m for c in _concepts(resource) for m in book.meanings_of("scan", codings(c))]
    scan = bool(coded or book.said("scan", said)) and not book.said("no_scan", said)
    if name == "ImagingStudy":
        modalities = items(resource.get("modality")) + [
            obj(series.get("modality")) for series in items(resource.get("series"))
        ]
        seen = {text(m.get("code")) or "" for m in modalities} | {c for m in modalities for _, c, _ in codings(m)}
        return VisitKind.SCAN if seen & {"CT", "MR", "PT", "NM"} or scan else None
    if name in {"Appointment", "Encounter"}:
        return VisitKind.SCAN if scan else VisitKind.VISIT
    if name == "ServiceRequest":
        intent = (text(resource.get("intent")) or "").lower()
        if resource.get("doNotPerform") is True or intent in {"proposal", "option"}:
            return None
    imaging = (scan or is_imaging(resource, book)) and not book.said("no_scan", said)
    return VisitKind.SCAN if imaging else None


def _concepts(resource: Json) -> list[Json]:
    keys = (
        "code",
        "serviceType",
        "serviceCategory",
        "appointmentType",
        "type",
        "category",
        "specialty",
        "procedureCode",
        "orderDetail",
    )
    return [concept for key in keys for concept in items(resource.get(key))]


def _said(resource: Json) -> str:
    parts = [words(concept) for concept in _concepts(resource)]
    parts += [text(resource.get(key)) or "" for key in ("description", "comment")]
    if resource.get("resourceType") == "Appointment":
        parts += [words(concept) for concept in items(resource.get("reasonCode"))]
    return " | ".join(part for part in parts if part)


def _label(resource: Json) -> str:
    description = text(resource.get("description"))
    names = [
        name
        for concept in _concepts(resource)
        if (name := text(concept.get("text")) or next((display for _, _, display in codings(concept) if display), ""))
    ]
    return (description or (names[0] if names else ""))[:120]


def _day(record: Record, resource: Json) -> PartialDate | None:
    timing = obj(resource.get("occurrenceTiming"))
    events = timing.get("event")
    candidates = [
        resource.get("start") if resource.get("resourceType") == "Appointment" else None,
        obj(resource.get("period")).get("start"),
        resource.get("occurrenceDateTime"),
        obj(resource.get("occurrencePeriod")).get("start"),
        events[0] if isinstance(events, list) and events else None,
        obj(obj(timing.get("repeat")).get("boundsPeriod")).get("start"),
        resource.get("started"),
        resource.get("performedDateTime"),
        obj(resource.get("performedPeriod")).get("start"),
    ]
    if resource.get("resourceType") == "DiagnosticReport":
        candidates += [resource.get("effectiveDateTime"), obj(resource.get("effectivePeriod")).get("start")]
    return next((day for raw in candidates if (day := record.when(raw)) is not None), None)
