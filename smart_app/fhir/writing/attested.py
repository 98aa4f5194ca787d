"""Attested facts as contained resources of the plan: what a reader needs in plain FHIR, the fact itself digit by digit.

Each one is marked twice (a tag and our extension), names the clinician as performer, asserter or source, and has the
basis as a note. The extension holds the fact as text, so that no server that rewrites numbers or dates can change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from smart_app.domain.attested import Attestation
from smart_app.domain.attested_words import words_of
from smart_app.domain.facts import (
    Chart,
    DiseaseStatus,
    Draw,
    Exposure,
    Finding,
    Marker,
    Outcome,
    Receptor,
    ReceptorStatus,
    Spread,
)
from smart_app.domain.variants import label
from smart_app.domain.wording import day_words
from smart_app.fhir import jsontext
from smart_app.fhir.factjson import encode
from smart_app.fhir.reading.record import Json, items, obj, text

ATTESTED_URL = "https://esr1.example.org/fhir/StructureDefinition/attested"
TAG_SYSTEM = "https://esr1.example.org/fhir/CodeSystem/origin"
KINDS: dict[str, type[Receptor] | type[Spread] | type[Exposure] | type[Draw] | type[DiseaseStatus]] = {
    "receptor": Receptor,
    "advanced": Spread,
    "drug": Exposure,
    "result": Draw,
    "status": DiseaseStatus,
}
# what a reader of the contained resource goes by; where it was changed since, the fact is not taken any more
TELLING = (
    "resourceType",
    "status",
    "verificationStatus",
    "code",
    "effectiveDateTime",
    "effectivePeriod",
    "onsetDateTime",
    "valueCodeableConcept",
    "component",
    "medicationCodeableConcept",
    "bodySite",
)
_LOINC, _SNOMED = "http://loinc.org", "http://snomed.info/sct"
_MARKERS = {Marker.ER: "16112-5", Marker.PR: "16113-3", Marker.HER2: "48676-1"}
_STATUS = {ReceptorStatus.POSITIVE: "10828004", ReceptorStatus.NEGATIVE: "260385009"}
_OUTCOMES = {Outcome.DETECTED: "LA9633-4", Outcome.NOT_DETECTED: "LA9634-2"}
_LABORATORY = [
    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
]


def _concept(words: str, system: str = "", code: str | None = None) -> Json:
    return {**({"coding": [{"system": system, "code": code}]} if code else {}), "text": words}


def kind_of(one: Attestation) -> str:
    return next(name for name, kind in KINDS.items() if isinstance(one.fact, kind))


def contained(one: Attestation, patient_id: str, *, referable: bool = True) -> Json:
    """``referable`` False: the server has no such Practitioner, so that the clinician stands there by name only."""
    clinician: Json = {"reference": one.by} if referable else {}
    if one.name or not referable:
        clinician["display"] = one.who
    fact = one.fact
    if isinstance(fact, Exposure):
        told = _medication(fact, one.on, clinician)
    elif isinstance(fact, Spread):
        told = _condition(fact, one.on, clinician)
    else:
        told = _observation(fact, one.report, clinician)
    kind = told.pop("resourceType")
    return {
        "resourceType": kind,
        "id": one.id,
        "meta": {"tag": [{"system": TAG_SYSTEM, "code": "attested", "display": "attested by a clinician"}]},
        "extension": [_extension(one)],
        **told,
        "subject": {"reference": f"Patient/{patient_id}"},
        "note": [{"authorString": one.who, "time": one.on.isoformat(), "text": one.basis}],
    }


def _extension(one: Attestation) -> Json:
    fact = encode(replace(one.fact, sources=()))
    parts: list[Json] = [
        {"url": "by", "valueString": one.by},
        {"url": "on", "valueDate": one.on.isoformat()},
        {"url": "basis", "valueString": one.basis},
        {"url": "kind", "valueCode": kind_of(one)},
        {"url": "fact", "valueString": jsontext.dumps(fact).decode()},
    ]
    if one.name:
        parts.append({"url": "name", "valueString": one.name})
    if one.report is not None:
        parts.append({"url": "report", "valueReference": {"reference": one.report}})
    if one.first_line:
        parts.append({"url": "firstLine", "valueBoolean": True})
    return {"url": ATTESTED_URL, "extension": parts}


def _observation(fact: Receptor | Draw | DiseaseStatus, report: str | None, clinician: Json) -> Json:
    made: Json = {"resourceType": "Observation", "status": "final"}
    if isinstance(fact, Receptor):
        code = _concept(words_of(replace(fact, date=None), None).split(",")[0], _LOINC, _MARKERS[fact.marker])
        made |= {"category": _LABORATORY, "code": code}
        value = _concept(fact.status.value, _SNOMED, _STATUS.get(fact.status))
    elif isinstance(fact, DiseaseStatus):
        made |= {"code": _concept("Cancer disease status, by imaging", _LOINC, "97509-4")}
        value = _concept("No progression (stable)", _SNOMED, "359746009")
    else:
        made |= {"category": _LABORATORY, "code": _concept("ESR1 mutation, ctDNA test", _LOINC, "69548-6")}
        value = _concept(fact.outcome.value.replace("_", " "), _LOINC, _OUTCOMES.get(fact.outcome))
    if fact.date is not None:
        made["effectiveDateTime"] = str(fact.date)
    made |= {"performer": [clinician], "valueCodeableConcept": value}
    if isinstance(fact, Draw):
        parts = [part for finding in fact.findings for part in _components(finding)]
        if parts:
            made["component"] = parts
        if report is not None and report.startswith("DocumentReference/"):
            made["derivedFrom"] = [{"reference": report}]
    return made


def _components(finding: Finding) -> list[Json]:
    name = label(finding)
    system = ("48005-3", "p.") if finding.protein_change else ("48004-6", "c.")
    made: list[Json] = [
        {
            "code": _concept(f"Change ({system[1]})", _LOINC, system[0]),
            "valueCodeableConcept": {"text": name},
        }
    ]
    code = _concept(f"Variant allele fraction of {name}", _LOINC, "81258-6")
    if finding.vaf is not None:
        amount: Json = {"value": finding.vaf.scaleb(2), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
        if finding.vaf_comparator:
            amount["comparator"] = finding.vaf_comparator
        made.append({"code": code, "valueQuantity": amount})
    elif finding.vaf_text:
        made.append({"code": code, "valueString": finding.vaf_text})
    return made


def _medication(fact: Exposure, on: date, clinician: Json) -> Json:
    status = "on-hold" if fact.on_hold else "stopped" if fact.end or fact.ongoing is False else "active"
    period = {name: str(day) for name, day in (("start", fact.start), ("end", fact.end)) if day is not None}
    return {
        "resourceType": "MedicationStatement",
        "status": status,
        "medicationCodeableConcept": {"text": fact.drug},
        **({"effectivePeriod": period} if period else {}),
        "dateAsserted": on.isoformat(),
        "informationSource": clinician,
    }


def _condition(fact: Spread, on: date, clinician: Json) -> Json:
    base = "http://terminology.hl7.org/CodeSystem"
    words = words_of(replace(fact, known_on=None, site=None), None).split(",")[0]
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": f"{base}/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{base}/condition-ver-status", "code": "confirmed"}]},
        "code": {"text": f"Breast cancer: {words}"},
        **({"bodySite": [{"text": fact.site.replace("_", " ")}]} if fact.site else {}),
        **({"onsetDateTime": str(fact.known_on)} if fact.known_on is not None else {}),
        "recordedDate": on.isoformat(),
        "asserter": clinician,
    }


def is_attested(resource: object) -> bool:
    """A contained resource of ours that a clinician attested, readable or not."""
    return any(e.get("url") == ATTESTED_URL for e in items(obj(resource).get("extension")))


# --- in the plan ------------------------------------------------------------------------------------------------------


def attach(plan: Json, given: Iterable[Attestation], patient_id: str, *, referable: bool) -> None:
    """Adds the facts to a plan as it is built, and names them among what the plan rests on."""
    made = [contained(one, patient_id, referable=referable) for one in given]
    if made:
        plan["contained"] = [*plan["contained"], *made]
        plan["supportingInfo"] = [*plan.get("supportingInfo", []), *({"reference": f"#{c['id']}"} for c in made)]


def carry(made: Json, plan: Json, gone: set[str]) -> None:
    """Into a stored plan that is renewed: new ones are added, stored ones stay byte for byte, only what a clinician
    withdrew (``gone`` holds ``#id``) is taken out.
    """
    listed = made["contained"] if isinstance(made.get("contained"), list) else []
    kept = [c for c in listed if not (is_attested(c) and f"#{obj(c).get('id')}" in gone)]
    known = {text(obj(c).get("id")) for c in kept}
    kept += [c for c in items(plan.get("contained")) if is_attested(c) and c["id"] not in known]
    if kept != listed:
        made["contained"] = kept
    if not kept:
        made.pop("contained", None)


def attested_sentences(chart: Chart) -> list[str]:
    """For the plan's words: every fact with who, when and on what basis, and whether it counts."""
    return [
        f"Attested by {one.by} on {day_words(one.on)}: {one.what}. Basis: {one.basis}"
        + ("" if one.used else f" (not used: {one.why})")
        for one in chart.attested
    ]
