"""A chart inside the window, and short words for the facts that a row of a table changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import (
    Biopsy,
    Chart,
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
    Origin,
    Outcome,
    Part,
    Person,
    Progress,
    Proof,
    Receptor,
    ReceptorStatus,
    ReviewDecision,
    Setting,
    Significance,
    Source,
    Specimen,
    Spread,
    Standing,
    StopReason,
    Visit,
    VisitKind,
    WithdrawnResult,
)
from smart_app.domain.policy import Policy

TODAY = date(2026, 11, 21)
STRICT = Policy("trial-strict", "1", "trial")
PRACTICAL = Policy(
    "practical",
    "1",
    "practical",
    first_draw_from_months=2,
    first_draw_by_months=3,
    exemestane_inside=True,
    earlier_chemotherapy_inside=True,
)
P = PartialDate.parse


def on(text: str | None) -> PartialDate | None:
    return None if text is None else P(text)


def src(name: str) -> tuple[Source, ...]:
    return (Source(f"Observation/{name}"),)


def drug(name: str, kind: DrugClass, start: str | None, end: str | None = None, **more: Any) -> Exposure:
    if end is None and "ongoing" not in more:
        more["ongoing"] = True
    for field in ("last_seen", "on_hold_since", "covered_until"):
        if isinstance(more.get(field), str):
            more[field] = P(more[field])
    return Exposure(name, kind, on(start), on(end), sources=(Source(f"MedicationStatement/{name}"),), **more)


def ai(start: str | None = "2026-01-10", end: str | None = None, name: str = "letrozole", **more: Any) -> Exposure:
    return drug(name, DrugClass.AI, start, end, **more)


def cdk(start: str | None = "2026-01-12", end: str | None = None, name: str = "palbociclib", **more: Any) -> Exposure:
    return drug(name, DrugClass.CDK46, start, end, **more)


def serd(start: str | None, end: str | None = None, **more: Any) -> Exposure:
    return drug("fulvestrant", DrugClass.SERD, start, end, **more)


def receptor(marker: Marker, status: ReceptorStatus, day: str | None = "2025-12-20", **more: Any) -> Receptor:
    return Receptor(marker, status, date=on(day), sources=src(f"{marker.value}-{day}-{status.value}"), **more)


def er(status: ReceptorStatus = ReceptorStatus.POSITIVE, day: str | None = "2025-12-20", **more: Any) -> Receptor:
    return receptor(Marker.ER, status, day, **more)


def her2(status: ReceptorStatus = ReceptorStatus.NEGATIVE, day: str | None = "2025-12-20", **more: Any) -> Receptor:
    return receptor(Marker.HER2, status, day, **more)


def finding(change: str | None = "p.D538G", **more: Any) -> Finding:
    more.setdefault("kind", Kind.SNV)
    return Finding(change, sources=src(f"variant-{change}"), **more)


def draw(day: str | None, outcome: Outcome = Outcome.NOT_DETECTED, *found: Finding, **more: Any) -> Draw:
    more.setdefault("specimen", Specimen.PLASMA)
    if isinstance(more.get("known_on"), str):
        more["known_on"] = P(more["known_on"])
    return Draw(outcome, on(day), findings=found, sources=src(f"draw-{day}-{outcome.value}"), **more)


def positive(day: str | None, *found: Finding, **more: Any) -> Draw:
    return draw(day, Outcome.DETECTED, *(found or (finding(),)), **more)


def status(what: Progress, day: str | None) -> DiseaseStatus:
    return DiseaseStatus(what, on(day), sources=src(f"status-{day}"))


def visit(day: str, kind: VisitKind = VisitKind.SCAN, **more: Any) -> Visit:
    return Visit(kind, P(day), sources=src(f"visit-{day}"), **more)


INSIDE = Chart(
    person=Person(P("1960-05-05"), "female"),
    diagnoses=(Diagnosis("Breast cancer", True, sources=src("dx")),),
    spread=(Spread(Extent.METASTASIS, P("2025-12-15"), "bone", src("met")),),
    receptors=(er(), her2()),
    exposures=(ai(), cdk()),
)


def chart(**changes: Any) -> Chart:
    return replace(INSIDE, **changes)


__all__ = [name for name in dir() if not name.startswith("_") and name not in ("annotations", "Any", "replace")]
_ = (Decimal, Biopsy, Gap, Ldh, OrderedDraw, Origin, Part, Proof, ReviewDecision, Setting, Significance, Standing)
_2 = (StopReason, WithdrawnResult)
