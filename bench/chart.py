"""A whole chart of six types at 50 ms injected latency: ours beside fhirclient, fhirpy and plain sequential requests.

One server, one patient, one run. The measure is the time of one token-less round trip (``/metadata``) plus the slowest
single search with the largest page; ours should stay below 1.5 times that. fhirclient and fhirpy are measured where
they are installed (they are no dependency); else the line says so. ``--assert`` makes a missed goal an exit code.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.harvest import harvest

LATENCY = 0.05
GOAL = 1.5
TIMES = 7
HELD = {
    "Observation": 260,
    "Condition": 24,
    "DiagnosticReport": 30,
    "MedicationRequest": 40,
    "MedicationStatement": 20,
    "Encounter": 60,
}
PAGE, LARGEST = 20, 500


def _resource(kind: str, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": kind,
        "id": f"{kind.lower()}-{number}",
        "status": "finished" if kind == "Encounter" else "final",
        "subject": {"reference": "Patient/p"},
        "code": {"text": f"Item {number}", "coding": [{"system": "http://loinc.org", "code": f"{number}-1"}]},
    }
    if kind == "Observation":
        made |= {"effectiveDateTime": f"20{10 + number % 16}-05-0{1 + number % 9}"}
        made |= {"valueQuantity": {"value": number / 7, "unit": "mg/dL", "code": "mg/dL"}}
    elif kind.startswith("Medication"):
        del made["code"]
        made |= {"medicationCodeableConcept": {"text": f"Drug {number}"}, "status": "active"}
        made |= {"authoredOn": "2026-01-05", "intent": "order"} if kind == "MedicationRequest" else {}
    elif kind == "DiagnosticReport":
        made |= {"issued": "2026-05-04T10:00:00Z"}
    elif kind == "Encounter":
        del made["code"]
        made |= {"class": {"code": "AMB"}, "period": {"start": "2026-05-04"}}
    elif kind == "Condition":
        del made["status"]
    return made


STORE = {kind: [_resource(kind, n) for n in range(count)] for kind, count in HELD.items()}


def _statement() -> dict[str, Any]:
    codes = [{"code": "read"}, {"code": "search-type"}]
    kinds = [{"type": kind, "interaction": codes} for kind in (*HELD, "Patient")]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": kinds}],
    }


def _answer(path: str, query: dict[str, str], base: str) -> dict[str, Any]:
    kind = path.removeprefix("/fhir/")
    if kind == "metadata":
        return _statement()
    if kind.startswith("Patient"):
        return {"resourceType": "Patient", "id": "p"}
    found = STORE.get(kind, [])
    start, size = int(query.get("_start", 0)), min(LARGEST, int(query.get("_count", PAGE)))
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    part = found[start : start + size]
    bundle["entry"] = [
        {"fullUrl": f"{base}/{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in part
    ]
    if start + size < len(found):
        rest = f"{base}/{kind}?patient=p&_count={size}&_start={start + size}"
        bundle["link"] = [{"relation": "next", "url": rest}]
    return bundle


def _serve(ports: Queue[int]) -> None:
    class Edge(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            time.sleep(LATENCY)
            parts = urlsplit(self.path)
            base = f"http://127.0.0.1:{self.server.server_address[1]}/fhir"
            raw = json.dumps(_answer(parts.path, dict(parse_qsl(parts.query)), base)).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(raw)}\r\n\r\n"
            self.wfile.write(head.encode() + raw)

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Edge)
    ports.put(server.server_address[1])
    server.serve_forever()


@contextmanager
def slow_server() -> Iterator[str]:
    ports: Queue[int] = Queue()
    process = Process(target=_serve, args=(ports,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=20)}/fhir"
    finally:
        process.terminate()
        process.join()


def _all_pages(session: requests.Session, base: str, kind: str, count: int | None) -> int:
    url: str | None = f"{base}/{kind}?patient=p" + (f"&_count={count}" if count else "")
    found = 0
    while url is not None:
        bundle = session.get(url).json()
        found += len(bundle["entry"])
        url = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "next"), None)
    return found


def plain(base: str, count: int | None) -> int:
    with requests.Session() as session:
        session.get(f"{base}/metadata").json()
        session.get(f"{base}/Patient/p").json()
        return sum(_all_pages(session, base, kind, count) for kind in HELD)


def ours(base: str) -> int:
    gate = Gate()
    gate.allow(base)
    entries, receipt = harvest(FhirClient(base, gate), "p")
    assert all(search.complete for search in receipt.searches if search.offered)
    return len(entries) - 1


def with_fhirclient(base: str) -> int:
    from fhirclient import client  # type: ignore[import-not-found]
    from fhirclient.models import (  # type: ignore[import-not-found]
        condition,
        diagnosticreport,
        encounter,
        medicationrequest,
        medicationstatement,
        observation,
        patient,
    )

    smart = client.FHIRClient(settings={"app_id": "bench", "api_base": base})
    patient.Patient.read("p", smart.server)
    kinds = (
        observation.Observation,
        condition.Condition,
        diagnosticreport.DiagnosticReport,
        medicationrequest.MedicationRequest,
        medicationstatement.MedicationStatement,
        encounter.Encounter,
    )
    return sum(len(list(kind.where({"patient": "p"}).perform_resources_iter(smart.server))) for kind in kinds)


def with_fhirpy(base: str) -> int:
    from fhirpy import SyncFHIRClient  # type: ignore[import-not-found]

    made = SyncFHIRClient(base)
    made.reference("Patient", "p").to_resource()
    return sum(len(made.resources(kind).search(patient="p").fetch_all()) for kind in HELD)


def median(run: Callable[[], object]) -> float:
    run()
    taken = []
    for _ in range(TIMES):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def slowest_search(base: str) -> float:
    with requests.Session() as session:
        return max(median(lambda kind=kind: _all_pages(session, base, kind, LARGEST)) for kind in HELD)  # type: ignore[misc]


def main() -> int:
    with slow_server() as base:
        wanted = sum(HELD.values())
        with requests.Session() as session:
            trip = median(lambda: session.get(f"{base}/metadata").json())
        slowest = slowest_search(base)
        measure = trip + slowest
        print(f"{wanted} resources of {len(HELD)} types, {LATENCY * 1000:.0f} ms a request, median of {TIMES}")
        print(f"one round trip {trip * 1000:.0f} ms + slowest search {slowest * 1000:.0f} ms = {measure * 1000:.0f} ms")
        rows: list[tuple[str, str | None, Callable[[str], int]]] = [
            ("ours", None, ours),
            (f"requests, one after another, _count={LARGEST}", None, lambda b: plain(b, LARGEST)),
            ("requests, one after another", None, lambda b: plain(b, None)),
            ("fhirclient", "fhirclient", with_fhirclient),
            ("fhirpy", "fhirpy", with_fhirpy),
        ]
        ratio = 0.0
        for name, module, run in rows:
            if module is not None and importlib.util.find_spec(module) is None:
                print(f"{name}: not installed, not measured")
                continue
            try:
                found = run(base)
                taken = median(lambda run=run: run(base))  # type: ignore[misc]
            except Exception as error:
                print(f"{name}: failed ({type(error).__name__})")
                continue
            ratio = ratio or taken / measure
            print(f"{name}: {taken * 1000:.0f} ms, {taken / measure:.2f} times the measure, {found} resources")
    print(f"ours: {'within' if ratio <= GOAL else 'NOT within'} {GOAL} times the measure")
    return 0 if ratio <= GOAL or "--assert" not in sys.argv else 1


if __name__ == "__main__":
    sys.exit(main())
