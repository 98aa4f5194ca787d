"""What the timeline page says, from one reading of the record. Pure: no request, no clock, nothing read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from smart_app.domain.decision import Decision, Reason, ReviewAnswer, WindowAnswer
from smart_app.domain.facts import Known, Part, ReviewDecision, Source
from smart_app.domain.lines import SYSTEMIC
from smart_app.evidence import Evidence, by_id, load_evidence, regional, rests_on_stale
from smart_app.fhir.reading.record import Json, obj, text
from smart_app.fhir.writing.stored import living
from smart_app.web import words
from smart_app.web.answer import Box, boxes
from smart_app.web.chart import ChartView
from smart_app.web.drawing import Drawn, draw_all
from smart_app.web.i18n import N_, _, day_words, listed
from smart_app.web.news import News, since_draw, since_plan
from smart_app.web.resources import Cited, cited
from smart_app.web.rows import SORTS, Row, as_lines, rows_of
from smart_app.web.said import said

_GROUPS = (
    ("review", N_("Switch review")),
    ("draw", N_("Next draw")),
    ("window", N_("Window")),
)
# said beside every answer (what a reader must know before acting), in this order where the site's region is theirs
_BESIDE = ("guidelines", "fda-accelerated-approval", "odac-vote", "chmp-opinion", "serena-6-os")
ALIKE = 4  # more reasons of one code than this are folded together


@dataclass(frozen=True, slots=True)
class Told:
    """A reason with what it rests on. ``verdict``: what a clause of the window does to it, in words.

    ``stale``: said where every source behind the clause is past its recheck date. ``folded``: one of many alike.
    """

    reason: Reason
    clause: str
    verdict: str
    resources: list[Cited]
    evidence: list[Evidence]
    stale: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Modifier:
    """``known``: "yes", "no" or "unknown"; ``state``: the same in words."""

    heading: str
    known: str
    state: str
    raises: str
    sentences: list[str]
    resources: list[Cited]


@dataclass(frozen=True, slots=True)
class LineTold:
    """A line of therapy: its drugs, from when to when, and the entries it was derived from."""

    number: int
    drugs: str
    when: str
    resources: list[Cited]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page's template shows."""

    view: ChartView
    decision: Decision
    tone: str  # "alarm" | "unsure" | "calm" | "nothing"
    headline: str
    boxes: list[Box]
    reasons: list[tuple[str, list[Told]]]
    modifiers: list[Modifier]
    lines: list[LineTold]
    reviews: list[tuple[ReviewDecision, list[Cited]]]
    picture: bool  # whether there is anything to draw
    drawn: Drawn
    rows: list[tuple[Row, list[Cited]]]
    sort: str
    note: list[str]
    stored: Json | None
    stored_on: str
    since_draw: News | None
    since_plan: News | None
    beside: list[Evidence]
    stale: list[Evidence]
    checked: date
    gaps: list[str]


def timeline_page(view: ChartView, sort: str = "oldest") -> Page:
    """``sort``: the order of the table, one of ``rows.SORTS``."""
    decision, chart, launch = view.decision, view.chart, view.launch
    in_time = rows_of(chart)
    rows = in_time if sort == SORTS[0] else rows_of(chart, sort)
    stored = living(view.own_plans)
    evidence = load_evidence()
    nothing = is_nothing(view)
    known: dict[Source, Cited] = {}
    return Page(
        view=view,
        decision=decision,
        tone=_tone(decision, nothing),
        headline=_headline(view) if nothing else said(decision.headline),
        boxes=boxes(decision),
        reasons=_reasons(view, known),
        modifiers=_modifiers(view, known),
        lines=_lines(view, known),
        reviews=[(one, cited(launch.id, one.sources, view.resources, known)) for one in chart.reviews],
        picture=not nothing or bool(chart.visits or chart.statuses or chart.spread),
        drawn=draw_all(chart, decision, view.today),
        rows=[(row, cited(launch.id, row.sources, view.resources, known)) for row in rows],
        sort=sort,
        note=_note(view, in_time),
        stored=stored,
        stored_on=_stored_on(stored),
        since_draw=since_draw(view, in_time),
        since_plan=since_plan(view, stored, in_time),
        beside=beside(evidence, launch.issuer.region),
        stale=[e for e in evidence if e.is_stale(view.today)],
        checked=max(e.checked_on for e in evidence),
        gaps=list(dict.fromkeys(gap.why for gap in chart.gaps)),
    )


def _note(view: ChartView, rows: list[Row]) -> list[str]:
    """The answer and the table as lines of plain text, to be copied into a note: whose, when, by which policy."""
    who = view.patient
    born, mrn = words.any_date(who.birth) or _("not recorded"), who.mrn or _("not recorded")
    decision = view.decision
    return [
        " ".join(_("%(name)s, born %(born)s, MRN %(mrn)s", name=who.name, born=born, mrn=mrn).split()),
        _(
            "ctDNA ESR1, %(day)s, policy %(name)s %(version)s",
            day=day_words(view.today),
            name=decision.policy_name,
            version=decision.policy_version,
        ),
        said(decision.headline),
        *(_("To settle: %(fact)s", fact=said(fact)) for fact in decision.window.settle),
        "",
        *as_lines(rows),
    ]


