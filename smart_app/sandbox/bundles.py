"""Transaction and batch Bundles: PUT with an id, POST (also conditional), and in a batch GET by id."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qsl

from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.sandbox.fhirstore import FhirStore, Refused


def outcome(error: Refused) -> Json:
    issue = {"severity": "error", "code": error.code, "diagnostics": error.words}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def carry_out(store: FhirStore, base: str, sent: Any) -> Json:
    """The response Bundle. A transaction is all or nothing; a batch answers entry by entry."""
    kind = sent.get("type") if isinstance(sent, dict) else None
    if kind == "transaction":
        with store.transaction():
            entries = _resolved(store, items(sent.get("entry")))
            done = [_one(store, base, entry, reads=False) for entry in entries]
    elif kind == "batch":
        done = [_tried(store, base, entry) for entry in items(sent.get("entry"))]
    else:
        raise Refused(400, "not-supported", "Only a transaction or batch Bundle is accepted here.")
    return {"resourceType": "Bundle", "type": f"{kind}-response", "entry": done}


def _tried(store: FhirStore, base: str, entry: Json) -> Json:
    try:
        return _one(store, base, entry, reads=True)
    except Refused as error:
        return {"response": {"status": str(error.status), "outcome": outcome(error)}}


def _resolved(store: FhirStore, entries: list[Json]) -> list[Json]:
    """The entries with ``urn:uuid:`` references replaced by the ids that their targets will have."""
    ids: dict[str, tuple[str, str]] = {}
    for entry in entries:
        how, url = obj(entry.get("request")), text(entry.get("fullUrl"))
        if how.get("method") != "POST" or url is None or not url.startswith("urn:"):
            continue
        kind, condition = text(how.get("url")) or "", text(how.get("ifNoneExist"))
        there = store.matches(kind, parse_qsl(condition)) if condition else []
        ids[url] = (kind, there[0]["id"] if len(there) == 1 else str(uuid.uuid4()))
    names = {url: f"{kind}/{ident}" for url, (kind, ident) in ids.items()}
    return [
        {
            **entry,
            "resource": _renamed(entry.get("resource"), names),
            "id": ids.get(str(entry.get("fullUrl")), ("", ""))[1],
        }
        for entry in entries
    ]


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            k: names.get(v, v) if k == "reference" and isinstance(v, str) else _renamed(v, names)
            for k, v in value.items()
        }
    return [_renamed(v, names) for v in value] if isinstance(value, list) else value


def _one(store: FhirStore, base: str, entry: Json, *, reads: bool) -> Json:
    how = obj(entry.get("request"))
    method, url = how.get("method"), text(how.get("url")) or ""
    kind, _, ident = url.partition("/")
    if method == "PUT" and ident:
        made, fresh = store.update(kind, ident, entry.get("resource"), text(how.get("ifMatch")))
    elif method == "POST" and not ident:
        chosen = text(entry.get("id"))
        made, fresh = store.create(kind, entry.get("resource"), text(how.get("ifNoneExist")), chosen)
    elif method == "GET" and ident and reads:
        return {"resource": store.read(kind, ident), "response": {"status": "200 OK"}}
    else:
        raise Refused(400, "not-supported", f"A Bundle here takes PUT with an id and POST, not {method} {url}.")
    version = made["meta"]["versionId"]
    where = f"{base}/{kind}/{made['id']}/_history/{version}"
    status = "201 Created" if fresh else "200 OK"
    return {"response": {"status": status, "location": where, "etag": f'W/"{version}"'}}
