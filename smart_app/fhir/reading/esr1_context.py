"""What stands around a result: its date and basis, laboratory, assay, accession and identifiers."""

from __future__ import annotations

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import DateBasis
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, text, words
from smart_app.fhir.reading.specimens import collected


def effective(record: Record, resource: Json) -> PartialDate | None:
    for name in ("effectiveDateTime", "effectiveInstant"):
        day = record.when(resource.get(name))
        if day is not None:
            return day
    timing = obj(resource.get("effectiveTiming")).get("event")
    days = [day for one in (timing if isinstance(timing, list) else []) if (day := record.when(one)) is not None]
    if days:
        return min(days, key=lambda day: (day.first, day.last))
    period = obj(resource.get("effectivePeriod"))
    return record.when(period.get("start")) or record.when(period.get("end"))


def dated(
    record: Record, resources: list[Json], specimens: list[Json], home: Json
) -> tuple[PartialDate | None, DateBasis | None]:
    """Collection of the specimen, else effective, else the panel's or report's effective, else issued."""
    day = collected(record, specimens)
    if day is not None:
        return day, DateBasis.COLLECTED
    for resource in resources:
        day = effective(record, resource)
        if day is not None:
            reported = resource.get("resourceType") == "DiagnosticReport" and resource is not home
            return day, DateBasis.REPORTED if reported else DateBasis.EFFECTIVE
    for resource in resources:
        day = record.when(resource.get("issued"))
        if day is not None:
            return day, DateBasis.ISSUED
    return None, None


def shown_name(record: Record, resources: list[Json], name: str) -> str | None:
    for resource in resources:
        for reference in items(resource.get(name)):
            shown = text(reference.get("display"))
            if shown is not None:
                return shown
            found = record.resolve(reference, resource)
            if found is not None and found.get("resourceType") == "Organization" and text(found.get("name")):
                return text(found.get("name"))
    return None


def assay_of(resources: list[Json]) -> str | None:
    for resource in resources:
        method = words(resource.get("method"))
        coded = {code for _, code, _ in codings(resource.get("method"))}
        if method and "LA26398-0" not in coded:
            return method.split(" | ")[0]
    for resource in resources:
        device = text(obj(resource.get("device")).get("display"))
        if device is not None:
            return device
    reports = [r for r in resources if r.get("resourceType") == "DiagnosticReport"]
    return next((w.split(" | ")[0] for r in reports if (w := words(r.get("code")))), None)


def accession_of(chain: list[Json]) -> str | None:
    """A report's accession number, where it is typed as one (HL7 v2-0203 ACSN, FILL)."""
    for resource in chain:
        for identifier in items(resource.get("identifier")):
            kinds = {code for _, code, _ in codings(identifier.get("type"))}
            value = text(identifier.get("value"))
            if value is not None and kinds & {"ACSN", "FILL", "SNO"}:
                return f"accession:{value}"
    return None


def identifiers_of(chain: list[Json]) -> frozenset[str]:
    """Business identifiers of the results themselves: a result sent again carries the same one."""
    return frozenset(
        f"identifier:{text(i.get('system')) or ''}|{value}"
        for resource in chain
        if resource.get("resourceType") in ("DiagnosticReport", "Observation")
        for i in items(resource.get("identifier"))
        if (value := text(i.get("value"))) is not None and "PLAC" not in {c for _, c, _ in codings(i.get("type"))}
    )
