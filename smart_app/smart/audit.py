"""The audit trail: who opened, read, wrote and ended what, and what was refused. Exported as FHIR R4 AuditEvents.

Each entry holds ids only (launch digest, issuer, patient id, user reference, id of what was written): no name, no birth
date, no value of the record, no token. Entries lie in the app's encrypted store and are deleted after ``AUDIT_DAYS``;
before that they are to be exported (``smart-app audit``) into the site's own audit repository.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from smart_app import __version__
from smart_app.errors import AppError
from smart_app.fhir.client import FhirClient, Response
from smart_app.fhir.gate import Gate
from smart_app.fhir.reading.record import Json
from smart_app.smart.launches import Launch, digest, fhir_id
from smart_app.smart.store import Store

AUDIT_DAYS = 30
AUDIT_SECONDS = AUDIT_DAYS * 24 * 3600.0
# what happened -> (system of the type, code, display, system of the subtype, code, display, AuditEvent.action)
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_LOGIN = (_DICOM, "110114", "User Authentication", _DICOM)
_WIRE = (_REST, "rest", "RESTful Operation", _INTERACTION)
EVENTS: dict[str, tuple[str, str, str, str, str, str, str]] = {
    "opened": (*_LOGIN, "110122", "Login", "E"),
    "refused": (*_LOGIN, "110122", "Login", "E"),
    "ended": (*_LOGIN, "110123", "Logout", "E"),
    "read": (*_WIRE, "read", "read", "R"),
    "searched": (*_WIRE, "search-type", "search-type", "E"),
    "created": (*_WIRE, "create", "create", "C"),
    "updated": (*_WIRE, "update", "update", "U"),
}
OUTCOMES = {"done": "0", "refused": "4", "unknown": "8"}


@dataclass(slots=True)
class AuditTrail:
    """``clock`` in seconds since 1970, the same as the store's."""

    store: Store
    clock: Callable[[], float] = time.time

    def note(self, event: str, launch: Launch | None, *, outcome: str = "done", **more: str | None) -> None:
        """``event`` of EVENTS, ``outcome`` of OUTCOMES. ``more``: issuer, base, user, code, page, resource."""
        value: dict[str, Any] = {"event": event, "outcome": outcome, "at": self.clock(), **more}
        if launch is not None:
            value |= {
                "issuer": launch.issuer.id,
                "base": launch.issuer.base,
                "launch": digest(launch.id)[:16],
                "patient": launch.patient_id,
                "user": launch.user_reference,
                "tenant": launch.tenant,
            }
        key = f"{self.clock():020.6f}-{secrets.token_hex(8)}"
        self.store.put("audit", key, {k: v for k, v in value.items() if v is not None}, AUDIT_SECONDS)

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries that are still kept, oldest first."""
        for key, value in self.store.all("audit"):
            yield {"id": key.replace(".", "-"), **value}


_WRITES = {"POST": "created", "PUT": "updated", "PATCH": "updated"}


class AuditedClient(FhirClient):
    """A launch's FHIR client that notes what it writes, and what became of it, before anything else can fail."""

    def __init__(
        self, launch: Launch, trail: AuditTrail, gate: Gate, bearer: Callable[[bool], str | None] | None
    ) -> None:
        super().__init__(launch.issuer.base, gate, bearer)
        self._launch, self._trail = launch, trail

    def send(self, method: str, path: str, **more: Any) -> Response:
        event = _WRITES.get(method)
        if event is None:
            return super().send(method, path, **more)
        kind = path.removeprefix(self.base + "/").split("?")[0]
        try:
            answer = super().send(method, path, **more)
        except AppError as error:
            self._trail.note(event, self._launch, outcome="unknown", code=error.code, resource=kind)
            raise
        known = "done" if answer.status in (200, 201) else "refused" if 400 <= answer.status < 500 else "unknown"
        ident = fhir_id((answer.body or {}).get("id"))
        resource = f"{kind}/{ident}" if "/" not in kind and ident else kind
        self._trail.note(event, self._launch, outcome=known, code=f"http.{answer.status}", resource=resource)
        return answer


def audit_event(entry: dict[str, Any]) -> Json:
    """One entry as a valid FHIR R4 AuditEvent."""
    system, code, display, inner, subcode, subdisplay, action = EVENTS[entry["event"]]
    base = entry.get("base")
    user = entry.get("user")
    who: Json = {"reference": f"{base}/{user}"} if user and base else {"display": "not stated by the EHR"}
    agent: list[Json] = [{"who": who, "requestor": True}]
    agent.append({"who": {"display": f"ESR1 SMART app {__version__}"}, "requestor": False})
    source: Json = {"observer": {"display": "ESR1 SMART app"}, "type": [_SERVER]}
    if entry.get("tenant"):
        source["site"] = entry["tenant"]
    made: Json = {
        "resourceType": "AuditEvent",
        "id": entry["id"],
        "type": {"system": system, "code": code, "display": display},
        "subtype": [{"system": inner, "code": subcode, "display": subdisplay}],
        "action": action,
        "recorded": datetime.fromtimestamp(entry["at"], UTC).isoformat(timespec="milliseconds"),
        "outcome": OUTCOMES[entry["outcome"]],
    }
    if entry.get("code"):
        made["outcomeDesc"] = entry["code"]
    entities = _entities(entry, base)
    return {**made, "agent": agent, "source": source, **({"entity": entities} if entities else {})}


_SERVER = {
    "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
    "code": "4",
    "display": "Application Server",
}
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"


def _entities(entry: dict[str, Any], base: str | None) -> list[Json]:
    found: list[Json] = []
    if entry.get("patient") and base:
        found.append(
            {
                "what": {"reference": f"{base}/Patient/{entry['patient']}"},
                "type": {"system": _ENTITY, "code": "1", "display": "Person"},
                "role": {"system": _ROLE, "code": "1", "display": "Patient"},
            }
        )
    if entry.get("resource") and base:
        resource = entry["resource"]
        what: Json = {"reference": f"{base}/{resource}"} if "/" in resource else {"type": resource}
        if "/" not in resource:
            what["display"] = resource
        found.append(
            {
                "what": what,
                "type": {"system": _ENTITY, "code": "2", "display": "System Object"},
                "role": {"system": _ROLE, "code": "4", "display": "Domain Resource"},
            }
        )
    details = [{"type": n, "valueString": entry[n]} for n in ("launch", "page", "issuer") if entry.get(n)]
    if details:
        found.append({"what": {"display": "session of the app"}, "detail": details})
    return found
