"""The regimen gate: W4 aromatase inhibitor, W5 CDK4/6 inhibitor, W6 first line, W7 no SERD, W8 no progression."""

from __future__ import annotations

from datetime import date

from smart_app.domain.dates import add_days, add_months
from smart_app.domain.decision import Reason
from smart_app.domain.facts import Chart, DrugClass, Exposure, Known, Part, Progress, Setting
from smart_app.domain.lines import Course, advanced_since, is_advanced, sort_exposures, watched
from smart_app.domain.policy import Policy
from smart_app.domain.presence import Presence, any_now, presence
from smart_app.domain.reasons import Clause, merged, missing_parts, not_found
from smart_app.domain.wording import date_words, day_words, listed

_TRIAL = ("serena-6-eligibility",)
_J = ("policy-judgement",)


def _names(exposures: tuple[Exposure, ...]) -> str:
    return listed(sorted({e.drug for e in exposures}))


def _sources(exposures: tuple[Exposure, ...]) -> tuple:  # type: ignore[type-arg]
    return merged(*(e.sources for e in exposures))


def _of(chart: Chart, *classes: DrugClass) -> tuple[Exposure, ...]:
    return tuple(e for e in chart.exposures if e.drug_class in classes)


def _unclear_note(chart: Chart) -> str:
    return f" ({'; '.join(chart.unclear_drugs)})" if chart.unclear_drugs else ""


def aromatase_inhibitor(chart: Chart, today: date, policy: Policy) -> Clause:
    """W4: an AI now."""
    ais = _of(chart, DrugClass.AI)
    if not ais:
        gaps = missing_parts(chart, Part.DRUGS)
        if gaps or chart.unclear_drugs:
            words = not_found("An aromatase inhibitor", gaps) + _unclear_note(chart)
            reason = Reason("window.ai.not_read", "W4", f"{words}.", (), _TRIAL)
            return Clause("W4", Known.UNKNOWN, (reason,), settle=("whether the patient takes an aromatase inhibitor",))
        reason = Reason("window.ai.none", "W4", "No aromatase inhibitor is on record.", (), _TRIAL)
        return Clause("W4", Known.NO, (reason,))
    counted = tuple(e for e in ais if policy.exemestane_inside or e.drug != "exemestane")
    found = any_now(counted, today, policy) if counted else Presence(Known.NO)
    everything = any_now(ais, today, policy)
    if found.now is Known.NO and everything.now is not Known.NO:
        words = f"The aromatase inhibitor is exemestane, which the policy {policy.name} does not count."
        reason = Reason("window.ai.exemestane", "W4", words, _sources(ais), _TRIAL)
        return Clause("W4", Known.NO, (reason,))
    return _now_clause("W4", "ai", "aromatase inhibitor", counted or ais, found, today, policy)


def _now_clause(
    clause: str, code: str, what: str, exposures: tuple[Exposure, ...], found: Presence, today: date, policy: Policy
) -> Clause:
    sources = _sources(exposures)
    names = _names(exposures)
    if found.now is Known.YES:
        now = tuple(e for e in exposures if presence(e, today, policy).now is Known.YES)
        reasons = [Reason(f"window.{code}.now", clause, f"On {_names(now)}.", _sources(now), _TRIAL)]
        if any(e.drug == "exemestane" for e in now):
            words = "Exemestane was not part of the trial's definition; this policy counts it."
            reasons.append(Reason(f"window.{code}.exemestane_counts", clause, words, _sources(now), _J))
        return Clause(clause, Known.YES, tuple(reasons))
    if found.now is Known.UNKNOWN:
        why = "only an old order shows it, no evidence of taking" if found.order_only else "its dates do not tell"
        reason = Reason(
            f"window.{code}.unclear", clause, f"Whether {names} is taken now cannot be told: {why}.", sources, _TRIAL
        )
        return Clause(clause, Known.UNKNOWN, (reason,), settle=(f"whether the patient takes {names} now",))
    if found.ended is None:
        reason = Reason(
            f"window.{code}.stopped_undated",
            clause,
            f"{names} has been stopped; when is not recorded.",
            sources,
            _TRIAL,
        )
        return Clause(clause, Known.NO, (reason,))
    if clause == "W4" and (today - found.ended).days <= policy.ai_pause_days:
        words = (
            f"{names} ended on {day_words(found.ended)}; a pause of up to {policy.ai_pause_days} days "
            "does not close the window."
        )
        return Clause(clause, Known.YES, (Reason("window.ai.pause", clause, words, sources, _J),))
    reason = Reason(f"window.{code}.stopped", clause, f"No {what} since {day_words(found.ended)}.", sources, _TRIAL)
    return Clause(clause, Known.NO, (reason,), since=found.ended)


