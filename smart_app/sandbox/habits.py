"""The habits of real EHR servers, which the sandbox can put on: the same patients behind each of them.

Sources: the public CapabilityStatements and error lists of Epic, Oracle Health, athenahealth, MEDITECH and
eClinicalWorks as of 2026. A habit is data; ``fhirapi`` asks it at the few places where servers differ.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.sandbox.fhirsearch import Refused

NextLink = (
    str  # "absolute", "host" (/fhir?…), "base" (?… below the base) or "foreign" (another host: not to be followed)
)


@dataclass(frozen=True)
class Habits:
    """How one server behaves; the default is the sandbox's own plain way."""

    software: str = "ESR1 sandbox EHR"
    absent: frozenset[str] = frozenset()  # types this server does not know
    demands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # a search needs one of these parameters
    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)  # any other category is refused
    includes: bool = True
    writable: bool = True
    page: int = 50
    largest: int = 200
    total: bool = True
    outcome: tuple[str, str, str] | None = None  # severity, code, words of an OperationOutcome inside each bundle
    overlap: bool = False  # the last entry of a page comes again on the next one
    next_link: NextLink = "absolute"
    expiring: int = 0  # so many times the pages of one search are lost at once
    bodiless: frozenset[int] = frozenset()  # these refusals have an empty body
    throttle: tuple[int, int, str] | None = None  # every n-th request: status, Retry-After ("" for none)
    inline_drugs: bool = False  # no Medication resource: drugs are contained in the order
    # of a profile (sandbox/profiles.py): what may be written, how, and how the answer looks
    writes: Mapping[str, str] | None = None  # letters "c" and "u" by type; None: everything, where ``writable``
    refuses: Mapping[str, int] = field(default_factory=dict)  # offered by the statement, refused with this status
    rules: tuple[Callable[[Json], None], ...] = ()  # each raises Refused for a shape that is not taken
    conditional: bool = True  # If-None-Exist counts
    terse: bool = False  # 201 without body and ETag, with a relative Location
    apart: bool = False  # the words of a note are stored as a Binary
    search: Mapping[str, list[str]] = field(default_factory=dict)  # the only search parameters of a type

    def may(self, interaction: str, kind: str) -> bool:
        """Whether the statement offers this way of writing."""
        if not self.writable or self.writes is None:
            return self.writable
        return {"create": "c", "update": "u"}.get(interaction, "-") in self.writes.get(kind, "")

    def shown(self, kind: str, native: list[Json], statements: list[Json]) -> list[Json]:
        """Resources of a type as this server would hold them: without MedicationStatement, as reported orders."""
        if kind == "MedicationRequest" and "MedicationStatement" in self.absent:
            return [*native, *map(as_reported_order, statements)]
        return native

    def inlined(self, found: list[Json], drugs: Mapping[str, Json]) -> list[Json]:
        """With the drug inside the order. ``drugs``: Medication by reference."""
        return [_inlined(resource, drugs) for resource in found]


PLAIN = Habits()
_NO_STATEMENT = frozenset({"MedicationStatement"})
EPIC = Habits(
    software="Epic",
    absent=_NO_STATEMENT,
    demands={"Observation": ("category", "code"), "Condition": ("category",), "CarePlan": ("category",)},
    categories={"Observation": frozenset({"laboratory", "genomics", "vital-signs", "social-history", "smartdata"})},
    writable=False,
    page=10,
    largest=10,
    total=False,
    outcome=(
        "warning",
        "suppressed",
        "4119: This response includes information available to the authorized user only.",
    ),
    bodiless=frozenset({403}),
)
ORACLE = Habits(
    software="Oracle Health Millennium Platform",
    absent=_NO_STATEMENT | {"Medication", "ImagingStudy"},
    categories={"CarePlan": frozenset({"assess-plan"})},
    demands={"CarePlan": ("category",)},
    includes=False,
    writable=False,
    page=5,
    largest=5,
    overlap=True,
    total=False,
    bodiless=frozenset({403, 406}),
    inline_drugs=True,
)
ATHENA = Habits(
    software="athenahealth FHIR",
    absent=_NO_STATEMENT | {"MedicationAdministration", "ImagingStudy", "Appointment"},
    writable=False,
    page=4,
    largest=4,
    next_link="host",
    throttle=(9, 403, "1"),
)
MEDITECH = Habits(
    software="MEDITECH Expanse",
    absent=_NO_STATEMENT | {"MedicationAdministration", "ImagingStudy"},
    writable=False,
    page=6,
    largest=6,
    next_link="base",
)
ECLINICALWORKS = Habits(
    software="eCW FHIR",
    absent=_NO_STATEMENT | {"ImagingStudy", "Appointment"},
    writable=False,
    page=7,
    largest=7,
    throttle=(8, 429, "1"),
)
VENDORS = {
    "epic": EPIC,
    "oracle": ORACLE,
    "athenahealth": ATHENA,
    "meditech": MEDITECH,
    "eclinicalworks": ECLINICALWORKS,
}


