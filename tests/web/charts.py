"""Synthetic charts for the page's tests, from a handful of words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate, add_months
from smart_app.domain.facts import (
    Biopsy,
    Chart,
    DateBasis,
    Diagnosis,
    DiseaseStatus,
    Draw,
    DrugClass,
    Exposure,
    Extent,
    Finding,
    Gap,
    Kind,
    Ldh,
    Marker,
    OrderedDraw,
    Outcome,
    Part,
    Person,
    Progress,
    Proof,
    Receptor,
    ReceptorStatus,
    ReviewDecision,
    Setting,
    Source,
    Specimen,
    Spread,
    Standing,
    StopReason,
    Visit,
    VisitKind,
    WithdrawnResult,
)
from smart_app.fhir.receipt import Receipt, SearchRecord, SetAside
from smart_app.policies import load_policy
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import Launch
from smart_app.web.chart import ChartView, PatientBanner

TODAY = date(2026, 11, 21)
CLOCK = datetime(2026, 11, 21, 8, 0, tzinfo=UTC).timestamp()
G360 = {"laboratory": "North Laboratory", "assay": "Guardant360 CDx"}
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&]]>"
LONG = "Wilhelmina-Alexandrina Konstantinopolitanskaja-Featherstonehaugh"  # 64 characters


def on(months: int = 0, days: int = 0) -> PartialDate:
    return PartialDate.of(add_months(TODAY, months) + timedelta(days=days))


def src(reference: str) -> tuple[Source, ...]:
    return (Source(reference, "1"),)


def draw(months: int, outcome: str = "not_detected", *found: tuple[str, str], days: int = 0, **more: Any) -> Draw:
    """``found``: (protein change, per cent) pairs."""
    findings = tuple(
        Finding(
            name,
            vaf=Decimal(amount.lstrip("<>")).scaleb(-2),
            vaf_comparator=amount[0] if amount[0] in "<>" else None,
            vaf_text=f"{amount} %",
            kind=Kind.SNV,
        )
        for name, amount in found
    )
    fields: dict[str, Any] = {
        "date_basis": DateBasis.COLLECTED, "specimen": Specimen.PLASMA, "findings": findings, "date": on(months, days),
        **G360, "limit": Decimal("0.001"), "sources": src(f"Observation/d{months}-{days}"),
    }  # fmt: skip
    return Draw(Outcome(outcome), **{**fields, **more})


def drug(name: str, kind: DrugClass, start: int | None, end: int | None = None, **more: Any) -> Exposure:
    fields: dict[str, Any] = {
        "start": on(start) if start is not None else None, "end": on(end) if end is not None else None,
        "ongoing": end is None, "last_seen": on(-1), "proofs": frozenset({Proof.TAKEN}), "setting": Setting.ADVANCED,
        "sources": src(f"MedicationStatement/{name}"[:60]),
    }  # fmt: skip
    return Exposure(name, kind, **{**fields, **more})


def scan(months: int, days: int = 0, **more: Any) -> Visit:
    kept = {"done": months < 0, "text": "CT thorax and abdomen", "sources": src("Appointment/ct"), **more}
    return Visit(VisitKind.SCAN, on(months, days), **kept)


def visit(months: int, days: int = 0, **more: Any) -> Visit:
    kept = {"text": "Oncology clinic", "sources": src("Appointment/v"), **more}
    return Visit(VisitKind.VISIT, on(months, days), **kept)


def base(start: int = -15, **more: Any) -> Chart:
    """In the window: HR+/HER2-, bone metastasis, letrozole and palbociclib since ``start`` months."""
    fields: dict[str, Any] = {
        "person": Person(PartialDate(1961, 4, 2), "female", sources=src("Patient/p")),
        "exposures": (drug("letrozole", DrugClass.AI, start), drug("palbociclib", DrugClass.CDK46, start)),
        "diagnoses": (Diagnosis("Malignant neoplasm of breast", True, True, on(start - 30), src("Condition/b")),),
        "spread": (Spread(Extent.METASTASIS, on(start - 1), "bone", src("Condition/m")),),
        "receptors": (
            Receptor(Marker.ER, ReceptorStatus.POSITIVE, percent=Decimal(90), method="ihc", biopsy=Biopsy.METASTASIS,
                     date=on(start - 1), sources=src("Observation/er")),
            Receptor(Marker.HER2, ReceptorStatus.NEGATIVE, method="ihc", score="0", biopsy=Biopsy.METASTASIS,
                     date=on(start - 1), sources=src("Observation/her2")),
        ),
        "statuses": (DiseaseStatus(Progress.STABLE, on(-3), True, src("Observation/s")),),
        "visits": (scan(-3), scan(0, 24), visit(0, 26)),
    }  # fmt: skip
    return Chart(**{**fields, **more})


def due() -> Chart:
    return base(draws=(draw(-5), draw(-2, days=-3)))


def positive() -> Chart:
    return base(
        draws=(draw(-9), draw(-6), draw(-3), draw(0, "detected", ("p.D538G", "0.84"), days=-18)),
        visits=(scan(-9), scan(-6), scan(-3), scan(0, -18), visit(0, 12)),
    )


def polyclonal() -> Chart:
    names = ("p.E380Q", "p.S463P", "p.L536H", "p.Y537S", "p.Y537N", "p.Y537C", "p.D538G", "p.V422del")
    amounts = ("0.05", "20.0", "1.2", "1.1", "0.35", "3.10", "0.90", "<0.1")
    first = tuple(zip(names[:3], ("0.06", "9.0", "0.8"), strict=True))
    return base(
        draws=(draw(-6), draw(-3, "detected", *first), draw(0, "detected", *zip(names, amounts, strict=True), days=-6))
    )


def thirty() -> Chart:
    """Thirty draws over six years, two laboratories, all five outcomes, two variants."""
    made = []
    for n in range(30):
        months, odd = -72 + round(n * 2.4), n % 7
        lab = {"laboratory": "West Genomics", "assay": "ddPCR", "limit": Decimal("0.0005")} if n > 18 else {}
        if n in (6, 21):
            made.append(draw(months, "failed", **lab))
        elif n == 9:
            made.append(draw(months, "indeterminate", **lab))
        elif n == 13:
            made.append(draw(months, "not_readable", document="DocumentReference/x", **lab))
        elif n > 13 and odd != 3:
            found = [("p.D538G", f"{0.05 * (n - 12):.2f}")] + ([("p.Y537S", f"{0.9 * (n - 20):.1f}")] if n > 21 else [])
            made.append(draw(months, "detected", *found, **lab))
        else:
            made.append(draw(months, uninformative=n == 3, **lab))
    statuses = tuple(DiseaseStatus(Progress.STABLE, on(-72 + 6 * n), True, src("Observation/s")) for n in range(12))
    return base(
        -74, draws=tuple(made), statuses=statuses, visits=(*(scan(-72 + 4 * n) for n in range(18)), scan(0, 20))
    )


def everything() -> Chart:
    """Every state a mark can have."""
    low = Finding("p.Y537N", vaf=Decimal("0.0004"), vaf_text="0.04 %", below_limit=True, kind=Kind.SNV)
    vague = Finding("p.E380Q", vaf_text="0.8", kind=Kind.SNV)
    return base(
        -20,
        draws=(
            draw(-14, uninformative=True),
            draw(-12, "detected", findings=(low,)),
            draw(-10, "indeterminate"),
            draw(-9, "failed"),
            draw(-7, "not_readable", document="DocumentReference/pdf"),
            draw(
                -6, "detected", ("p.D538G", "0.50"), specimen=Specimen.TISSUE, laboratory="South Pathology", assay=None
            ),
            draw(-4, "detected", findings=(vague,), laboratory=None, assay=None, date=PartialDate(2026, 7)),
            draw(-2, "detected", ("p.D538G", "1.5"), standing=Standing.CONFLICT),
            draw(0, "detected", ("p.D538G", "2.25"), standing=Standing.PROVISIONAL, days=-8),
            draw(-3, date=None),
        ),
        withdrawn=(WithdrawnResult(on(-8), "entered-in-error", (Finding("p.Y537S"),), src("Observation/w")),),
        ordered=(OrderedDraw(on(1, 3), src("ServiceRequest/o")),),
        exposures=(
            drug("anastrozole", DrugClass.AI, -140, -80, setting=Setting.ADJUVANT, stop_reason=StopReason.COMPLETED),
            drug("letrozole", DrugClass.AI, -20),
            drug("palbociclib", DrugClass.CDK46, -20, -9, stop_reason=StopReason.TOXICITY),
            drug("ribociclib", DrugClass.CDK46, -9, on_hold=True, on_hold_since=on(-1)),
            replace(
                drug("goserelin", DrugClass.OVARIAN_SUPPRESSION, None, ongoing=None, last_seen=on(-5)),
                start=PartialDate(2025),
            ),
            drug(
                "capecitabine",
                DrugClass.CHEMOTHERAPY,
                -3,
                ongoing=None,
                proofs=frozenset({Proof.ORDERED}),
                last_seen=None,
            ),
            drug("everolimus", DrugClass.TARGETED, None, ongoing=False, last_seen=None),
        ),
        unclear_drugs=("MedicationRequest: code names letrozole, words name tamoxifen",),
        statuses=tuple(DiseaseStatus(p, on(-15 + 3 * n), sources=src("Observation/s")) for n, p in enumerate(Progress)),
        visits=(
            scan(-15),
            scan(-3),
            scan(0, 24),
            scan(1, 10, cancelled=True),
            visit(0, 26),
            visit(1, 2, cancelled=True),
        ),
        reviews=(ReviewDecision(on(-5), ("p.Y537N",), "Continue, look again", "Dr. Adeyemi", src("CarePlan/c")),),
        ldh=(Ldh(on(-1), True, "310 U/L", src("Observation/l")),),
        gaps=(Gap(Part.VISITS, "search.failed", "Appointments could not be read: the server answered 500."),),
    )


def hostile() -> Chart:
    """Markup in every string of the record."""
    evil = Finding(MARKUP, MARKUP, Decimal("0.01"), None, MARKUP, sources=src(MARKUP))
    chart = everything()
    return replace(
        chart,
        draws=(*chart.draws, draw(-1, "detected", findings=(evil,), laboratory=MARKUP, assay=MARKUP,
                                  document="javascript:alert(1)", note=MARKUP, accession=MARKUP, sources=src(MARKUP))),
        withdrawn=(WithdrawnResult(on(-8), MARKUP, (evil,), src(MARKUP)),),
        exposures=(*chart.exposures, drug(MARKUP, DrugClass.AI, -10, sources=src(MARKUP))),
        unclear_drugs=(MARKUP,),
        diagnoses=(Diagnosis(MARKUP, True, True, on(-30), src(MARKUP)),),
        spread=(Spread(Extent.METASTASIS, on(-20), MARKUP, src(MARKUP)),),
        receptors=tuple(replace(r, score=MARKUP, method=MARKUP) for r in chart.receptors),
        visits=(*chart.visits, scan(0, 30, text=MARKUP)),
        reviews=(ReviewDecision(on(-5), (MARKUP,), MARKUP, MARKUP, src(MARKUP)),),
        ldh=(Ldh(on(-1), True, MARKUP, src(MARKUP)),),
        gaps=(Gap(Part.VISITS, MARKUP, MARKUP),),
    )  # fmt: skip


def receipt(**more: Any) -> Receipt:
    fields: dict[str, Any] = {
        "searches": [
            SearchRecord("Observation", "category=laboratory", 2, 140, 140, True),
            SearchRecord("MedicationRequest", "", 1, 6, 6, True),
            SearchRecord("Appointment", "", 0, 0, None, False, offered=False),
        ],
        "scopes_asked": ("patient/Observation.rs", "patient/Appointment.rs"),
        "scopes_granted": ("patient/Observation.rs",),
        "set_aside": [SetAside("entry.malformed", "could not be read (ValueError)", "Observation/x")],
        "resources_read": 147, "resources_used": 146, "read_at": "2026-11-21T08:00:00Z",
    }  # fmt: skip
    return Receipt(**{**fields, **more})


def issuer(*, open_server: bool = False, **more: Any) -> Issuer:
    fields = {"id": "county", "name": "County Hospital", "base": "https://ehr.example.org/fhir", "auth": "public"}
    return Issuer(**{**fields, **({"auth": "none"} if open_server else {}), **more})


def launch(**more: Any) -> Launch:
    fields: dict[str, Any] = {
        "id": "launch-for-tests-0123456789", "issuer": issuer(), "patient_id": "p", "browser": "b",
        "user_name": "Dr. Ada Adeyemi", "user_reference": "Practitioner/9", "created": CLOCK, "last_seen": CLOCK,
    }  # fmt: skip
    return Launch(**{**fields, **more})


def view(chart: Chart, policy: str = "trial-strict", **more: Any) -> ChartView:
    chosen = load_policy(policy)
    fields: dict[str, Any] = {
        "launch": launch(), "chart": chart, "receipt": receipt(), "decision": decide(chart, chosen, TODAY),
        "policy": chosen, "patient": PatientBanner("p", "Amelia Brook", "1961-04-02", "female", "MRN-104-11"),
        "today": TODAY, "read_at": datetime(2026, 11, 21, 8, 0, tzinfo=UTC), "resources": resources(chart),
    }  # fmt: skip
    return ChartView(**{**fields, **more})


def resources(chart: Chart) -> dict[str, dict[str, Any]]:
    """A resource for each draw and drug, so that links have something to open."""
    made: dict[str, dict[str, Any]] = {}
    for fact in (*chart.draws, *chart.exposures, *chart.receptors, *chart.spread, *chart.statuses):
        for source in fact.sources:
            kind, _, ident = source.reference.partition("/")
            made[source.reference] = {
                "resourceType": kind, "id": ident, "code": {"text": "Genetic variant assessment"},
                "effectiveDateTime": "2026-11-03",
            }  # fmt: skip
    return made


def outside() -> Chart:
    drugs = (drug("letrozole", DrugClass.AI, -26, -4, stop_reason=StopReason.TOXICITY),
             drug("palbociclib", DrugClass.CDK46, -26, -4), drug("fulvestrant", DrugClass.SERD, -4))  # fmt: skip
    return base(-26, exposures=drugs, draws=(draw(-12), draw(-9), draw(-6), draw(-3)))


def preliminary() -> Chart:
    found = draw(0, "detected", ("p.Y537S", "0.42"), standing=Standing.PROVISIONAL, days=-6)
    return base(draws=(draw(-6), draw(-3), found))


def conflict() -> Chart:
    return base(
        draws=(draw(-6), draw(-3), draw(0, "detected", ("p.D538G", "1.5"), standing=Standing.CONFLICT, days=-9))
    )


STATES = {
    "overdue": lambda: base(draws=(draw(-10), draw(-7))), "outside": outside, "preliminary": preliminary,
    "conflict": conflict, "failed": lambda: base(draws=(draw(-6), draw(-3), draw(0, "failed", days=-9))),
    "unreadable": lambda: base(draws=(draw(-6), draw(0, "not_readable", document="DocumentReference/x", days=-16))),
}  # fmt: skip

CHARTS = {
    "due": due, "positive": positive, "polyclonal": polyclonal, "thirty": thirty, "everything": everything,
    "hostile": hostile, "nothing": Chart, "one": lambda: base(draws=(draw(-2),)), "none": base,
    "unknown": lambda: base(receptors=(), draws=(draw(-2),)), **STATES,
}  # fmt: skip
