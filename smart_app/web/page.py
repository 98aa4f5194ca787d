"""What the timeline page says, from one reading of the record. Pure: no request, no clock, nothing read."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime

from markupsafe import Markup

from smart_app.domain.decision import Decision, Reason, ReviewAnswer, WindowAnswer
from smart_app.domain.facts import Known, Part, Source
from smart_app.domain.lines import SYSTEMIC
from smart_app.domain.wording import day_words, listed, range_words
from smart_app.evidence import Evidence, by_id, load_evidence, regional, rests_on_stale
from smart_app.fhir.reading.record import Json, obj, text, when
from smart_app.fhir.writing.stored import living
from smart_app.web import words
from smart_app.web.chart import ChartView
from smart_app.web.drawing import NARROW, WIDE, draw_timeline, left_out, legend
from smart_app.web.drawing.timeline import LeftOut
from smart_app.web.resources import Cited, cited
from smart_app.web.rows import Row, as_lines, rows_of

_GROUPS = (
    ("review", "Switch review"),
    ("draw", "Next draw"),
    ("window", "Window"),
)
# said beside every answer (what a reader must know before acting), in this order where the site's region is theirs
_BESIDE = ("guidelines", "fda-accelerated-approval", "odac-vote", "chmp-opinion", "serena-6-os")
NEWS = 6
ALIKE = 4  # more reasons of one code than this are folded together


@dataclass(frozen=True, slots=True)
class Box:
    """One of the three answers: what, in big words, and the sentence under it."""

    heading: str
    state: str
    sentence: str


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
    heading: str
    state: str
    raises: str
    sentences: list[str]
    resources: list[Cited]


@dataclass(frozen=True, slots=True)
class News:
    """What the record has since a day; ``more``: how many further facts the table has.

    ``said``: the answer that stood at that time, where it was another one.
    """

    since: str
    rows: list[Row]
    more: int
    said: str = ""


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
    lines: list[tuple[int, str, str]]
    picture: bool  # whether there is anything to draw
    wide: Markup
    narrow: Markup
    legend: list[tuple[Markup, str]]
    left_out: LeftOut
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
    rows, in_time = rows_of(chart, sort), rows_of(chart)
    stored = living(view.own_plans)
    evidence = load_evidence()
    nothing = is_nothing(view)
    known: dict[Source, Cited] = {}
    return Page(
        view=view,
        decision=decision,
        tone=_tone(decision, nothing),
        headline=_headline(view) if nothing else decision.headline,
        boxes=[_draw_box(decision), _review_box(decision), _window_box(decision)],
        reasons=_reasons(view, known),
        modifiers=_modifiers(view, known),
        lines=_lines(decision),
        picture=not nothing or bool(chart.visits or chart.statuses or chart.spread),
        wide=draw_timeline(chart, decision, view.today, WIDE),
        narrow=draw_timeline(chart, decision, view.today, NARROW),
        legend=legend(chart, decision, view.today),
        left_out=left_out(chart, decision, view.today),
        rows=[(row, cited(launch.id, row.sources, view.resources, known)) for row in rows],
        sort=sort,
        note=_note(view, in_time),
        stored=stored,
        stored_on=_stored_on(stored),
        since_draw=_since_draw(view, in_time),
        since_plan=_since_plan(view, stored, in_time),
        beside=beside(evidence, launch.issuer.region),
        stale=[e for e in evidence if e.is_stale(view.today)],
        checked=max(e.checked_on for e in evidence),
        gaps=list(dict.fromkeys(gap.why for gap in chart.gaps)),
    )


def _note(view: ChartView, rows: list[Row]) -> list[str]:
    """The answer and the table as lines of plain text, to be copied into a note: whose, when, by which policy."""
    who = view.patient
    born = words.any_date(who.birth) or "not recorded"
    decision = view.decision
    return [
        " ".join(f"{who.name}, born {born}, MRN {who.mrn or 'not recorded'}".split()),
        f"ctDNA ESR1, {day_words(view.today)}, policy {decision.policy_name} {decision.policy_version}",
        decision.headline,
        *(f"To settle: {fact}" for fact in decision.window.settle),
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
    where = "in the part of the record that could be read" if read else "in this record"
    return f"Nothing about ESR1, and none of the drugs that the rules follow, was found {where}."


def _sentence(decision: Decision, *prefixes: str) -> str:
    return next((r.sentence for r in decision.reasons if r.code.startswith(prefixes)), "")


def _draw_box(decision: Decision) -> Box:
    planned = decision.next_draw
    if planned is None:
        return Box("Next draw", "No date", _sentence(decision, "draw.none", "draw."))
    if planned.overdue_days:
        days = f"{planned.overdue_days} day{'s' if planned.overdue_days != 1 else ''}"
        return Box("Next draw", f"Overdue by {days}", f"Was due by {day_words(planned.latest)}.")
    state = range_words(planned.earliest, planned.latest).replace(" and ", " to ")
    if planned.aligned_to is not None:
        return Box("Next draw", state, f"With the {planned.aligned_to.split(' ')[0]} on {day_words(planned.due)}.")
    if planned.redraw:
        return Box("Next draw", f"By {day_words(planned.latest)}", "Draw again, as soon as practicable.")
    return Box("Next draw", state, f"Best about {day_words(planned.due)}; no scan or visit is booked inside.")


def _review_box(decision: Decision) -> Box:
    review = decision.switch_review
    named = f"ESR1 {listed([v.removeprefix('ESR1 ') for v in review.variants])}" if review.variants else ""
    on = f", first detected {review.first_shown}" if named and review.first_shown else ""
    if review.answer is ReviewAnswer.RAISED:
        return Box("Switch review", "Due", f"{named}{on}. A review, not an order; it names no drug.")
    state = "Not due" if review.answer is ReviewAnswer.NOT_RAISED else "Cannot tell"
    deciding = [r.sentence for r in decision.reasons if r.code.startswith("review.") and r.clause in review.clauses]
    why = deciding[0] if deciding else _sentence(decision, "review.")
    return Box("Switch review", state, why or "No qualifying ESR1 mutation in plasma is on record.")


def _window_box(decision: Decision) -> Box:
    window = decision.window
    named = "; ".join(f"{_inner(words.clause_words(c))} ({c})" for c in window.clauses)
    if window.answer is WindowAnswer.INSIDE:
        return Box("Surveillance window", "Inside", "All nine conditions hold.")
    if window.answer is WindowAnswer.OUTSIDE:
        since = f" since {day_words(window.since)}" if window.since else ""
        return Box("Surveillance window", f"Outside{since}", f"Not met: {named}.")
    return Box("Surveillance window", "Cannot tell", f"Not known: {named}.")


def _inner(sentence: str) -> str:
    """For the middle of a sentence; a name in capitals stays."""
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() or sentence[1:2] == " " else sentence


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
            made.append((heading, _folded(sorted(told, key=lambda t: not t.verdict))))
    if view.decision.window.answer is not WindowAnswer.INSIDE and not view.decision.switch_review.variants:
        made.sort(key=lambda group: group[0] != "Window")
    return made


def _stale(ids: Sequence[str], today: date) -> str:
    """Said of a clause that rests on nothing but sources past their recheck date."""
    if not rests_on_stale(ids, today):
        return ""
    last = max(by_id()[one].checked_on for one in ids if one in by_id())
    return f"The sources behind this clause are out of date: last checked on {day_words(last)}."


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
    return "closes the window" if decision.window.answer is WindowAnswer.OUTSIDE else "not known"


def _modifiers(view: ChartView, told_before: dict[Source, Cited]) -> list[Modifier]:
    made = []
    for name, heading, raises in words.MODIFIERS:
        found: Known = getattr(view.decision.modifiers, name)
        reasons = [r for r in view.decision.reasons if r.code == f"modifier.{name}"]
        sources = [s for r in reasons for s in r.sources]
        sentences = [r.sentence for r in reasons]
        resources = cited(view.launch.id, sources, view.resources, told_before)
        made.append(Modifier(heading, words.KNOWN[found], raises, sentences, resources))
    return made


def _lines(decision: Decision) -> list[tuple[int, str, str]]:
    made = []
    for therapy in decision.lines:
        start = f"from {words.any_date(therapy.start)}" if therapy.start else "start not recorded"
        until = f"until {words.any_date(therapy.end)}" if therapy.end else "goes on, or its end is not recorded"
        made.append((therapy.number, listed(list(therapy.drugs)), f"{start}, {until}"))
    return made


def _stored_on(stored: Json | None) -> str:
    return words.any_date(text(obj((stored or {}).get("meta")).get("lastUpdated"))) if stored is not None else ""


def _since_draw(view: ChartView, rows: Sequence[Row]) -> News | None:
    """What is dated after the last draw: what the reader has not thought of at that time."""
    days = [d.date.last for d in view.chart.draws if d.date is not None and d.date.last <= view.today]
    return _news(rows, max(days), view.today, "the last draw") if days else None


def _since_plan(view: ChartView, stored: Json | None, rows: Sequence[Row]) -> News | None:
    """What is dated after the plan was written, or came into the record after it: a result may be reported late."""
    raw = text(obj((stored or {}).get("meta")).get("lastUpdated"))
    written = when(raw, view.launch.issuer.zone)
    if stored is None or written is None or written.exact is None:
        return None
    instant = _instant(raw)
    late = {
        ref for ref, one in view.resources.items() if _after(text(obj(one.get("meta")).get("lastUpdated")), instant)
    }
    news = _news(rows, written.exact, view.today, "the plan was last written", late)
    said = text(stored.get("description")) or ""
    return replace(news, said=said if said != view.decision.headline else "")


def _instant(value: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _after(value: str | None, instant: datetime | None) -> bool:
    found = _instant(value)
    return found is not None and instant is not None and found > instant


def _news(rows: Sequence[Row], day: date, today: date, what: str, late: Set[str] = frozenset()) -> News:
    """``late``: resources that were entered or changed since, whatever their own date; plans of ours are no news."""
    fresh = [
        r
        for r in rows
        if (r.date is not None and day < r.date.first <= today)
        or any(s.reference in late and not s.reference.startswith("CarePlan/") for s in r.sources)
    ]
    return News(f"Since {what} ({day_words(day)})", fresh[-NEWS:], max(0, len(fresh) - NEWS))


def beside(evidence: Sequence[Evidence], region: str | None = None) -> list[Evidence]:
    """What a reader must know before acting on any answer; of the site's region first."""
    known = {e.id: e for e in evidence}
    return list(regional((known[name] for name in _BESIDE if name in known), region))
