"""JSON of the wire -> chart. Entry by entry: a malformed entry costs that entry, never the chart."""

from __future__ import annotations

from datetime import date, tzinfo

from smart_app.codes import Codebook
from smart_app.domain.facts import Chart, Extent, Gap, Part, Spread
from smart_app.fhir.jsontext import no_collection
from smart_app.fhir.reading.disease import read_disease
from smart_app.fhir.reading.drugs import read_exposures
from smart_app.fhir.reading.person import read_person
from smart_app.fhir.reading.record import Json, Notes, Record
from smart_app.fhir.reading.results import read_results
from smart_app.fhir.reading.sift import sift
from smart_app.fhir.reading.visits import read_visits
from smart_app.fhir.receipt import ALARMING, Receipt

__all__ = ["gaps_of", "read_chart"]


@no_collection()
def read_chart(
    entries: list[tuple[str, Json]],
    *,
    patient_id: str,
    zone: tzinfo,
    codebook: Codebook,
    receipt: Receipt,
    base: str | None = None,
    strict: bool = True,
) -> Chart:
    """The facts of this patient. ``entries`` are (fullUrl or '', resource) pairs as read.

    What was refused or set aside is added to ``receipt``; what was not read (``receipt.searches``) becomes
    ``chart.gaps``. ``zone`` is the issuer's time zone, in which an instant becomes a calendar date.
    """
    notes = Notes()
    record = Record.of(sift(entries, patient_id, receipt, base=base, strict=strict), zone, notes)
    results = read_results(record, codebook)
    disease = read_disease(record, codebook)
    exposures, unclear = read_exposures(record, codebook, _advanced(disease.spread))
    person, visits = read_person(record), read_visits(record, codebook)
    receipt.set_aside.extend(notes.set_aside)
    unused = {note.source for note in (*receipt.set_aside, *receipt.foreign)}
    receipt.resources_used = max(0, receipt.resources_read - len(unused))
    return Chart(
        person=person,
        draws=results.draws,
        withdrawn=results.withdrawn,
        ordered=results.ordered,
        exposures=exposures,
        unclear_drugs=unclear,
        diagnoses=disease.diagnoses,
        spread=disease.spread,
        receptors=disease.receptors,
        statuses=disease.statuses,
        ldh=disease.ldh,
        visits=visits,
        gaps=gaps_of(receipt),
    )


def _advanced(spread: tuple[Spread, ...]) -> date | None:
    """The day from which the disease was surely known to be advanced."""
    days = [s.known_on.last for s in spread if s.extent is not Extent.EARLY and s.known_on is not None]
    return min(days, default=None)


_TYPE_PARTS = {
    "Observation": (Part.RESULTS, Part.RECEPTORS, Part.STATUS, Part.DISEASE, Part.LABS),
    "DiagnosticReport": (Part.RESULTS,),
    "DocumentReference": (Part.RESULTS,),
    "Condition": (Part.DISEASE,),
    "MedicationRequest": (Part.DRUGS,),
    "MedicationStatement": (Part.DRUGS,),
    "MedicationAdministration": (Part.DRUGS,),
    "MedicationDispense": (Part.DRUGS,),
}


# where a server has nothing else of a part, these do not make up for it: oral drugs are not administered, most results
# are no documents, and what was followed by reference is no search
_NEVER_ALONE = frozenset(
    {"DocumentReference", "Binary", "Specimen", "Medication", "MedicationAdministration", "MedicationDispense"}
)


def gaps_of(receipt: Receipt) -> tuple[Gap, ...]:
    """Which parts of the chart are incomplete, and why, in a stable order."""
    gaps: set[Gap] = set()
    served: set[str] = set()
    asked: set[str] = set()
    names = {part.value for part in Part}
    for search in receipt.searches:
        parts = names & set(search.parts)
        if search.needed:
            asked |= parts
        if search.complete:
            served |= parts if search.needed and search.resource_type not in _NEVER_ALONE else set()
        elif search.offered and search.needed:
            what = f"{search.resource_type} was not read completely"
            why = f"{what}: {search.error}" if search.error else f"{what}."
            gaps |= {Gap(Part(p), search.error_code or "search.incomplete", why) for p in parts}
    for part in asked - served - {gap.part.value for gap in gaps}:
        gaps.add(Gap(Part(part), "part.not_offered", f"This server offers nothing that tells of {part}."))
    for refused in receipt.set_aside:
        if refused.code == "entry.malformed":
            for part in _TYPE_PARTS.get(refused.source.partition("/")[0], ()):
                gaps.add(Gap(part, "entry.malformed", f"{refused.source or 'An entry'} could not be read."))
        elif refused.code in ("entry.part_malformed", "report.member_missing"):  # either can hide a positive
            gaps.add(Gap(Part.RESULTS, refused.code, f"{refused.source or 'An entry'} {refused.why}."))
        elif refused.code == "drug.unresolved":  # what it names could be anything, a SERD among them
            gaps.add(
                Gap(Part.DRUGS, refused.code, f"{refused.source or 'An entry'}: the drug it names could not be read.")
            )
        elif refused.code == "drug.unnamed":  # the list of drugs is incomplete by the record's own words
            gaps.add(Gap(Part.DRUGS, refused.code, f"{refused.source or 'An entry'} {refused.why}."))
    for foreign in (f for f in receipt.foreign if f.code in ALARMING):
        for part in _TYPE_PARTS.get(foreign.source.partition("/")[0], ()):
            gaps.add(Gap(part, foreign.code, f"{foreign.source} names another patient and was refused."))
    return tuple(sorted(gaps))
