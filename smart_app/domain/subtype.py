"""The subtype gate: W1 disease, W2 hormone receptor, W3 HER2, W9 person."""

from __future__ import annotations

from datetime import date, timedelta

from smart_app.domain.dates import PartialDate, add_days, add_months
from smart_app.domain.decision import Reason
from smart_app.domain.facts import (
    Biopsy,
    Chart,
    Diagnosis,
    Extent,
    Known,
    Marker,
    Part,
    Receptor,
    ReceptorStatus,
    Sources,
)
from smart_app.domain.lines import advanced_since, is_advanced
from smart_app.domain.logic import span
from smart_app.domain.reasons import JUDGEMENT, TRIAL, Clause, merged, missing_parts, not_found, order_of
from smart_app.domain.wording import date_words, day_words

_JOIN = timedelta(days=90)
_NEAR = 60  # days before the advanced disease was recorded (judgement: the record often follows the biopsy)


def disease(chart: Chart) -> Clause:
    """W1: advanced or metastatic breast cancer."""
    breast = [d for d in chart.diagnoses if d.breast]
    if breast and is_advanced(chart):
        return Clause("W1", Known.YES, lambda: _advanced(chart, breast))
    gaps = missing_parts(chart, Part.DISEASE)
    if not breast:
        settle = "a diagnosis of breast cancer (not found)"
        words = not_found("A diagnosis of breast cancer", gaps)
        return Clause(
            "W1", Known.UNKNOWN, (Reason("window.disease.no_diagnosis", "W1", f"{words}."),), settle=(settle,)
        )
    sources = merged(*(d.sources for d in breast))
    early = [s for s in chart.spread if s.extent is Extent.EARLY]
    if early and not gaps:
        reason = Reason(
            "window.disease.early_only",
            "W1",
            "Only early breast cancer is on record: no metastasis, stage IV or unresectable disease was found.",
            merged(sources, *(s.sources for s in early)),
            TRIAL,
        )
        return Clause("W1", Known.NO, (reason,))
    words = not_found("Whether the breast cancer is advanced (a metastatic site or the stage)", gaps)
    reason = Reason("window.disease.extent_unknown", "W1", f"{words}.", sources, TRIAL)
    return Clause(
        "W1", Known.UNKNOWN, (reason,), settle=("the stage or a metastatic site of the breast cancer (not found)",)
    )


def _advanced(chart: Chart, breast: list[Diagnosis]) -> tuple[Reason, ...]:
    found = [s for s in chart.spread if s.extent is not Extent.EARLY]
    dated = sorted((s.known_on for s in found if s.known_on), key=lambda d: (d.first, d.last))
    since = f", known since {date_words(dated[0])}" if dated else ", since when is not recorded"
    sites = sorted({s.site.replace("_", " ") for s in found if s.site})
    where = f" ({', '.join(sites)})" if sites else ""
    sources = merged(*(d.sources for d in breast), *(s.sources for s in found))
    reason = Reason("window.disease.advanced", "W1", f"Advanced breast cancer{where}{since}.", sources, TRIAL)
    others = [d for d in chart.diagnoses if not d.breast and d.active is not False]
    notices = [
        Reason("window.disease.other_cancer", "W1", f"Another cancer is on record: {d.text}.", d.sources)
        for d in sorted(others, key=lambda d: (d.text, order_of(d.sources)))
    ]
    return (reason, *notices)


def _current(results: list[Receptor], chart: Chart) -> list[Receptor]:
    """The results that may be the one that counts: the latest biopsy of metastatic disease, else the latest.

    More than one where dates are uncertain, undated or equal, or where a later biopsy does not say what was biopsied.
    """
    readable = [r for r in results if r.status is not ReceptorStatus.UNREADABLE and not r.provisional]
    metastatic = _latest([r for r in readable if r.biopsy is Biopsy.METASTASIS])
    if not metastatic:
        return _of_early_disease(readable, advanced_since(chart))
    unsaid = [r for r in readable if r.biopsy is Biopsy.UNKNOWN and r.date is not None]
    if not unsaid:
        return metastatic
    bound = max(span(r.date)[0] for r in metastatic)
    return metastatic + [r for r in unsaid if span(r.date)[1] >= bound]


