"""The CapabilityStatement of a sandbox base, made from the tables that decide what it does."""

from __future__ import annotations

from smart_app.fhir.reading.record import Json
from smart_app.sandbox.fhirsearch import INCLUDES, KINDS, PARAMETERS
from smart_app.sandbox.habits import Habits

_READ = ("read", "vread", "history-instance", "search-type")
_WRITE = ("create", "update", "delete")


def capability_statement(base: str, security: Json | None, habits: Habits) -> Json:
    """Exactly what this base does, with its habits on."""
    resources: list[Json] = []
    for kind, names in PARAMETERS.items():
        if kind in habits.absent:
            continue
        resource: Json = {
            "type": kind,
            "interaction": [{"code": code} for code in (*_READ, *(c for c in _WRITE if habits.may(c, kind)))],
            "versioning": "versioned-update" if habits.writable else "versioned",
            "conditionalCreate": habits.conditional and habits.may("create", kind),
            "searchParam": [{"name": n, "type": KINDS.get(n, "token")} for n in habits.search.get(kind, names)],
        }
        included = [i for i in INCLUDES if i.startswith(f"{kind}:")]
        if included and habits.includes:
            resource["searchInclude"] = included
        resources.append(resource)
    rest: Json = {"mode": "server", "resource": resources}
    if habits.writable and habits.writes is None:
        rest["interaction"] = [{"code": "transaction"}, {"code": "batch"}]
    if security is not None:
        rest["security"] = security
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "software": {"name": habits.software},
        "implementation": {"description": "Embedded sandbox with synthetic patients", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [rest],
    }
