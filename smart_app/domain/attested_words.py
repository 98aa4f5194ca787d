"""Attested facts in words, and the marks that a decision carries where it rests on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from smart_app.domain.attestation import Attested
from smart_app.domain.dates import add_months
from smart_app.domain.decision import Decision, Reason, WindowAnswer
from smart_app.domain.facts import (
    Biopsy,
    Chart,
    DiseaseStatus,
    Draw,
    Exposure,
    Extent,
    Known,
    Marker,
    Outcome,
    Progress,
    Receptor,
    Setting,
    Source,
    Specimen,
    Spread,
)
from smart_app.domain.lines import SYSTEMIC
from smart_app.domain.logic import span
from smart_app.domain.policy import Policy
from smart_app.domain.reasons import JUDGEMENT, Clause
from smart_app.domain.variants import label
from smart_app.domain.wording import date_words, day_words, listed, percent_words

_MARKERS = {Marker.ER: "oestrogen receptor", Marker.PR: "progesterone receptor", Marker.HER2: "HER2"}
_EXTENTS = {
    Extent.METASTASIS: "metastatic disease",
    Extent.STAGE_IV: "stage IV disease",
    Extent.LOCALLY_ADVANCED: "locally advanced disease that cannot be resected",
    Extent.EARLY: "early disease",
}
_OUTCOMES = {
    Outcome.DETECTED: "ESR1 mutation detected",
    Outcome.NOT_DETECTED: "no ESR1 mutation detected",
    Outcome.INDETERMINATE: "ESR1 indeterminate",
    Outcome.FAILED: "ESR1 test failed",
    Outcome.NOT_READABLE: "ESR1 report not readable",
}
_PROGRESS = {
    Progress.IMPROVED: "disease improved",
    Progress.STABLE: "no progression",
    Progress.WORSENED: "progression",
    Progress.UNDETERMINED: "disease status could not be determined",
    Progress.EQUIVOCAL_IMAGING: "imaging equivocal",
}


def receptor_words(r: Receptor) -> str:
    where = {Biopsy.METASTASIS: ", metastasis", Biopsy.PRIMARY: ", primary tumour"}.get(r.biopsy, "")
    percent = f" {r.percent} %" if r.percent is not None else ""
    how = f" by {r.method.upper()}" if r.method in ("ihc", "ish") else ""
    low = " (low)" if r.low else ""
    return f"{_MARKERS[r.marker]} {r.status.value}{low}{percent}{how}{where}, {date_words(r.date)}"


def extent_words(s: Spread) -> str:
    site = f" ({s.site.replace('_', ' ')})" if s.site else ""
    return f"{_EXTENTS[s.extent]}{site}, known since {date_words(s.known_on)}"


def status_words(s: DiseaseStatus) -> str:
    return f"{_PROGRESS[s.status]}{' on the imaging' if s.imaging else ''} of {date_words(s.date)}"


_WHERE = {
    Specimen.PLASMA: " in plasma",
    Specimen.TISSUE: " in tissue",
    Specimen.OTHER: " in a fluid that is not blood",
}


def draw_words(d: Draw) -> str:
    found = [label(f) + (f" {percent_words(f.vaf, f.vaf_comparator)}" if f.vaf is not None else "") for f in d.findings]
    named = f" ({listed(found)})" if found else ""
    where = _WHERE.get(d.specimen, "")
    return f"{_OUTCOMES[d.outcome]}{named}{where}, {date_words(d.date)}"


def _drug_words(e: Exposure, on: date | None) -> str:
    said = [f"from {date_words(e.start)}" if e.start is not None else "start not known"]
    if e.on_hold:
        said.append(f"on hold since {date_words(e.on_hold_since)}")
    elif e.end is not None:
        said.append(f"until {date_words(e.end)}")
    elif e.ongoing is False:
        said.append("stopped, when is not known")
    elif on is not None:
        said.append(f"taken on {day_words(on)}")
    elif e.ongoing:
        said.append("goes on")
    if e.setting is not Setting.UNKNOWN:
        said.append(f"for {'advanced disease' if e.setting is Setting.ADVANCED else e.setting.value + ' treatment'}")
    return f"{e.drug} {', '.join(said)}"


def words_of(
    fact: Receptor | Spread | Exposure | Draw | DiseaseStatus, on: date | None, *, first_line: bool = False
) -> str:
    """One fact, for the middle of a sentence. ``on``: the day an attested drug was said to be taken."""
    if isinstance(fact, Receptor):
        return receptor_words(fact)
    if isinstance(fact, Spread):
        return extent_words(fact)
    if isinstance(fact, DiseaseStatus):
        return status_words(fact)
    if isinstance(fact, Draw):
        return draw_words(fact)
    return _drug_words(fact, on) + (", first line" if first_line else "")


def short_of(fact: Receptor | Spread | Exposure | Draw | DiseaseStatus) -> str:
    """What the fact is about, for a headline."""
    if isinstance(fact, Receptor):
        return f"the {_MARKERS[fact.marker]} status"
    if isinstance(fact, Spread):
        return "the advanced disease"
    if isinstance(fact, DiseaseStatus):
        return f"the scan of {date_words(fact.date)}"
    if isinstance(fact, Draw):
        return f"the ESR1 result of {date_words(fact.date)}"
    return fact.drug


def signed(one: Attested) -> str:
    return f"{one.by} on {day_words(one.on)}"


# --- in the rules -----------------------------------------------------------------------------------------------------

_OPEN_LINE = ("setting_unknown", "lead_in", "after_chemotherapy", "not_read")


def settled_line(clause: Clause, chart: Chart) -> Clause:
    """W6 where it is open and a clinician attested the first line, and no drug was begun since. Never against a no."""
    if clause.answer is not Known.UNKNOWN:
        return clause
    stated = [a for a in chart.attested if a.first_line and _nothing_begun_since(chart, a.on)]
    if not stated:
        return clause
    if clause.reasons[0].code not in {f"window.line.{name}" for name in _OPEN_LINE}:
        return clause
    words = f"First line for advanced disease ({stated[-1].what})."
    sources = tuple(_source(a) for a in stated)
    return Clause("W6", Known.YES, (Reason("window.line.attested", "W6", words, sources, JUDGEMENT),))


def _nothing_begun_since(chart: Chart, on: date) -> bool:
    return all(span(e.start)[1] <= on for e in chart.exposures if e.drug_class in SYSTEMIC)


def settled_progress(clause: Clause, chart: Chart, day: date, policy: Policy) -> Clause:
    """W8 where the disease status could not be read and a clinician attested that a scan shows no progression.

    It counts for as long as the policy's longest interval between draws (judgement): a scan is not valid for ever.
    """
    if clause.answer is not Known.UNKNOWN or clause.reasons[0].code != "window.progression.not_read":
        return clause
    used = {a.reference for a in chart.attested if a.used}
    calm = [
        s
        for s in chart.statuses
        if s.date is not None
        and any(source.reference in used for source in s.sources)
        and s.date.last <= day <= add_months(s.date.first, policy.interval_to_months)
    ]
    if not calm:
        return clause
    words = f"{status_words(calm[-1])[:1].upper()}{status_words(calm[-1])[1:]}; the record was not read completely."
    reason = Reason("window.progression.attested", "W8", words, calm[-1].sources, JUDGEMENT)
    return Clause("W8", Known.YES, (reason,))


# --- in the decision --------------------------------------------------------------------------------------------------


def told(decision: Decision, chart: Chart) -> Decision:
    """Every reason that rests on an attested fact says so, with who and when; what gave way is a reason of its own."""
    if not chart.attested:
        return decision
    known = {a.reference: a for a in chart.attested}
    reasons = (*(_told(r, known) for r in decision.reasons), *map(_gave_way, _unused(chart)))
    headline = decision.headline
    on = _rests_on(decision, known)
    if on:
        headline = f"{headline} Attested by a clinician: {listed(list(dict.fromkeys(a.short for a in on)))}."
    return replace(decision, reasons=reasons, headline=headline)


def _unused(chart: Chart) -> list[Attested]:
    return [a for a in chart.attested if not a.used]


def _told(reason: Reason, known: dict[str, Attested]) -> Reason:
    found = _of(reason, known)
    if not found:
        return reason
    who = listed(list(dict.fromkeys(f"by {signed(a)}" for a in found)))
    return replace(reason, sentence=f"{reason.sentence} Attested {who}.")


def _of(reason: Reason, known: dict[str, Attested]) -> list[Attested]:
    return [known[s.reference] for s in reason.sources if s.reference in known]


def _rests_on(decision: Decision, known: dict[str, Attested]) -> list[Attested]:
    """The attested facts behind what the headline says: the deciding clauses, or all where all had to hold."""
    window = decision.window
    counts: Callable[[Reason], bool] = lambda r: (  # noqa: E731 - one expression, used once below
        r.code.startswith(("review.", "draw."))
        or (r.code.startswith("window.") and (window.answer is WindowAnswer.INSIDE or r.clause in window.clauses))
    )
    found = [a for r in decision.reasons if counts(r) for a in _of(r, known)]
    return list(dict.fromkeys(found))


def _gave_way(one: Attested) -> Reason:
    what = "The record contradicts what was attested" if one.contradicted else "An attested fact is not needed"
    words = f"{what}: {one.what} (attested by {signed(one)}). It is not used: {one.why}."
    code = "attested.contradicted" if one.contradicted else "attested.not_used"
    return Reason(code, one.clause, words, (_source(one),))


def _source(one: Attested) -> Source:
    return Source(one.reference, None, True)
