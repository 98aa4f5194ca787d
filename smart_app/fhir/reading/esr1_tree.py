"""Reports and panels with their members: what belongs together, and from whom a member has its date and specimen."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from dataclasses import dataclass, field

from smart_app.domain.facts import Source
from smart_app.fhir.reading.record import Json, Record, items, obj, reference_of, source_of, text

_DEEPEST = 8
_PLACED = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "specimen")


@dataclass(frozen=True, slots=True)
class Entry:
    """One Observation with the resources above it, nearest first. ``home``: what contains it, or itself."""

    resource: Json
    above: tuple[Json, ...]
    home: Json

    @property
    def chain(self) -> tuple[Json, ...]:
        return (self.resource, *self.above)

    @property
    def source(self) -> Source:
        return source_of(self.home)


@dataclass(frozen=True, slots=True)
class Group:
    """A report or panel (``anchor``) and its members, or one Observation that stands alone (its own only member)."""

    anchor: Json
    entries: tuple[Entry, ...]
    missing: int = 0  # members that were named and not read

    @property
    def report(self) -> bool:
        return self.anchor.get("resourceType") == "DiagnosticReport"


@dataclass(slots=True)
class _Walk:
    record: Record
    taken: set[int]
    seen: set[int] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)
    missing: int = 0

    def down(self, resource: Json, above: tuple[Json, ...], home: Json) -> None:
        if len(above) > _DEEPEST:
            return
        for name in ("result", "hasMember"):
            for reference in items(resource.get(name)):
                member = self._resolve(reference, resource, home)
                if member is None:
                    self.missing += bool(text(reference.get("reference")))
                elif member.get("resourceType") == "Observation":
                    inside = (text(reference.get("reference")) or "").startswith("#")
                    self.add(member, (resource, *above), home if inside else member)
        if resource is home:  # what it holds inside and names nowhere
            for inner in items(resource.get("contained")):
                if inner.get("resourceType") == "Observation":
                    self.add(inner, (resource, *above), home)

    def add(self, member: Json, above: tuple[Json, ...], home: Json) -> None:
        if id(member) in self.seen:
            return
        self.seen.add(id(member))
        self.taken.add(id(member))
        self.entries.append(Entry(member, above, home))
        self.down(member, above, home)

    def _resolve(self, reference: Json, resource: Json, home: Json) -> Json | None:
        return self.record.resolve(reference, resource) or self.record.resolve(reference, home)


def groups(record: Record) -> Iterator[Group]:
    """Every Observation that may speak of ESR1 is in a group; one that two reports name is in both."""
    taken: set[int] = set()
    summaries = _summaries(record)
    for report in record.all("DiagnosticReport"):
        with record.notes.guard(report):
            walk = _Walk(record, taken)
            walk.down(report, (), report)
            yield Group(report, tuple(walk.entries), walk.missing)
    panels = [o for o in record.all("Observation") if items(o.get("hasMember")) or items(o.get("contained"))]
    inside = {id(m) for p in panels for r in items(p.get("hasMember")) if (m := record.resolve(r, p)) is not None}
    for panel in sorted(panels, key=lambda o: id(o) in inside):
        if id(panel) in taken:
            continue
        with record.notes.guard(panel):
            walk = _Walk(record, taken)
            walk.seen.add(id(panel))
            taken.add(id(panel))
            walk.down(panel, (), panel)
            yield Group(panel, (Entry(panel, _derived(record, panel, summaries), panel), *walk.entries), walk.missing)
    asked: dict[bytes, bool] = {}
    for observation in record.all("Observation"):
        if id(observation) not in taken and _may_concern(observation, asked):
            yield Group(observation, (Entry(observation, _derived(record, observation, summaries), observation),))


_SIGNS = (
    *("esr1", "esr-1", "strogen receptor 1", "nm_0001", "np_000116", "3467", "2099", "ensg00000091831", "69548-6"),
    *("enst000002062", "ensp000002062", "enst000004409"),
    *("ctdna", "cfdna", "liquid biops", "guardant", "foundationone", "cell-free"),
)


_WORDED = (
    "code",
    "valueString",
    "valueCodeableConcept",
    "note",
    "text",
    "method",
    "dataAbsentReason",
    "interpretation",
)


def _may_concern(observation: Json, asked: dict[bytes, bool]) -> bool:
    """A short cut for the many: an Observation without components that holds nothing that could stand for ESR1.

    ``asked``: the answers for the words that were looked at before.
    """
    if "component" in observation:
        return True
    said = [observation[name] for name in _WORDED if name in observation]
    try:
        key = marshal.dumps(said, 2)
    except ValueError:  # a fraction, where a text belongs
        return _signs(said)
    found = asked.get(key)
    if found is None:
        found = asked[key] = _signs(said)
    return found


def _signs(said: list[object]) -> bool:
    lower = str(said).lower()
    return any(sign in lower for sign in _SIGNS)


def _derived(record: Record, observation: Json, summaries: dict[str, list[Json]]) -> tuple[Json, ...]:
    """What a result that stands alone was derived from, or is summed up by: it may hold the date or the specimen."""
    if "derivedFrom" not in observation and "effectiveDateTime" in observation:
        return ()
    found = [record.resolve(r, observation) for r in items(observation.get("derivedFrom"))]
    known = tuple(r for r in found if r is not None and r.get("resourceType") == "Observation")
    if known or any(
        name in observation for name in ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "specimen")
    ):
        return known
    return tuple(s for s in summaries.get(reference_of(observation), []) if s is not observation)


def _summaries(record: Record) -> dict[str, list[Json]]:
    """Observations that say what they were derived from, by that."""
    found: dict[str, list[Json]] = {}
    for observation in record.all("Observation"):
        if "derivedFrom" in observation:
            for reference in items(observation.get("derivedFrom")):
                target = record.resolve(reference, observation)
                if target is not None:
                    found.setdefault(reference_of(target), []).append(observation)
    return found


def name_of(resource: Json, group: Group) -> str:
    """The reference of a resource for a person: of the container where it is contained."""
    entry = next((e for e in group.entries if e.resource is resource), None)
    return reference_of(entry.home if entry is not None else resource)


def status_of(resource: Json) -> str:
    return text(resource.get("status")) or ""


def unique(resources: tuple[Json, ...] | list[Json]) -> list[Json]:
    seen: set[int] = set()
    found: list[Json] = []
    for resource in resources:
        if id(resource) not in seen:
            seen.add(id(resource))
            found.append(resource)
    return found


def extension_values(resource: Json, name: str) -> list[Json]:
    """The extensions whose address ends in ``name``."""
    return [e for e in items(resource.get("extension")) if (text(e.get("url")) or "").rsplit("/", 1)[-1] == name]


def value_of(extension: Json) -> Json:
    return obj(extension.get("valueReference")) or obj(extension.get("valueCodeableConcept"))
