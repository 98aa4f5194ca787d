"""The regimen gate: W4 aromatase inhibitor, W5 CDK4/6 inhibitor, W7 no SERD."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from smart_app.domain.dates import PartialDate, add_days
from smart_app.domain.decision import Reason
from smart_app.domain.facts import Chart, DrugClass, Exposure, Known, Part, Sources
from smart_app.domain.lines import EARLY, Placed
from smart_app.domain.logic import all_of, any_of, known, not_after
from smart_app.domain.policy import Policy
from smart_app.domain.presence import ORDER_ONLY, Taken, last_taken, taken, was_taken
from smart_app.domain.reasons import JUDGEMENT, TRIAL, Clause, merged, missing_parts, not_found
from smart_app.domain.wording import date_words, day_words, listed

# the drugs of clause W7, to recognise one in an entry whose code and text contradict each other
SERDS = ("fulvestrant", "elacestrant", "imlunestrant", "camizestrant", "giredestrant", "palazestrant", "vepdegestrant")


_NO_SERD = Reason("window.serd.none", "W7", "No SERD is on record.", (), TRIAL)


def names_of(exposures: Sequence[Exposure]) -> str:
    return listed(sorted({e.drug for e in exposures}))


def sources_of(exposures: Sequence[Exposure]) -> Sources:
    return merged(*(e.sources for e in exposures))


def of_class(chart: Chart, *classes: DrugClass) -> list[Exposure]:
    return [e for e in chart.exposures if e.drug_class in classes]


def aromatase_inhibitor(chart: Chart, day: date, today: date, policy: Policy) -> Clause:
    """W4: an AI now, or stopped no longer ago than the policy's pause."""
    ais = of_class(chart, DrugClass.AI)
    if not ais:
        return _none(chart, "W4", "ai", "aromatase inhibitor")
    counted = [e for e in ais if policy.exemestane_inside or e.drug != "exemestane"]
    now = last_taken(counted, day, today, policy)
    if now.on(day) is Known.YES:
        return _on(counted, "W4", "ai", day, today, policy)
    paused = last_taken([e for e in counted if e.setting not in EARLY], day, today, policy)
    answer = _within_pause(paused, now, day, policy)
    others = [e for e in ais if e not in counted]
    other = last_taken(others, day, today, policy)
    if other.on(day) is not Known.NO and answer is not Known.NO:
        answer = now.on(day) if other.on(day) is Known.YES else Known.UNKNOWN
    if answer is Known.NO and other.on(day) is not Known.NO:
        words = f"The aromatase inhibitor is exemestane, which the policy {policy.name} does not count."
        reason = Reason("window.ai.exemestane", "W4", words, sources_of(others), TRIAL)
        return Clause("W4", Known.NO, (reason,), since=_only_start(others))
    if answer is Known.UNKNOWN:
        return _unclear(ais, now, "W4", "ai", day, today, policy)
    if answer is Known.YES:
        assert paused.certain is not None  # noqa: S101 - what _within_pause rests on
        last = [e for e in counted if taken(e, day, today, policy).certain == paused.certain]
        held = [e.on_hold_since.first for e in last if e.on_hold and e.on_hold_since is not None]
        until = f"was taken until {day_words(paused.certain)} at least"
        if paused.certain in held:
            until = f"is on hold since {day_words(paused.certain)}"
        words = f"{names_of(last)} {until}; a pause of up to {policy.ai_pause_days} days does not close the window."
        reason = Reason("window.ai.pause", "W4", words, sources_of(last), JUDGEMENT)
        return Clause("W4", Known.YES, (reason,))
    return _stopped(ais, now, "W4", "ai", "aromatase inhibitor")


def _within_pause(paused: Taken, now: Taken, day: date, policy: Policy) -> Known:
    pause = timedelta(days=policy.ai_pause_days)
    certain = paused.certain is not None and day - paused.certain <= pause
    possible = (paused.possible is not None and day - paused.possible <= pause) or now.possible == day
    return known(certain, possible)


def _only_start(exposures: Sequence[Exposure]) -> PartialDate | None:
    starts = [e.start for e in exposures if e.start is not None]
    return min(starts, key=lambda d: (d.first, d.last), default=None)


def _none(chart: Chart, clause: str, code: str, what: str) -> Clause:
    gaps = missing_parts(chart, Part.DRUGS)
    article = "An" if what[0] in "aeiou" else "A"
    if not gaps and not chart.unclear_drugs:
        return Clause(clause, Known.NO, (Reason(f"window.{code}.none", clause, f"No {what} is on record.", (), TRIAL),))
    words = not_found(f"{article} {what}", gaps)
    if chart.unclear_drugs:
        words += f"; an entry names two drugs ({'; '.join(sorted(chart.unclear_drugs))})"
    reason = Reason(f"window.{code}.not_read", clause, f"{words}.", (), TRIAL)
    settle = f"whether the patient takes {article.lower()} {what} (not found)"
    return Clause(clause, Known.UNKNOWN, (reason,), settle=(settle,))


