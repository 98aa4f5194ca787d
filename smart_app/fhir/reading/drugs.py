"""Medication resources -> exposures, and the entries whose drug is unclear.

``medication`` says which drug an entry names, ``stretches`` what it shows of it and when, ``exposures`` joins them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from smart_app.codes import Codebook
from smart_app.domain.facts import DrugClass, Exposure
from smart_app.fhir.reading.exposures import join
from smart_app.fhir.reading.medication import Naming, medication_of, name_drugs
from smart_app.fhir.reading.record import Json, Record, codings, obj, reference_of
from smart_app.fhir.reading.stretches import DRUG_TYPES, Stretch, stretch_of
from smart_app.fhir.reading.treatment_words import is_other_use

_PAST = {"inactive", "remission", "resolved"}
_NEVER = {"entered-in-error", "refuted"}


def read_exposures(
    record: Record, codebook: Codebook, advanced: date | None = None
) -> tuple[tuple[Exposure, ...], tuple[str, ...]]:
    """(exposures by start, sentences on unclear drugs). Drugs that the code book does not know give nothing.

    ``advanced``: the day the disease was known to be advanced, across which a stopped drug is not joined.

    Set aside, with codes: ``drug.conflict`` (code and text name different drugs), ``drug.blinded``, ``drug.unresolved``
    (a Medication that was not read: the chart's drugs are then not complete), ``drug.unnamed`` (as much: an entry or a
    diagnosis says that a drug of a class is taken and no entry names one) and the statuses that show no treatment.
    """
    by_drug: dict[tuple[str, DrugClass], list[Stretch]] = {}
    unclear: list[str] = []
    unnamed: list[tuple[DrugClass, Json]] = []
    for resource in record.all(*DRUG_TYPES):
        with record.notes.guard(resource):
            naming = name_drugs(record, resource, codebook)
            if naming.code:
                if isinstance(stretch_of(record, resource, codebook), tuple):
                    continue  # no treatment, whatever its drug
                record.notes.aside(naming.code, naming.why, resource)
                if naming.code != "drug.unresolved":
                    unclear.append(f"{reference_of(resource)} {naming.why}")
            elif naming.drugs:
                _add(by_drug, record, resource, naming, codebook)
            elif used := codebook.said("drug_use", naming.words):
                shown = not isinstance(stretch_of(record, resource, codebook), tuple)
                unnamed += [(DrugClass(means), resource) for means in used if shown]
    exposures = [exposure for stretches in by_drug.values() for exposure in join(stretches, advanced)]
    named = {e.drug_class for e in exposures}
    for drug_class, resource in [*unnamed, *_told_by_diagnosis(record, codebook)]:
        if drug_class not in named or drug_class is DrugClass.SERD:
            why = f"says that a drug of the class {drug_class} is taken, and no entry names one"
            record.notes.aside("drug.unnamed", why, resource)
    exposures.sort(key=lambda e: (e.start is None, e.start.first if e.start else None, e.drug))
    return tuple(exposures), tuple(dict.fromkeys(unclear))


def _told_by_diagnosis(record: Record, book: Codebook) -> list[tuple[DrugClass, Json]]:
    found: list[tuple[DrugClass, Json]] = []
    for condition in record.all("Condition"):
        clinical, verification = (
            {c for _, c, _ in codings(condition.get(key))} for key in ("clinicalStatus", "verificationStatus")
        )
        if not clinical & _PAST and not verification & _NEVER:
            used = book.meanings_of("drug_use", codings(condition.get("code")))
            found += [(DrugClass(means), condition) for means in used]
    return found


def _add(
    by_drug: dict[tuple[str, DrugClass], list[Stretch]], record: Record, resource: Json, naming: Naming, book: Codebook
) -> None:
    found = stretch_of(record, resource, book)
    if isinstance(found, tuple):
        record.notes.aside(found[0], f"{' + '.join(sorted(naming.drugs))}: {found[1]}", resource)
        return
    medication = medication_of(record, resource)
    coded = (
        resource
        if "medicationCodeableConcept" in resource
        else {**resource, "medicationCodeableConcept": obj(medication.get("code"))}
    )
    other = is_other_use(coded, book, naming.words)
    for drug in sorted(naming.drugs):
        drug_class = DrugClass.OTHER if other else book.class_of(drug)
        by_drug.setdefault((drug, drug_class), []).append(replace(found, drug=drug, drug_class=drug_class))
