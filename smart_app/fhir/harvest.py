"""Reads a patient's record: concurrent searches by a plan, all pages, references followed, all in the receipt."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from smart_app.errors import FhirError
from smart_app.fhir.client import Entry, FhirClient
from smart_app.fhir.plans import Plan, Query, choose_plan
from smart_app.fhir.reading.record import Json, items, obj, reference_of, text
from smart_app.fhir.receipt import Receipt, SearchRecord

MAX_FOLLOWED = 400
_REFUSED = ("fhir.refused", "fhir.not_found")
_FOLLOWED_PARTS = {"Medication": "drugs", "Specimen": "results", "Observation": "results"}


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


def harvest(
    client: FhirClient,
    patient_id: str,
    plan: str | None = None,
    *,
    capabilities: Json | None = None,
    scopes_asked: tuple[str, ...] = (),
    scopes_granted: tuple[str, ...] | None = None,
) -> tuple[list[Entry], Receipt]:
    """The patient's resources and the receipt. FhirError only where the Patient itself cannot be read."""
    receipt = Receipt(scopes_asked=scopes_asked, scopes_granted=scopes_granted)
    receipt.read_at = datetime.now(UTC).isoformat(timespec="seconds")
    if capabilities is None:
        capabilities = _capabilities(client, receipt)
    chosen = choose_plan(capabilities, plan)
    offer = Offer.of(capabilities)
    found: dict[str, Entry] = {}
    with ThreadPoolExecutor(max_workers=chosen.concurrency) as pool:
        patient = pool.submit(client.read, "Patient", patient_id)
        runs = [pool.submit(_run, client, patient_id, query, chosen, offer, scopes_granted) for query in chosen.queries]
        for run in runs:
            for entries, record in run.result():
                _keep(entries, found)
                receipt.searches.append(record)
        person = patient.result()
        if text(person.get("id")) != patient_id:
            raise FhirError("The EHR answered with another patient.", code="fhir.wrong_patient")
        _keep([("", person)], found)
        for _ in range(3):  # a report's members may name specimens of their own
            missing = _unresolved(found.values(), client.base)
            missing = {kind: idents - _tried(receipt, kind) for kind, idents in missing.items()}
            if not any(missing.values()):
                break
            jobs = [pool.submit(_follow, client, kind, sorted(ids), offer) for kind, ids in missing.items() if ids]
            for job in jobs:
                entries, record = job.result()
                _keep(entries, found)
                receipt.searches.append(record)
    receipt.resources_read = len(found)
    return list(found.values()), receipt


def _capabilities(client: FhirClient, receipt: Receipt) -> Json | None:
    try:
        return client.capabilities()
    except FhirError as error:
        note = SearchRecord("CapabilityStatement", "metadata", needed=False)
        note.error_code, note.error = error.code, error.message
        receipt.searches.append(note)
        return None


def _keep(entries: Iterable[Entry], found: dict[str, Entry]) -> None:
    for full_url, resource in entries:
        key = reference_of(resource)
        found.setdefault(key if "/" in key else f"{key}#{len(found)}", (full_url, resource))


def _granted(kind: str, scopes: tuple[str, ...] | None) -> bool:
    """Whether the token may search this type (SMART v1 ``patient/X.read`` and v2 ``patient/X.rs``)."""
    if scopes is None:
        return True
    for scope in scopes:
        context, _, rest = scope.partition("/")
        if context not in ("patient", "user", "system"):
            continue
        name, _, access = rest.partition("?")[0].partition(".")
        letters = set(access)
        if name in (kind, "*") and (access in ("read", "*") or {"r", "s"} <= letters <= set("cruds")):
            return True
    return False


