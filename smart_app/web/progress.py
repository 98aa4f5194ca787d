"""The timeline while the record is still being read: a page at once with what is there, until the answer can be given.

The record is read beside the request. Is it read before a search proves slow (``SLOW``), the page comes as if there had
been nothing to wait for. Else a page comes that lists what has been read and what has not, and asks again:

- without script by a refresh without delay, whose answer the server holds until everything is read, ``HOLD`` at most. A
  refresh without delay takes no time limit from the reader (WCAG 2.2.1), and the page stays while the answer is held;
- with script by a small file that asks after a second, so that the page is never shown as still loading.

A stream that fills in would need script to put the answer first, and a proxy that collects it would leave the page
blank.

Nothing on that page is decided: no window, no draw, no review, before every search has been answered, and nothing of
the record stands there before the patient is known. A reading belongs to one launch, lies in this process's memory for
as long as it takes and ``KEPT`` seconds after, and is handed out once.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask, current_app, g, request

from smart_app.errors import AppError
from smart_app.fhir.client import Entry, FhirClient
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.reading.record import Json, reference_of
from smart_app.fhir.receipt import Receipt, SearchRecord
from smart_app.smart.launches import Launch
from smart_app.web.chart import ChartView, PatientBanner, banner_of, read_view
from smart_app.web.i18n import N_, _
from smart_app.web.rows import Row, rows_of
from smart_app.web.settings import services

blueprint = Blueprint("progress", __name__)
# seconds: a search this old is slow; the first page waits no longer; a held answer; an answer to be asked for again
SLOW, LONGEST, HOLD, BRIEFLY = 1.3, 2.5, 3.0, 0.1
KEPT = 5.0
_KEY = "esr1.readings"
NAMES = {
    "Observation": N_("Laboratory results and findings"),
    "DiagnosticReport": N_("Reports"),
    "DocumentReference": N_("Documents"),
    "Condition": N_("Diagnoses"),
    "MedicationRequest": N_("Drug orders"),
    "MedicationStatement": N_("Drugs as reported"),
    "MedicationAdministration": N_("Drugs given"),
    "MedicationDispense": N_("Drugs handed over"),
    "Procedure": N_("Procedures"),
    "ServiceRequest": N_("Orders"),
    "Appointment": N_("Visits ahead"),
    "Encounter": N_("Visits"),
    "ImagingStudy": N_("Scans"),
    "CarePlan": N_("Care plans"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of resource: how many searches were begun, are answered, failed; and how many entries came."""

    name: str
    begun: int = 0
    done: int = 0
    failed: int = 0
    entries: int = 0

    @property
    def state(self) -> str:
        if self.done < self.begun:
            return _("being read")
        return _("not read completely") if self.failed else _("read")


@dataclass(slots=True)
class Reading:
    """One reading of one launch's record, under way or just finished."""

    launch: Launch
    finished: threading.Event = field(default_factory=threading.Event)
    finished_at: float = 0.0
    view: ChartView | None = None
    error: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: dict[str, int] = field(default_factory=dict)
    _open: dict[int, float] = field(default_factory=dict)  # since when each search is under way
    _records: list[tuple[str, bool, int]] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _patient: Json | None = None

    def begin(self, kind: str) -> int:
        """The number of the search, for its end."""
        with self._lock:
            self._begun[kind] = self._begun.get(kind, 0) + 1
            number = sum(self._begun.values())
            self._open[number] = time.monotonic()
        return number

    def end(self, number: int, kind: str, entries: list[Entry], record: SearchRecord) -> None:
        with self._lock:
            self._open.pop(number)
            self._records.append((kind, record.complete, len(entries)))
            self._entries += entries

    def met(self, patient: Json) -> None:
        with self._lock:
            self._patient = patient

    def finish(self, view: ChartView | None, error: BaseException | None) -> None:
        self.view, self.error, self.finished_at = view, error, time.monotonic()
        self.finished.set()

    def first_page(self) -> bool:
        """Waits until all is read (True), or until there is something to show and something slow to wait for."""
        until = time.monotonic() + LONGEST
        while not self.finished.wait(0.03):
            now = time.monotonic()
            if now > until or (self._patient is not None and self._slow(now)):
                return False
        return True

    def _slow(self, now: float) -> bool:
        with self._lock:
            return any(now - since > SLOW for since in self._open.values())

    def steps(self) -> list[Step]:
        """By kind, in the order in which they were begun."""
        with self._lock:
            begun, records = dict(self._begun), list(self._records)
        made = []
        for kind, number in begun.items():
            told = [(complete, entries) for name, complete, entries in records if name == kind]
            failed = sum(not complete for complete, _ in told)
            made.append(
                Step(_(NAMES[kind]) if kind in NAMES else kind, number, len(told), failed, sum(n for _, n in told))
            )
        return made

    def patient(self) -> PatientBanner | None:
        """None until the patient has been read, and is the launch's."""
        ident = self.launch.patient_id
        found = self._patient
        return banner_of(found, ident) if found is not None and found.get("id") == ident else None

    def rows(self) -> list[Row]:
        """The facts read so far; none before the patient is known."""
        with self._lock:
            entries, patient = list(self._entries), self._patient
        if patient is None or self.patient() is None:
            return []
        issuer = self.launch.issuer
        found: dict[str, Entry] = {}
        for entry in (*entries, ("", patient)):
            found.setdefault(reference_of(entry[1]), entry)
        chart = read_chart(
            list(found.values()),
            patient_id=self.launch.patient_id,
            zone=issuer.zone,
            codebook=services().codebooks[issuer.id],
            receipt=Receipt(),
            base=issuer.base,
        )
        return rows_of(chart, "newest")


