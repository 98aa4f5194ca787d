"""Deciding: charts a second on one core, at 20 draws, and at a plain chart of 2 draws. Standard library only.

Prints the whole ``decide`` and its two parts: the rule, and the SHA-256 digest of its inputs. Nothing is asserted: the
machine decides the seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
from smart_app.domain.decide import rule
from smart_app.domain.digest import digest
from smart_app.domain.facts import (
    Biopsy,
    Chart,
    Diagnosis,
    Draw,
    DrugClass,
    Exposure,
    Extent,
    Finding,
    Kind,
    Marker,
    Outcome,
    Person,
    Proof,
    Receptor,
    ReceptorStatus,
    Source,
    Specimen,
    Spread,
    Visit,
    VisitKind,
)
from smart_app.domain.policy import Policy

TODAY = date(2026, 11, 21)
START = date(2022, 2, 10)
POLICY = Policy("trial-strict", "1", "bench")


def source(name: str) -> tuple[Source, ...]:
    return (Source(f"Observation/{name}", "1"),)


def chart(number: int, draws: int, positive: bool) -> Chart:
    """A patient inside the window; ``number`` makes each one different."""
    start = START + timedelta(days=number % 90)
    taken = frozenset({Proof.TAKEN})
    found: list[Draw] = []
    for n in range(draws):
        day = PartialDate.of(start + timedelta(days=30 + n * 80))
        last = positive and n == draws - 1
        outcome = Outcome.DETECTED if last else Outcome.NOT_DETECTED
        findings = (Finding("p.D538G", kind=Kind.SNV, sources=source(f"v{n}")),) if last else ()
        found.append(Draw(outcome, day, specimen=Specimen.PLASMA, findings=findings, sources=source(f"d{n}")))
    known = PartialDate.of(start - timedelta(days=20))
    return Chart(
        person=Person(PartialDate(1950 + number % 20, 1, 1), "female"),
        diagnoses=(Diagnosis("Breast cancer", True, sources=source("c")),),
        spread=(Spread(Extent.METASTASIS, known, "bone", source("m")),),
        receptors=(
            Receptor(Marker.ER, ReceptorStatus.POSITIVE, biopsy=Biopsy.METASTASIS, date=known, sources=source("er")),
            Receptor(Marker.HER2, ReceptorStatus.NEGATIVE, biopsy=Biopsy.METASTASIS, date=known, sources=source("h")),
        ),
        exposures=(
            Exposure("letrozole", DrugClass.AI, PartialDate.of(start), ongoing=True, proofs=taken, sources=source("a")),
            Exposure(
                "palbociclib", DrugClass.CDK46, PartialDate.of(start), ongoing=True, proofs=taken, sources=source("p")
            ),
        ),
        visits=tuple(Visit(VisitKind.SCAN, PartialDate.of(TODAY + timedelta(days=d))) for d in (14, 70)),
        draws=tuple(found),
    )


def rate(run: Callable[[Chart, Policy, date], object], charts: list[Chart]) -> float:
    """Charts a second, best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for one in charts:
            run(one, POLICY, TODAY)
        best = min(best, time.perf_counter() - began)
    return len(charts) / best


def main() -> None:
    for draws in (20, 2):
        for positive in (False, True):
            charts = [chart(n, draws, positive) for n in range(400)]
            answer = "positive" if positive else "negative"
            rates = (rate(decide, charts), rate(rule, charts), rate(digest_of, charts))
            print(
                f"{draws:>2} draws, {answer}: decide {rates[0]:>8,.0f} charts/s "
                f"(the rule {rates[1]:,.0f}, the digest {rates[2]:,.0f})"
            )


def digest_of(chart: Chart, policy: Policy, today: date) -> str:
    return digest(chart, policy, today)


if __name__ == "__main__":
    main()
