"""Small resources and a client for tests over a real socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from tests.support.fake_server import SEARCHED, Answer, FakeServer


def client_for(server: FakeServer, bearer: Callable[[bool], str | None] | None = None) -> FhirClient:
    gate = Gate(sleep=lambda _seconds: None)
    gate.allow(server.base)
    return FhirClient(server.base, gate, bearer)


def bundle(*resources: dict[str, Any], following: str | None = None, total: int | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    made["entry"] = [{"resource": resource} for resource in resources]
    if following:
        made["link"] = [{"relation": "next", "url": following}]
    if total is not None:
        made["total"] = total
    return made


def statement(software: str = "", kinds: list[str] | None = None, **params: list[str]) -> dict[str, Any]:
    """A CapabilityStatement; ``params``: what is listed for a type, "include:x" for a searchInclude."""
    listed: list[dict[str, Any]] = []
    for kind in kinds if kinds is not None else SEARCHED:
        names = params.get(kind, [])
        listed.append(
            {
                "type": kind,
                "interaction": [{"code": "read"}, {"code": "search-type"}],
                "searchParam": [{"name": n} for n in names if not n.startswith("include:")],
                "searchInclude": [n.removeprefix("include:") for n in names if n.startswith("include:")],
            }
        )
    return {
        "resourceType": "CapabilityStatement",
        "software": {"name": software},
        "rest": [{"mode": "server", "resource": listed}],
    }


def whole(server: FakeServer, capabilities: dict[str, Any] | None = None) -> None:
    """A patient ``p`` with nothing in any list."""
    server.on("/fhir/Patient/p", Answer(body={"resourceType": "Patient", "id": "p"}))
    for kind in SEARCHED:
        server.on(f"/fhir/{kind}", Answer(body=bundle()))
    if capabilities is not None:
        server.on("/fhir/metadata", Answer(body=capabilities))
