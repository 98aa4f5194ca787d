"""Whose resource is it? Every entry is checked against the launch's patient before it can become a fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smart_app.fhir.reading.record import Json, items, obj, reference_of, text
from smart_app.fhir.receipt import Receipt, SetAside

Entry = tuple[str, Json]

# kinds that carry no patient of their own: they count only through what refers to them
_PATIENTLESS = frozenset(
    {"Medication", "Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Endpoint", "Binary"}
)
_APART = frozenset({None, "Patient", "Appointment"})
_MAY_LACK_SUBJECT = frozenset({"Specimen", "Appointment"})


def patient_names(patient_id: str, base: str | None, entries: Iterable[Entry]) -> frozenset[str]:
    """The ways a reference may name the patient: relative, absolute under this base, or the entry's fullUrl."""
    names = {f"Patient/{patient_id}"}
    if base is not None:
        names.add(f"{base.rstrip('/')}/Patient/{patient_id}")
    for full_url, resource in entries:
        if resource.get("resourceType") == "Patient" and resource.get("id") == patient_id and full_url:
            _, named, ident = full_url.split("/_history/")[0].rpartition("Patient/")
            if not named or ident == patient_id:  # an address that names somebody else makes nobody else ours
                names.add(full_url)
    return frozenset(names)


def _subjects(resource: Json) -> Iterator[Json]:
    yield from items(resource.get("subject"))
    yield from items(resource.get("patient"))
    for focus in items(resource.get("focus")):  # R4: what is observed where it is not the subject: a donor, a child
        if {"Patient", "RelatedPerson"} & {text(focus.get("type")), *(text(focus.get("reference")) or "").split("/")}:
            yield focus
    if resource.get("resourceType") == "Appointment":
        for participant in items(resource.get("participant")):
            actor = obj(participant.get("actor"))
            if "Patient" in (text(actor.get("type")) or text(actor.get("reference")) or ""):
                yield actor


def _is_plain(resource: Json, names: frozenset[str]) -> bool:
    """One subject, which names the launch's patient outright, and nobody else named."""
    subject = resource.get("subject")
    if type(subject) is not dict or "patient" in resource or "focus" in resource:
        return False
    name = subject.get("reference")
    return type(name) is str and name in names


def _is_ours(reference: Json, resource: Json, names: frozenset[str], identifiers: frozenset[tuple[str, str]]) -> bool:
    target = (text(reference.get("reference")) or "").split("/_history/")[0]
    if target.startswith("#"):
        inside = next((c for c in items(resource.get("contained")) if c.get("id") == target[1:]), {})
        return bool(identifiers & _identifiers(inside))
    if target:
        return target in names
    return bool(identifiers & _identifiers({"identifier": [obj(reference.get("identifier"))]}))


def _identifiers(resource: Json) -> frozenset[tuple[str, str]]:
    return frozenset(
        (system, value)
        for one in items(resource.get("identifier"))
        if (system := text(one.get("system"))) and (value := text(one.get("value")))
    )


def sift(
    entries: list[Entry], patient_id: str, receipt: Receipt, *, base: str | None = None, strict: bool = True
) -> list[Entry]:
    """The entries that belong to the patient. Others are refused into ``receipt.foreign``.

    ``strict`` False (a file, which may hold several patients): a missing subject is taken as this patient, a wrong one
    never, and another patient's entries are no alarm.
    """
    names = patient_names(patient_id, base, entries)
    person = next((r for _, r in entries if r.get("resourceType") == "Patient" and r.get("id") == patient_id), {})
    identifiers = _identifiers(person)
    kept: list[Entry] = []
    for full_url, resource in entries:
        kind = text(resource.get("resourceType"))
        if kind not in _APART and _is_plain(resource, names):  # the many, at a tenth of the cost
            kept.append((full_url, resource))
        elif kind is None:
            receipt.set_aside.append(SetAside("entry.no_type", "does not say what it is", ""))
        elif kind == "Patient":
            if resource.get("id") == patient_id:
                kept.append((full_url, resource))
            else:
                code = "patient.other" if strict else "patient.not_selected"
                receipt.foreign.append(SetAside(code, "is another patient", reference_of(resource)))
        elif kind in _PATIENTLESS:
            kept.append((full_url, resource))
        else:
            subjects = list(_subjects(resource))
            if any(not _is_ours(s, resource, names, identifiers) for s in subjects):
                why = "belongs to another patient, or does not say clearly to whom, and was refused"
                code = "subject.other" if strict else "subject.not_selected"
                receipt.foreign.append(SetAside(code, why, reference_of(resource)))
            elif not subjects and strict and kind not in _MAY_LACK_SUBJECT:
                why = "does not say whose it is"
                receipt.set_aside.append(SetAside("subject.missing", why, reference_of(resource)))
            else:
                kept.append((full_url, resource))
    return kept
