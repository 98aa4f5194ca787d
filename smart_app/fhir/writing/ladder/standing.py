"""Which of all plans of ours is the plan, wherever each was written; the others are history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from smart_app.domain.facts import ReviewDecision
from smart_app.fhir.reading.record import Json, items, reference_of, text
from smart_app.fhir.writing.ladder.recall import Recalled
from smart_app.fhir.writing.stored import living, read_reviews


def current(care_plans: list[Json], kept: Iterable[Recalled]) -> Json | Recalled | None:
    """One plan, never two. ``care_plans``: ours, newest first.

    A living care plan is it, unless a note says that it takes the care plan's place and the care plan does not name
    that note (then the care plan could not be changed when the note was written). Without one the newest note is it.
    """
    usable = [k for k in kept if k.memory is not None and not k.is_over]
    plan = living(care_plans)
    if plan is not None:
        known = {text(r.get("reference")) for r in items(plan.get("supportingInfo"))}
        claims = [
            k for k in usable if k.memory and k.memory.replaces == reference_of(plan) and k.reference not in known
        ]
        chain = {k.memory.replaces for k in claims if k.memory}
        return next((k for k in claims if k.reference not in chain), plan)
    gone = {k.memory.replaces for k in usable if k.memory}
    closed = {text(r.get("reference")) for p in care_plans for r in items(p.get("supportingInfo"))}
    return next((k for k in usable if k.reference not in gone and k.reference not in closed), None)


def reviews_of(care_plans: list[Json], kept: Iterable[Recalled], zone: tzinfo) -> tuple[ReviewDecision, ...]:
    """Decisions recorded in plans of ours, wherever they were written; one that stands twice counts once."""
    found: dict[tuple[str, tuple[str, ...], str], ReviewDecision] = {}
    for one in read_reviews([*care_plans, *(p for k in kept if (p := k.plan) is not None)], zone):
        known = found.get(key := (str(one.date), one.variants, one.text))
        if known is None or known.sources[0].reference.split("/")[0] != "CarePlan":
            found[key] = one
    return tuple(found.values())
