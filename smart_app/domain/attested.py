"""Facts that a clinician attests because the record lacks them, joined with the chart.

An attested fact counts like one of the record and is marked wherever it appears. It gives way as a whole as soon as the
record itself has a fact of the same kind: never is a fact of the record changed or outvoted, only what the record
leaves open is filled. What gave way stays in ``Chart.attested`` with the reason, so that a disagreement is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from smart_app.domain.attestation import Attested
from smart_app.domain.attested_drugs import drug_clause, fill, overlap
from smart_app.domain.attested_words import draw_words, extent_words, receptor_words, short_of, status_words, words_of
from smart_app.domain.facts import (
    Chart,
    DateBasis,
    DiseaseStatus,
    Draw,
    Exposure,
    Extent,
    Marker,
    Outcome,
    Part,
    Progress,
    Receptor,
    ReceptorStatus,
    Source,
    Sources,
    Specimen,
    Spread,
)
from smart_app.domain.logic import Span, span

Fact = Receptor | Spread | Exposure | Draw | DiseaseStatus
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attestation:
    """One fact with the clinician who vouches for it. ``id`` is unique; the fact's own ``sources`` are not read."""

    id: str
    by: str  # Practitioner/x or PractitionerRole/x
    name: str | None
    on: date
    basis: str
    fact: Fact
    first_line: bool = False  # of a drug: the first line for advanced disease
    report: str | None = None  # of a draw: the DocumentReference or DiagnosticReport it was read from

    @property
    def reference(self) -> str:
        return f"Attested/{self.id}"

    @property
    def who(self) -> str:
        return self.name or self.by

    @property
    def sources(self) -> Sources:
        return (Source(self.reference, None, True),)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one attestation: the chart with it, or why it gave way to the record."""

    chart: Chart
    used: bool = True
    contradicted: bool = False
    why: str = ""


def join(chart: Chart, given: Sequence[Attestation], reports: Collection[str] | None = None) -> Chart:
    """The chart with the attested facts, in the order they were given; ``chart.attested`` names every one of them.

    ``reports``: references of the reports that the record holds and has not withdrawn; None: not known.
    """
    record = chart
    for number, one in enumerate(given):
        if any(same_subject(one, later) for later in given[number + 1 :]):
            found = _Outcome(chart, used=False, why="a later attestation takes its place")
        else:
            found = _joined(chart, record, one, reports)
        noted = Attested(
            reference=one.reference,
            what=words_of(one.fact, one.on, first_line=one.first_line),
            short=short_of(one.fact),
            by=one.who,
            on=one.on,
            basis=one.basis,
            clause=_clause(one.fact),
            used=found.used,
            contradicted=found.contradicted,
            why=found.why,
            first_line=one.first_line and found.used,
        )
        chart = replace(found.chart, attested=(*found.chart.attested, noted))
    return chart


def same_subject(one: Attestation, other: Attestation) -> bool:
    """Whether both say something on the same matter, so that only one of them can stand."""
    a, b = one.fact, other.fact
    if isinstance(a, Receptor) and isinstance(b, Receptor):
        return a.marker is b.marker
    if isinstance(a, Exposure) and isinstance(b, Exposure):
        return a.drug == b.drug and overlap(a, b)
    if isinstance(a, DiseaseStatus) and isinstance(b, DiseaseStatus):
        return _meet(span(a.date), span(b.date))
    if isinstance(a, Draw) and isinstance(b, Draw):
        return one.report == other.report
    return isinstance(a, Spread) and isinstance(b, Spread)


def _clause(fact: Fact) -> str:
    if isinstance(fact, Receptor):
        return "W3" if fact.marker is Marker.HER2 else "W2"
    if isinstance(fact, Exposure):
        return drug_clause(fact)
    return "W1" if isinstance(fact, Spread) else "R1" if isinstance(fact, Draw) else "W8"


def _joined(chart: Chart, record: Chart, one: Attestation, reports: Collection[str] | None) -> _Outcome:
    fact = replace(one.fact, sources=one.sources)
    if isinstance(fact, Receptor):
        return _receptor(chart, record, fact)
    if isinstance(fact, Spread):
        return _spread(chart, record, fact)
    if isinstance(fact, DiseaseStatus):
        return _status(chart, record, fact)
    if isinstance(fact, Draw):
        return _draw(chart, record, fact, one.report or "", reports)
    return _exposure(chart, record, fact, first_line=one.first_line)


def _gave_way(
    chart: Chart, found: Iterable[T], contradicts: Callable[[T], bool], words: Callable[[T], str]
) -> _Outcome:
    """To facts of the record: said with the first one that contradicts, else with the first."""
    listed = list(found)
    against = [f for f in listed if contradicts(f)]
    return _Outcome(chart, False, bool(against), f"the record says: {words((against or listed)[0])}")


def _receptor(chart: Chart, record: Chart, fact: Receptor) -> _Outcome:
    stated = (ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE)
    found = [r for r in record.receptors if r.marker is fact.marker and r.status in stated and not r.provisional]
    if found:
        return _gave_way(chart, found, lambda r: r.status is not fact.status, receptor_words)
    return _Outcome(replace(chart, receptors=(*chart.receptors, fact)))


def _spread(chart: Chart, record: Chart, fact: Spread) -> _Outcome:
    """The record has advanced disease of its own with a date, or says of that day or later that it was early."""
    dated = [s for s in record.spread if s.extent is not Extent.EARLY and s.known_on is not None]
    if dated:
        return _gave_way(chart, dated, lambda s: not _meet(span(s.known_on), span(fact.known_on)), extent_words)
    early = [s for s in record.spread if s.extent is Extent.EARLY and not span(s.known_on)[1] < span(fact.known_on)[0]]
    if early:
        return _gave_way(chart, early, lambda _: True, extent_words)
    return _Outcome(replace(chart, spread=(*chart.spread, fact)))


def _status(chart: Chart, record: Chart, fact: DiseaseStatus) -> _Outcome:
    calm = (Progress.STABLE, Progress.IMPROVED)
    found = [s for s in record.statuses if _meet(span(s.date), span(fact.date))]
    if found:
        return _gave_way(chart, found, lambda s: s.status not in calm, status_words)
    return _Outcome(replace(chart, statuses=(*chart.statuses, fact)))


def _draw(chart: Chart, record: Chart, fact: Draw, report: str, reports: Collection[str] | None) -> _Outcome:
    """Stands in the place of the report that the app cannot read, with what the record knows of that report."""
    if any(report == s.reference for w in record.withdrawn for s in w.sources):
        return _Outcome(chart, False, True, "the report that it was read from was withdrawn")
    here = [d for d in record.draws if any(report == s.reference for s in d.sources)]
    unread = any(gap.part is Part.RESULTS for gap in record.gaps)
    if not here and not unread and reports is not None and report not in reports:
        return _Outcome(chart, False, True, "the report that it was read from is not in the record any more")
    readable = [
        d for d in record.draws if d.outcome is not Outcome.NOT_READABLE and (d in here or _one_sample(d, fact))
    ]
    if readable:
        return _gave_way(chart, readable, lambda d: _result(d) != _result(fact), draw_words)
    if not here:
        return _Outcome(replace(chart, draws=(*chart.draws, replace(fact, sources=(Source(report), *fact.sources)))))
    base = here[0]
    other_day = base.date_basis is DateBasis.COLLECTED and not _meet(span(base.date), span(fact.date))
    if other_day or _other_specimen(base, fact):
        return _gave_way(chart, [base], lambda _: True, draw_words)
    made = replace(
        base,
        outcome=fact.outcome,
        date=fact.date,
        date_basis=fact.date_basis,
        specimen=fact.specimen,
        findings=tuple(replace(f, sources=(*base.sources, *fact.sources)) for f in fact.findings),
        uninformative=fact.uninformative,
        laboratory=fact.laboratory or base.laboratory,
        note=None,
        sources=(*base.sources, *fact.sources),
    )
    return _Outcome(replace(chart, draws=tuple(made if d is base else d for d in chart.draws)))


def _one_sample(draw: Draw, fact: Draw) -> bool:
    """The record has a result of that very day and of no other kind of specimen."""
    same_day = draw.date is not None and draw.date.exact is not None and draw.date == fact.date
    return same_day and not _other_specimen(draw, fact)


def _other_specimen(a: Draw, b: Draw) -> bool:
    return Specimen.UNKNOWN not in (a.specimen, b.specimen) and a.specimen is not b.specimen


def _result(draw: Draw) -> tuple[Outcome, frozenset[str | None]]:
    return draw.outcome, frozenset(f.protein_change or f.dna_change for f in draw.findings)


def _exposure(chart: Chart, record: Chart, fact: Exposure, *, first_line: bool) -> _Outcome:
    related = [e for e in record.exposures if e.drug == fact.drug and overlap(e, fact)]
    if not related:
        return _Outcome(replace(chart, exposures=(*chart.exposures, fact)))
    filled = fill(related, fact)
    if filled is None:
        return _gave_way(chart, related, lambda _: True, lambda e: words_of(e, None))
    if filled == related:
        return _Outcome(chart, used=first_line, why="the record says the same")
    changed = dict(zip(map(id, related), filled, strict=True))
    return _Outcome(replace(chart, exposures=tuple(changed.get(id(e), e) for e in chart.exposures)))


def _meet(a: Span, b: Span) -> bool:
    return a[0] <= b[1] and b[0] <= a[1]
