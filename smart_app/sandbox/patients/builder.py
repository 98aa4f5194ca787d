"""Words in which a synthetic patient is written, each making the FHIR R4 resources that real records hold."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from smart_app.domain.dates import add_months
from smart_app.fhir.reading.record import Json

TAG = {"system": "https://esr1.example.org/fhir/tags", "code": "sandbox-patient"}
LOINC, SNOMED, RXNORM = "http://loinc.org", "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"

DRUGS = {
    "letrozole": "72965",
    "anastrozole": "84857",
    "exemestane": "258494",
    "palbociclib": "1601374",
    "ribociclib": "1873916",
    "abemaciclib": "1946825",
    "fulvestrant": "282357",
    "tamoxifen": "10324",
    "goserelin": "50610",
    "capecitabine": "194000",
}
SITES = {
    "bone": ("94222008", "Secondary malignant neoplasm of bone", "C79.51"),
    "liver": ("94381002", "Secondary malignant neoplasm of liver", "C78.7"),
    "lung": ("94391008", "Secondary malignant neoplasm of lung", "C78.00"),
    "pleura": ("94493005", "Secondary malignant neoplasm of pleura", "C78.2"),
}


def coded(system: str, code: str, display: str | None = None, text: str | None = None) -> Json:
    coding = {"system": system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding], **({"text": text} if text else {})}


@dataclass
class Patient:
    """One patient under construction. ``months`` and ``days`` count from the given day; negative is the past."""

    id: str
    shows: str
    given: str
    family: str
    born: str
    gender: str = "female"
    today: date = date(2026, 11, 21)
    expect: dict[str, Any] = field(default_factory=dict)
    resources: list[Json] = field(default_factory=list)
    _count: int = 0

    def day(self, months: int = 0, days: int = 0) -> str:
        return (add_months(self.today, months) + timedelta(days=days)).isoformat()

    def add(self, kind: str, **fields: Any) -> str:
        """Adds a resource of this patient; gives its reference."""
        self._count += 1
        ident = f"{self.id}-{self._count}"
        owner = {} if kind == "Appointment" else {"subject": self.me}  # an appointment has participants instead
        self.resources.append({"resourceType": kind, "id": ident, "meta": {"tag": [TAG]}, **owner, **fields})
        return f"{kind}/{ident}"

    @property
    def me(self) -> Json:
        return {"reference": f"Patient/{self.id}"}

    @property
    def mrn(self) -> str:
        """A number of this id alone: no two patients share one."""
        return f"MRN-{zlib.crc32(self.id.encode()):08x}".upper()

    def begin(self) -> None:
        self.resources.append(
            {
                "resourceType": "Patient",
                "id": self.id,
                "meta": {"tag": [TAG]},
                "identifier": [
                    {
                        "type": coded("http://terminology.hl7.org/CodeSystem/v2-0203", "MR", "Medical record number"),
                        "system": "https://esr1.example.org/fhir/mrn",
                        "value": self.mrn,
                    }
                ],
                "name": [{"use": "official", "family": self.family, "given": [self.given]}],
                "gender": self.gender,
                "birthDate": self.born,
            }
        )

    # --- disease --------------------------------------------------------------------------------------------------

    def died(self, months: int, days: int = 0) -> None:
        self.resources[0]["deceasedDateTime"] = self.day(months, days)

    def breast_cancer(self, months: int = -60, *, icd: bool = False) -> str:
        return self.add(
            "Condition",
            clinicalStatus=coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
            verificationStatus=coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
            category=[coded("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
            code=coded(ICD10, "C50.911", "Malignant neoplasm of unspecified site of right female breast")
            if icd
            else coded(SNOMED, "254837009", "Malignant neoplasm of breast"),
            onsetDateTime=self.day(months),
            recordedDate=self.day(months),
        )

    def metastasis(self, site: str, months: int, *, icd: bool = False) -> None:
        code, display, icd10 = SITES[site]
        self.add(
            "Condition",
            clinicalStatus=coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
            verificationStatus=coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
            category=[coded("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
            code=coded(ICD10, icd10, display) if icd else coded(SNOMED, code, display),
            onsetDateTime=self.day(months),
        )

    def marker(self, which: str, months: int, answer: str = "negative", text: str | None = None) -> None:
        loinc, name = {
            "er": ("85337-4", "Estrogen receptor Ag [Presence] in Breast cancer specimen by Immune stain"),
            "pr": ("85339-0", "Progesterone receptor Ag [Presence] in Breast cancer specimen by Immune stain"),
            "her2": ("85319-2", "HER2 [Presence] in Breast cancer specimen by Immune stain"),
        }[which]
        value: Json = {"valueString": text} if text else {}
        if not text:
            code, words = {"positive": ("LA6576-8", "Positive"), "negative": ("LA6577-6", "Negative")}[answer]
            value = {"valueCodeableConcept": coded(LOINC, code, words)}
        self.add(
            "Observation",
            status="final",
            category=[coded(_CATEGORY, "laboratory", "Laboratory")],
            code=coded(LOINC, loinc, name),
            effectiveDateTime=self.day(months),
            **value,
        )

    def receptors(self, months: int, her2: str = "negative") -> None:
        self.marker("er", months, "positive")
        self.marker("pr", months, "positive")
        self.marker("her2", months, her2)

    def status(
        self, months: int, code: str = "359746009", display: str = "Patient's condition stable", days: int = 0
    ) -> None:
        self.add(
            "Observation",
            status="final",
            category=[coded(_CATEGORY, "exam", "Exam")],
            code=coded(LOINC, "97509-4", "Cancer disease progression"),
            effectiveDateTime=self.day(months, days),
            valueCodeableConcept=coded(SNOMED, code, display),
        )

    def progression(self, months: int, days: int = 0) -> None:
        self.status(months, "271299001", "Patient's condition worsened", days)

    def ldh_high(self, months: int) -> None:
        amount = {"unit": "U/L", "system": UCUM, "code": "U/L"}
        self.add(
            "Observation",
            status="final",
            category=[coded(_CATEGORY, "laboratory", "Laboratory")],
            code=coded(LOINC, "2532-0", "Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma"),
            effectiveDateTime=self.day(months),
            valueQuantity={"value": 391, **amount},
            interpretation=[coded("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "H", "High")],
            referenceRange=[{"high": {"value": 250, **amount}}],
        )

    # --- drugs ----------------------------------------------------------------------------------------------------

    def takes(
        self,
        drug: str,
        since: int,
        until: int | None = None,
        *,
        why: str | None = None,
        setting: str | None = None,
        days: int = 0,
    ) -> None:
        """A MedicationStatement: what the patient is known to take or to have taken."""
        period = {"start": self.day(since, days)}
        if until is not None:
            period["end"] = self.day(until, days)
        reason = {"statusReason": [{"text": why}]} if why else {}
        purpose = {"reasonCode": [{"text": setting}]} if setting else {}
        self.add(
            "MedicationStatement",
            status="active" if until is None else "stopped" if why else "completed",
            medicationCodeableConcept=coded(RXNORM, DRUGS[drug], drug),
            effectivePeriod=period,
            dateAsserted=self.day(0, -7) if until is None else self.day(until, days),
            **reason,
            **purpose,
        )

    def ordered(self, drug: str, months: int, status: str = "active") -> None:
        """A MedicationRequest that names its drug by reference, as most EHRs do."""
        code = coded(RXNORM, DRUGS[drug], f"{drug} oral product", f"{drug.capitalize()} tablet")
        ident = f"{self.id}-med-{drug}"
        medication = {"resourceType": "Medication", "id": ident, "meta": {"tag": [TAG]}, "code": code}
        if medication not in self.resources:
            self.resources.append(medication)
        self.add(
            "MedicationRequest",
            status=status,
            intent="order",
            medicationReference={"reference": f"Medication/{ident}", "display": drug},
            authoredOn=self.day(months),
        )

    def first_line(self, since: int, ai: str = "letrozole", cdk: str = "palbociclib") -> None:
        self.takes(ai, since)
        self.takes(cdk, since, days=7)

    # --- ctDNA ----------------------------------------------------------------------------------------------------

    def plasma(self, months: int, days: int = 0) -> str:
        return self.add(
            "Specimen",
            type=coded(SNOMED, "119361006", "Plasma specimen"),
            accessionIdentifier={"system": "https://lab.example.org/accession", "value": f"{self.id}-{months}-{days}"},
            collection={"collectedDateTime": self.day(months, days)},
        )

    def tested(
        self,
        months: int,
        found: dict[str, str] | None = None,
        *,
        days: int = 0,
        status: str = "final",
        lab: str = "North Laboratory",
        unit: str = "%",
        limit: bool = False,
    ) -> None:
        """A component-coded report (HL7 Genomics Reporting): ``found`` maps ``p.Asp538Gly`` to its amount."""
        specimen = self.plasma(months, days)
        shared = {
            "status": status,
            "specimen": {"reference": specimen},
            "effectiveDateTime": self.day(months, days),
            "performer": [{"display": lab}],
        }
        members = [self._variant(change, amount, unit, shared, limit) for change, amount in (found or {}).items()]
        if not found:
            members = [self._absent(shared)]
        self.add(
            "DiagnosticReport",
            status=status,
            category=[coded("http://terminology.hl7.org/CodeSystem/v2-0074", "GE", "Genetics")],
            code=coded(LOINC, "51969-4", "Genetic analysis report", "ctDNA panel, plasma"),
            effectiveDateTime=self.day(months, days),
            issued=f"{self.day(months, days + 9)}T10:15:00Z",
            specimen=[{"reference": specimen}],
            performer=[{"display": lab}],
            result=[{"reference": m} for m in members],
        )

    def _gene(self) -> Json:
        return {
            "code": coded(LOINC, "48018-6", "Gene studied [ID]"),
            "valueCodeableConcept": coded("http://www.genenames.org/geneId", "HGNC:3467", "ESR1"),
        }

    def _variant(self, change: str, amount: str, unit: str, shared: Json, limit: bool) -> str:
        quantity: Json = {"value": Decimal(amount.lstrip("<")), "system": UCUM, "code": unit}
        quantity["unit"] = unit if unit == "%" else "fraction"
        if amount.startswith("<"):
            quantity["comparator"] = "<"
        note = {"note": [{"text": "Below the assay's limit of detection (0.1 %)."}]} if limit else {}
        return self.add(
            "Observation",
            category=[coded(_CATEGORY, "laboratory", "Laboratory")],
            code=coded(LOINC, "69548-6", "Genetic variant assessment"),
            valueCodeableConcept=coded(LOINC, "LA9633-4", "Present"),
            component=[
                self._gene(),
                {
                    "code": coded(LOINC, "48005-3", "Amino acid change (pHGVS)"),
                    "valueCodeableConcept": coded("http://varnomen.hgvs.org", change, change),
                },
                {
                    "code": coded(LOINC, "48002-0", "Genomic source class [Type]"),
                    "valueCodeableConcept": coded(LOINC, "LA6684-0", "Somatic"),
                },
                {"code": coded(LOINC, "81258-6", "Sample variant allelic frequency [NFr]"), "valueQuantity": quantity},
            ],
            **shared,
            **note,
        )

    def _absent(self, shared: Json) -> str:
        return self.add(
            "Observation",
            category=[coded(_CATEGORY, "laboratory", "Laboratory")],
            code=coded(LOINC, "69548-6", "Genetic variant assessment"),
            valueCodeableConcept=coded(LOINC, "LA9634-2", "Absent"),
            component=[self._gene()],
            **shared,
        )

    def lab_text(
        self, months: int, words: str, *, days: int = 0, lab: str = "South Laboratory", status: str = "final"
    ) -> None:
        """A flat laboratory result, as an interface writes it."""
        self.add(
            "Observation",
            status=status,
            category=[coded(_CATEGORY, "laboratory", "Laboratory")],
            code={"text": "ESR1 mutation, ctDNA, plasma"},
            effectiveDateTime=self.day(months, days),
            issued=f"{self.day(months, days + 8)}T09:00:00Z",
            performer=[{"display": lab}],
            valueString=words,
        )

    def pdf_report(self, months: int, days: int = 0) -> None:
        self.add(
            "DiagnosticReport",
            status="final",
            category=[coded("http://terminology.hl7.org/CodeSystem/v2-0074", "GE", "Genetics")],
            code={"text": "Liquid biopsy ctDNA report (ESR1, PIK3CA)"},
            effectiveDateTime=self.day(months, days),
            issued=f"{self.day(months, days + 9)}T12:00:00Z",
            presentedForm=[
                {
                    "contentType": "application/pdf",
                    "title": "ctDNA report",
                    "data": base64.b64encode(b"%PDF-1.4\n% a synthetic report\n").decode(),
                }
            ],
        )

    # --- visits ---------------------------------------------------------------------------------------------------

    def encounter(self, months: int, days: int = 0, *, going_on: bool = False) -> str:
        """An oncology visit: one that is over, or the one from which the app is launched."""
        started = f"{self.day(months, days)}T08:30:00Z"
        period = {"start": started} if going_on else {"start": started, "end": f"{self.day(months, days)}T09:00:00Z"}
        return self.add(
            "Encounter",
            status="in-progress" if going_on else "finished",
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
            type=[{"text": "Oncology visit"}],
            period=period,
        )

    def scan(self, months: int, days: int = 0) -> None:
        done = months < 0 or (months == 0 and days <= 0)
        if done:
            self.add(
                "ImagingStudy",
                status="available",
                started=f"{self.day(months, days)}T08:30:00Z",
                modality=[
                    {
                        "system": "http://dicom.nema.org/resources/ontology/DCM",
                        "code": "CT",
                        "display": "Computed Tomography",
                    }
                ],
                description="CT chest, abdomen, pelvis",
            )
        else:
            self.appointment(months, days, "CT chest, abdomen, pelvis", "Imaging")

    def visit(self, months: int, days: int = 0) -> None:
        self.appointment(months, days, "Oncology visit", "Oncology")

    def appointment(self, months: int, days: int, words: str, service: str) -> None:
        day = self.day(months, days)
        self.add(
            "Appointment",
            status="booked",
            description=words,
            serviceType=[{"text": service}],
            start=f"{day}T09:00:00Z",
            end=f"{day}T09:30:00Z",
            participant=[{"actor": self.me, "status": "accepted"}],
        )
