"""What ``decide`` returns. Field names are those of the documented JSON (docs/decision-json.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from smart_app.domain.digest import digest
from smart_app.domain.facts import Chart, Finding, Known, Source
from smart_app.domain.policy import Policy


class WindowAnswer(StrEnum):
    INSIDE = "inside"
    OUTSIDE = "outside"
    CANNOT_TELL = "cannot_tell"


class ReviewAnswer(StrEnum):
    RAISED = "raised"
    NOT_RAISED = "not_raised"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Reason:
    """One statement: everything a page or a plan says comes from one of these."""

    code: str  # stable, dotted: "window.her2.unknown"
    clause: str  # "W3"
    sentence: str  # plain clinical English
    sources: tuple[Source, ...] = ()
    evidence: tuple[str, ...] = ()  # ids of entries in smart_app/evidence
    stale: str = ""  # what it says of itself where it rests only on sources whose check has expired (evidence.marked)


@dataclass(frozen=True, slots=True)
class Window:
    answer: WindowAnswer
    clauses: tuple[str, ...] = ()  # those that closed it, or that cannot be told
    since: date | None = None  # when it closed, where the record says
    settle: tuple[str, ...] = ()  # the smallest facts that would settle it, as sentences


@dataclass(frozen=True, slots=True)
class NextDraw:
    earliest: date
    due: date
    latest: date
    aligned_to: str | None = None  # "scan 2027-01-15" in words
    aligned_source: Source | None = None
    overdue_days: int = 0
    redraw: bool = False


@dataclass(frozen=True, slots=True)
class SwitchReview:
    answer: ReviewAnswer
    clauses: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()  # "p.D538G", each once
    findings: tuple[Finding, ...] = ()
    first_detected: date | None = None
    first_shown: str = ""  # the same in words, with the precision of the record


@dataclass(frozen=True, slots=True)
class Line:
    """A line of therapy for advanced disease, derived from the exposures."""

    number: int
    drugs: tuple[str, ...]
    start: str | None  # partial date as text
    end: str | None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Modifiers:
    prior_adjuvant_ai: Known = Known.UNKNOWN
    bone: Known = Known.UNKNOWN
    visceral: Known = Known.UNKNOWN
    multiple_sites: Known = Known.UNKNOWN
    ai_6_months: Known = Known.UNKNOWN
    ldh_high: Known = Known.UNKNOWN


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole answer for one chart, one policy and one day."""

    window: Window
    next_draw: NextDraw | None
    switch_review: SwitchReview
    modifiers: Modifiers
    reasons: tuple[Reason, ...]
    lines: tuple[Line, ...]
    policy_name: str
    policy_version: str
    today: date
    headline: str = ""  # the answer in one sentence, first on the page
    inputs: tuple[Chart, Policy, date] | None = field(default=None, compare=False, repr=False)

    @property
    def input_digest(self) -> str:
        """SHA-256 over the canonical chart, policy and day: made when it is asked for. "" without inputs."""
        return digest(*self.inputs) if self.inputs is not None else ""