def cdk46_inhibitor(chart: Chart, today: date, policy: Policy) -> Clause:
    """W5: a CDK4/6 inhibitor now, or on hold for no longer than the policy allows."""
    drugs = _of(chart, DrugClass.CDK46)
    if not drugs:
        gaps = missing_parts(chart, Part.DRUGS)
        if gaps or chart.unclear_drugs:
            words = not_found("A CDK4/6 inhibitor", gaps) + _unclear_note(chart)
            reason = Reason("window.cdk46.not_read", "W5", f"{words}.", (), _TRIAL)
            return Clause("W5", Known.UNKNOWN, (reason,), settle=("whether the patient takes a CDK4/6 inhibitor",))
        reason = Reason("window.cdk46.none", "W5", "No CDK4/6 inhibitor is on record.", (), _TRIAL)
        return Clause("W5", Known.NO, (reason,))
    held = tuple(e for e in drugs if e.on_hold)
    active = tuple(e for e in drugs if not e.on_hold)
    found = any_now(active, today, policy) if active else Presence(Known.NO)
    if held and found.now is not Known.YES:
        return _held(held, today, policy)
    made = _now_clause("W5", "cdk46", "CDK4/6 inhibitor", active, found, today, policy)
    if made.answer is Known.NO and policy.ai_alone_inside:
        words = "The CDK4/6 inhibitor was stopped; this site keeps the window open while the AI goes on."
        kept = Reason("window.cdk46.ai_alone_inside", "W5", words, _sources(drugs), _J)
        return Clause("W5", Known.YES, (*made.reasons, kept))
    return made


def _held(held: tuple[Exposure, ...], today: date, policy: Policy) -> Clause:
    names, sources = _names(held), _sources(held)
    since = [e.on_hold_since for e in held if e.on_hold_since is not None]
    settle = (f"whether {names} will be taken again",)
    if len(since) < len(held):
        words = f"{names} is on hold; since when is not recorded."
        reason = Reason("window.cdk46.hold_undated", "W5", words, sources, _J)
        return Clause("W5", Known.UNKNOWN, (reason,), settle=settle)
    latest = max(since, key=lambda d: d.first)
    if add_days(latest.first, policy.hold_days) >= today:
        words = (
            f"{names} is on hold since {date_words(latest)}; up to {policy.hold_days // 7} weeks keep the window open."
        )
        return Clause("W5", Known.YES, (Reason("window.cdk46.hold", "W5", words, sources, _J),))
    words = f"{names} is on hold since {date_words(latest)}, longer than {policy.hold_days // 7} weeks."
    reason = Reason("window.cdk46.hold_long", "W5", words, sources, _J)
    return Clause("W5", Known.UNKNOWN, (reason,), settle=settle)


def first_line(chart: Chart, lines: tuple[Course, ...], today: date, policy: Policy) -> Clause:
    """W6: no earlier endocrine line for advanced disease."""
    begun = [line for line in lines if line.start is None or line.start.first <= today]
    found = sort_exposures(chart)
    if len(begun) > 1:
        return _later_line(begun, policy)
    if not begun:
        return _no_line(chart)
    line = begun[0]
    sources = _sources(line.exposures)
    notices = [*_adjuvant_notices(chart, found.early, policy)]
    if DrugClass.CHEMOTHERAPY in line.classes or DrugClass.HER2 in line.classes:
        drugs = tuple(e for e in line.exposures if e.drug_class in (DrugClass.CHEMOTHERAPY, DrugClass.HER2))
        running = any_now(drugs, today, policy)
        if running.now is not Known.NO:
            answer = Known.NO if running.now is Known.YES else Known.UNKNOWN
            reason = Reason(
                "window.line.chemotherapy_now",
                "W6",
                f"{_names(drugs)} is part of the treatment.",
                _sources(drugs),
                _TRIAL,
            )
            return Clause(
                "W6", answer, (reason,), settle=() if answer is Known.NO else (f"whether {_names(drugs)} goes on",)
            )
    if found.unclear and advanced_since(chart) is None and is_advanced(chart):
        olds = [e for e in found.unclear if presence(e, today, policy).now is Known.NO]
        if olds:
            words = (
                f"Since when the disease is advanced is not recorded, so {_names(tuple(olds))} may have been adjuvant."
            )
            reason = Reason("window.line.setting_unknown", "W6", words, sources, _TRIAL)
            return Clause("W6", Known.UNKNOWN, (reason,), settle=("the day the advanced disease was found",))
    gap = _lead_in(line, policy)
    if gap is not None:
        settle = ("whether endocrine therapy alone was a line of its own",)
        return Clause("W6", Known.UNKNOWN, (gap,), settle=settle)
    gaps = missing_parts(chart, Part.DRUGS)
    if gaps:
        words = "No earlier line was found, but the drugs were not read completely."
        reason = Reason("window.line.not_read", "W6", words, sources, _TRIAL)
        return Clause("W6", Known.UNKNOWN, (reason,), settle=("whether there was an earlier line of therapy",))
    began = f", begun {date_words(line.start)}" if line.start else ""
    reason = Reason("window.line.first", "W6", f"First line for advanced disease{began}.", sources, _TRIAL)
    return Clause("W6", Known.YES, (reason, *notices))


