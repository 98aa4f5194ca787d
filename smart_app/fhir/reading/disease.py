"""What the record says of the disease: diagnoses, spread, receptors, disease status, LDH (clauses W1–W3, W8, M)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from smart_app.codes import Codebook
from smart_app.codes.book import plain
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Diagnosis, DiseaseStatus, Ldh, Receptor, Source, Spread
from smart_app.fhir.reading.conditions import about_other_cancer, read_condition, read_staging
from smart_app.fhir.reading.observation_kinds import Kinds
from smart_app.fhir.reading.progress import is_status_test, read_ldh, read_report, read_status
from smart_app.fhir.reading.receptors import read_receptors
from smart_app.fhir.reading.record import Json, Record, text


@dataclass(frozen=True, slots=True)
class Disease:
    """Every statement once, with all the resources that make it."""

    diagnoses: tuple[Diagnosis, ...] = ()
    spread: tuple[Spread, ...] = ()
    receptors: tuple[Receptor, ...] = ()
    statuses: tuple[DiseaseStatus, ...] = ()
    ldh: tuple[Ldh, ...] = ()


def read_disease(record: Record, codebook: Codebook) -> Disease:
    """Reads Condition, Observation and DiagnosticReport. A malformed entry is set aside (``entry.malformed``)."""
    diagnoses: list[Diagnosis] = []
    spread: list[Spread] = []
    statuses: list[DiseaseStatus] = []
    ldh: list[Ldh] = []
    for condition in record.all("Condition"):
        with record.notes.guard(condition):
            read = read_condition(record, condition, codebook)
            diagnoses += [read.diagnosis] if read.diagnosis else []
            spread += read.spread
    kinds = Kinds(codebook)
    for observation in record.all("Observation"):
        with record.notes.guard(observation):
            about = kinds.of(observation.get("code"))
            if about.ldh:
                value = read_ldh(record, observation)
                ldh += [value] if value else []
            elif about.stage or about.status:
                _read_observation(record, observation, codebook, spread, statuses)
    for report in record.all("DiagnosticReport"):
        with record.notes.guard(report):
            status = read_report(record, report, codebook)
            statuses += [status] if status else []
    return Disease(
        diagnoses=_merge_diagnoses(diagnoses),
        spread=_merge_spread(spread),
        receptors=read_receptors(record, codebook, kinds),
        statuses=tuple(sorted(_merge_statuses(statuses), key=_status_order)),
        ldh=tuple(sorted(ldh, key=lambda value: (value.date is None, value.date.first if value.date else None))),
    )


def _read_observation(
    record: Record,
    observation: Json,
    book: Codebook,
    spread: list[Spread],
    statuses: list[DiseaseStatus],
) -> None:
    staged = read_staging(record, observation, book)
    is_status = is_status_test(book, observation)
    if not staged and not is_status:
        return
    if about_other_cancer(record, observation, book):
        record.notes.aside("observation.other_cancer", "is about another cancer", observation)
        return
    status = (text(observation.get("status")) or "").lower()
    if staged and status in {"", "final", "amended", "corrected"}:
        spread += staged
    elif staged:
        record.notes.aside("stage.not_final", f"staging is {status}", observation)
    if is_status:
        found = read_status(record, observation, book)
        statuses += [found] if found else []


def _sources(*many: Iterable[Source]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(source for sources in many for source in sources))


def earliest(a: PartialDate | None, b: PartialDate | None) -> PartialDate | None:
    if a is None or b is None:
        return a or b
    return min(a, b, key=lambda d: (d.first, d.last))


def _merge_diagnoses(diagnoses: list[Diagnosis]) -> tuple[Diagnosis, ...]:
    """Encounter diagnoses repeat: one diagnosis per text, the earliest onset, active where any of them is."""
    merged: dict[tuple[bool, str], Diagnosis] = {}
    for new in diagnoses:
        key = (new.breast, re.sub(r"[^a-z0-9]+", " ", plain(new.text)).strip())
        old = merged.get(key)
        if old is not None:
            states = {old.active, new.active}
            active = True if True in states else (False if False in states else None)
            new = replace(
                old, active=active, onset=earliest(old.onset, new.onset), sources=_sources(old.sources, new.sources)
            )
        merged[key] = new
    return tuple(merged.values())


def _merge_spread(spread: list[Spread]) -> tuple[Spread, ...]:
    merged: dict[tuple[str, str | None], Spread] = {}
    for new in spread:
        key = (new.extent, new.site)
        old = merged.get(key)
        if old is not None:
            new = replace(
                old, known_on=earliest(old.known_on, new.known_on), sources=_sources(old.sources, new.sources)
            )
        merged[key] = new
    return tuple(merged.values())


def _status_order(status: DiseaseStatus) -> tuple[bool, object, str]:
    return (status.date is None, status.date.first if status.date else None, status.status)


def _merge_statuses(statuses: list[DiseaseStatus]) -> list[DiseaseStatus]:
    merged: dict[tuple[str, PartialDate | None], DiseaseStatus] = {}
    for new in statuses:
        key = (new.status, new.date)
        old = merged.get(key)
        if old is not None:
            new = replace(old, imaging=old.imaging or new.imaging, sources=_sources(old.sources, new.sources))
        merged[key] = new
    return list(merged.values())
