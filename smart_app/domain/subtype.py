"""The subtype gate: W1 disease, W2 hormone receptor, W3 HER2, W9 person."""

from __future__ import annotations

from datetime import date

from smart_app.domain.dates import add_months
from smart_app.domain.decision import Reason
from smart_app.domain.facts import (
    Biopsy,
    Chart,
    Extent,
    Known,
    Marker,
    Part,
    Receptor,
    ReceptorStatus,
)
from smart_app.domain.lines import is_advanced
from smart_app.domain.reasons import Clause, merged, missing_parts, not_found
from smart_app.domain.wording import date_words, day_words

_TRIAL = ("serena-6-eligibility",)


def disease(chart: Chart) -> Clause:
    """W1: advanced or metastatic breast cancer."""
    breast = [d for d in chart.diagnoses if d.breast]
    gaps = missing_parts(chart, Part.DISEASE)
    if not breast:
        settle = "a diagnosis of breast cancer"
        words = not_found("A diagnosis of breast cancer", gaps)
        return Clause(
            "W1", Known.UNKNOWN, (Reason("window.disease.no_diagnosis", "W1", f"{words}."),), settle=(settle,)
        )
    sources = merged(*(d.sources for d in breast))
    if is_advanced(chart):
        found = [s for s in chart.spread if s.extent is not Extent.EARLY]
        dated = sorted((s.known_on for s in found if s.known_on), key=lambda d: (d.first, d.last))
        since = f", known since {date_words(dated[0])}" if dated else ", since when is not recorded"
        sites = sorted({s.site.replace("_", " ") for s in found if s.site})
        where = f" ({', '.join(sites)})" if sites else ""
        reason = Reason(
            "window.disease.advanced",
            "W1",
            f"Advanced breast cancer{where}{since}.",
            merged(sources, *(s.sources for s in found)),
            _TRIAL,
        )
        others = [d for d in chart.diagnoses if not d.breast and d.active is not False]
        notices = tuple(
            Reason("window.disease.other_cancer", "W1", f"Another cancer is on record: {d.text}.", d.sources)
            for d in sorted(others, key=lambda d: d.text)
        )
        return Clause("W1", Known.YES, (reason, *notices))
    early = [s for s in chart.spread if s.extent is Extent.EARLY]
    if early and not gaps:
        reason = Reason(
            "window.disease.early_only",
            "W1",
            "Only early breast cancer is on record: no metastasis, stage IV or unresectable disease was found.",
            merged(sources, *(s.sources for s in early)),
            _TRIAL,
        )
        return Clause("W1", Known.NO, (reason,))
    words = not_found("Whether the breast cancer is advanced (a metastatic site or the stage)", gaps)
    reason = Reason("window.disease.extent_unknown", "W1", f"{words}.", sources, _TRIAL)
    return Clause("W1", Known.UNKNOWN, (reason,), settle=("the stage or a metastatic site of the breast cancer",))


def _current(results: list[Receptor]) -> list[Receptor]:
    """The results that count: the latest biopsy of metastatic disease wins, else the latest dated, else all."""
    readable = [r for r in results if r.status is not ReceptorStatus.UNREADABLE and not r.provisional]
    metastatic = [r for r in readable if r.biopsy is Biopsy.METASTASIS]
    pool = metastatic or readable
    dated = [r for r in pool if r.date is not None]
    if not dated:
        return pool
    latest = max(r.date.first for r in dated if r.date is not None)
    undated = [r for r in pool if r.date is None] if not metastatic else []
    return [r for r in dated if r.date is not None and r.date.last >= latest] + undated


_NAMES = {Marker.ER: "Oestrogen receptor", Marker.PR: "Progesterone receptor", Marker.HER2: "HER2"}


def _describe(result: Receptor) -> str:
    parts = [result.status.value]
    if result.percent is not None:
        parts.append(f"{result.percent} %")
    if result.score is not None:
        parts.append(f"IHC {result.score}")
    where = {Biopsy.METASTASIS: ", metastasis", Biopsy.PRIMARY: ", primary tumour"}.get(result.biopsy, "")
    return f"{' '.join(parts)}{where}, {date_words(result.date)}"


def _unknown(clause: str, code: str, sentence: str, settle: str, results: list[Receptor]) -> Clause:
    reason = Reason(code, clause, sentence, merged(*(r.sources for r in results)), _TRIAL)
    return Clause(clause, Known.UNKNOWN, (reason,), settle=(settle,))


