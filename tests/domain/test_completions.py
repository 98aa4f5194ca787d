"""Certain means: every completion of what is uncertain gives the same answer.

A chart with dates known to the month or year, or not at all, and with facts missing, is completed in many ways (the
first, the last and days between, each missing fact in each of its values). Where ``decide`` is certain, no completion
may contradict it. The completions are those that the record allows: a drug does not end before it begins or, where the
record calls it ongoing, before today; and what is recorded for the month that runs lies not after today.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
from smart_app.domain.decision import ReviewAnswer, WindowAnswer
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
    Kind,
    Marker,
    Outcome,
    Person,
    Progress,
    Proof,
    Receptor,
    ReceptorStatus,
    ReviewDecision,
    Setting,
    Specimen,
    Spread,
    StopReason,
)
from tests.support.rule_charts import POLICIES

TODAY = date(2026, 11, 21)
POLICY = st.sampled_from(sorted(POLICIES.values(), key=lambda p: p.name))
TRIES = 10


def days(first: date, last: date) -> st.SearchStrategy[PartialDate]:
    """Exact, or known to the month or year only."""
    exact = st.dates(first, last)
    return st.one_of(
        exact.map(PartialDate.of),
        exact.map(lambda d: PartialDate(d.year, d.month)),
        exact.map(lambda d: PartialDate(d.year)),
    )


RECENT = days(date(2025, 11, 1), date(2026, 12, 15))
EARLIER = days(date(2022, 1, 1), date(2026, 12, 15))
DRUGS = (
    ("letrozole", DrugClass.AI),
    ("exemestane", DrugClass.AI),
    ("palbociclib", DrugClass.CDK46),
    ("ribociclib", DrugClass.CDK46),
    ("tamoxifen", DrugClass.SERM),
    ("fulvestrant", DrugClass.SERD),
    ("capecitabine", DrugClass.CHEMOTHERAPY),
    ("alpelisib", DrugClass.TARGETED),
)


@st.composite
def exposures(draw: st.DrawFn, drugs: tuple[tuple[str, DrugClass], ...] = DRUGS) -> Exposure:
    name, kind = draw(st.sampled_from(drugs))
    start = draw(st.one_of(RECENT, EARLIER))
    ends = st.one_of(st.none(), days(start.first, date(2027, 1, 31)))
    end = draw(ends)
    ongoing = None
    if end is None:
        ongoing = True if start.first <= TODAY else None
    return Exposure(
        name,
        kind,
        start,
        end,
        ongoing=ongoing,
        setting=draw(st.sampled_from([Setting.UNKNOWN] * 4 + [Setting.ADVANCED, Setting.ADJUVANT])),
        stop_reason=draw(st.sampled_from([StopReason.UNKNOWN] * 4 + [StopReason.PROGRESSION]))
        if end
        else StopReason.UNKNOWN,
        proofs=frozenset({Proof.TAKEN}),
    )


PAIR = st.tuples(exposures(DRUGS[:1]), exposures(DRUGS[2:4]))
RECEPTORS = st.lists(
    st.builds(
        Receptor,
        st.sampled_from([Marker.ER, Marker.HER2]),
        st.sampled_from([ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE]),
        biopsy=st.sampled_from([Biopsy.METASTASIS, Biopsy.PRIMARY]),
        date=EARLIER,
    ),
    max_size=2,
)
SAFE = (
    Receptor(Marker.ER, ReceptorStatus.POSITIVE, biopsy=Biopsy.PRIMARY, date=PartialDate(2020, 1, 1)),
    Receptor(Marker.HER2, ReceptorStatus.NEGATIVE, biopsy=Biopsy.PRIMARY, date=PartialDate(2020, 1, 1)),
)
STATUSES = st.lists(
    st.builds(DiseaseStatus, st.sampled_from([Progress.WORSENED, Progress.STABLE, Progress.IMPROVED]), RECENT),
    max_size=2,
)
DRAWS = st.lists(
    st.builds(
        Draw,
        st.just(Outcome.DETECTED),
        st.one_of(RECENT, RECENT, st.none()),
        specimen=st.sampled_from([Specimen.PLASMA, Specimen.PLASMA, Specimen.UNKNOWN, Specimen.TISSUE]),
        findings=st.sampled_from(["p.D538G", "p.Y537S", "p.K303R"]).map(lambda c: (Finding(c, kind=Kind.SNV),)),
    ),
    max_size=2,
)
CHARTS = st.builds(
    lambda birth, pair, more, spread, receptors, statuses, draws, reviews: Chart(
        person=Person(birth, "female"),
        diagnoses=(Diagnosis("Breast cancer", True),),
        exposures=(*pair, *more),
        spread=spread,
        receptors=(*SAFE, *receptors),
        statuses=tuple(statuses),
        draws=tuple(draws),
        reviews=tuple(reviews),
    ),
    st.sampled_from([PartialDate(1960, 1, 1), PartialDate(2008), PartialDate(2008, 11), None]),
    PAIR,
    st.one_of(st.just([]), st.lists(exposures(), max_size=1)),
    EARLIER.map(lambda d: (Spread(Extent.METASTASIS, d, "bone"),)),
    st.one_of(st.just([]), RECEPTORS),
    st.one_of(st.just([]), STATUSES),
    DRAWS,
    st.one_of(st.just([]), st.just([]), st.lists(st.builds(ReviewDecision, RECENT, st.just(("p.D538G",))), max_size=1)),
)


def _pick(
    value: PartialDate | None, rnd: random.Random, low: date = date(1900, 1, 1), high: date | None = None
) -> PartialDate | None:
    """One day that the date may mean, or None where none is allowed."""
    high = high or date(2030, 1, 1)
    first, last = (value.first, value.last) if value is not None else (date(2019, 1, 1), date(2027, 6, 1))
    first, last = max(first, low), min(last, high)
    if first > last:
        return None
    span = (last - first).days
    offset = rnd.choice([0, span, rnd.randint(0, span)])
    return PartialDate.of(first + timedelta(days=offset))


def _recorded(value: PartialDate | None, rnd: random.Random) -> PartialDate | None:
    begun = value is not None and value.first <= TODAY
    return _pick(value, rnd, high=TODAY if begun else None)


def completion(chart: Chart, rnd: random.Random) -> Chart | None:
    """One chart in which every date is a day and every fact is known."""
    drugs = []
    for e in chart.exposures:
        start = _pick(e.start, rnd, high=TODAY if e.ongoing else None)
        if start is None:
            return None
        end = _pick(e.end, rnd, low=start.first) if e.end is not None else None
        if e.end is not None and end is None:
            return None
        drugs.append(replace(e, start=start, end=end))
    return replace(
        chart,
        person=replace(chart.person, birth=_pick(chart.person.birth, rnd, low=date(1950, 1, 1))),
        exposures=tuple(drugs),
        spread=tuple(replace(s, known_on=_pick(s.known_on, rnd)) for s in chart.spread),
        receptors=tuple(replace(r, date=_pick(r.date, rnd)) for r in chart.receptors),
        statuses=tuple(replace(s, date=_recorded(s.date, rnd)) for s in chart.statuses),
        draws=tuple(
            replace(
                d,
                date=_recorded(d.date, rnd),
                specimen=rnd.choice([Specimen.PLASMA, Specimen.TISSUE])
                if d.specimen is Specimen.UNKNOWN
                else d.specimen,
            )
            for d in chart.draws
        ),
        reviews=tuple(replace(r, date=_pick(r.date, rnd) or r.date) for r in chart.reviews),
    )


@settings(max_examples=250, deadline=None)
@given(CHARTS, POLICY, st.integers(0, 2**32))
def test_no_completion_contradicts_a_certain_answer(chart: Chart, policy: object, seed: int) -> None:
    answer = decide(chart, policy, TODAY)  # type: ignore[arg-type]
    rnd = random.Random(seed)
    for _ in range(TRIES):
        full = completion(chart, rnd)
        if full is None:
            continue
        exact = decide(full, policy, TODAY)  # type: ignore[arg-type]
        if answer.window.answer is not WindowAnswer.CANNOT_TELL:
            assert exact.window.answer is answer.window.answer, full
        if answer.switch_review.answer is not ReviewAnswer.CANNOT_TELL:
            assert exact.switch_review.answer is answer.switch_review.answer, full
        if answer.next_draw is not None and exact.next_draw is not None and not chart.draws:
            assert answer.next_draw.earliest <= exact.next_draw.earliest
            assert answer.next_draw.latest >= exact.next_draw.latest
            assert answer.next_draw.overdue_days <= exact.next_draw.overdue_days
