"""``smart-app patients``: lists the synthetic patients, loads them into any R4 server, and removes just them."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime

from smart_app.errors import FhirError
from smart_app.fhir.client import FhirClient, expect, failure
from smart_app.fhir.gate import Gate
from smart_app.fhir.reading.record import Json, reference_of
from smart_app.sandbox.fhirstore import TYPES
from smart_app.sandbox.patients import TAG, everybody


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("patients", help="the synthetic sandbox patients")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="who they are and what they show").set_defaults(func=show)
    loading = actions.add_parser("load", help="load them into a FHIR R4 server (again: no duplicates)")
    loading.add_argument("--fhir", required=True, metavar="URL", help="FHIR base URL")
    loading.add_argument("--day", type=date.fromisoformat, help="the day their dates count from (default: today)")
    loading.set_defaults(func=load)
    removing = actions.add_parser("unload", help="remove what carries their tag, and nothing else")
    removing.add_argument("--fhir", required=True, metavar="URL", help="FHIR base URL")
    removing.set_defaults(func=unload)


def client_of(url: str) -> FhirClient:
    gate = Gate()
    gate.allow(url)
    return FhirClient(url, gate)


def show(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - the shape of a command
    for one in everybody(datetime.now(UTC).date()):
        print(f"{one.id:26} {one.given} {one.family:10} {one.shows}")
    return 0


def load(arguments: argparse.Namespace) -> int:
    """One transaction a patient, with fixed ids: loading again replaces, never doubles."""
    client = client_of(arguments.fhir)
    day = arguments.day or datetime.now(UTC).date()
    for one in everybody(day):
        entry = [
            {"resource": r, "request": {"method": "PUT", "url": reference_of(r)}} for r in _in_order(one.resources)
        ]
        bundle: Json = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
        answer = client.send("POST", "", body=bundle, timeout=60)
        expect(answer, "Bundle")
        print(f"loaded {one.id}: {len(entry)} resources")
    return 0


def _in_order(resources: list[Json]) -> list[Json]:
    return sorted(resources, key=lambda r: TYPES.index(r["resourceType"]))


def unload(arguments: argparse.Namespace) -> int:
    """Deletes by tag. A server that refuses while others refer to it is asked again, as long as anything goes.

    Exit code 1 where something stayed.
    """
    client = client_of(arguments.fhir)
    left: list[str] = []
    for kind in ("CarePlan", "Provenance", *reversed(TYPES)):
        entries, record = client.search(kind, [("_tag", f"{TAG['system']}|{TAG['code']}"), ("_count", "200")])
        if not record.complete and record.error_code != "fhir.not_found":
            raise FhirError(f"{kind} could not be listed: {record.error}", code=record.error_code)
        left += [reference_of(resource) for _, resource in entries]
    left, removed = list(dict.fromkeys(left)), 0
    refusals: dict[str, str] = {}
    while left:
        before = len(left)
        for reference in left:
            answer = client.send("DELETE", reference, timeout=30)
            if answer.status not in (200, 202, 204, 404, 410):
                refusals[reference] = failure(answer).message
            else:
                refusals.pop(reference, None)
                removed += 1
        left = [reference for reference in left if reference in refusals]
        if len(left) == before:
            break
    for reference in left:
        print(f"stayed: {reference}: {refusals[reference]}")
    print(f"removed {removed} resources" + (f", {len(left)} stayed" if left else ""))
    return 1 if left else 0
