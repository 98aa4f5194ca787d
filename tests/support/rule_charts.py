"""Charts for the decision table: one terse line a fact (tests/spec/rules.toml)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from smart_app.domain import facts as f
from smart_app.domain.dates import PartialDate
from smart_app.domain.policy import Policy

BASE = {
    "person": "born 1960-01-01",
    "breast": "breast",
    "spread": "metastasis bone 2026-02-01",
    "er": "er positive metastasis 2026-02-01",
    "her2": "her2 negative metastasis 2026-02-01",
    "ai": "drug letrozole AI 2026-02-10..? ongoing taken",
    "cdk": "drug palbociclib CDK4/6 2026-02-10..? ongoing taken",
}
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
POLICIES = {"trial-strict": STRICT, "practical": PRACTICAL}


def _date(text: str) -> PartialDate | None:
    return None if text == "?" else PartialDate.parse(text)


def _options(words: list[str]) -> dict[str, str]:
    return {k: v for k, _, v in (w.partition("=") for w in words)}


def _draw(words: list[str]) -> f.Draw:
    outcome, day, specimen, names, *rest = [*words, "-"] if len(words) == 3 else words
    o = _options(rest)
    findings = tuple(
        f.Finding(
            protein_change=None if n == "unnamed" else n,
            kind=f.Kind(o.get("kind", "snv")),
            significance=f.Significance(o.get("sig", "unknown")),
            origin=f.Origin(o.get("origin", "unknown")),
            below_limit="below" in o,
            gene=o.get("gene", "ESR1"),
            vaf=Decimal(o["vaf"]) if "vaf" in o else None,
        )
        for n in names.split(",")
        if n != "-"
    )
    return f.Draw(
        f.Outcome(outcome),
        _date(day),
        known_on=_date(o["known"]) if "known" in o else None,
        specimen=f.Specimen(specimen),
        standing=f.Standing(o.get("standing", "final")),
        findings=findings,
        uninformative="uninformative" in o,
        date_basis=f.DateBasis(o.get("basis", "collected")),
        limit=Decimal(o["limit"]) if "limit" in o else None,
        covers=tuple(o["covers"].split(",")) if "covers" in o else None,
    )


def _drug(words: list[str]) -> f.Exposure:
    name, group, stretch, *rest = words
    o = _options(rest)
    start, end = stretch.split("..")
    return f.Exposure(
        name,
        f.DrugClass(group.replace("_", " ")),
        _date(start),
        _date(end),
        ongoing=True if "ongoing" in o else False if "stopped" in o else None,
        last_seen=_date(o["seen"]) if "seen" in o else None,
        covered_until=_date(o["supply"]) if "supply" in o else None,
        on_hold="hold" in o,
        on_hold_since=_date(o["hold"]) if "hold" in o else None,
        stop_reason=f.StopReason(o.get("stop", "unknown")),
        setting=f.Setting(o.get("setting", "unknown")),
        proofs=frozenset(p for p in f.Proof if p.value in o),
    )


def chart_of(edits: list[str]) -> f.Chart:
    """The base chart without what ``-name`` takes away, with the lines added."""
    gone = {e[1:] for e in edits if e.startswith("-")}
    lines = [v for k, v in BASE.items() if k not in gone] + [e for e in edits if not e.startswith("-")]
    parts: dict[str, Any] = {}
    seen: Counter[str] = Counter()

    def add(name: str, value: Any) -> None:
        """Each fact comes from a resource of its own: ``drug/1``, ``drug/2``."""
        seen[what] += 1
        sources = () if name in ("unclear_drugs", "gaps") else (f.Source(f"{what}/{seen[what]}"),)
        parts[name] = (*parts.get(name, ()), replace(value, sources=sources) if sources else value)

    person = f.Person(sex="female", sources=(f.Source("person/1"),))
    for line in lines:
        what, *w = line.split(" ")
        if what == "born":
            person = replace(person, birth=_date(w[0]))
        elif what == "man":
            person = replace(person, birth=_date(w[1]), sex="male")
        elif what == "died":
            person = replace(person, birth=PartialDate(1960), deceased=True, deceased_on=_date(w[0]))
        elif what in ("breast", "other-cancer", "past-cancer"):
            add("diagnoses", f.Diagnosis(what.replace("-", " "), what == "breast", what != "past-cancer"))
        elif what == "metastasis":
            add("spread", f.Spread(f.Extent.METASTASIS, _date(w[1]), w[0]))
        elif what == "extent":
            add("spread", f.Spread(f.Extent(w[0]), _date(w[1])))
        elif what in ("er", "pr", "her2"):
            status, biopsy, day, *rest = w
            o = _options(rest)
            add(
                "receptors",
                f.Receptor(
                    f.Marker(what),
                    f.ReceptorStatus(status),
                    low="low" in o,
                    percent=Decimal(o["percent"]) if "percent" in o else None,
                    method=o.get("method"),
                    score=o.get("score"),
                    biopsy=f.Biopsy(biopsy),
                    date=_date(day),
                    provisional="provisional" in o,
                    specimen=o.get("specimen"),
                ),
            )
        elif what == "drug":
            add("exposures", _drug(w))
        elif what == "draw":
            add("draws", _draw(w))
        elif what == "status":
            add("statuses", f.DiseaseStatus(f.Progress(w[0]), _date(w[1])))
        elif what == "ordered":
            add("ordered", f.OrderedDraw(_date(w[0])))
        elif what in ("scan", "visit"):
            add(
                "visits",
                f.Visit(f.VisitKind(what), PartialDate.parse(w[0]), cancelled="cancelled" in w, done="done" in w),
            )
        elif what == "ldh":
            add("ldh", f.Ldh(_date(w[1]), w[0] == "high", w[0]))
        elif what == "decided":
            add("reviews", f.ReviewDecision(PartialDate.parse(w[0]), tuple(w[1].split(","))))
        elif what == "withdrawn":
            found = () if w[1] == "-" else (f.Finding(w[1]),)
            add("withdrawn", f.WithdrawnResult(_date(w[0]), (*w[2:], "corrected")[0], found))
        elif what == "unclear":
            add("unclear_drugs", line.removeprefix("unclear "))
        elif what == "gap":
            add("gaps", f.Gap(f.Part(" ".join(w)), "x", "a page was not read."))
        else:
            raise ValueError(line)
    return f.Chart(person=person, **parts)


def day(text: str) -> date:
    return date.fromisoformat(text)
