"""Reads a patient's record: concurrent searches by a plan, all pages, references followed, all in the receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ParamSpec, TypeVar

from smart_app.errors import AppError, FhirError
from smart_app.fhir.attachments import Form, with_forms
from smart_app.fhir.client import Entry, Fan, FhirClient
from smart_app.fhir.follow import References, follow, open_forms
from smart_app.fhir.offer import Offer, granted, lies_within, part_granted
from smart_app.fhir.plans import Plan, Query, choose_plan
from smart_app.fhir.reading.record import Json, reference_of, text
from smart_app.fhir.receipt import Receipt, SearchRecord

BUDGET = 45.0  # seconds for a whole record: a part of it with a receipt is better than a page that never comes
MAX_ROUNDS = 5  # of members that have members of their own
_THREADS = 48  # how many requests are under way at once is the plan's to say (``concurrency``), not the threads'
_REFUSED = ("fhir.refused", "fhir.not_found")
P = ParamSpec("P")
T = TypeVar("T")
Found = list[tuple[list[Entry], SearchRecord]]


@dataclass(frozen=True, slots=True)
class _Asking:
    """What every search of one reading shares."""

    client: FhirClient
    patient_id: str
    plan: Plan
    offer: Offer
    scopes: tuple[str, ...] | None
    today: date
    wide: ThreadPoolExecutor  # its jobs wait for nothing but the network


def harvest(
    client: FhirClient,
    patient_id: str,
    plan: str | None = None,
    *,
    capabilities: Json | None = None,
    scopes_asked: tuple[str, ...] = (),
    scopes_granted: tuple[str, ...] | None = None,
    budget: float = BUDGET,
    beside: Callable[[FhirClient], None] | None = None,
) -> tuple[list[Entry], Receipt]:
    """The patient's resources and the receipt. FhirError only where the Patient itself cannot be read.

    After ``budget`` seconds nothing more is asked: what was not read by then stands in the receipt (``net.budget``).
    ``beside`` asks for what else the caller needs, at the same time, in a thread of its own and with the same client:
    its requests count among those under way.
    """
    receipt = Receipt(scopes_asked=scopes_asked, scopes_granted=scopes_granted)
    now = datetime.now(UTC)
    receipt.read_at = now.isoformat(timespec="seconds")
    if capabilities is None:
        capabilities = _capabilities(client, receipt)
    chosen = choose_plan(capabilities, plan)
    capped = client.capped(chosen.concurrency)
    capped.end_in(budget)
    found: dict[str, Entry] = {}
    forms: dict[str, Form] = {}
    offer = Offer.of(capabilities)
    errors: list[AppError] = []  # in their order: a patient not there, a sign-in that ended or changed
    try:
        with ThreadPoolExecutor(_THREADS) as pool, ThreadPoolExecutor(_THREADS) as wide:
            asking = _Asking(capped, patient_id, chosen, offer, scopes_granted, now.date(), wide)
            patient = pool.submit(_noted, errors, capped.read, "Patient", patient_id)
            runs = [pool.submit(_noted, errors, _run, asking, query) for query in chosen.queries]
            others = [pool.submit(_noted, errors, beside, capped)] if beside is not None else []
            runs += _follow_all(asking, pool, runs, forms)
            for run in runs:
                for entries, record in run.result():
                    _keep(entries, found)
                    receipt.searches.append(record)
            person = patient.result()
            for other in others:
                other.result()
    except AppError as error:
        if errors and errors[0] is not error:  # what went wrong first tells why the others failed, too
            raise errors[0] from error
        raise
    if text(person.get("id")) != patient_id:
        raise FhirError("The EHR answered with another patient.", code="fhir.wrong_patient")
    _keep([("", person)], found)
    receipt.resources_read = len(found)
    return list(with_forms(found.values(), forms, client.base)), receipt


def _follow_all(
    asking: _Asking, pool: ThreadPoolExecutor, searches: list[Future[Found]], forms: dict[str, Form]
) -> list[Future[Found]]:
    """Follows references while the searches come in; those that a search may still bring, once all are there."""
    references = References(asking.client.base)
    jobs: list[tuple[str, Future[Found]]] = []
    waiting, rounds = set(searches), 0
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for job in done:
            for entries, _ in job.result():
                references.note(entries)
        quiet = not waiting
        rounds += quiet
        if rounds > MAX_ROUNDS:
            break
        for kind, idents in references.take(early=not quiet):
            job = pool.submit(_followed, asking, kind, idents, references.genetic, forms)
            jobs.append((f"{kind}/{idents[0]}", job))
            waiting.add(job)
    return [job for _, job in sorted(jobs, key=lambda pair: pair[0])]


def _followed(asking: _Asking, kind: str, idents: list[str], genetic: set[str], forms: dict[str, Form]) -> Found:
    if kind == "Binary":
        return [([], open_forms(asking.client, idents, genetic, asking.scopes, asking.wide.map, forms))]
    return [follow(asking.client, kind, idents, asking.offer, asking.wide.map)]


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


def _noted(errors: list[AppError], run: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    try:
        return run(*args, **more)
    except AppError as error:
        errors.append(error)
        raise


def _run(asking: _Asking, query: Query) -> Found:
    offer, shown = asking.offer, "&".join(f"{k}={v}" for k, v in query.params)
    if not offer.searches(query.type):
        return [([], _note(query, shown, offered=False, error=None))]
    if not granted(query.type, asking.scopes):
        return [([], _note(query, shown, offered=True, error=("scope.not_granted", "The EHR did not grant this.")))]
    wanted = [("patient", asking.patient_id), *query.params]
    size, included = offer.extras(query, asking.plan.count)
    fan = None
    if query.windows is not None and offer.takes(query.type, query.windows.by):
        fan = Fan(query.windows.of(asking.today), asking.wide.map)
    entries, record = asking.client.search(query.type, [*wanted, *size, *included], shown=shown, fan=fan)
    if record.error_code in _REFUSED and record.pages == 0 and included:  # listed, and yet not taken
        entries, record = asking.client.search(query.type, [*wanted, *size], shown=shown, fan=fan)
    record.parts, record.needed = query.parts, query.needed
    filters = part_granted(query.type, asking.scopes)
    if filters and record.complete and not query.optional and not lies_within(query.params, filters):
        record.complete, record.error_code = False, "scope.part_granted"
        record.error = f"The EHR granted only a part of this: {', '.join(filters)}."
    if record.error_code in _REFUSED and record.pages == 0:
        if query.fallback:
            return [pair for other in query.fallback for pair in _run(asking, other)]
        unserved = record.error_code == "fhir.not_found" and offer.types is None and query.type.startswith("Medication")
        if query.optional or unserved:
            record.offered = False
    return [(entries, record)]


def _note(query: Query, shown: str, *, offered: bool, error: tuple[str, str] | None) -> SearchRecord:
    record = SearchRecord(query.type, shown, parts=query.parts, needed=query.needed, offered=offered)
    if error is not None:
        record.error_code, record.error = error
    return record
