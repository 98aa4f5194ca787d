"""A variant that stands as several Observations, one for each part, as an HL7 v2 message turned into FHIR leaves it."""

from __future__ import annotations

from smart_app.domain.facts import Outcome
from smart_app.fhir.reading.esr1_gene import LOINC, About, genes_said
from smart_app.fhir.reading.esr1_tree import Entry, Group
from smart_app.fhir.reading.record import Json, codings
from smart_app.fhir.reading.variants import Said

_ROLES = (
    *("gene", "protein_change", "dna_change", "genomic_change", "clinvar", "vaf", "significance", "source_class"),
    *("protein_change_type", "dna_change_type", "copy_number", "transcript", "variant"),
)
_PARTS = {LOINC[role] for role in _ROLES}
_CHANGES = {LOINC[role] for role in ("protein_change", "dna_change", "genomic_change", "clinvar")}
_PRESENT = {"coding": [{"system": "http://loinc.org", "code": "LA9633-4"}]}
_ANSWERS = ("valueCodeableConcept", "valueString", "valueBoolean", "interpretation", "dataAbsentReason")


def _part(entry: Entry) -> str | None:
    """The LOINC code of an Observation that is a part of a variant and holds no parts itself."""
    found = [code for _, code, _ in codings(entry.resource.get("code")) if code in _PARTS]
    return found[0] if found and "component" not in entry.resource else None


def assembled(group: Group) -> tuple[Group, Said | None]:
    """The group with the parts of one ESR1 variant made one; where it cannot be told whose a part is, that is said."""
    parts = [(code, entry) for entry in group.entries if (code := _part(entry)) is not None]
    genes = [entry for code, entry in parts if code == LOINC["gene"]]
    if not genes or len(parts) < 2:
        return group, None
    abouts = [genes_said([entry.resource])[0] for entry in genes]
    if About.ESR1 not in abouts:
        return group, None
    codes = [code for code, _ in parts]
    if len(codes) != len(set(codes)):
        note = "the parts of several variants stand side by side, and which belong together is not said"
        return group, Said(Outcome.NOT_READABLE, covers=True, note=note)
    whole = _whole(genes[0].resource, parts)
    if whole is None:
        return group, None
    others = [entry for entry in group.entries if all(entry is not part for _, part in parts)]
    made = Entry(whole, (*(entry.resource for _, entry in parts), *genes[0].above), genes[0].home)
    return Group(group.anchor, (*others, made), group.missing), None


def _whole(gene: Json, parts: list[tuple[str, Entry]]) -> Json | None:
    answer = next((entry.resource for code, entry in parts if code == LOINC["variant"]), {})
    given = {name: answer[name] for name in _ANSWERS if name in answer}
    if not given and _CHANGES.isdisjoint(code for code, _ in parts):
        return None  # a gene, and nothing that was found or not found
    shared = {name: value for name, value in gene.items() if name not in ("id", "code", "valueCodeableConcept")}
    components = [entry.resource for code, entry in parts if code != LOINC["variant"]]
    statuses = {entry.resource.get("status") for _, entry in parts}
    return {
        **shared,
        "status": statuses.pop() if len(statuses) == 1 else "preliminary",
        "code": {"coding": [{"system": "http://loinc.org", "code": LOINC["variant"]}]},
        **(given or {"valueCodeableConcept": _PRESENT}),
        "component": components,
    }
