"""The sandbox patients. Each function writes one record; ``expect`` is what a clinician would expect of the app."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from smart_app.sandbox.patients.builder import LOINC, RXNORM, SNOMED, Patient, coded

_WRITERS: list[tuple[Patient, Callable[[Patient], None]]] = []


def patient(
    ident: str, shows: str, given: str, family: str, born: str, *, gender: str = "female", **expect: object
) -> Callable[[Callable[[Patient], None]], Callable[[Patient], None]]:
    def register(writer: Callable[[Patient], None]) -> Callable[[Patient], None]:
        _WRITERS.append((Patient(ident, shows, given, family, born, gender, expect=dict(expect)), writer))
        return writer

    return register


def everybody(today: date) -> list[Patient]:
    """All sandbox patients with their dates relative to this day."""
    made = []
    for template, writer in _WRITERS:
        one = Patient(
            template.id,
            template.shows,
            template.given,
            template.family,
            template.born,
            template.gender,
            today,
            template.expect,
        )
        one.begin()
        writer(one)
        made.append(one)
    return made


def _metastatic(p: Patient, since: int = -12, site: str = "bone", her2: str = "negative", *, icd: bool = False) -> None:
    p.breast_cancer(since - 48, icd=icd)
    p.metastasis(site, since, icd=icd)
    p.receptors(since, her2)


@patient(
    "sandbox-due",
    "Due: negative ten weeks ago, CT booked",
    "Amelia",
    "Brook",
    "1961-04-02",
    window="inside",
    review="not_raised",
    draw=True,
)
def due(p: Patient) -> None:
    _metastatic(p, -10)
    p.first_line(-9)
    p.scan(-2, -8)
    p.tested(-2, days=-8)
    p.status(-2, days=-8)
    p.encounter(-2, -8)
    p.scan(0, 10)
    p.visit(0, 14)


@patient(
    "sandbox-overdue",
    "Overdue: first draw should have been weeks ago",
    "Beatrice",
    "Calder",
    "1957-09-21",
    window="inside",
    review="not_raised",
    draw=True,
    overdue=True,
)
def overdue(p: Patient) -> None:
    _metastatic(p, -11, "lung", icd=True)
    p.first_line(-10, "anastrozole", "ribociclib")
    p.status(-3)


@patient(
    "sandbox-first-positive",
    "First positive: D538G at 0.8 %",
    "Clara",
    "Dunne",
    "1964-01-30",
    window="inside",
    review="raised",
    draw=False,
)
def first_positive(p: Patient) -> None:
    _metastatic(p, -16)
    p.first_line(-15)
    p.tested(-6)
    p.tested(-3)
    p.tested(0, {"p.Asp538Gly": "0.84"}, days=-18)
    p.status(0, days=-18)
    p.scan(0, -18)
    p.encounter(0, going_on=True)


@patient(
    "sandbox-polyclonal",
    "First positive, polyclonal: Y537S and D538G",
    "Dora",
    "Ellis",
    "1959-12-05",
    window="inside",
    review="raised",
    draw=False,
)
def polyclonal(p: Patient) -> None:
    _metastatic(p, -20, "liver", icd=True)
    p.first_line(-19, "letrozole", "abemaciclib")
    p.tested(-10)
    p.tested(-1, {"p.Tyr537Ser": "1.20", "p.Asp538Gly": "0.35"})
    p.ldh_high(-1)


@patient(
    "sandbox-clears",
    "Positive that later clears",
    "Edith",
    "Fenn",
    "1963-07-17",
    window="inside",
    review="raised",
    draw=False,
)
def clears(p: Patient) -> None:
    _metastatic(p, -18)
    p.first_line(-17)
    p.tested(-5, {"p.Tyr537Asn": "0.21"})
    p.tested(-2)


@patient(
    "sandbox-failed",
    "Failed draw: quantity not sufficient",
    "Flora",
    "Grant",
    "1955-03-08",
    window="inside",
    review="not_raised",
    draw=True,
)
def failed(p: Patient) -> None:
    _metastatic(p, -14)
    p.first_line(-13)
    p.tested(-4)
    p.lab_text(0, "QNS. Quantity not sufficient for ESR1 analysis; please recollect.", days=-15)


@patient(
    "sandbox-below-limit",
    "Detected below the limit of detection",
    "Greta",
    "Holm",
    "1966-10-11",
    window="inside",
    review="raised",
    draw=False,
)
def below_limit(p: Patient) -> None:
    _metastatic(p, -13)
    p.first_line(-12)
    p.tested(0, {"p.Asp538Gly": "<0.1"}, days=-20, limit=True)


@patient(
    "sandbox-pdf-only",
    "Report exists only as PDF",
    "Hanna",
    "Ives",
    "1960-06-25",
    window="inside",
    review="not_raised",
    draw=True,
)
def pdf_only(p: Patient) -> None:
    _metastatic(p, -12, "lung")
    p.first_line(-11)
    p.pdf_report(0, -16)


@patient(
    "sandbox-on-serd",
    "On a SERD: outside the window",
    "Ingrid",
    "Jansen",
    "1958-02-14",
    window="outside",
    review="not_raised",
    draw=False,
)
def on_serd(p: Patient) -> None:
    _metastatic(p, -30)
    p.takes("letrozole", -29, -5, why="Progression of disease")
    p.takes("palbociclib", -29, -5, why="Progression of disease")
    p.progression(-5)
    p.takes("fulvestrant", -4)


@patient(
    "sandbox-second-line",
    "Second line: tamoxifen after progression",
    "Julia",
    "Kerr",
    "1962-11-19",
    window="outside",
    review="not_raised",
    draw=False,
)
def second_line(p: Patient) -> None:
    _metastatic(p, -26, "pleura")
    p.takes("anastrozole", -25, -6, why="Progression of disease")
    p.takes("ribociclib", -25, -6, why="Progression of disease")
    p.progression(-6)
    p.takes("tamoxifen", -5)


@patient(
    "sandbox-her2-positive",
    "HER2 positive: outside",
    "Karin",
    "Lund",
    "1967-08-03",
    window="outside",
    review="not_raised",
    draw=False,
)
def her2_positive(p: Patient) -> None:
    _metastatic(p, -9, "liver", her2="positive")
    p.first_line(-8)


@patient(
    "sandbox-no-receptors",
    "Receptor status missing: cannot tell",
    "Lena",
    "Marsh",
    "1956-05-29",
    window="cannot_tell",
    review="not_raised",
    draw=False,
)
def no_receptors(p: Patient) -> None:
    p.breast_cancer(-60)
    p.metastasis("bone", -9)
    p.first_line(-8)
    p.tested(-1)


@patient(
    "sandbox-progressed",
    "Progression already recorded",
    "Maria",
    "North",
    "1954-04-12",
    window="outside",
    review="not_raised",
    draw=False,
)
def progressed(p: Patient) -> None:
    _metastatic(p, -22)
    p.first_line(-21)
    p.progression(-1)
    p.tested(0, {"p.Asp538Gly": "2.4"}, days=-12)


@patient(
    "sandbox-ai-swapped",
    "AI swapped for toxicity: still first line",
    "Nora",
    "Olsen",
    "1965-09-09",
    window="inside",
    review="not_raised",
    draw=True,
)
def ai_swapped(p: Patient) -> None:
    _metastatic(p, -15)
    p.takes("letrozole", -14, -6, why="Arthralgia, not tolerated")
    p.takes("anastrozole", -6, days=3)
    p.takes("palbociclib", -14)
    p.lab_text(-2, "ESR1: no mutation detected. PIK3CA H1047R detected, VAF 3.1 %.")


@patient(
    "sandbox-prior-adjuvant",
    "Prior adjuvant AI, visceral disease",
    "Olga",
    "Price",
    "1960-01-22",
    window="inside",
    review="not_raised",
    draw=True,
)
def prior_adjuvant(p: Patient) -> None:
    p.breast_cancer(-110, icd=True)
    p.takes("anastrozole", -106, -46, setting="Adjuvant endocrine therapy")
    p.metastasis("liver", -10)
    p.metastasis("lung", -10, icd=True)
    p.receptors(-10)
    p.first_line(-9, "letrozole", "ribociclib")
    p.tested(-2, days=-5)


@patient(
    "sandbox-cdk-stopped",
    "CDK4/6 inhibitor stopped, AI goes on",
    "Petra",
    "Quist",
    "1953-12-30",
    window="outside",
    review="not_raised",
    draw=False,
)
def cdk_stopped(p: Patient) -> None:
    _metastatic(p, -24)
    p.takes("letrozole", -23)
    p.takes("palbociclib", -23, -4, why="Neutropenia, toxicity")


@patient(
    "sandbox-man",
    "A man in the window, first draw due soon",
    "Quentin",
    "Reid",
    "1959-07-07",
    gender="male",
    window="inside",
    review="not_raised",
    draw=True,
)
def man(p: Patient) -> None:
    _metastatic(p, -7)
    p.first_line(-6)
    p.ordered("goserelin", -2)
    p.visit(0, 12)


@patient(
    "sandbox-two-labs",
    "Two laboratories, two units",
    "Rosa",
    "Stone",
    "1964-03-16",
    window="inside",
    review="raised",
    draw=False,
)
def two_labs(p: Patient) -> None:
    _metastatic(p, -19)
    p.first_line(-18)
    p.tested(-9, lab="North Laboratory")
    p.tested(-4, {"p.Glu380Gln": "0.0031"}, unit="1", lab="West Genomics")
    p.lab_text(-1, "ESR1 p.Glu380Gln (E380Q) detected, VAF 0,62 %", lab="South Laboratory")


@patient(
    "sandbox-preliminary",
    "Preliminary positive: final result awaited",
    "Sara",
    "Thorne",
    "1961-08-28",
    window="inside",
    review="not_raised",
    draw=False,
)
def preliminary(p: Patient) -> None:
    _metastatic(p, -12)
    p.first_line(-11)
    p.tested(-4)
    p.tested(0, {"p.Asp538Gly": "0.50"}, days=-9, status="preliminary")


@patient(
    "sandbox-nothing",
    "Nothing about ESR1 or cancer drugs",
    "Tessa",
    "Usher",
    "1970-02-02",
    window="outside",
    review="not_raised",
    draw=False,
)
def nothing(p: Patient) -> None:
    p.add(
        "Condition",
        clinicalStatus=coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        category=[coded("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
        code=coded(SNOMED, "38341003", "Hypertensive disorder"),
    )
    p.add(
        "MedicationRequest",
        status="active",
        intent="order",
        medicationCodeableConcept=coded(RXNORM, "29046", "lisinopril"),
        authoredOn=p.day(-3),
    )


@patient(
    "sandbox-early",
    "Month 3 of the line: too early under trial-strict",
    "Uma",
    "Vance",
    "1968-06-06",
    window="inside",
    review="not_raised",
    draw=True,
)
def early(p: Patient) -> None:
    _metastatic(p, -4)
    p.ordered("letrozole", -3)
    p.ordered("palbociclib", -3)


@patient(
    "sandbox-tissue",
    "Positive in tissue only",
    "Vera",
    "Wolfe",
    "1963-05-05",
    window="inside",
    review="not_raised",
    draw=True,
)
def tissue(p: Patient) -> None:
    _metastatic(p, -9, "liver")
    p.first_line(-8)
    specimen = p.add(
        "Specimen",
        type=coded("http://terminology.hl7.org/CodeSystem/v2-0487", "TISS", "Tissue"),
        collection={"collectedDateTime": p.day(-1)},
    )
    p.add(
        "Observation",
        status="final",
        category=[coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
        code=coded(LOINC, "69548-6", "Genetic variant assessment"),
        specimen={"reference": specimen},
        effectiveDateTime=p.day(-1),
        valueCodeableConcept=coded(LOINC, "LA9633-4", "Present"),
        component=[
            {"code": coded(LOINC, "48018-6"), "valueCodeableConcept": coded("http://www.genenames.org", "HGNC:3467")},
            {"code": coded(LOINC, "48005-3"), "valueCodeableConcept": coded("http://varnomen.hgvs.org", "p.Asp538Gly")},
        ],
    )


@patient(
    "sandbox-deceased",
    "Deceased: no further draw",
    "Wanda",
    "Young",
    "1951-10-02",
    window="outside",
    review="not_raised",
    draw=False,
)
def deceased(p: Patient) -> None:
    _metastatic(p, -20, "liver")
    p.first_line(-19)
    p.tested(-4)
    p.encounter(-3)
    p.died(-1)
