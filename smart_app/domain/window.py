"""The surveillance window: nine clauses, three-valued (clinical rules W)."""

from __future__ import annotations

from datetime import date

from smart_app.domain import course, regimen, subtype
from smart_app.domain.attested_words import settled_line, settled_progress
from smart_app.domain.dates import add_months
from smart_app.domain.decision import Reason, Window, WindowAnswer
from smart_app.domain.facts import Chart, DrugClass, Known
from smart_app.domain.lines import Placed, line_start
from smart_app.domain.logic import all_of
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import JUDGEMENT, Clause, merged


def clauses(chart: Chart, placed: tuple[Placed, ...], today: date, policy: Policy) -> tuple[Clause, ...]:
    """W1 to W9 in order."""
    return (
        subtype.disease(chart),
        subtype.hormone_receptor(chart),
        subtype.her2(chart),
        *_treatment(chart, placed, today, today, policy),
        subtype.person(chart, today),
    )


def _treatment(chart: Chart, placed: tuple[Placed, ...], day: date, today: date, policy: Policy) -> tuple[Clause, ...]:
    """W4 to W8: what changes from day to day."""
    start = line_start(placed, day)
    return (
        regimen.aromatase_inhibitor(chart, day, today, policy),
        regimen.cdk46_inhibitor(chart, day, today, policy),
        settled_line(course.first_line(chart, placed, start, day, today, policy), chart),
        regimen.no_serd(chart, placed, day, today, policy),
        settled_progress(course.no_progression(chart, placed, start, day, today), chart, day, policy),
    )


def at_collection(
    chart: Chart, placed: tuple[Placed, ...], day: date, today: date, policy: Policy
) -> tuple[Known, tuple[str, ...]]:
    """Whether the treatment was that of the window on an earlier day, and the clauses that say no or are open (R1)."""
    found = _treatment(chart, placed, day, today, policy)
    answer = all_of(*[c.answer for c in found])
    return answer, tuple(c.name for c in found if c.answer is answer and answer is not Known.YES)


def judge(found: tuple[Clause, ...]) -> Window:
    """Outside where any clause is closed for certain; inside where all hold; else cannot tell."""
    closed = [c for c in found if c.answer is Known.NO]
    if closed:
        dates = [c.since for c in closed if c.since is not None]
        since = min(dates, key=lambda d: (d.last, d.first), default=None)
        return Window(WindowAnswer.OUTSIDE, tuple(c.name for c in closed), since)
    unknown = [c for c in found if c.answer is Known.UNKNOWN]
    if unknown:
        settle = tuple(dict.fromkeys(s for c in unknown for s in c.settle))
        return Window(WindowAnswer.CANNOT_TELL, tuple(c.name for c in unknown), settle=settle)
    return Window(WindowAnswer.INSIDE)


def notices(chart: Chart, today: date) -> tuple[Reason, ...]:
    """What a reader should know and no gate depends on: an AI without ovarian suppression before menopause."""
    who = chart.person
    if who.sex == "male" or who.birth is None or add_months(who.birth.first, 12 * 50) <= today:
        return ()
    ais = [e for e in chart.exposures if e.drug_class is DrugClass.AI]
    if not ais or any(e.drug_class is DrugClass.OVARIAN_SUPPRESSION for e in chart.exposures):
        return ()
    words = (
        "Younger than 50 on an aromatase inhibitor, and no ovarian suppression was found: "
        "whether the patient may be premenopausal should be known."
    )
    sources = merged(*(e.sources for e in ais))
    return (Reason("window.person.no_ovarian_suppression", "W9", words, sources, JUDGEMENT),)
