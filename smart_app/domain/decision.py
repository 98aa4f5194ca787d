"""What ``decide`` returns. Field names are those of the documented JSON (docs/decision-json.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import overload

from smart_app.domain.dates import PartialDate
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


# the reasons of a part of the answer: as they are, or how to make them
Why = tuple[Reason, ...] | Callable[[], Iterable[Reason]]


def reasons_of(why: Why) -> tuple[Reason, ...]:
    return why if isinstance(why, tuple) else tuple(why())


class Reasons:
    """The reasons of a decision, made when they are first asked for. Otherwise as the tuple of them."""

    __slots__ = ("_why",)

    def __init__(self, why: Why) -> None:
        self._why = why

    @property
    def all(self) -> tuple[Reason, ...]:
        if not isinstance(self._why, tuple):
            self._why = reasons_of(self._why)
        return self._why

    def __iter__(self) -> Iterator[Reason]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    @overload
    def __getitem__(self, index: int) -> Reason: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Reason, ...]: ...
    def __getitem__(self, index: int | slice) -> Reason | tuple[Reason, ...]:
        return self.all[index]

    def __eq__(self, other: object) -> bool:
        return self.all == (other.all if isinstance(other, Reasons) else other)

    def __hash__(self) -> int:
        return hash(self.all)

    def __repr__(self) -> str:
        return repr(self.all)

    def __reduce__(self) -> tuple[type[Reasons], tuple[Why]]:
        return Reasons, (self.all,)


@dataclass(frozen=True, slots=True)
class Window:
    answer: WindowAnswer
    clauses: tuple[str, ...] = ()  # those that closed it, or that cannot be told
    since: PartialDate | None = None  # when it closed, where the record says
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
    first_shown: str = ""  # the same in words, with the precision of the record; of several days "(the earliest)"


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
    reasons: Reasons | tuple[Reason, ...]
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
