"""What the sandbox keeps and by what it searches. The CapabilityStatement is made from these tables."""

from __future__ import annotations

from datetime import datetime

from smart_app.fhir.reading.record import Json, codings, items, obj, text

_CLINICAL = ("_id", "_tag", "identifier", "patient", "subject", "status")
_DRUG = (*_CLINICAL, "intent")
PARAMETERS: dict[str, tuple[str, ...]] = {
    "Patient": ("_id", "_tag", "identifier", "name"),
    "Practitioner": ("_id", "_tag", "identifier", "name"),
    "PractitionerRole": ("_id", "_tag", "identifier"),
    "Organization": ("_id", "_tag", "identifier", "name"),
    "Observation": (*_CLINICAL, "category", "code", "date"),
    "DiagnosticReport": (*_CLINICAL, "category", "code", "date"),
    "DocumentReference": (*_CLINICAL, "category", "date"),
    "Specimen": _CLINICAL,
    "Condition": ("_id", "_tag", "identifier", "patient", "subject", "category", "code"),
    "Procedure": (*_CLINICAL, "category", "code", "date"),
    "Medication": ("_id", "_tag", "identifier", "status", "code"),
    "MedicationRequest": _DRUG,
    "MedicationStatement": _CLINICAL,
    "MedicationAdministration": _CLINICAL,
    "MedicationDispense": _CLINICAL,
    "ServiceRequest": (*_DRUG, "category", "code"),
    "Appointment": ("_id", "_tag", "identifier", "patient", "status", "date"),
    "Encounter": (*_CLINICAL, "date"),
    "ImagingStudy": _CLINICAL,
    "CarePlan": (*_DRUG, "category", "date"),
    "Provenance": ("_id", "_tag", "patient", "target"),
    "QuestionnaireResponse": (*_CLINICAL, "questionnaire"),
    "Communication": (*_CLINICAL, "recipient"),
    "Binary": ("_id", "_tag"),
}
TYPES = tuple(PARAMETERS)
INCLUDES = (
    *(
        f"{kind}:medication"
        for kind in ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense")
    ),
    "Observation:specimen",
    "DiagnosticReport:specimen",
)
KINDS = {
    "patient": "reference",
    "subject": "reference",
    "target": "reference",
    "recipient": "reference",
    "name": "string",
    "date": "date",
}

# where the R4 search parameter "date" looks, by type
_DATES: dict[str, tuple[str, ...]] = {
    "Observation": ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "DocumentReference": ("date",),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Appointment": ("start",),
    "Encounter": ("period",),
    "CarePlan": ("period",),
}


class Refused(Exception):
    """An answer that is not the one asked for: HTTP status, issue code, words."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(words)
        self.status, self.code, self.words = status, code, words


def patient_of(resource: Json) -> str | None:
    """``Patient/x`` that a resource belongs to."""
    if resource.get("resourceType") == "Patient":
        return f"Patient/{resource.get('id')}"
    for field in ("subject", "patient"):
        reference = text(obj(resource.get(field)).get("reference"))
        if reference is not None:
            return reference
    people = [p.get("actor") for p in items(resource.get("participant"))] + items(resource.get("target"))
    found = [r for p in people if (r := text(obj(p).get("reference"))) is not None and r.startswith("Patient/")]
    return found[0] if found else None


def check_parameters(kind: str, params: list[tuple[str, str]]) -> None:
    """Refused where the type is not kept or is not searched by one of these names."""
    if kind not in PARAMETERS:
        raise Refused(404, "not-supported", f"This server does not keep {kind}.")
    for name, value in params:
        if name not in PARAMETERS[kind]:
            raise Refused(400, "not-supported", f"This server does not search {kind} by {name}.")
        if name == "date":
            _bound(value)


def fits(resource: Json, name: str, value: str) -> bool:
    """Whether a resource answers one search parameter; a comma means "or", as FHIR has it."""
    if name in ("patient", "subject"):
        owner = patient_of(resource)
        return owner is not None and any(owner == _local(part) for part in value.split(","))
    if name in ("target", "recipient"):
        named = [(text(t.get("reference")) or "").split("/_history/")[0] for t in items(resource.get(name))]
        return any(t in value.split(",") for t in named)
    if name == "questionnaire":
        return (text(resource.get(name)) or "").partition("|")[0] in value.split(",")
    if name == "name":
        return any(value.lower() in word for word in _names(resource))
    if name == "date":
        return _dated(resource, value)
    return any(_token_fits(resource, name, part) for part in value.split(","))


def _local(reference: str) -> str:
    return reference if "/" in reference else f"Patient/{reference}"


def _names(resource: Json) -> list[str]:
    if text(resource.get("name")):
        return [resource["name"].lower()]
    found = []
    for name in items(resource.get("name")):
        given = name.get("given")
        parts = [name.get("text"), name.get("family"), *(given if isinstance(given, list) else [])]
        found += [part.lower() for part in parts if isinstance(part, str)]
        found.append(" ".join(p for p in [*parts[2:], parts[1]] if isinstance(p, str)).lower())
    return found


def _token_fits(resource: Json, name: str, wanted: str) -> bool:
    if name == "_id":
        return resource.get("id") == wanted
    if name in ("status", "intent"):
        return resource.get(name) == wanted.rpartition("|")[2]
    if name == "_tag":
        return any(_token(wanted, c.get("system"), c.get("code")) for c in items(obj(resource.get("meta")).get("tag")))
    if name == "identifier":
        return any(_token(wanted, i.get("system"), i.get("value")) for i in items(resource.get("identifier")))
    concepts = items(resource.get(name))  # code, category
    return any(_token(wanted, system, code) for c in concepts for system, code, _ in codings(c))


def _token(wanted: str, system: object, code: object) -> bool:
    if "|" in wanted:
        left, right = wanted.split("|", 1)
        return (not left or left == system) and (not right or right == code)
    return wanted == code


def _bound(value: str) -> tuple[str, str]:
    """Prefix and calendar date of ``ge2026-01-01``; a time of day is dropped, as the sandbox keeps whole days apart."""
    prefix, rest = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    day = rest.partition("T")[0]
    try:
        datetime.strptime(day, {4: "%Y", 7: "%Y-%m"}.get(len(day), "%Y-%m-%d"))  # noqa: DTZ007 - only checked
    except ValueError as error:
        raise Refused(400, "invalid", "A date is not one, such as ge2026-01-31.") from error
    if prefix not in ("eq", "ge", "gt", "le", "lt"):
        raise Refused(400, "not-supported", f"The date prefix {prefix} is not supported.")
    return prefix, day


def _dated(resource: Json, value: str) -> bool:
    """Compares calendar dates as text: a shorter date stands for every day in it."""
    prefix, day = _bound(value)
    first, last = _span(resource)
    if first is None and last is None:
        return False
    lowest, highest = first or "0000", (last or "9999") + "~"  # "~" sorts after every digit and dash
    if prefix == "eq":
        return lowest.startswith(day) and (last or "").startswith(day)
    if prefix == "ge":
        return highest >= day
    if prefix == "gt":
        return highest > day + "~"
    return lowest <= day + "~" if prefix == "le" else lowest < day


def _span(resource: Json) -> tuple[str | None, str | None]:
    for field in _DATES[resource["resourceType"]]:
        value = resource.get(field)
        if isinstance(value, str):
            return value.partition("T")[0], value.partition("T")[0]
        if isinstance(value, dict):
            start, end = text(value.get("start")), text(value.get("end"))
            return start and start.partition("T")[0], end and end.partition("T")[0]
    return None, None
