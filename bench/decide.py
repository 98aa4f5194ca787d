"""Deciding: charts a second on one core, at 20 draws, and at a plain chart of 2 draws.

The aim is 20,000 charts a second at 20 draws. ``decide`` decides every answer and clause and says the first sentence;
the reasons in sentences with their sources, and the digest of the inputs, are made when they are asked for. What both
cost is measured beside it: the second figure of a line is a decision with every sentence made.

Measured twice: as plain Python, which is what runs, and the same files compiled by mypyc (it comes with mypy) in a
temporary folder, which takes a C compiler and a minute and ships nowhere: ``--plain`` leaves that out. Beside them:
cql-execution, on node, with a far simpler rule (bench/cql/rule.js); ``npm install cql-execution`` anywhere, and name
its node_modules in NODE_PATH.
CPU seconds of this process, best of five; nothing is asserted: the machine decides the seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import FunctionType

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
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

ROOT = Path(__file__).resolve().parent.parent
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
    """Charts a second, best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for one in charts:
            run(one, POLICY, TODAY)
        best = min(best, time.process_time() - began)
    return len(charts) / best


def with_sentences(chart: Chart, policy: Policy, today: date) -> object:
    return len(decide(chart, policy, today).reasons)


def digest_of(chart: Chart, policy: Policy, today: date) -> str:
    return digest(chart, policy, today)


def measure(name: str) -> None:
    for draws in (20, 2):
        for positive in (False, True):
            charts = [chart(n, draws, positive) for n in range(400)]
            answer = "positive" if positive else "negative"
            decided, said, digested = rate(decide, charts), rate(with_sentences, charts), rate(digest_of, charts)
            print(
                f"{name}, {draws:>2} draws, {answer}: {decided:>8,.0f} charts/s ({1e6 / decided:.0f} us), "
                f"with every sentence {said:>7,.0f} ({1e6 / said:.0f} us), the digest {1e6 / digested:.0f} us more",
                flush=True,
            )


def compiled() -> None:
    """The domain built with mypyc, in a copy."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "smart_app", copy / "smart_app", ignore=shutil.ignore_patterns("__pycache__"))
        modules = sorted(str(p.relative_to(copy)) for p in (copy / "smart_app/domain").glob("*.py"))
        (copy / "setup.py").write_text(
            "from setuptools import setup\nfrom mypyc.build import mypycify\n"
            f"setup(name='domain', ext_modules=mypycify({modules!r}, opt_level='3'))\n"
        )
        build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
        built = subprocess.run(build, cwd=copy, capture_output=True, text=True, check=False)
        if built.returncode:
            print(f"compiled: could not be built (mypy, setuptools and a C compiler): {built.stderr[-300:]}")
            return
        path = {**os.environ, "PYTHONPATH": str(copy)}
        subprocess.run([sys.executable, __file__, "--as", "compiled"], env=path, cwd=copy, check=True)


def beside() -> None:
    node = shutil.which("node")
    if node is None:
        print("cql-execution: not measured, node is not installed")
        return
    script = str(ROOT / "bench/cql/rule.js")
    ran = subprocess.run([node, script], capture_output=True, text=True, check=False)
    if ran.returncode:
        print("cql-execution: not measured, the npm package cql-execution is not installed (see NODE_PATH)")
        return
    print(f"cql-execution, a far simpler rule, 20 draws: {int(ran.stdout):,} charts/s", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--as"]:
        assert not isinstance(decide, FunctionType), "these rules are not compiled"
        measure(sys.argv[2])
        return
    measure("Python")
    beside()
    if "--plain" not in sys.argv:
        compiled()


if __name__ == "__main__":
    main()