def _on(exposures: Sequence[Exposure], clause: str, code: str, day: date, today: date, policy: Policy) -> Clause:
    return Clause(clause, Known.YES, lambda: _on_reasons(exposures, clause, code, day, today, policy))


def _on_reasons(
    exposures: Sequence[Exposure], clause: str, code: str, day: date, today: date, policy: Policy
) -> list[Reason]:
    now = tuple(e for e in exposures if taken(e, day, today, policy).on(day) is Known.YES)
    reasons = [Reason(f"window.{code}.now", clause, f"On {names_of(now)}.", sources_of(now), TRIAL)]
    if any(e.drug == "exemestane" for e in now):
        words = "Exemestane was not part of the trial's definition; this policy counts it."
        reasons.append(Reason("window.ai.exemestane_counts", clause, words, sources_of(now), JUDGEMENT))
    return reasons


def _unclear(
    exposures: Sequence[Exposure], now: Taken, clause: str, code: str, day: date, today: date, policy: Policy
) -> Clause:
    found = [(e, taken(e, day, today, policy)) for e in exposures]
    maybe = tuple(e for e, t in found if t.on(day) is Known.UNKNOWN)
    maybe = maybe or tuple(e for e, t in found if t.possible == now.possible)
    names = names_of(maybe)
    if now.order_only:
        words, settle = "order only, no evidence of taking", f"whether the patient takes {names} now (order only)"
    elif any(e.ongoing is False and e.end is None for e in maybe):
        words, settle = "when it was stopped is not recorded", f"the day {names} was stopped (not recorded)"
    else:
        words, settle = "its dates do not tell", f"whether the patient takes {names} now (its dates do not tell)"
    sentence = f"Whether {names} is taken now cannot be told: {words}."
    reason = Reason(f"window.{code}.unclear", clause, sentence, sources_of(maybe), TRIAL)
    return Clause(clause, Known.UNKNOWN, (reason,), settle=(settle,))


def _stopped(exposures: Sequence[Exposure], now: Taken, clause: str, code: str, what: str) -> Clause:
    sources, names = sources_of(exposures), names_of(exposures)
    if now.possible is None:
        words = f"No {what} yet: {names} begins later."
        return Clause(clause, Known.NO, (Reason(f"window.{code}.later", clause, words, sources, TRIAL),))
    if any(e.ongoing is False and e.end is None for e in exposures):
        words = f"{names} has been stopped; when is not recorded."
        return Clause(clause, Known.NO, (Reason(f"window.{code}.stopped_undated", clause, words, sources, TRIAL),))
    last = [(e.end, e) for e in exposures if e.end is not None and e.end.last == now.possible]
    since = min((end for end, _ in last), key=lambda d: d.first, default=PartialDate.of(now.possible))
    words = f"No {what} since {date_words(since)}: {names_of([e for _, e in last] or exposures)} was stopped."
    reason = Reason(f"window.{code}.stopped", clause, words, sources, TRIAL)
    return Clause(clause, Known.NO, (reason,), since=since)


def cdk46_inhibitor(chart: Chart, day: date, today: date, policy: Policy) -> Clause:
    """W5: a CDK4/6 inhibitor now, or on hold for no longer than the policy allows."""
    drugs = of_class(chart, DrugClass.CDK46)
    if not drugs:
        return _none(chart, "W5", "cdk46", "CDK4/6 inhibitor")
    now = last_taken(drugs, day, today, policy)
    if now.on(day) is Known.YES:
        return _on(drugs, "W5", "cdk46", day, today, policy)
    held = tuple(e for e in drugs if e.on_hold and taken(e, day, today, policy).possible == day)
    if held:
        return _held(held, day, policy)
    # what was adjuvant is no drug of this line that paused or was stopped
    own = tuple(e for e in drugs if e.setting not in EARLY)
    had = last_taken(own, day, today, policy)
    if now.on(day) is Known.UNKNOWN:
        if policy.ai_alone_inside and had.certain is not None:
            return _alone(own, ())
        return _unclear(drugs, now, "W5", "cdk46", day, today, policy)
    planned = tuple(e for e in own if e.start is not None and e.start.first > day)
    if planned and had.certain is not None and day - had.certain <= timedelta(days=policy.hold_days):
        words = (
            f"No CDK4/6 inhibitor now; {names_of(planned)} is to begin, and a hold of up to "
            f"{policy.hold_days // 7} weeks keeps the window open."
        )
        reason = Reason("window.cdk46.swap", "W5", words, sources_of(drugs), JUDGEMENT)
        return Clause("W5", Known.YES, (reason,))
    if not planned and had.possible is None and now.possible is not None:
        words = f"{names_of([e for e in drugs if e.setting in EARLY])} was adjuvant; no CDK4/6 inhibitor since."
        reason = Reason("window.cdk46.adjuvant_only", "W5", words, sources_of(drugs), TRIAL)
        return Clause("W5", Known.NO, (reason,))
    made = _stopped(own or drugs, had, "W5", "cdk46", "CDK4/6 inhibitor")
    if policy.ai_alone_inside and had.possible is not None:
        return _alone(own, made.reasons)
    return made