def _of_early_disease(results: list[Receptor], advanced: PartialDate | None) -> list[Receptor]:
    """Without a biopsy of metastatic disease: the latest result where it may be one, or where the others agree with it.

    Results of the early disease that contradict each other do not tell which of them the metastases carry (a second
    primary, or a tumour that changed).
    """
    latest = _latest(results)
    since = add_days(advanced.last, -_NEAR) if advanced is not None else None
    if any(r.biopsy is Biopsy.UNKNOWN and since is not None and span(r.date)[0] >= since for r in latest):
        return latest
    states = {r.status for r in latest}
    return latest + [
        r
        for r in results
        if r not in latest
        and r.method != "diagnosis"
        and {r.status} | states == {ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE}
    ]


def _latest(results: list[Receptor]) -> list[Receptor]:
    if len(results) < 2:
        return results
    bound = max(span(r.date)[0] for r in results)
    return [r for r in results if span(r.date)[1] >= bound]


def _of_two_cancers(chart: Chart, results: list[Receptor]) -> bool:
    """Another active cancer, and results that differ and do not say of which biopsy: they cannot be told apart."""
    if not has_other_cancer(chart):
        return False
    open_ones = [r for r in results if r.biopsy is Biopsy.UNKNOWN and r.method != "diagnosis"]
    return len({r.status for r in open_ones}) > 1


def has_other_cancer(chart: Chart) -> bool:
    """Another cancer is, or may be, active."""
    return bool([d for d in chart.diagnoses if not d.breast and d.active is not False])


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
    reason = Reason(code, clause, sentence, merged(*(r.sources for r in results)), TRIAL)
    return Clause(clause, Known.UNKNOWN, (reason,), settle=(settle,))


def hormone_receptor(chart: Chart) -> Clause:
    """W2: oestrogen receptor positive; PR alone cannot tell; 1-10 % is inside and marked."""
    results = [r for r in chart.receptors if r.marker is Marker.ER]
    current = _current(results, chart)
    settle = "the oestrogen receptor status of the breast cancer (not found)"
    if not current:
        progesterone = _current([r for r in chart.receptors if r.marker is Marker.PR], chart)
        if any(r.status is ReceptorStatus.POSITIVE for r in progesterone):
            words = "The progesterone receptor is positive, but the oestrogen receptor status was not found."
            return _unknown("W2", "window.er.only_pr", words, settle, progesterone)
        words = not_found("The oestrogen receptor status", missing_parts(chart, Part.RECEPTORS)) + "."
        return _unknown("W2", "window.er.not_found", words, settle, results)
    if _of_two_cancers(chart, results):
        words = (
            "There is another active cancer, and which oestrogen receptor result is of the breast cancer is not said."
        )
        return _unknown("W2", "window.er.of_which_cancer", words, "of which cancer each receptor result is", results)
    states = {r.status for r in current}
    if len(states) > 1:
        words = "Oestrogen receptor results contradict each other: " + "; ".join(sorted(map(_describe, current))) + "."
        return _unknown(
            "W2",
            "window.er.conflict",
            words,
            "which oestrogen receptor result holds (they contradict each other)",
            current,
        )
    if ReceptorStatus.POSITIVE in states:
        return Clause("W2", Known.YES, lambda: _positive(current))
    sources, shown = _of_results(current)
    if ReceptorStatus.NEGATIVE in states:
        reason = Reason("window.er.negative", "W2", f"Oestrogen receptor negative ({shown}).", sources, TRIAL)
        return Clause("W2", Known.NO, (reason,))
    words = f"The oestrogen receptor result is equivocal ({shown})."
    return _unknown("W2", "window.er.equivocal", words, settle, current)


def _positive(current: list[Receptor]) -> list[Reason]:
    sources, shown = _of_results(current)
    reasons = [Reason("window.er.positive", "W2", f"Oestrogen receptor positive ({shown}).", sources, TRIAL)]
    if any(r.low or (r.percent is not None and 1 <= r.percent <= 10) for r in current):
        low = "Oestrogen receptor low (1-10 %): inside, but few such patients were in the trials."
        reasons.append(Reason("window.er.low", "W2", low, sources, JUDGEMENT))
    return reasons


def _of_results(current: list[Receptor]) -> tuple[Sources, str]:
    """Their resources, and one of them in words."""
    return merged(*(r.sources for r in current)), min(map(_describe, current))