class Worn:
    """Habits put on by one base: they count requests, so each base has its own."""

    def __init__(self, habits: Habits) -> None:
        self.habits = habits
        self._lock = threading.Lock()
        self._requests = 0
        self._refused: set[str] = set()
        self._expired: Counter[str] = Counter()

    def throttle(self, query: str) -> tuple[int, str] | None:
        """Status and Retry-After where this request is one too many; sent again, it is let through."""
        if self.habits.throttle is None:
            return None
        every, status, wait = self.habits.throttle
        with self._lock:
            if query in self._refused and every > 1:
                self._refused.discard(query)
                return None
            self._requests += 1
            if self._requests % every:
                return None
            self._refused.add(query)
            return status, wait

    def loses(self, query: str) -> bool:
        """Whether the pages of this search are lost at once: the first times it is sent, where that is the habit."""
        if "_getpages=" in query:
            return False
        with self._lock:
            self._expired[query] += 1
            return self._expired[query] <= self.habits.expiring

    def check(self, kind: str, params: list[tuple[str, str]], interaction: str) -> None:
        """Refused where this kind of server would refuse."""
        habits = self.habits
        if kind in habits.absent:
            raise Refused(404, "not-supported", f"This server does not know {kind}.")
        if interaction in ("create", "update", "delete") and not habits.may(interaction, kind):
            raise Refused(405, "not-supported", f"This server does not let an app {interaction} {kind}.")
        if interaction in ("create", "update") and kind in habits.refuses:
            raise Refused(habits.refuses[kind], "forbidden", f"This app may not {interaction} {kind} here.")
        if interaction != "search":
            return
        names = {name for name, _ in params}
        if any(name == "_include" for name in names) and not habits.includes:
            raise Refused(400, "not-supported", "This server does not include.")
        if kind in habits.search and not names <= {*habits.search[kind], "_count", "_format"}:
            raise Refused(400, "not-supported", "This server does not search by that.")
        demanded = habits.demands.get(kind)
        if demanded and not names & {*demanded, "_id"}:
            raise Refused(400, "required", f"Must have either {' or '.join(demanded)}.")
        known = habits.categories.get(kind)
        for name, value in params:
            asked = {part.rpartition("|")[2] for part in value.split(",")}
            if name == "category" and known is not None and not asked & known:
                raise Refused(400, "value", "59111: The category is invalid.")

    def link(self, base: str, kind: str, key: str) -> str:
        """The address of the next page, spelt as this server spells it."""
        query = f"_getpages={key}"
        path = urlsplit(base).path
        return {
            "absolute": f"{base}?{query}",
            "host": f"{path}?{query}",
            "base": f"{kind}?{query}",
            "query": f"?{query}",
            "foreign": f"http://elsewhere.example.org{path}?{query}",
        }[self.habits.next_link]


def as_reported_order(statement: Json) -> Json:
    """What the patient is known to take, as US Core has it without MedicationStatement: a plan that is ``reported``."""
    status = text(statement.get("status"))
    period = obj(statement.get("effectivePeriod"))
    made: Json = {
        "resourceType": "MedicationRequest",
        "id": f"reported-{statement.get('id')}",
        "meta": statement.get("meta", {}),
        "status": status if status in ("active", "completed", "stopped", "on-hold", "entered-in-error") else "unknown",
        "intent": "plan",
        "reportedBoolean": True,
        "subject": statement.get("subject", {}),
        "authoredOn": statement.get("dateAsserted", period.get("start")),
        "dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": period}}}],
    }
    for name in ("medicationCodeableConcept", "medicationReference", "reasonCode", "note"):
        if name in statement:
            made[name] = statement[name]
    reason = next(iter(items(statement.get("statusReason"))), None)
    if reason is not None:
        made["statusReason"] = reason
    return made


def _inlined(resource: Json, drug: Mapping[str, Json]) -> Json:
    found = drug.get(text(obj(resource.get("medicationReference")).get("reference")) or "")
    if found is None:
        return resource
    inner = {"resourceType": "Medication", "id": "med", "code": found.get("code", {})}
    return {**resource, "contained": [inner], "medicationReference": {"reference": "#med"}}
