"""Building blocks of an explanation."""

from __future__ import annotations

from typing import NamedTuple

from smart_app.domain.dates import PartialDate
from smart_app.domain.decision import Reason, Why, reasons_of
from smart_app.domain.facts import Chart, Gap, Known, Part, Source, Sources

# the entries of smart_app/evidence that the rules rest on
EVIDENCE_IDS = (
    "serena-6-eligibility",
    "serena-6-schedule",
    "serena-6-first-test",
    "serena-6-pfs",
    "pada-1",
    "pada-1-baseline",
    "pada-1-kinetics",
    "modifier-visceral",
    "modifier-burden",
    "fda-accelerated-approval",
    "chmp-opinion",
    "odac-vote",
    "ember-3",
    "emerald",
    "palomas-3-landscape",
    "esmo-ctdna",
    "persevera",
    "policy-judgement",
)


TRIAL = ("serena-6-eligibility",)
JUDGEMENT = ("policy-judgement",)


class Clause(NamedTuple):
    """One clause's answer to "inside?" and why. ``since``: when it closed; ``settle``: what would tell."""

    name: str
    answer: Known
    why: Why
    since: PartialDate | None = None
    settle: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Made anew each time: ask where they are said, or where one of their codes decides."""
        return reasons_of(self.why)


def merged(*groups: Sources) -> Sources:
    """Each source once, in a stable order."""
    filled = [g for g in groups if g]
    if len(filled) <= 1 and (not filled or len(filled[0]) == 1):
        return filled[0] if filled else ()
    found = {s for g in filled for s in g}
    return tuple(sorted(found, key=_source_order)) if len(found) > 1 else tuple(found)


def _source_order(source: Source) -> tuple[str, str, bool]:
    return (source.reference, source.version or "", source.attested)


Key = tuple[tuple[str, str, bool], ...]


def order_of(sources: Sources) -> Key:
    """A key to sort facts by: a version may be missing, and None has no order."""
    return tuple(_source_order(s) for s in sources)


def missing_parts(chart: Chart, *parts: Part) -> tuple[Gap, ...]:
    return tuple(sorted(g for g in chart.gaps if g.part in parts)) if chart.gaps else ()


def not_found(what: str, gaps: tuple[Gap, ...]) -> str:
    """ "not found" is said only where everything was read."""
    if not gaps:
        return f"{what} was not found in the record"
    return f"{what} was not found, and not everything on {gaps[0].part.value} could be read"