def _alone(drugs: Sequence[Exposure], reasons: tuple[Reason, ...]) -> Clause:
    words = "The CDK4/6 inhibitor may go on or not: this policy keeps the window open while the AI goes on."
    if reasons:
        words = "This policy keeps the window open while the AI goes on alone."
    kept = Reason("window.cdk46.ai_alone_inside", "W5", words, sources_of(drugs), JUDGEMENT)
    return Clause("W5", Known.YES, (*reasons, kept))


def _held(held: Sequence[Exposure], day: date, policy: Policy) -> Clause:
    names, sources = names_of(held), sources_of(held)
    settle = (f"whether {names} will be taken again (on hold)",)
    since = [e.on_hold_since for e in held if e.on_hold_since is not None]
    latest = max(since, key=lambda d: (d.first, d.last), default=None)
    weeks = policy.hold_days // 7
    if latest is None:
        words = f"{names} is on hold; since when is not recorded."
        reason = Reason("window.cdk46.hold_undated", "W5", words, sources, JUDGEMENT)
    elif add_days(latest.first, policy.hold_days) >= day:
        words = f"{names} is on hold since {date_words(latest)}; up to {weeks} weeks keep the window open."
        return Clause("W5", Known.YES, (Reason("window.cdk46.hold", "W5", words, sources, JUDGEMENT),))
    else:
        words = f"{names} is on hold since {date_words(latest)}, longer than {weeks} weeks or perhaps so."
        reason = Reason("window.cdk46.hold_long", "W5", words, sources, JUDGEMENT)
    return Clause("W5", Known.UNKNOWN, (reason,), settle=settle)


def no_serd(chart: Chart, placed: Sequence[Placed], day: date, today: date, policy: Policy) -> Clause:
    """W7: never on a SERD (or degrader) for advanced disease."""
    found = [p for p in placed if p.kind is DrugClass.SERD]
    begun = [p for p in found if p.exposure.start is None or p.exposure.start.first <= day]
    serds = [p.exposure for p in found]
    if not begun:
        return _no_serd(chart, serds)
    sources, names = sources_of([p.exposure for p in begun]), names_of([p.exposure for p in begun])
    now = last_taken(serds, day, today, policy)
    took = [was_taken(p.exposure, day, today, policy) for p in begun]
    had = any_of(all_of(p.advanced, _begun(p, day), t) for p, t in zip(begun, took, strict=True))
    if Known.YES in (now.on(day), had):
        starts = sorted(p.begun for p in begun if p.exposure.start is not None and p.advanced is not Known.NO)
        dated = [e.start for e in serds if e.start is not None and (e.start.first, e.start.last) in starts]
        first = min(dated, key=lambda d: (d.first, d.last), default=None)
        on = f" since {date_words(first)}" if first is not None else ""
        tense = "On" if now.on(day) is Known.YES else "Has had"
        reason = Reason("window.serd.advanced", "W7", f"{tense} {names}{on}.", sources, TRIAL)
        return Clause("W7", Known.NO, (reason,), since=first)
    if all(p.advanced is Known.NO for p in begun):
        words = f"{names} was given as (neo)adjuvant therapy; no data say what that means here."
        reason = Reason("window.serd.adjuvant", "W7", words, sources, JUDGEMENT)
        settle = f"whether the earlier adjuvant {names} closes the window (a clinician's judgement)"
        return Clause("W7", Known.UNKNOWN, (reason,), settle=(settle,))
    if Known.YES not in took and all(p.exposure.proofs == ORDER_ONLY for p in begun):
        words = f"{names} was ordered, and nothing shows that it was taken."
        reason = Reason("window.serd.order_only", "W7", words, sources, TRIAL)
        return Clause("W7", Known.UNKNOWN, (reason,), settle=(f"whether {names} was taken (order only)",))
    words = f"{names} is on record, but when or for what it was given is not certain."
    reason = Reason("window.serd.undated", "W7", words, sources, TRIAL)
    return Clause("W7", Known.UNKNOWN, (reason,), settle=(f"when and for what {names} was given",))


def _begun(placed: Placed, day: date) -> Known:
    """Of a drug seen without a start, the record still says that it was taken."""
    return Known.YES if placed.exposure.start is None else not_after(placed.begun, (day, day))


def _no_serd(chart: Chart, planned: Sequence[Exposure]) -> Clause:
    gaps = missing_parts(chart, Part.DRUGS)
    unclear = sorted(text for text in chart.unclear_drugs if any(name in text.lower() for name in SERDS))
    if gaps or unclear:
        words = not_found("A SERD", gaps) + (f"; an entry names two drugs ({'; '.join(unclear)})" if unclear else "")
        reason = Reason("window.serd.not_read", "W7", f"{words}.", (), TRIAL)
        return Clause("W7", Known.UNKNOWN, (reason,), settle=("whether the patient ever had a SERD",))
    if planned:
        words = f"{names_of(planned)} is on record with a start in the future."
        return Clause("W7", Known.YES, (Reason("window.serd.planned", "W7", words, sources_of(planned), TRIAL),))
    return Clause("W7", Known.YES, (_NO_SERD,))
