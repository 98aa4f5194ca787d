"""Synthetic charts that are hard to draw: many variants, laboratories and drugs, odd dates, every script."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from smart_app.domain.dates import PartialDate, add_months
from smart_app.domain.facts import (
    Chart,
    Diagnosis,
    DiseaseStatus,
    DrugClass,
    Finding,
    Kind,
    OrderedDraw,
    Outcome,
    Person,
    Progress,
    Proof,
    ReviewDecision,
    Significance,
    Standing,
    StopReason,
    Visit,
    VisitKind,
    WithdrawnResult,
)
from tests.web.charts import TODAY, base, draw, drug, on, scan, src, visit

EIGHT = ("p.E380Q", "p.V422del", "p.S463P", "p.L536H", "p.Y537S", "p.Y537N", "p.Y537C", "p.D538G")
DDPCR = {"laboratory": "West Genomics", "assay": "ddPCR ESR1", "limit": Decimal("0.0005")}
PANEL = {"laboratory": "South Pathology Partners", "assay": "Oncomine cfDNA v2", "limit": Decimal("0.005")}
EVIL = "<script>alert(1)</script>\"'&amp;{{7*7}}${7*7}%s%(name)s\u202e\u2066abc]]></svg></style>"
WORDS = "Konstantinopolitanskajafeatherstonehaughwojciechowskabramowa"  # 60 letters without a space
DRUG_NAME = "letrozole 2.5 mg oral tablet, film coated, " + "extended description of the pharmacy system " * 2  # > 120


def _crossing_amount(variant: int, share: float) -> str:
    """Rises for even variants, falls for odd ones, each at its own pace, between 0.01 % and 60 %."""
    way = share if variant % 2 == 0 else 1 - share
    power = -2 + 3.78 * min(1.0, max(0.0, way * (0.7 + variant * 0.06)))
    return f"{10**power:.2f}"


def crossing() -> Chart:
    """Thirty draws over six years; from the twelfth on eight variants at once, whose fractions cross."""
    made = [draw(-72 + round(n * 2.4)) for n in range(11)]
    for n in range(11, 30):
        found = [(name, _crossing_amount(v, (n - 11) / 18)) for v, name in enumerate(EIGHT) if (n + v) % 9]
        made.append(draw(-72 + round(n * 2.4), "detected", *found))
    statuses = tuple(DiseaseStatus(Progress.STABLE, on(-70 + 9 * n), True, src("Observation/s")) for n in range(8))
    return base(
        -74, draws=tuple(made), statuses=statuses, visits=(*(scan(-72 + 3 * n) for n in range(24)), scan(0, 20))
    )


def laboratories() -> Chart:
    """Three laboratories with other limits in the same weeks."""
    made = []
    for n in range(6):
        at = -15 + 3 * n
        made.append(
            draw(at, "detected" if n > 2 else "not_detected", *([("p.D538G", f"{0.2 * n:.2f}")] if n > 2 else []))
        )
        made.append(
            draw(
                at,
                "detected" if n > 1 else "not_detected",
                *([("p.D538G", f"{0.05 * n:.3f}")] if n > 1 else []),
                days=4,
                **DDPCR,
            )
        )
        if n % 2:
            made.append(draw(at, "not_detected" if n < 5 else "indeterminate", days=9, **PANEL))
    return base(-18, draws=tuple(d for d in made if d.date and d.date.first <= TODAY))


def mixture() -> Chart:
    """Every outcome and standing, several on one day, dates of a month and a year, unnamed laboratories."""
    low = Finding("p.Y537N", vaf=Decimal("0.0004"), vaf_text="0.04 %", below_limit=True, kind=Kind.SNV)
    vus = Finding("p.A569T", vaf=Decimal("0.12"), vaf_text="0.12", significance=Significance.UNCERTAIN, kind=Kind.SNV)
    amp = Finding(None, "c.1610A>G", kind=Kind.AMPLIFICATION)
    return base(
        -20,
        draws=(
            draw(-13, date=PartialDate(2025)),
            draw(-12, "failed"), draw(-12, "failed", days=1), draw(-12, "indeterminate", days=2),
            draw(-8, "detected", findings=(low,)), draw(-8, "not_detected", **DDPCR),
            draw(-8, "not_readable", document="DocumentReference/x", laboratory=None, assay=None),
            draw(-8, "failed"), draw(-8, "indeterminate", **PANEL),
            draw(-5, "detected", findings=(vus, amp, low), standing=Standing.CONFLICT),
            draw(-4, "detected", ("p.D538G", ">50"), standing=Standing.PROVISIONAL),
            draw(-4, "detected", ("p.D538G", "<0.01"), days=1, **DDPCR),
            draw(-2, "detected", ("p.D538G", "0"), days=1, limit=Decimal(0)),
            draw(-1, "failed"), draw(0, "failed", days=-3), draw(0, "failed", days=-2),
        ),
        withdrawn=(WithdrawnResult(on(-8), "corrected", (Finding("p.Y537S"),), src("Observation/w")),),
        ordered=(OrderedDraw(on(0, 9), src("ServiceRequest/o")), OrderedDraw(on(0, 9), src("ServiceRequest/o2"))),
    )  # fmt: skip


def busy() -> Chart:
    """Fifteen drugs, swaps, holds, overlaps and unknown ends; forty scans and many visits on neighbouring days."""
    order = frozenset({Proof.ORDERED})
    return base(
        -60,
        exposures=(
            drug("tamoxifen", DrugClass.SERM, -150, -90, stop_reason=StopReason.COMPLETED),
            drug("letrozole", DrugClass.AI, -60, -44, stop_reason=StopReason.TOXICITY),
            drug("anastrozole", DrugClass.AI, -44, -41), drug("exemestane", DrugClass.AI, -41, -40),
            drug("letrozole", DrugClass.AI, -40, -30), drug("letrozole", DrugClass.AI, -29),
            drug("palbociclib", DrugClass.CDK46, -60, -52), drug("palbociclib", DrugClass.CDK46, -51, -45),
            drug("ribociclib", DrugClass.CDK46, -45, -20, on_hold=False),
            drug("abemaciclib", DrugClass.CDK46, -20, on_hold=True, on_hold_since=on(-1)),
            drug("goserelin", DrugClass.OVARIAN_SUPPRESSION, -60, ongoing=None),
            drug("leuprorelin", DrugClass.OVARIAN_SUPPRESSION, -33, -31),
            replace(drug("triptorelin", DrugClass.OVARIAN_SUPPRESSION, -1, ongoing=None), start=PartialDate(2024)),
            drug("zoledronic acid", DrugClass.BONE, -50), drug("denosumab", DrugClass.BONE, -20, -10),
            drug("everolimus", DrugClass.TARGETED, -9, -8), drug("alpelisib", DrugClass.TARGETED, -7, proofs=order),
            drug("capivasertib", DrugClass.TARGETED, None, ongoing=False, last_seen=None),
            drug("capecitabine", DrugClass.CHEMOTHERAPY, -3, -2), drug("paclitaxel", DrugClass.CHEMOTHERAPY, None),
            drug("fulvestrant", DrugClass.SERD, -39, -38), drug("elacestrant", DrugClass.SERD, 1, ongoing=None),
            drug("trastuzumab", DrugClass.HER2, -100, -88),
        ),
        draws=(draw(-9), draw(-6), draw(-3, "detected", ("p.D538G", "0.84"))),
        visits=(
            *(scan(-48 + n) for n in range(48)), *(scan(0, 20 + n) for n in range(5)),
            *(visit(0, 3 * n) for n in range(12)), *(visit(n, 1, cancelled=True) for n in range(1, 6)),
        ),
        statuses=tuple(
            DiseaseStatus(list(Progress)[n % 5], on(-50 + 2 * n), True, src(f"Observation/s{n}")) for n in range(26)
        ),
        reviews=(ReviewDecision(on(-1), ("p.D538G",), "Continue", "Dr. Adeyemi", src("CarePlan/c")),),
    )  # fmt: skip


def odd_dates() -> Chart:
    """Dates of a year, before 1950, in the future; a man who has died."""
    return base(
        -26,
        person=Person(PartialDate(1931), "male", True, PartialDate(2026, 10), src("Patient/p")),
        draws=(
            draw(0, date=PartialDate(2024)), draw(0, date=PartialDate(2025, 3)), draw(0, date=PartialDate(1948, 2, 29)),
            draw(7, "detected", ("p.D538G", "1")), draw(-9, date=None), draw(0, "failed", date=PartialDate(2026)),
        ),
        visits=(scan(-3), scan(30), visit(40), Visit(VisitKind.SCAN, PartialDate(1949), done=True)),
    )  # fmt: skip


def scripts() -> Chart:
    """Names of drugs, laboratories and sites in other scripts, as long as a record may hold them."""
    chart = base(
        -20,
        draws=(
            draw(-9, laboratory="مختبر الأورام المركزي في مستشفى الجامعة", assay="فحص ctDNA"),
            draw(-6, laboratory="國立大學醫院基因檢測中心血液腫瘤科實驗室", assay="檢測"),
            draw(-3, "detected", ("p.D538G", "0.84"), laboratory="המעבדה המרכזית לגנטיקה", assay="בדיקה"),
            draw(0, "detected", ("p.D538G", "1.84"), days=-9, laboratory="ห้องปฏิบัติการพันธุศาสตร์การแพทย์ขั้นสูง", assay=WORDS),
            draw(0, "detected", ("p.Y537S", "0.5"), days=-3, laboratory="🧬🩸 Lab", assay="Z̸̢̛͙a̴l̶g̷o̵ e\u0301e\u0301"),
        ),
    )
    return replace(
        chart,
        exposures=(*chart.exposures, drug(DRUG_NAME, DrugClass.AI, -12, -10), drug(WORDS * 2, DrugClass.CDK46, -8, -7)),
        diagnoses=(Diagnosis("乳癌" * 30, True, True, on(-30), src("Condition/b")),),
        visits=(*chart.visits, scan(0, 30, text="ירי CT " * 20), visit(0, 28, text=WORDS * 2)),
        reviews=(ReviewDecision(on(-2), ("p.D538G",), "متابعة " * 40, "د. " + WORDS, src("CarePlan/c")),),
    )  # fmt: skip


def evil() -> Chart:
    """Markup, template and format syntax, entities and direction marks in every string."""
    from tests.web.charts import hostile

    chart = hostile()
    found = Finding(EVIL, EVIL, Decimal("0.01"), None, EVIL, sources=src(EVIL))
    more: dict[str, Any] = {"laboratory": EVIL, "assay": EVIL, "note": EVIL, "accession": EVIL, "sources": src(EVIL)}
    return replace(
        chart,
        draws=(*chart.draws, draw(0, "detected", findings=(found,), days=-2, document=f"javascript:{EVIL}", **more)),
        exposures=(*chart.exposures, drug(EVIL, DrugClass.AI, -10, sources=src(EVIL))),
        unclear_drugs=(EVIL,),
        diagnoses=(Diagnosis(EVIL, True, True, on(-30), src(EVIL)), Diagnosis(EVIL, False, None, None, src(EVIL))),
        visits=(*chart.visits, scan(0, 30, text=EVIL), visit(0, 32, text=EVIL)),
        reviews=(ReviewDecision(on(-5), (EVIL,), EVIL, EVIL, src(EVIL)),),
    )


def weekly() -> Chart:
    """Thirty draws in thirty weeks, all outcomes: marks stand as close as they can."""
    kinds = list(Outcome)
    made = tuple(
        draw(0, kinds[n % 5].value, *([("p.D538G", f"{0.1 * n + 0.1:.1f}")] if n % 5 == 0 else []),
             date=PartialDate.of(add_months(TODAY, 0) - timedelta(days=7 * (30 - n))))
        for n in range(30)
    )  # fmt: skip
    return base(-15, draws=made)


HARD = {
    "crossing": crossing, "laboratories": laboratories, "mixture": mixture, "busy": busy, "odd-dates": odd_dates,
    "scripts": scripts, "evil": evil, "weekly": weekly,
}  # fmt: skip
