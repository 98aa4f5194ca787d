"""References worth following: drugs by reference, specimens, members of panels and reports, texts of reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from smart_app.errors import FhirError
from smart_app.fhir.attachments import MAX_BINARIES, Form, binaries_of, read_form
from smart_app.fhir.client import Entry, FhirClient
from smart_app.fhir.offer import Offer, granted
from smart_app.fhir.reading.record import Json, items, reference_of, text
from smart_app.fhir.receipt import SearchRecord

MAX_FOLLOWED = 400
BATCH = 40
_PARTS = {"Medication": "drugs", "Specimen": "results", "Observation": "results"}
_EARLY = ("Medication", "Specimen", "Binary")  # no search of a plan brings these: they need not wait for the others
_FIELDS = {
    "DiagnosticReport": ("result", "specimen"),
    "Observation": ("hasMember", "derivedFrom", "specimen"),
    "MedicationRequest": ("medicationReference",),
    "MedicationStatement": ("medicationReference",),
    "MedicationAdministration": ("medicationReference",),
    "MedicationDispense": ("medicationReference",),
}
Map = Callable[[Callable[[str], Entry | SearchRecord], list[str]], Iterable[Entry | SearchRecord]]


@dataclass(slots=True)
class References:
    """What was read, what other entries refer to, and what was asked for already (once only)."""

    base: str
    have: set[str] = field(default_factory=set)
    named: dict[str, set[str]] = field(default_factory=dict)
    genetic: set[str] = field(default_factory=set)  # Binaries of reports that are genetic by their name
    asked: set[str] = field(default_factory=set)

    def note(self, entries: Iterable[Entry]) -> None:
        for _, resource in entries:
            self.have.add(reference_of(resource))
            for target in _references(resource):
                local = target.removeprefix(f"{self.base}/").split("/_history/")[0]
                kind, _, ident = local.partition("/")
                if kind in _PARTS and ident and "/" not in ident:
                    self.named.setdefault(kind, set()).add(ident)
            if resource.get("resourceType") in ("DiagnosticReport", "DocumentReference"):
                found = binaries_of(resource, self.base)
                self.named.setdefault("Binary", set()).update(found)
                self.genetic |= {ident for ident, genetic in found.items() if genetic}

    def take(self, *, early: bool) -> list[tuple[str, list[str]]]:
        """What to ask for now, by type; ``early``: while searches are still under way."""
        wanted: list[tuple[str, list[str]]] = []
        for kind in sorted(self.named):
            if early and kind not in _EARLY:
                continue
            new = sorted(i for i in self.named[kind] if f"{kind}/{i}" not in self.have | self.asked)
            if new:
                self.asked |= {f"{kind}/{ident}" for ident in new}
                wanted.append((kind, new))
        return wanted


def _references(resource: Json) -> Iterable[str]:
    kind = resource.get("resourceType")
    for name in _FIELDS.get(kind if isinstance(kind, str) else "", ()):
        for reference in items(resource.get(name)):
            target = text(reference.get("reference"))
            if target is not None:
                yield target


def follow(
    client: FhirClient, kind: str, idents: list[str], offer: Offer, each: Map
) -> tuple[list[Entry], SearchRecord]:
    """Reads resources by id, many in one search where the server takes ``_id`` lists, else one by one, side by side."""
    record = SearchRecord(kind, "by reference: " + ",".join(idents), parts=(_PARTS[kind],), complete=True)
    found: list[Entry] = []
    wanted = idents[:MAX_FOLLOWED]
    if len(idents) > MAX_FOLLOWED:
        record.complete, record.error_code = False, "follow.too_many"
        record.error = f"{len(idents)} references to {kind} are more than the app follows."
    if offer.types is not None and offer.searches(kind) and len(wanted) > 1:
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            entries, batch = client.search(kind, [("_id", ",".join(part)), *_size(offer, kind)])
            found += [entry for entry in entries if reference_of(entry[1]).partition("/")[2] in part]
            record.pages += max(1, batch.pages)
    have = {reference_of(resource) for _, resource in found}
    missing = [ident for ident in wanted if f"{kind}/{ident}" not in have]
    for answer in each(lambda ident: _one(client, kind, ident), missing):
        record.pages += 1
        if not isinstance(answer, SearchRecord):
            found.append(answer)
        elif answer.error_code in ("fhir.not_found", "fhir.gone"):  # a reference to nothing hides nothing
            record.warnings.append(f"a {kind} that another entry refers to is not there")
        else:
            record.complete, record.error_code = False, record.error_code or f"follow.{answer.error_code}"
            said = f"A {kind} that other entries refer to could not be read: {answer.error}"
            record.error = record.error or said
    record.entries = len(found)
    return found, record


def _size(offer: Offer, kind: str) -> list[tuple[str, str]]:
    return [("_count", "100")] if offer.counts(kind) else []


def _one(client: FhirClient, kind: str, ident: str) -> Entry | SearchRecord:
    try:
        return "", client.read(kind, ident)
    except FhirError as error:
        return SearchRecord(kind, ident, error_code=error.code, error=error.message)


def open_forms(
    client: FhirClient,
    idents: list[str],
    genetic: set[str],
    scopes: tuple[str, ...] | None,
    each: Map,
    forms: dict[str, Form],
) -> SearchRecord:
    """Reads the texts of reports into ``forms``. What stays unread is needed where the report is a genetic one."""
    idents = sorted(idents, key=lambda ident: (ident not in genetic, ident))
    record = SearchRecord("Binary", "by reference: " + ",".join(idents), parts=("results",), complete=True)
    unread: list[tuple[str, str, str]] = []

    def one(ident: str) -> Entry | SearchRecord:
        try:
            forms[ident] = read_form(client, ident)
        except FhirError as error:
            return SearchRecord("Binary", ident, error_code=error.code, error=error.message)
        return "", {}

    if not granted("Binary", scopes, "r"):
        unread = [(ident, "scope.not_granted", "the EHR did not grant it") for ident in idents]
    else:
        wanted = idents[:MAX_BINARIES]
        unread = [(ident, "follow.too_many", "there are more than the app opens") for ident in idents[MAX_BINARIES:]]
        for ident, answer in zip(wanted, each(one, wanted), strict=True):
            record.pages += 1
            if isinstance(answer, SearchRecord):
                unread.append((ident, answer.error_code or "", answer.error or ""))
    record.entries = sum(1 for ident in idents if ident in forms)
    hiding = [u for u in unread if u[1] != "attachment.not_text"]
    record.warnings += ["a report is no text; a person can open it"] * (len(unread) - len(hiding))
    if hiding:
        worst = next((u for u in hiding if u[0] in genetic), hiding[0])
        record.complete, record.error_code = False, worst[1]
        record.error = f"The text of {len(hiding)} of {len(idents)} reports could not be opened: {worst[2]}"
        record.needed = worst[0] in genetic
    return record