def _later_line(begun: list[Course], policy: Policy) -> Clause:
    earlier, current = begun[:-1], begun[-1]
    sources = merged(*(e.sources for line in begun for e in line.exposures))
    only_chemotherapy = all(
        line.classes <= {DrugClass.CHEMOTHERAPY, DrugClass.HER2, DrugClass.TARGETED} for line in earlier
    )
    pair = {DrugClass.AI, DrugClass.CDK46}
    if only_chemotherapy and pair <= current.classes:
        names = _names(tuple(e for line in earlier for e in line.exposures))
        words = f"Before the endocrine treatment {names} was given for advanced disease"
        if policy.earlier_chemotherapy_inside:
            sentence = f"{words}; this policy counts the line as the first endocrine one."
            return Clause("W6", Known.YES, (Reason("window.line.after_chemotherapy", "W6", sentence, sources, _J),))
        reason = Reason(
            "window.line.after_chemotherapy", "W6", f"{words}; the trial's text does not settle it.", sources, _TRIAL
        )
        settle = ("whether chemotherapy before the first endocrine line counts here",)
        return Clause("W6", Known.UNKNOWN, (reason,), settle=settle)
    since = current.start.first if current.start else None
    began = f" since {date_words(current.start)}" if current.start else ""
    reason = Reason(
        "window.line.later",
        "W6",
        f"Line {current.number} has begun ({_names(current.exposures)}){began}.",
        sources,
        _TRIAL,
    )
    return Clause("W6", Known.NO, (reason,), since=since)


def _no_line(chart: Chart) -> Clause:
    gaps = missing_parts(chart, Part.DRUGS)
    words = not_found("A line of therapy for advanced disease", gaps)
    reason = Reason("window.line.none", "W6", f"{words}.", (), _TRIAL)
    return Clause("W6", Known.UNKNOWN, (reason,), settle=("which line of therapy this is",))


def _lead_in(line: Course, policy: Policy) -> Reason | None:
    """Endocrine therapy alone for longer than the policy joins before the CDK4/6 inhibitor (judgement)."""
    endocrine = [e.start for e in line.exposures if e.drug_class is DrugClass.AI and e.start is not None]
    cdk = [e.start for e in line.exposures if e.drug_class is DrugClass.CDK46 and e.start is not None]
    if not endocrine or not cdk:
        return None
    first, joined = min(endocrine, key=lambda d: d.first), min(cdk, key=lambda d: d.first)
    if (joined.first - first.last).days <= policy.one_line_days:
        return None
    words = (
        f"The aromatase inhibitor was taken alone from {date_words(first)} until the CDK4/6 inhibitor joined it "
        f"{date_words(joined)}, longer than {policy.one_line_days} days."
    )
    return Reason("window.line.lead_in", "W6", words, _sources(line.exposures), _J)


def _adjuvant_notices(chart: Chart, early: tuple[Exposure, ...], policy: Policy) -> list[Reason]:
    since = advanced_since(chart)
    ais = tuple(e for e in early if e.drug_class is DrugClass.AI)
    if since is None or not ais:
        return []
    ends = [e.end for e in ais if e.end is not None]
    on_it = len(ends) < len(ais) or any(add_months(end.last, policy.relapse_months) > since.first for end in ends)
    if not on_it:
        return []
    within = f"within {policy.relapse_months} months after"
    words = f"Relapse during or {within} an adjuvant aromatase inhibitor: inside, marked."
    return [Reason("window.line.relapse_on_adjuvant", "W6", words, _sources(ais), ("pada-1-baseline",))]


