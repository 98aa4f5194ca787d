"""Patient -> person (clause W9)."""

from __future__ import annotations

from smart_app.domain.facts import Person
from smart_app.fhir.reading.record import Record, source_of, text


def read_person(record: Record) -> Person:
    """Birth date with its precision, administrative gender, death where the record says so; nothing else."""
    person = Person()
    for patient in record.all("Patient"):
        with record.notes.guard(patient):
            died = record.when(patient.get("deceasedDateTime"))
            said = patient.get("deceasedBoolean") is True or text(patient.get("deceasedDateTime")) is not None
            person = Person(
                birth=record.when(patient.get("birthDate")) or person.birth,
                sex=text(patient.get("gender")) or person.sex,
                deceased=said or person.deceased,
                deceased_on=died or person.deceased_on,
                sources=(*person.sources, source_of(patient)),
            )
    return person