def is_nothing(view: ChartView) -> bool:
    """No ESR1 fact and no drug that the rules follow."""
    chart = view.chart
    return (
        not (chart.draws or chart.withdrawn or chart.ordered or chart.reviews or chart.unclear_drugs)
        and not any(e.drug_class in SYSTEMIC for e in chart.exposures)
        and view.decision.next_draw is None
    )


def _tone(decision: Decision, nothing: bool) -> str:
    if decision.switch_review.answer is ReviewAnswer.RAISED:
        return "alarm"
    if nothing:
        return "nothing"
    unsure = WindowAnswer.CANNOT_TELL is decision.window.answer
    return "unsure" if unsure or decision.switch_review.answer is ReviewAnswer.CANNOT_TELL else "calm"


def _headline(view: ChartView) -> str:
    """ "Nothing was found" is said only of what was read."""
    read = any(gap.part in (Part.RESULTS, Part.DRUGS) for gap in view.chart.gaps) or not view.receipt.complete
    if read:
        return _(
            "Nothing about ESR1, and none of the drugs that the rules follow, was found "
            "in the part of the record that could be read."
        )
    return _("Nothing about ESR1, and none of the drugs that the rules follow, was found in this record.")


def _reasons(view: ChartView, told_before: dict[Source, Cited]) -> list[tuple[str, list[Told]]]:
    """By question; the one that the headline answers first, and in it what decided."""
    known, region = by_id(), view.launch.issuer.region
    made: list[tuple[str, list[Told]]] = []
    for prefix, heading in _GROUPS:
        told = [
            Told(
                reason,
                words.clause_words(reason.clause),
                _verdict(view.decision, reason),
                cited(view.launch.id, reason.sources, view.resources, told_before),
                list(regional((known[e] for e in reason.evidence if e in known), region)),
                _stale(reason.evidence, view.today),
            )
            for reason in view.decision.reasons
            if _group(reason) == prefix
        ]
        if told:
            made.append((_(heading), _folded(sorted(told, key=lambda t: not t.verdict))))
    if view.decision.window.answer is not WindowAnswer.INSIDE and not view.decision.switch_review.variants:
        made.sort(key=lambda group: group[0] != "Window")
    return made


def _stale(ids: Sequence[str], today: date) -> str:
    """Said of a clause that rests on nothing but sources past their recheck date."""
    if not rests_on_stale(ids, today):
        return ""
    last = max(by_id()[one].checked_on for one in ids if one in by_id())
    return _("The sources behind this clause are out of date: last checked on %(day)s.", day=day_words(last))


def _folded(told: list[Told]) -> list[Told]:
    """Where many reasons say the same of many samples, the first and the last two stay; the others fold away."""
    alike: dict[str, list[Told]] = {}
    for one in told:
        alike.setdefault(one.reason.code, []).append(one)
    hidden = [id(one) for group in alike.values() if len(group) > ALIKE for one in group[1:-2]]
    return [replace(one, folded=True) if id(one) in hidden else one for one in told]


def _group(reason: Reason) -> str:
    """No reason is left out: what no group names stands under the window."""
    prefix = reason.code.split(".")[0]
    return prefix if prefix in ("review", "draw", "modifier") else "window"


def _verdict(decision: Decision, reason: Reason) -> str:
    if reason.clause not in decision.window.clauses or not reason.code.startswith("window."):
        return ""
    return _("closes the window") if decision.window.answer is WindowAnswer.OUTSIDE else _("not known")


def _modifiers(view: ChartView, told_before: dict[Source, Cited]) -> list[Modifier]:
    made = []
    for name, heading, raises in words.MODIFIERS:
        found: Known = getattr(view.decision.modifiers, name)
        reasons = [r for r in view.decision.reasons if r.code == f"modifier.{name}"]
        sources = [s for r in reasons for s in r.sources]
        sentences = [said(r.sentence) for r in reasons]
        resources = cited(view.launch.id, sources, view.resources, told_before)
        made.append(Modifier(_(heading), found.value, _(words.KNOWN[found]), _(raises), sentences, resources))
    return made


_OPEN = N_("goes on, or its end is not recorded")


def _lines(view: ChartView, told_before: dict[Source, Cited]) -> list[LineTold]:
    made = []
    for therapy in view.decision.lines:
        start = _("from %(day)s", day=words.any_date(therapy.start)) if therapy.start else _("start not recorded")
        until = _("until %(day)s", day=words.any_date(therapy.end)) if therapy.end else _(_OPEN)
        when = f"{start}, {until}{words.attested_words(therapy.sources)}"
        resources = cited(view.launch.id, therapy.sources, view.resources, told_before)
        made.append(LineTold(therapy.number, listed(list(therapy.drugs)), when, resources))
    return made


def _stored_on(stored: Json | None) -> str:
    return words.any_date(text(obj((stored or {}).get("meta")).get("lastUpdated"))) if stored is not None else ""


def beside(evidence: Sequence[Evidence], region: str | None = None) -> list[Evidence]:
    """What a reader must know before acting on any answer; of the site's region first."""
    known = {e.id: e for e in evidence}
    return list(regional((known[name] for name in _BESIDE if name in known), region))