def her2(chart: Chart) -> Clause:
    """W3: HER2 negative; IHC 2+ needs in-situ hybridisation of the same specimen; HER2-low is negative."""
    results = [r for r in chart.receptors if r.marker is Marker.HER2]
    current = [s for r in _current(results, chart) for s in _hybridised(r, results)]
    settle = "the HER2 status of the breast cancer (not found)"
    if not current:
        gaps = missing_parts(chart, Part.RECEPTORS)
        return _unknown("W3", "window.her2.not_found", not_found("The HER2 status", gaps) + ".", settle, results)
    if _of_two_cancers(chart, [s for r in results for s in _hybridised(r, results)]):
        words = "There is another active cancer, and which HER2 result is of the breast cancer is not said."
        return _unknown("W3", "window.her2.of_which_cancer", words, "of which cancer each HER2 result is", results)
    states = {r.status for r in current}
    if ReceptorStatus.EQUIVOCAL in states:
        words = f"HER2 is IHC 2+ without in-situ hybridisation ({_of_results(current)[1]})."
        return _unknown("W3", "window.her2.equivocal", words, "in-situ hybridisation of the HER2 2+ specimen", current)
    if len(states) > 1:
        words = "HER2 results contradict each other: " + "; ".join(sorted(map(_describe, current))) + "."
        return _unknown(
            "W3", "window.her2.conflict", words, "which HER2 result holds (they contradict each other)", current
        )
    if ReceptorStatus.POSITIVE in states:
        sources, shown = _of_results(current)
        reason = Reason("window.her2.positive", "W3", f"HER2 positive ({shown}).", sources, TRIAL)
        return Clause("W3", Known.NO, (reason,))
    return Clause("W3", Known.YES, lambda: _her2_negative(current))


def _her2_negative(current: list[Receptor]) -> tuple[Reason, ...]:
    sources, shown = _of_results(current)
    words = f"HER2 {'low, which counts as negative' if any(r.low for r in current) else 'negative'} ({shown})."
    return (Reason("window.her2.negative", "W3", words, sources, TRIAL),)


def _hybridised(result: Receptor, results: list[Receptor]) -> list[Receptor]:
    """An IHC 2+ gives way to the in-situ hybridisation of its specimen (or within 90 days where none is named)."""
    if result.status is not ReceptorStatus.EQUIVOCAL:
        return [result]
    settled = [
        r
        for r in results
        if r.method == "ish"
        and r.status in (ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE)
        and not r.provisional
        and _same_specimen(result, r)
    ]
    return settled or [result]


def _same_specimen(a: Receptor, b: Receptor) -> bool:
    if a.specimen is not None and b.specimen is not None:
        return a.specimen == b.specimen
    if a.date is None or b.date is None or {a.biopsy, b.biopsy} == {Biopsy.PRIMARY, Biopsy.METASTASIS}:
        return False
    return max(a.date.last, b.date.last) - min(a.date.first, b.date.first) <= _JOIN


def person(chart: Chart, today: date) -> Clause:
    """W9: alive and 18 or older."""
    who = chart.person
    if who.deceased:
        since, on = who.deceased_on, ""
        if since is not None:
            on = f" {'in' if since.exact is None else 'on'} {date_words(since)}"
        reason = Reason("window.person.deceased", "W9", f"The patient died{on}.", who.sources)
        return Clause("W9", Known.NO, (reason,), since=since)
    if who.birth is None:
        words = not_found("The birth date", missing_parts(chart, Part.PERSON))
        reason = Reason("window.person.no_birth_date", "W9", f"{words}.", who.sources, TRIAL)
        return Clause("W9", Known.UNKNOWN, (reason,), settle=("the birth date (not found)",))
    if add_months(who.birth.last, 216) <= today:
        return Clause("W9", Known.YES, lambda: (Reason("window.person.adult", "W9", "Adult.", who.sources, TRIAL),))
    if add_months(who.birth.first, 216) > today:
        born = f"Under 18 on {day_words(today)}."
        return Clause("W9", Known.NO, (Reason("window.person.minor", "W9", born, who.sources, TRIAL),))
    words = f"The birth date ({date_words(who.birth)}) does not tell whether the patient is 18."
    reason = Reason("window.person.age_unclear", "W9", words, who.sources, TRIAL)
    return Clause("W9", Known.UNKNOWN, (reason,), settle=("the full birth date",))
