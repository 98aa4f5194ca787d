"""The plan in plain clinical English: for the preview, the narrative, and the text to copy. Names no drug to give."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass
from datetime import date

from smart_app.domain.attested import Attestation
from smart_app.domain.decision import Decision, ReviewAnswer, WindowAnswer
from smart_app.domain.facts import Chart
from smart_app.domain.wording import day_words
from smart_app.fhir.reading.record import Json, obj, text
from smart_app.fhir.writing.attested import attested_sentences

# reasons that belong into the plan beside the headline, by the beginning of their code; the page shows them all
_TOLD = (
    "draw.none",
    "draw.ordered",
    "draw.uninformative",
    "draw.failed_twice",
    "draw.not_readable",
    "review.not_detected_since",
    "review.imaging_equivocal",
    "review.decided",
    "review.progression",
    "review.outside_window",
    "review.window_unknown",
    "review.conflict",
    "review.change_unknown",
    "review.specimen_unknown",
    "review.date_unknown",
    "review.date_in_future",
    "review.line_start_unclear",
    "review.withdrawn",
    "review.not_read",
)


@dataclass(frozen=True, slots=True)
class Moved:
    """Other days for the draw that the clinician chose at the preview, and why."""

    earliest: date
    latest: date
    reason: str


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Who the plan is for and by whom. ``decided``: what the clinician recorded on a raised review, if anything.

    ``declined``: that is the reason why the flag was declined.

    ``number``: 1 for the patient's first plan, one more after each closed one; ``replaces``: that closed plan.
    """

    patient_id: str
    chart: Chart
    user_reference: str | None = None
    user_name: str | None = None
    encounter_id: str | None = None
    note: str = ""
    decided: str = ""
    declined: bool = False
    moved: Moved | None = None
    number: int = 1
    replaces: str | None = None
    attested: tuple[Attestation, ...] = ()  # what clinicians attested; contained in the plan
    follows: tuple[str, str] | None = None  # a note or form of ours whose place this takes: reference, and in words


def decided_text(decision: Decision, context: PlanContext) -> str:
    """What is recorded on the review: only where one is raised, so that no decision closes what was never flagged."""
    return context.decided if decision.switch_review.answer is ReviewAnswer.RAISED else ""


def draw_days(decision: Decision, context: PlanContext) -> tuple[date, date] | None:
    """First and last day of the planned draw, as the clinician moved it; None where none is planned."""
    if decision.next_draw is None:
        return None
    if context.moved is not None:
        return context.moved.earliest, context.moved.latest
    return decision.next_draw.earliest, decision.next_draw.latest


def draw_sentence(decision: Decision, context: PlanContext) -> str:
    """When the draw is planned, with the visit it goes with, or what the clinician chose instead."""
    days, planned = draw_days(decision, context), decision.next_draw
    if days is None or planned is None:
        return ""
    said = f"Next ctDNA draw for ESR1: {day_words(days[0])} to {day_words(days[1])}."
    if context.moved is not None:
        because = f", because: {context.moved.reason}" if context.moved.reason else ""
        policy = f"the policy's days are {day_words(planned.earliest)} to {day_words(planned.latest)}"
        return f"{said} Set by the clinician{because} ({policy})."
    if planned.aligned_to:
        return f"{said} Best with the {planned.aligned_to.split(' ')[0]} on {day_words(planned.due)}."
    return said


def sentences(decision: Decision, context: PlanContext) -> list[str]:
    """The whole plan, one statement each, the answer first."""
    said = [decision.headline, draw_sentence(decision, context)]
    said += [r.sentence for r in decision.reasons if r.code.startswith(_TOLD)]
    if decision.switch_review.answer is ReviewAnswer.RAISED:
        said.append("Switch review: please review the treatment. This is a flag, not an order, and it names no drug.")
    elif decision.switch_review.answer is ReviewAnswer.CANNOT_TELL:
        said.append("Whether a switch review is due cannot be told from the record.")
    if decision.window.answer is WindowAnswer.CANNOT_TELL and decision.window.settle:
        said.append("What would settle it: " + "; ".join(s.rstrip(".") for s in decision.window.settle) + ".")
    if context.chart.gaps:
        parts = sorted({gap.part.value for gap in context.chart.gaps})
        said.append(f"Not everything could be read when this was written: {', '.join(parts)}.")
    said += attested_sentences(context.chart)
    decided = decided_text(decision, context)
    if decided:
        by = f" ({context.user_name})" if context.user_name else ""
        what = "The flag was declined" if context.declined else "Recorded on the switch review"
        said.append(f"{what}, {day_words(decision.today)}{by}: {decided}")
    if context.note:
        said.append(f"Note: {context.note}")
    if context.follows is not None:
        said.append(f"This takes the place of {context.follows[1]}.")
    said.append(f"Policy {decision.policy_name} {decision.policy_version}, as of {day_words(decision.today)}.")
    return [s for s in dict.fromkeys(said) if s]


_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def typed(words: str, limit: int = 2000) -> str:
    """What a clinician typed, without characters that XML and FHIR strings forbid."""
    return _UNPRINTABLE.sub("", words.replace("\r\n", "\n").replace("\r", "\n")).strip()[:limit].strip()


def narrative(said: list[str]) -> Json:
    """The same as XHTML, everything escaped."""
    paragraphs = "".join(f"<p>{html.escape(s, quote=False)}</p>" for s in said)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}


def plain(div: str | None) -> str:
    """The words of a narrative without mark-up and layout, which servers change."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", div or "")).split())


WORDED = ("title", "description", "text")


def worded(plan: Json, name: str) -> str:
    """The words of one of the ``WORDED`` elements."""
    return (
        plain(text(obj(plan.get("text")).get("div")))
        if name == "text"
        else " ".join((text(plan.get(name)) or "").split())
    )


def words_mark(plan: Json) -> str:
    """Short digests of the words as we wrote them: at the next update they tell whether somebody has changed them."""
    return ".".join(hashlib.sha256(worded(plan, name).encode()).hexdigest()[:16] for name in WORDED)
