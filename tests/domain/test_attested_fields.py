"""What is noted of an attestation that the record answers itself: clause, use, disagreement and the words of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from smart_app.domain.attested import Attestation, Fact, join, same_subject
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import (
    Chart,
    DateBasis,
    DiseaseStatus,
    Draw,
    DrugClass,
    Exposure,
    Extent,
    Finding,
    Marker,
    Outcome,
    Progress,
    Proof,
    Receptor,
    ReceptorStatus,
    Source,
    Specimen,
    Spread,
    WithdrawnResult,
)
from tests.support.rule_charts import chart_of

P = PartialDate.parse
NEGATIVE, POSITIVE = ReceptorStatus.NEGATIVE, ReceptorStatus.POSITIVE
REPORT = "DiagnosticReport/r"


def att(fact: Fact, ident: str = "a", **more: Any) -> Attestation:
    return Attestation(ident, "Practitioner/p", "Dr P", date(2026, 11, 20), "pathology letter", fact, **more)


def drug(kind: DrugClass, name: str, **more: Any) -> Exposure:
    return Exposure(name, kind, P("2026-02-10"), ongoing=True, proofs=frozenset({Proof.TAKEN}), **more)


def result(**more: Any) -> Draw:
    more.setdefault("date", P("2026-09-01"))
    return Draw(Outcome.DETECTED, specimen=Specimen.PLASMA, findings=(Finding("p.D538G"),), **more)


@pytest.mark.parametrize(
    ("fact", "clause"),
    [
        (Receptor(Marker.ER, POSITIVE), "W2"),
        (Receptor(Marker.PR, POSITIVE), "W2"),
        (Receptor(Marker.HER2, NEGATIVE), "W3"),
        (Spread(Extent.METASTASIS, P("2026-02-01")), "W1"),
        (drug(DrugClass.AI, "letrozole"), "W4"),
        (drug(DrugClass.CDK46, "palbociclib"), "W5"),
        (drug(DrugClass.SERD, "fulvestrant"), "W7"),
        (DiseaseStatus(Progress.STABLE, P("2026-10-01")), "W8"),
        (result(), "R1"),
    ],
)
def test_each_fact_is_noted_under_its_clause_with_its_basis(fact: Fact, clause: str) -> None:
    noted = join(Chart(), [att(fact)]).attested[0]
    assert (noted.clause, noted.basis, noted.used) == (clause, "pathology letter", True)


GIVES_WAY: list[tuple[list[str], Fact, bool, str]] = [
    (["er positive primary 2020-01-01"], Receptor(Marker.ER, POSITIVE), False, "the record says: "),
    (["her2 positive metastasis 2026-03-01"], Receptor(Marker.HER2, NEGATIVE), True, "the record says: "),
    ([], Spread(Extent.METASTASIS, P("2026-02-01")), False, "the record says: "),
    ([], Spread(Extent.METASTASIS, P("2025-02-01")), True, "the record says: "),
    (["-spread", "extent early 2026-02-01"], Spread(Extent.METASTASIS, P("2026-02-01")), True, "the record says: "),
    (["status stable 2026-10-01"], DiseaseStatus(Progress.STABLE, P("2026-10-01")), False, "the record says: "),
    (["status worsened 2026-10-01"], DiseaseStatus(Progress.STABLE, P("2026-10")), True, "the record says: "),
    ([], drug(DrugClass.AI, "letrozole"), False, "the record says the same"),
]


@pytest.mark.parametrize(("lines", "fact", "contradicted", "why"), GIVES_WAY)
def test_what_the_record_tells_itself_is_kept(lines: list[str], fact: Fact, contradicted: bool, why: str) -> None:
    chart = chart_of(lines)
    joined = join(chart, [att(fact)])
    noted = joined.attested[0]
    assert (noted.used, noted.contradicted) == (False, contradicted)
    assert noted.why.startswith(why)
    assert replace(joined, attested=()) == chart


@pytest.mark.parametrize(
    ("lines", "fact"),
    [
        (["-er", "er positive metastasis 2026-02-01 provisional"], Receptor(Marker.ER, POSITIVE)),
        (["-er", "er unreadable metastasis 2026-02-01"], Receptor(Marker.ER, POSITIVE)),
        (["-spread", "metastasis bone ?"], Spread(Extent.METASTASIS, P("2026-02-01"))),
        (["-spread", "extent early 2026-01-31"], Spread(Extent.METASTASIS, P("2026-02-01"))),
        (["status worsened 2026-09-01"], DiseaseStatus(Progress.STABLE, P("2026-10-01"))),
    ],
)
def test_what_the_record_leaves_open_is_filled(lines: list[str], fact: Fact) -> None:
    joined = join(chart_of(lines), [att(fact)])
    assert joined.attested[0].used
    mark = (Source("Attested/a", None, True),)
    added = [f for part in (joined.receptors, joined.spread, joined.statuses) for f in part if f.sources == mark]
    assert len(added) == 1


def test_a_result_of_a_withdrawn_or_vanished_report_is_not_used_and_disagrees() -> None:
    gone = replace(Chart(), withdrawn=(WithdrawnResult(None, "cancelled", (), (Source(REPORT),)),))
    for chart, reports, why in (
        (gone, None, "the report that it was read from was withdrawn"),
        (Chart(), ["DiagnosticReport/other"], "the report that it was read from is not in the record any more"),
    ):
        joined = join(chart, [att(result(), report=REPORT)], reports)
        noted = joined.attested[0]
        assert (joined.draws, noted.used, noted.contradicted, noted.why) == ((), False, True, why)


def test_a_result_takes_the_place_of_its_unreadable_report_field_by_field() -> None:
    unread = Draw(
        Outcome.NOT_READABLE,
        P("2026-09-02"),
        DateBasis.REPORTED,
        laboratory="Lab",
        note="scanned",
        sources=(Source(REPORT),),
    )
    fact = result(date_basis=DateBasis.COLLECTED, uninformative=False)
    (draw,) = join(replace(Chart(), draws=(unread,)), [att(fact, report=REPORT)]).draws
    assert (draw.outcome, draw.date, draw.date_basis) == (Outcome.DETECTED, P("2026-09-01"), DateBasis.COLLECTED)
    assert (draw.specimen, draw.uninformative, draw.laboratory, draw.note) == (Specimen.PLASMA, False, "Lab", None)
    assert draw.sources == (Source(REPORT), Source("Attested/a", None, True))


def test_of_two_on_one_matter_the_earlier_says_why_it_is_not_used() -> None:
    two = [att(Receptor(Marker.ER, POSITIVE), "a"), att(Receptor(Marker.ER, NEGATIVE), "b")]
    noted = join(Chart(), two).attested
    assert [(n.used, n.why) for n in noted] == [(False, "a later attestation takes its place"), (True, "")]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (DiseaseStatus(Progress.STABLE, P("2026-10")), DiseaseStatus(Progress.STABLE, P("2026-10-31")), True),
        (DiseaseStatus(Progress.STABLE, P("2026-10-01")), DiseaseStatus(Progress.STABLE, P("2026-10")), True),
        (DiseaseStatus(Progress.STABLE, P("2026-10")), DiseaseStatus(Progress.STABLE, P("2026-11-01")), False),
        (DiseaseStatus(Progress.STABLE, P("2026-11-01")), DiseaseStatus(Progress.STABLE, P("2026-10")), False),
        (result(), Receptor(Marker.ER, POSITIVE), False),
        (result(), result(), True),
    ],
)
def test_what_is_one_matter(a: Fact, b: Fact, same: bool) -> None:
    assert same_subject(att(a), att(b, "b")) is same
