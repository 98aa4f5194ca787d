"""Which rung: the highest that the statement offers, the scopes allow, nothing refused, and the launch can fill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.ladder.rungs import Rung, Shape, rungs
from smart_app.fhir.writing.offers import offered

_CODES = {"c": "create", "u": "update"}
_DOES = {"c": "create", "u": "change"}


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a rung is chosen.

    ``statement``: the CapabilityStatement, None where it could not be read. ``granted``: whether the token allows an
    access ("c", "u") on a type, ``asked``: whether the sign-in asked for it. ``refused``: HTTP status by rung id, as
    the server answered in this launch.
    ``has_plan``: a living care plan of ours is there. ``blocked``: why nothing at all may be written, '' else.
    """

    statement: Json | None
    granted: Callable[[str, str], bool]
    shape: Shape
    refused: Mapping[str, int] = field(default_factory=dict)
    encounter: bool = False
    practitioner: bool = False
    has_plan: bool = False
    wish: bool = False
    blocked: str = ""
    asked: Callable[[str, str], bool] = lambda _kind, _access: True


@dataclass(frozen=True, slots=True)
class Step:
    """One rung looked at. ``why``: what speaks against it, '' for the one that is taken."""

    rung: Rung
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The rung that is taken, and the higher ones with the reason why not."""

    rung: Rung
    steps: tuple[Step, ...]
    on_wish: Rung | None = None  # a rung that would be taken if the clinician asked for it

    @property
    def passed(self) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if s.why)


def choose(now: Situation, ladder: Iterable[Rung] | None = None) -> Choice:
    """Never without an answer: the last rung needs nothing of the server."""
    steps: list[Step] = []
    wished: Rung | None = None
    for rung in ladder if ladder is not None else rungs():
        why = _against(rung, now)
        if not why and rung.wish and not now.wish:
            wished = wished or rung
            why = "Only where you ask for it."
        steps.append(Step(rung, why))
        if not why:
            return Choice(rung, tuple(steps), wished)
    raise AssertionError("the last rung takes everything")


def _against(rung: Rung, now: Situation) -> str:
    if not rung.access:
        return ""
    if now.blocked:
        return now.blocked
    if not rung.works:
        return "This app does not offer it yet; its contract is documented."
    if rung.id == "careplan.update" and not now.has_plan:
        return "There is no plan of this app to update."
    if rung.id == "careplan.create" and now.has_plan:
        return "A plan of this app is there already; a second one is never created."
    does = _DOES[rung.access]
    status = now.refused.get(rung.id)
    if status is not None:
        return f"The EHR refused it in this session (HTTP {status})."
    if now.statement is None:
        return "What this EHR accepts could not be looked up."
    if _CODES[rung.access] not in offered(now.statement, rung.resource):
        return f"This EHR does not let apps {does} a {rung.resource} (its own statement says so)."
    if not now.granted(rung.resource, rung.access) and not now.asked(rung.resource, rung.access):
        return f"This sign-in did not ask to {does} a {rung.resource}; a new launch from the EHR does."
    if not now.granted(rung.resource, rung.access):
        return f"The EHR did not grant this app to {does} a {rung.resource}."
    if rung.id in now.shape.barred:
        return now.shape.barred[rung.id]
    if rung.id == "note" and now.shape.needs_encounter and not now.encounter:
        return "This EHR takes notes only for a visit, and the launch names none."
    if rung.id == "note" and now.shape.needs_practitioner and not now.practitioner:
        return "This EHR takes notes only from a signed-in practitioner, and the launch names none."
    if rung.id == "communication" and not now.practitioner:
        return "The launch does not say to whom a message could go."
    return ""