def hormone_receptor(chart: Chart) -> Clause:
    """W2: oestrogen receptor positive; PR alone cannot tell; 1-10 % is inside and marked."""
    gaps = missing_parts(chart, Part.RECEPTORS)
    results = [r for r in chart.receptors if r.marker is Marker.ER]
    current = _current(results)
    settle = "the oestrogen receptor status of the breast cancer"
    if not current:
        progesterone = _current([r for r in chart.receptors if r.marker is Marker.PR])
        if any(r.status is ReceptorStatus.POSITIVE for r in progesterone):
            words = "The progesterone receptor is positive, but the oestrogen receptor status was not found."
            return _unknown("W2", "window.er.only_pr", words, settle, progesterone)
        return _unknown(
            "W2", "window.er.not_found", not_found("The oestrogen receptor status", gaps) + ".", settle, results
        )
    states = {r.status for r in current}
    if len(states) > 1:
        words = "Oestrogen receptor results contradict each other: " + "; ".join(sorted(map(_describe, current))) + "."
        return _unknown("W2", "window.er.conflict", words, "which oestrogen receptor result holds", current)
    sources = merged(*(r.sources for r in current))
    shown = sorted(map(_describe, current))[0]
    if states == {ReceptorStatus.NEGATIVE}:
        reason = Reason("window.er.negative", "W2", f"Oestrogen receptor negative ({shown}).", sources, _TRIAL)
        return Clause("W2", Known.NO, (reason,))
    if states != {ReceptorStatus.POSITIVE}:
        return _unknown(
            "W2", "window.er.equivocal", f"The oestrogen receptor result is equivocal ({shown}).", settle, current
        )
    reasons = [Reason("window.er.positive", "W2", f"Oestrogen receptor positive ({shown}).", sources, _TRIAL)]
    if any(r.low for r in current):
        low = "Oestrogen receptor low (1-10 %): inside, but few such patients were in the trials."
        reasons.append(Reason("window.er.low", "W2", low, sources, ("policy-judgement",)))
    return Clause("W2", Known.YES, tuple(reasons))


def her2(chart: Chart) -> Clause:
    """W3: HER2 negative; IHC 2+ needs in-situ hybridisation of the same specimen; HER2-low is negative."""
    results = [r for r in chart.receptors if r.marker is Marker.HER2]
    current = _current(results)
    settle = "the HER2 status of the breast cancer"
    if not current:
        gaps = missing_parts(chart, Part.RECEPTORS)
        return _unknown("W3", "window.her2.not_found", not_found("The HER2 status", gaps) + ".", settle, results)
    hybridised = [r for r in current if r.method == "ish" and r.status is not ReceptorStatus.EQUIVOCAL]
    if hybridised and any(r.status is ReceptorStatus.EQUIVOCAL for r in current):
        current = [r for r in current if r.status is not ReceptorStatus.EQUIVOCAL]
    states = {r.status for r in current}
    sources = merged(*(r.sources for r in current))
    shown = sorted(map(_describe, current))[0]
    if ReceptorStatus.EQUIVOCAL in states:
        words = f"HER2 is IHC 2+ without in-situ hybridisation ({shown})."
        return _unknown("W3", "window.her2.equivocal", words, "in-situ hybridisation of the HER2 2+ specimen", current)
    if len(states) > 1:
        words = "HER2 results contradict each other: " + "; ".join(sorted(map(_describe, current))) + "."
        return _unknown("W3", "window.her2.conflict", words, "which HER2 result holds", current)
    if states == {ReceptorStatus.POSITIVE}:
        return Clause(
            "W3", Known.NO, (Reason("window.her2.positive", "W3", f"HER2 positive ({shown}).", sources, _TRIAL),)
        )
    words = f"HER2 {'low, which counts as negative' if any(r.low for r in current) else 'negative'} ({shown})."
    return Clause("W3", Known.YES, (Reason("window.her2.negative", "W3", words, sources, _TRIAL),))


def person(chart: Chart, today: date) -> Clause:
    """W9: alive and 18 or older."""
    who = chart.person
    if who.deceased:
        since = who.deceased_on.last if who.deceased_on is not None else None
        on = f" on {date_words(who.deceased_on)}" if who.deceased_on is not None else ""
        reason = Reason("window.person.deceased", "W9", f"The patient has died{on}.", who.sources)
        return Clause("W9", Known.NO, (reason,), since=since)
    if who.birth is None:
        words = not_found("The birth date", missing_parts(chart, Part.PERSON))
        reason = Reason("window.person.no_birth_date", "W9", f"{words}.", who.sources, _TRIAL)
        return Clause("W9", Known.UNKNOWN, (reason,), settle=("the birth date",))
    if add_months(who.birth.last, 216) <= today:
        return Clause("W9", Known.YES, (Reason("window.person.adult", "W9", "Adult.", who.sources, _TRIAL),))
    if add_months(who.birth.first, 216) > today:
        born = f"Under 18 on {day_words(today)}."
        return Clause("W9", Known.NO, (Reason("window.person.minor", "W9", born, who.sources, _TRIAL),))
    words = f"The birth date ({date_words(who.birth)}) does not tell whether the patient is 18."
    reason = Reason("window.person.age_unclear", "W9", words, who.sources, _TRIAL)
    return Clause("W9", Known.UNKNOWN, (reason,), settle=("the full birth date",))
