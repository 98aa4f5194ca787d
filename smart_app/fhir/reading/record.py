"""The raw record of one patient, indexed, and the notes taken while reading it.

Readers walk plain JSON (``json.loads(..., parse_float=Decimal)``) and never trust its shape: the helpers below give
``None`` or nothing where an element has another type than FHIR says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Source
from smart_app.fhir.receipt import SetAside

Json = dict[str, Any]

_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError)
_DAY = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?\Z")


def obj(value: Any) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Json]:
    """The objects of a list; a single object counts as a list of one (seen in real exports)."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """The string without surrounding white space, or None."""
    return value.strip() or None if isinstance(value, str) else None


def codings(concept: Any) -> list[tuple[str, str, str]]:
    """(system, code, display) of every coding of a CodeableConcept; missing ones as ''."""
    return [
        (text(c.get("system")) or "", text(c.get("code")) or "", text(c.get("display")) or "")
        for c in items(obj(concept).get("coding"))
    ]


def words(concept: Any) -> str:
    """Text and displays of a CodeableConcept, joined, for matching names."""
    parts = [text(obj(concept).get("text")) or "", *(display for _, _, display in codings(concept))]
    return " | ".join(part for part in parts if part)


def reference_of(resource: Json) -> str:
    """``Type/id`` of a resource, '' where it has no identity."""
    kind, ident = text(resource.get("resourceType")), text(resource.get("id"))
    return f"{kind}/{ident}" if kind and ident else kind or ""


def source_of(resource: Json) -> Source:
    return Source(reference_of(resource), text(obj(resource.get("meta")).get("versionId")))


def when(value: Any, zone: tzinfo) -> PartialDate | None:
    """A FHIR date, dateTime or instant as the calendar date in the issuer's time zone; None where unreadable."""
    raw = text(value)
    if raw is None:
        return None
    try:
        if _DAY.match(raw):
            return PartialDate.parse(raw)
        moment = datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", raw))
    except ValueError:
        return None
    return PartialDate.of((moment.astimezone(zone) if moment.tzinfo else moment).date())


@dataclass(slots=True)
class Notes:
    """What was set aside while reading."""

    set_aside: list[SetAside] = field(default_factory=list)

    def aside(self, code: str, why: str, resource: Json | None = None) -> None:
        self.set_aside.append(SetAside(code, why, reference_of(resource) if resource else ""))

    def guard(self, resource: Json) -> Guard:
        """A malformed entry costs that entry, never the chart."""
        return Guard(self, resource)


@dataclass(slots=True)
class Guard:
    """Sets an entry aside that cannot be read. A class, for it is entered twice for each of thousands of entries."""

    notes: Notes
    resource: Json

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, _MALFORMED):
            return False
        self.notes.aside("entry.malformed", f"could not be read ({type(error).__name__})", self.resource)
        return True


@dataclass(slots=True)
class Record:
    """The resources of one patient by type and by reference."""

    zone: tzinfo
    notes: Notes
    by_type: dict[str, list[Json]] = field(default_factory=dict)
    by_reference: dict[str, Json] = field(default_factory=dict)
    days: dict[str, PartialDate | None] = field(default_factory=dict)  # what was read of each date that stands in it

    @classmethod
    def of(cls, resources: Iterable[tuple[str, Json]], zone: tzinfo, notes: Notes) -> Record:
        """From (fullUrl or '', resource) pairs, already checked for patient and duplicates."""
        record = cls(zone, notes)
        for full_url, resource in resources:
            record.by_type.setdefault(text(resource.get("resourceType")) or "", []).append(resource)
            if full_url:
                record.by_reference.setdefault(full_url, resource)
            reference = reference_of(resource)
            if "/" in reference:
                record.by_reference.setdefault(reference, resource)
        return record

    def all(self, *types: str) -> list[Json]:
        return [resource for kind in types for resource in self.by_type.get(kind, [])]

    def resolve(self, reference: Any, within: Json) -> Json | None:
        """The resource a Reference names: contained, by relative or absolute URL, or by fullUrl; else None."""
        target = text(obj(reference).get("reference"))
        if target is None:
            return None
        if target.startswith("#"):
            return next((c for c in items(within.get("contained")) if c.get("id") == target[1:]), None)
        target = target.split("/_history/")[0]
        found = self.by_reference.get(target)
        if found is None and "/" in target:
            found = self.by_reference.get("/".join(target.split("/")[-2:]))
        return found

    def when(self, value: Any) -> PartialDate | None:
        if not isinstance(value, str):
            return None
        if value not in self.days:
            self.days[value] = when(value, self.zone)
        return self.days[value]