def _run(
    client: FhirClient, patient_id: str, query: Query, plan: Plan, offer: Offer, granted: tuple[str, ...] | None
) -> list[tuple[list[Entry], SearchRecord]]:
    shown = "&".join(f"{k}={v}" for k, v in query.params)
    if not offer.searches(query.type):
        return [([], _note(query, shown, offered=False, error=None))]
    if not _granted(query.type, granted):
        return [([], _note(query, shown, offered=True, error=("scope.not_granted", "The EHR did not grant this.")))]
    params = [("patient", patient_id), *query.params]
    if plan.count is not None:
        params.append(("_count", str(plan.count)))
    if query.include is not None and offer.includes(query.include):
        params.append(("_include", query.include))
    entries, record = client.search(query.type, params, shown=shown)
    record.parts, record.needed = query.parts, query.needed
    if record.error_code in _REFUSED and record.pages == 0:
        if query.fallback:
            return [pair for other in query.fallback for pair in _run(client, patient_id, other, plan, offer, granted)]
        unserved = record.error_code == "fhir.not_found" and offer.types is None and query.type.startswith("Medication")
        if query.optional or unserved:
            record.offered = False
    return [(entries, record)]


def _note(query: Query, shown: str, *, offered: bool, error: tuple[str, str] | None) -> SearchRecord:
    record = SearchRecord(query.type, shown, parts=query.parts, needed=query.needed, offered=offered)
    if error is not None:
        record.error_code, record.error = error
    return record


def _references(resource: Json) -> Iterable[str]:
    """References worth following: drugs by reference, specimens, members of panels and reports."""
    kind = resource.get("resourceType")
    fields = {
        "DiagnosticReport": ("result", "specimen"),
        "Observation": ("hasMember", "derivedFrom", "specimen"),
        "MedicationRequest": ("medicationReference",),
        "MedicationStatement": ("medicationReference",),
        "MedicationAdministration": ("medicationReference",),
        "MedicationDispense": ("medicationReference",),
    }.get(kind if isinstance(kind, str) else "", ())
    for name in fields:
        for reference in items(resource.get(name)):
            target = text(reference.get("reference"))
            if target is not None:
                yield target


def _unresolved(entries: Iterable[Entry], base: str) -> dict[str, set[str]]:
    listed = list(entries)
    have = {reference_of(resource) for _, resource in listed}
    missing: dict[str, set[str]] = {}
    for _, resource in listed:
        for target in _references(resource):
            if target.startswith(base + "/"):
                target = target[len(base) + 1 :]
            kind, _, ident = target.split("/_history/")[0].partition("/")
            if kind in _FOLLOWED_PARTS and ident and "/" not in ident and f"{kind}/{ident}" not in have:
                missing.setdefault(kind, set()).add(ident)
    return missing


def _tried(receipt: Receipt, kind: str) -> set[str]:
    """Ids already asked for by reference: what was not there the first time is not asked for again."""
    return {
        ident
        for record in receipt.searches
        if record.resource_type == kind and record.query.startswith("by reference: ")
        for ident in record.query.removeprefix("by reference: ").split(",")
    }


def _follow(client: FhirClient, kind: str, idents: list[str], offer: Offer) -> tuple[list[Entry], SearchRecord]:
    """Reads resources by id, many in one search where the server takes ``_id`` lists, else one by one."""
    record = SearchRecord(kind, "by reference: " + ",".join(idents), parts=(_FOLLOWED_PARTS[kind],), complete=True)
    found: list[Entry] = []
    wanted = idents[:MAX_FOLLOWED]
    if len(idents) > MAX_FOLLOWED:
        record.complete, record.error_code = False, "follow.too_many"
        record.error = f"{len(idents)} references to {kind} are more than the app follows."
    if offer.types is not None and offer.searches(kind) and len(wanted) > 1:
        for start in range(0, len(wanted), 40):
            part = wanted[start : start + 40]
            entries, _ = client.search(kind, [("_id", ",".join(part)), ("_count", "100")])
            found += [entry for entry in entries if reference_of(entry[1]).partition("/")[2] in part]
            record.pages += 1
    have = {reference_of(resource) for _, resource in found}
    for ident in wanted:
        if f"{kind}/{ident}" in have:
            continue
        try:
            found.append(("", client.read(kind, ident)))
        except FhirError as error:
            if error.code in ("fhir.not_found", "fhir.gone"):  # a reference to nothing hides nothing
                record.warnings.append(f"a {kind} that another entry refers to is not there")
                continue
            record.complete, record.error_code = False, record.error_code or f"follow.{error.code}"
            record.error = record.error or f"A {kind} that other entries refer to could not be read: {error.message}"
        record.pages += 1
    record.entries = len(found)
    return found, record
