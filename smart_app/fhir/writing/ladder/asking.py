"""Which write scopes to ask for: what a rung of this server could use, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from smart_app.fhir.plans import choose_plan
from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.ladder.rungs import rungs, shape_of
from smart_app.fhir.writing.offers import offered

_LETTERS = {"create": "c", "update": "u"}


def wanted(statement: Json | None, plan: str | None = None) -> tuple[tuple[str, str], ...]:
    """(type, letters of "crus") that the rungs need at this server, beyond what is read anyway.

    Without a statement: the care plan alone. Answers and messages must be read back too.
    """
    if statement is None:
        return (("CarePlan", "cu"),)
    barred = shape_of(choose_plan(statement, plan).name).barred
    found: dict[str, str] = {}
    for rung in rungs():
        word = {"c": "create", "u": "update"}.get(rung.access, "")
        if rung.writes and rung.id not in barred and word in offered(statement, rung.resource):
            found[rung.resource] = found.get(rung.resource, "") + rung.access
    made = [(kind, letters) for kind, letters in found.items() if kind in ("CarePlan", "DocumentReference")]
    return (*made, *((kind, "crs") for kind in ("QuestionnaireResponse", "Communication") if kind in found))


def listed(scopes: Iterable[str], plan: str | None = None) -> tuple[tuple[str, str], ...]:
    """What to ask for before the first statement was read: what the sign-in server lists by name, or the vendor takes.

    ``scopes``: ``scopes_supported`` of the SMART configuration. With nothing to go by: the care plan alone.
    """
    shape = shape_of(plan or "generic")
    if shape.asks:
        return tuple(shape.asks.items())
    found: dict[str, str] = {}
    for scope in scopes:
        name, _, letters = scope.partition("/")[2].partition("?")[0].partition(".")
        if letters in ("write", "*") or (set(letters) <= set("cruds") and {"c", "u"} & set(letters)):
            found[name] = found.get(name, "") + ("cu" if letters in ("write", "*") else letters)
    made = [("CarePlan", "cu")] if "CarePlan" in found or not found else []
    if "c" in found.get("DocumentReference", ""):
        made.append(("DocumentReference", "c"))
    made += [(kind, "crs") for kind in ("QuestionnaireResponse", "Communication") if "c" in found.get(kind, "")]
    return tuple(made) or (("CarePlan", "cu"),)