class _Watched(FhirClient):
    """Tells a reading of every search begun and answered."""

    reading: Reading

    def capped(self, concurrency: int) -> FhirClient:
        made = _Watched(self.base, self._gate, self._bearer)
        made.__dict__.update(super().capped(concurrency).__dict__, reading=self.reading)
        return made

    def read(self, resource_type: str, ident: str) -> Json:
        found = super().read(resource_type, ident)
        if resource_type == "Patient":
            self.reading.met(found)
        return found

    def search(self, resource_type: str, *args: Any, **more: Any) -> tuple[list[Entry], SearchRecord]:
        number = self.reading.begin(resource_type)
        entries, record = super().search(resource_type, *args, **more)
        self.reading.end(number, resource_type, entries, record)
        return entries, record


class Readings:
    """The readings under way in this process, one a launch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Reading] = {}

    def of(self, launch: Launch) -> tuple[Reading, bool]:
        """The one under way, else a new one (True)."""
        with self._lock:
            self._sweep()
            found = self._known.get(launch.id)
            if found is not None:
                return found, False
            made = self._known[launch.id] = Reading(launch)
        return made, True

    def drop(self, launch_id: str, only: Reading | None = None) -> None:
        with self._lock:
            if only is None or self._known.get(launch_id) is only:
                self._known.pop(launch_id, None)

    def _sweep(self) -> None:
        late = time.monotonic() - KEPT
        for key in [k for k, r in self._known.items() if r.finished.is_set() and r.finished_at < late]:
            del self._known[key]


def readings() -> Readings:
    found: Readings = current_app.extensions.setdefault(_KEY, Readings())
    return found


def awaited(launch: Launch, *, hold: bool) -> ChartView | Reading:
    """The record, where it is read by now; else the reading under way. Raises what the reading raised.

    ``hold``: the browser asks again by itself at once, so that the answer may take its time.
    """
    known = readings()
    reading, new = known.of(launch)
    if new:
        _begin(reading, known)
    if not (reading.first_page() if new else reading.finished.wait(HOLD if hold else BRIEFLY)):
        return reading
    known.drop(launch.id, reading)
    if reading.view is None:
        raise reading.error or AppError(N_("The record could not be read."), code="app.reading")
    return reading.view


def _begin(reading: Reading, known: Readings) -> None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def run() -> None:
        view, error = None, None
        with app.app_context():
            launch = reading.launch
            client = _Watched(launch.issuer.base, services().gate, services().tokens.bearer(launch))
            client.reading = reading
            try:
                view = read_view(launch, client)
            except BaseException as failed:
                error = failed
        reading.finish(view, error)
        timer = threading.Timer(KEPT, known.drop, (launch.id, reading))  # nobody came for it
        timer.daemon = True
        timer.start()

    threading.Thread(target=run, daemon=True).start()


@blueprint.before_app_request
def forget() -> None:
    """What was changed in a launch must not be met by an older reading of it."""
    launch = g.get("launch")
    if launch is not None and request.method == "POST":
        readings().drop(launch.id)


def so_far(reading: Reading, sort: str) -> dict[str, Any]:
    """For ``progress/page.html``: what is read so far. No answer is in it."""
    return {
        "launch": reading.launch,
        "patient": reading.patient(),
        "today": services().settings.now().astimezone(reading.launch.issuer.zone).date(),
        "steps": reading.steps(),
        "rows": reading.rows(),
        "sort": sort,
    }
