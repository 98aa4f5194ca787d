"""What may be asked of a server: by its CapabilityStatement, and by the scopes that were granted."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from smart_app.fhir.plans import Query
from smart_app.fhir.reading.record import Json, items, obj, text


@dataclass(frozen=True, slots=True)
class Offer:
    """What the CapabilityStatement says can be searched; ``types`` None where it could not be read."""

    types: dict[str, Json] | None

    @classmethod
    def of(cls, capabilities: Json | None) -> Offer:
        if capabilities is None:
            return cls(None)
        rest = next(iter(items(capabilities.get("rest"))), {})
        return cls({text(r.get("type")) or "": r for r in items(rest.get("resource"))})

    def searches(self, kind: str) -> bool:
        if self.types is None:
            return True
        codes = {text(i.get("code")) for i in items(obj(self.types.get(kind)).get("interaction"))}
        return "search-type" in codes

    def includes(self, include: str) -> bool:
        if self.types is None:
            return False
        listed = obj(self.types.get(include.split(":")[0])).get("searchInclude") or []
        return isinstance(listed, list) and (include in listed or "*" in listed)

    def counts(self, kind: str) -> bool:
        """Whether ``_count`` may be sent: a server that lists it for some types takes it for those alone."""
        if self.types is None:
            return True
        return "_count" in self._names(kind) or not any("_count" in self._names(other) for other in self.types)

    def takes(self, kind: str, name: str) -> bool:
        """Whether this search parameter is listed for the type."""
        return self.types is not None and name in self._names(kind)

    def _names(self, kind: str) -> set[str | None]:
        return {text(p.get("name")) for p in items(obj((self.types or {}).get(kind)).get("searchParam"))}

    def extras(self, query: Query, count: int | None) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """(page size, includes) to add to a query, as far as this server takes them."""
        size = [("_count", str(count))] if count is not None and self.counts(query.type) else []
        return size, [("_include", include) for include in query.include if self.includes(include)]


def part_granted(kind: str, scopes: tuple[str, ...] | None) -> tuple[str, ...]:
    """The filters (``category=laboratory``) where the token may search nothing but parts of this type (SMART v2)."""
    own = [s for s in scopes or () if granted(kind, (s,))]
    filters = tuple(filter_ for s in own if (filter_ := s.partition("?")[2]))
    return filters if filters and len(filters) == len(own) else ()


def lies_within(params: tuple[tuple[str, str], ...], filters: tuple[str, ...]) -> bool:
    """Whether a search asks for no more than one of these filters lets through (codes, with or without system)."""
    asked = {(name, value.rpartition("|")[2]) for name, value in params}
    return any(
        all((name, value.rpartition("|")[2]) in asked for name, value in parse_qsl(filter_)) for filter_ in filters
    )


def granted(kind: str, scopes: tuple[str, ...] | None, need: str = "rs") -> bool:
    """Whether the token may search (``rs``) or read (``r``) this type: v1 ``patient/X.read``, v2 ``patient/X.rs``.

    No token at all (None): the server itself will say.
    """
    if scopes is None:
        return True
    for scope in scopes:
        context, _, rest = scope.partition("/")
        if context not in ("patient", "user", "system"):
            continue
        name, _, access = rest.partition("?")[0].partition(".")
        letters = set(access)
        if name in (kind, "*") and (access in ("read", "*") or set(need) <= letters <= set("cruds")):
            return True
    return False
