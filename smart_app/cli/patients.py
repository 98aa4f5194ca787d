"""``smart-app patients``: lists the synthetic patients, loads them into any R4 server, and removes just them."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime

from smart_app.errors import FhirError
from smart_app.fhir.client import FhirClient, expect, failure
from smart_app.fhir.gate import Gate
from smart_app.fhir.reading.record import Json, items, obj, reference_of
from smart_app.fhir.writing.provenance import TAG_SYSTEM
from smart_app.fhir.writing.stored import own_plans
from smart_app.sandbox.fhirsearch import TYPES
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
        try:
            expect(client.send("POST", "", body=bundle, timeout=60), "Bundle")
        except FhirError as error:
            said = f"{one.id} was not loaded: {error.message}"
            raise FhirError(said, code=error.code, advice=error.advice) from error
        print(f"loaded {one.id}: {len(entry)} resources")
    return 0


def _in_order(resources: list[Json]) -> list[Json]:
    return sorted(resources, key=lambda r: TYPES.index(r["resourceType"]))


def _tagged(client: FhirClient, kind: str) -> list[Json]:
    """What carries our tag. A server that does not heed ``_tag`` loses nothing: the tag is looked at again."""
    entries, record = client.search(kind, [("_tag", f"{TAG['system']}|{TAG['code']}"), ("_count", "200")])
    if not record.complete and record.error_code != "fhir.not_found":
        raise FhirError(f"{kind} could not be listed: {record.error}", code=record.error_code)
    return [r for _, r in entries if any(_is_tag(t) for t in items(obj(r.get("meta")).get("tag")))]


def _is_tag(tag: Json) -> bool:
    return tag.get("system") == TAG["system"] and tag.get("code") == TAG["code"]


def _plans(client: FhirClient) -> list[Json]:
    """What this app wrote for the sandbox patients: it would keep a server from letting go of them."""
    found: list[Json] = []
    for patient in _tagged(client, "Patient"):
        entries, _ = client.search("CarePlan", [("patient", patient["id"])])
        plans = own_plans([r for _, r in entries if r.get("resourceType") == "CarePlan"], patient["id"])
        for plan in plans:
            beside, _ = client.search("Provenance", [("target", reference_of(plan))])
            found += [
                r for _, r in beside if any(t.get("system") == TAG_SYSTEM for t in items(obj(r.get("meta")).get("tag")))
            ]
        found += plans
    return found


def unload(arguments: argparse.Namespace) -> int:
    """Deletes by tag, with the plans that this app wrote for these patients.

    A server that refuses while others refer to it is asked again, as long as anything goes.
    Exit code 1 where something stayed.
    """
    client = client_of(arguments.fhir)
    left = [reference_of(plan) for plan in _plans(client)]
    for kind in ("CarePlan", "Provenance", *reversed(TYPES)):
        left += [reference_of(resource) for resource in _tagged(client, kind)]
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
