"""Risk modifiers: shown, never scored. Each raises the chance of finding a mutation, not the benefit (rules M)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from smart_app.domain.dates import add_months
from smart_app.domain.decision import Modifiers, Reason, Why
from smart_app.domain.facts import Chart, DrugClass, Exposure, Extent, Known, Ldh, Part, Sources
from smart_app.domain.lines import Placed
from smart_app.domain.policy import Policy
from smart_app.domain.presence import last_taken
from smart_app.domain.reasons import merged, missing_parts
from smart_app.domain.wording import date_words, listed

_BONE = frozenset({"bone"})
VISCERAL = frozenset({"liver", "lung", "pleura", "peritoneum", "brain"})
_CHANCE = "raises the chance of finding a mutation, not of benefit"
_SEED = "stated by the source document only; the largest cohort did not confirm it"


Because = list[Callable[[], Reason]]


def modifiers(chart: Chart, placed: tuple[Placed, ...], today: date, policy: Policy) -> tuple[Modifiers, Why]:
    """Known yes, known no, or not known; with a reason for each that is known."""
    reasons: Because = []
    sites = _metastases(chart)
    found = Modifiers(
        prior_adjuvant_ai=_adjuvant_ai(chart, placed, reasons),
        bone=_site(sites, _BONE, "bone", "Bone metastases", "pada-1-kinetics", reasons),
        visceral=_site(sites, VISCERAL, "visceral", "Visceral metastases", "modifier-visceral", reasons),
        multiple_sites=_several(sites, reasons),
        ai_6_months=_six_months(placed, today, policy, reasons),
        ldh_high=_ldh(chart, reasons),
    )
    return found, lambda: [made() for made in reasons]


def _adjuvant_ai(chart: Chart, placed: tuple[Placed, ...], reasons: Because) -> Known:
    ais = [p for p in placed if p.kind is DrugClass.AI]
    before = [p.exposure for p in ais if p.advanced is Known.NO]
    if not before:
        unsure = [p for p in ais if p.advanced is Known.UNKNOWN]
        return Known.UNKNOWN if unsure or not ais or missing_parts(chart, Part.DRUGS) else Known.NO
    reasons.append(lambda: _after_adjuvant_ai(before))
    return Known.YES


def _after_adjuvant_ai(before: list[Exposure]) -> Reason:
    months = _months(before)
    told = f" for about {months} months" if months is not None else ""
    names = listed(sorted({e.drug for e in before}))
    words = f"Earlier (neo)adjuvant aromatase inhibitor ({names}){told}: {_CHANCE}."
    sources = merged(*(e.sources for e in before))
    return Reason("modifier.prior_adjuvant_ai", "M", words, sources, ("pada-1-baseline",))


def _months(exposures: list[Exposure]) -> int | None:
    total = 0
    for e in exposures:
        if e.start is None or e.end is None:
            return None
        total += max(0, (e.end.first.year - e.start.first.year) * 12 + e.end.first.month - e.start.first.month)
    return total


def _metastases(chart: Chart) -> dict[str, Sources]:
    """The sites of metastases with what names them."""
    found: dict[str, Sources] = {}
    for spread in chart.spread:
        if spread.extent is Extent.METASTASIS and spread.site:
            found[spread.site] = merged(found.get(spread.site, ()), spread.sources)
    return found


def _site(
    found: dict[str, Sources], sites: frozenset[str], code: str, what: str, evidence: str, reasons: Because
) -> Known:
    if sites.isdisjoint(found):
        # a metastasis elsewhere does not say that there is none here
        return Known.UNKNOWN
    reasons.append(lambda: _metastases_in(found, sites, code, what, evidence))
    return Known.YES


def _metastases_in(found: dict[str, Sources], sites: frozenset[str], code: str, what: str, evidence: str) -> Reason:
    hit = sorted([site for site in found if site in sites])
    seed = f" ({_SEED})" if evidence == "modifier-visceral" else ""
    words = f"{what} ({listed(hit)}): {_CHANCE}{seed}."
    return Reason(f"modifier.{code}", "M", words, merged(*(found[s] for s in hit)), (evidence,))


def _several(found: dict[str, Sources], reasons: Because) -> Known:
    if len(set(found) - {"other"}) < 2:
        return Known.UNKNOWN
    reasons.append(lambda: _in_several(found))
    return Known.YES


def _in_several(found: dict[str, Sources]) -> Reason:
    organs = sorted(set(found) - {"other"})
    named = listed([o.replace("_", " ") for o in organs])
    words = f"Metastases in {len(organs)} organ systems ({named}): {_CHANCE} ({_SEED})."
    return Reason("modifier.multiple_sites", "M", words, merged(*(found[o] for o in organs)), ("modifier-burden",))


def _six_months(placed: tuple[Placed, ...], today: date, policy: Policy, reasons: Because) -> Known:
    """From the line's first AI to the last day one was taken."""
    ais = [p for p in placed if p.kind is DrugClass.AI and p.advanced is not Known.NO and p.begun[0] <= today]
    if not ais:
        return Known.UNKNOWN
    taken = last_taken([p.exposure for p in ais], today, today, policy)
    certain = [p.begun[1] for p in ais if p.advanced is Known.YES]
    if certain and taken.certain is not None and add_months(min(certain), 6) <= taken.certain:
        reasons.append(lambda: _half_a_year(ais))
        return Known.YES
    too_short = taken.possible is not None and add_months(min([p.begun[0] for p in ais]), 6) > taken.possible
    return Known.NO if too_short else Known.UNKNOWN


def _half_a_year(ais: list[Placed]) -> Reason:
    words = (
        f"Aromatase inhibitor for 6 months or more in this line: {_CHANCE}; "
        "not steadily: fewer before month 6 and after month 30."
    )
    sources = merged(*(p.exposure.sources for p in ais))
    return Reason("modifier.ai_6_months", "M", words, sources, ("pada-1-kinetics",))


def _ldh(chart: Chart, reasons: Because) -> Known:
    dated = [v for v in chart.ldh if v.date is not None and v.high is not None]
    if not dated:
        return Known.UNKNOWN
    last = max(v.date.first for v in dated if v.date is not None)
    latest = [v for v in dated if v.date is not None and v.date.last >= last]
    if len({v.high for v in latest}) > 1:
        return Known.UNKNOWN
    if not latest[0].high:
        return Known.NO
    reasons.append(lambda: _high(latest))
    return Known.YES


def _high(latest: list[Ldh]) -> Reason:
    words = f"High LDH ({latest[0].text or 'flagged by the laboratory'}, {date_words(latest[0].date)}): {_CHANCE}."
    return Reason("modifier.ldh_high", "M", words, merged(*(v.sources for v in latest)), ("pada-1-kinetics",))
