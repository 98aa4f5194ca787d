"""What the server's own statement offers for one kind of resource."""

from __future__ import annotations

from smart_app.fhir.client import FhirClient
from smart_app.fhir.reading.record import Json, items, text


def offered(statement: Json | None, kind: str) -> frozenset[str]:
    """Interactions that a server's statement lists for a type."""
    return frozenset(
        text(i.get("code")) or ""
        for rest in items((statement or {}).get("rest"))
        if rest.get("mode") != "client"
        for resource in items(rest.get("resource"))
        if resource.get("type") == kind
        for i in items(resource.get("interaction"))
    )


def is_conditional(statement: Json | None, kind: str) -> bool:
    """Whether the server promises to create only where nothing matches (``If-None-Exist``)."""
    return any(
        resource.get("conditionalCreate") is True
        for rest in items((statement or {}).get("rest"))
        if rest.get("mode") != "client"
        for resource in items(rest.get("resource"))
        if resource.get("type") == kind
    )


def offers(client: FhirClient, kind: str) -> dict[str, bool]:
    """``create``, ``update`` and ``conditional`` (create); FhirError where the statement cannot be read."""
    statement = client.capabilities()
    codes = offered(statement, kind)
    found = {"create": "create" in codes, "update": "update" in codes}
    return {**found, "conditional": is_conditional(statement, kind)}