def no_serd(chart: Chart, today: date, policy: Policy) -> Clause:
    """W7: never on a SERD (or degrader) for advanced disease."""
    serds = _of(chart, DrugClass.SERD)
    if not serds:
        gaps = missing_parts(chart, Part.DRUGS)
        if gaps:
            reason = Reason("window.serd.not_read", "W7", not_found("A SERD", gaps) + ".", (), _TRIAL)
            return Clause("W7", Known.UNKNOWN, (reason,), settle=("whether the patient ever had a SERD",))
        return Clause("W7", Known.YES, (Reason("window.serd.none", "W7", "No SERD is on record.", (), _TRIAL),))
    sources, names = _sources(serds), _names(serds)
    now = any_now(serds, today, policy)
    adjuvant = all(e.setting in (Setting.ADJUVANT, Setting.NEOADJUVANT) for e in serds)
    if adjuvant and now.now is Known.NO:
        words = f"{names} was given as adjuvant therapy; no data say what that means here."
        reason = Reason("window.serd.adjuvant", "W7", words, sources, _J)
        return Clause("W7", Known.UNKNOWN, (reason,), settle=("whether an adjuvant SERD closes the window",))
    begun = [
        e
        for e in serds
        if (e.start is None or e.start.first <= today) and e.setting not in (Setting.ADJUVANT, Setting.NEOADJUVANT)
    ]
    starts = sorted((e.start for e in begun if e.start is not None), key=lambda d: (d.first, d.last))
    advanced = advanced_since(chart)
    sure = now.now is Known.YES or any(e.setting is Setting.ADVANCED for e in begun)
    sure = sure or (bool(starts) and advanced is not None and starts[0].first >= advanced.first)
    if begun and sure:
        since = starts[0].first if starts else None
        on = f" since {date_words(starts[0])}" if starts else ""
        tense = "On" if now.now is Known.YES else "Has had"
        reason = Reason("window.serd.advanced", "W7", f"{tense} {names}{on}.", sources, _TRIAL)
        return Clause("W7", Known.NO, (reason,), since=since)
    if not begun:
        reason = Reason(
            "window.serd.planned", "W7", f"{names} is on record with a start in the future.", sources, _TRIAL
        )
        return Clause("W7", Known.YES, (reason,))
    reason = Reason(
        "window.serd.undated", "W7", f"{names} is on record, but when and for what is not.", sources, _TRIAL
    )
    return Clause("W7", Known.UNKNOWN, (reason,), settle=(f"when and for what {names} was given",))


def no_progression(chart: Chart, lines: tuple[Course, ...], today: date) -> Clause:
    """W8: no progression on this line. The latest statement of the record counts; a tie that differs cannot tell."""
    line = watched(lines, today)
    start = line.start if line else None
    relevant = [
        s
        for s in chart.statuses
        if s.date is None or (s.date.first <= today and (start is None or s.date.last > start.first))
    ]
    worse = [s for s in relevant if s.status is Progress.WORSENED]
    sources = merged(*(s.sources for s in relevant))
    if worse:
        undated = [s for s in worse if s.date is None]
        dated = sorted((s.date for s in worse if s.date is not None), key=lambda d: (d.first, d.last))
        if not dated:
            reason = Reason(
                "window.progression.undated", "W8", "Progression is recorded without a date.", sources, _TRIAL
            )
            return Clause("W8", Known.UNKNOWN, (reason,), settle=("when the recorded progression was",))
        day = dated[0]
        against = [s for s in relevant if s.date == day and s.status in (Progress.STABLE, Progress.IMPROVED)]
        later = [d for d in dated if start is None or d.first > start.last]
        day = later[0] if later else day
        if against and not [d for d in dated if d != day] and not undated:
            words = f"Progression and no progression are both recorded for {date_words(day)}."
            reason = Reason("window.progression.conflict", "W8", words, sources, _TRIAL)
            return Clause("W8", Known.UNKNOWN, (reason,), settle=(f"the disease status of {date_words(day)}",))
        if not later:
            words = f"Progression is recorded for {date_words(day)}; this line began {date_words(start)}."
            reason = Reason("window.progression.date_unclear", "W8", words, sources, _TRIAL)
            return Clause("W8", Known.UNKNOWN, (reason,), settle=("whether the progression was on this line",))
        words = (
            f"Progression recorded {date_words(day)}: from then on ESR1 testing is for choosing the next treatment, "
            "not for this window."
        )
        reason = Reason("window.progression.recorded", "W8", words, sources, ("chmp-opinion",))
        return Clause("W8", Known.NO, (reason,), since=day.first)
    gaps = missing_parts(chart, Part.STATUS)
    if gaps:
        words = not_found("Progression", gaps)
        reason = Reason("window.progression.not_read", "W8", f"{words}.", sources, _TRIAL)
        return Clause("W8", Known.UNKNOWN, (reason,), settle=("the disease status",))
    equivocal = [s for s in relevant if s.status is Progress.EQUIVOCAL_IMAGING]
    reasons = [Reason("window.progression.none", "W8", "No progression is recorded on this line.", sources, _TRIAL)]
    for s in sorted(equivocal, key=lambda s: str(s.date)):
        words = f"Imaging was equivocal {date_words(s.date)}: that is not progression, but settle it before deciding."
        reasons.append(Reason("window.progression.equivocal", "W8", words, s.sources, _J))
    return Clause("W8", Known.YES, tuple(reasons))
