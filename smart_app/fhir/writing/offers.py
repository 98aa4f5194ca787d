"""What the server's own statement offers for one kind of resource."""

from __future__ import annotations

from smart_app.fhir.client import FhirClient
from smart_app.fhir.reading.record import items, text


def offers(client: FhirClient, kind: str) -> dict[str, bool]:
    """``create``, ``update`` and ``conditional`` (create); FhirError where the statement cannot be read."""
    for rest in items(client.capabilities().get("rest")):
        for resource in items(rest.get("resource")):
            if resource.get("type") == kind and rest.get("mode") != "client":
                codes = {text(i.get("code")) for i in items(resource.get("interaction"))}
                conditional = resource.get("conditionalCreate") is True
                return {"create": "create" in codes, "update": "update" in codes, "conditional": conditional}
    return {"create": False, "update": False, "conditional": False}
