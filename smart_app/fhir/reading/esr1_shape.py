"""Parts of an entry that have another type than FHIR says: they are not read, and it is said that they were not."""

from __future__ import annotations

from typing import Any

from smart_app.fhir.reading.record import Json

_TEXT, _THING, _THINGS, _TRUTH = str, dict, list, bool
_FIELDS: dict[str, type] = {
    "status": _TEXT,
    "code": _THING,
    "valueString": _TEXT,
    "valueCodeableConcept": _THING,
    "valueQuantity": _THING,
    "valueBoolean": _TRUTH,
    "interpretation": _THINGS,
    "dataAbsentReason": _THING,
    "component": _THINGS,
    "note": _THINGS,
    "conclusion": _TEXT,
    "conclusionCode": _THINGS,
    "result": _THINGS,
    "hasMember": _THINGS,
    "presentedForm": _THINGS,
    "contained": _THINGS,
    "effectiveDateTime": _TEXT,
    "issued": _TEXT,
}
_CONCEPTS = frozenset({"code", "valueCodeableConcept", "dataAbsentReason", "interpretation", "conclusionCode"})


def wrong_parts(resource: Json) -> list[str]:
    """The names of the parts that could not be read, in order."""
    return [name for name, kind in _FIELDS.items() if name in resource and not _right(name, kind, resource[name])]


def _right(name: str, kind: type, value: Any) -> bool:
    if not isinstance(value, kind):
        return False
    if name in _CONCEPTS:
        return all(map(_concept, value if isinstance(value, list) else [value]))
    if not isinstance(value, list):
        return True
    if not all(isinstance(one, dict) and one for one in value):
        return False
    if name == "component":
        return all(map(_component, value))
    return name != "note" or all(isinstance(one.get("text"), str) for one in value)


def _component(one: Json) -> bool:
    return _concept(one.get("code")) and not wrong_parts({k: v for k, v in one.items() if k != "component"})


def _concept(value: Any) -> bool:
    """A CodeableConcept that says something, and in which every coding does."""
    if not isinstance(value, dict) or not isinstance(value.get("text", ""), str):
        return False
    codings = value.get("coding", [])
    if not isinstance(codings, list) or not (codings or value.get("text")):
        return False
    return all(
        isinstance(c, dict)
        and all(isinstance(c.get(k, ""), str) for k in ("system", "code", "display"))
        and (c.get("code") or c.get("display"))
        for c in codings
    )
