"""The Provenance beside a care plan: by whom, by which policy, from what, and the record that replays the decision.

It is written after the plan was read back, exactly once (a tag of its own tells it), and never stands in the plan's
way: whatever goes wrong with it is told beside the plan's success; without an answer it is tried at the next launch.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import secrets
import zlib
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

from fhir.resources.R4B.provenance import Provenance

from smart_app import __version__
from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart
from smart_app.errors import AppError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.definitions import canonical
from smart_app.fhir.writing.identity import BASE
from smart_app.fhir.writing.offers import offers

TAG_SYSTEM = f"{BASE}/provenance"
DIGEST_SYSTEM = f"{BASE}/input-digest"
_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_RECORD = "record"
_REFUSED = ("fhir.forbidden", "fhir.not_found", "fhir.refused", "fhir.unauthorized")
LARGEST = 20_000_000  # characters of an unpacked record; a chart has some ten thousand


def draft(
    decision: Decision, chart: Chart, record: Mapping[str, Any], user: str | None, recorded: datetime, *, creating: bool
) -> Json:
    """Everything but what it is about (``aimed``). ``record``: what ``smart-app replay`` reads."""
    packed = gzip.compress(json.dumps(record, separators=(",", ":")).encode(), mtime=0)
    agents: list[Json] = [{"type": _coded(_AGENT, "assembler"), "who": {"reference": "#app"}}]
    if user is not None:
        agents.insert(0, {"type": _coded(_AGENT, "author"), "who": {"reference": user}})
    digest = {"system": DIGEST_SYSTEM, "value": decision.input_digest}
    return {
        "resourceType": "Provenance",
        "meta": {"tag": [{"system": TAG_SYSTEM, "code": secrets.token_hex(16)}]},
        "text": {"status": "generated", "div": _in_words(decision, recorded)},
        "contained": [
            {
                "resourceType": "Device",
                "id": "app",
                "deviceName": [{"name": "ESR1 SMART app", "type": "user-friendly-name"}],
                "version": [{"value": __version__}],
            },
            {
                "resourceType": "DocumentReference",
                "id": _RECORD,
                "status": "current",
                "description": "What the decision rests on, as JSON (gzip); smart-app replay decides again from it",
                "content": [
                    {"attachment": {"contentType": "application/gzip", "data": base64.b64encode(packed).decode()}}
                ],
            },
        ],
        "recorded": recorded.isoformat(timespec="milliseconds"),
        "policy": [canonical(decision.policy_name, decision.policy_version)],
        "activity": _coded(_ACTIVITY, "CREATE" if creating else "UPDATE"),
        "agent": agents,
        "entity": [
            {"role": "derivation", "what": {"reference": f"#{_RECORD}", "identifier": digest}},
            *({"role": "source", "what": {"reference": name}} for name in _sources(decision, chart)),
        ],
    }


def _in_words(decision: Decision, recorded: datetime) -> str:
    said = (
        f"The ESR1 SMART app {__version__} made this care plan by the policy {decision.policy_name} "
        f"{decision.policy_version}; a clinician confirmed it on {recorded.date().isoformat()}. What it rests on "
        f"is held here (SHA-256 {decision.input_digest}), so that it can be decided again."
    )
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(said, quote=False)}</p></div>'


def _coded(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _sources(decision: Decision, chart: Chart) -> list[str]:
    """What the decision names as its grounds, and every draw, each with the version that was read."""
    found = {s for r in decision.reasons for s in r.sources} | {s for d in chart.draws for s in d.sources}
    named = {s for s in found if s.reference.count("/") == 1 and "#" not in s.reference}
    return sorted(f"{s.reference}/_history/{s.version}" if s.version else s.reference for s in named)


def aimed(made: Json, plans: list[Json]) -> Json:
    """The draft about these stored plans, in the version they have now; validated by fhir.resources."""
    target = [{"reference": _versioned(plan)} for plan in plans]
    whole = {k: v for k, v in made.items() if k != "contained"}
    whole = {
        "resourceType": "Provenance",
        "meta": made["meta"],
        "text": made["text"],
        "contained": made["contained"],
        "target": target,
    } | whole
    Provenance.model_validate_json(jsontext.dumps(whole))
    return whole


def _versioned(plan: Json) -> str:
    version = text(obj(plan.get("meta")).get("versionId"))
    return f"CarePlan/{plan['id']}/_history/{version}" if version else f"CarePlan/{plan['id']}"


def put_beside(client: FhirClient, made: Json, plans: list[Json]) -> str:
    """Writes it once: "written", "not_offered", "refused", or "unknown" (to be tried again). Never raises."""
    tag = f"{TAG_SYSTEM}|{made['meta']['tag'][0]['code']}"
    try:
        offered = offers(client, "Provenance")
        if not offered["create"]:
            return "not_offered"
        if _is_there(client, tag, plans):
            return "written"
        headers = {"If-None-Exist": urlencode({"_tag": tag})} if offered["conditional"] else {}
        answer = client.send("POST", "Provenance", body=aimed(made, plans), headers=headers)
        if answer.status in (200, 201):
            return "written"
        if answer.status in (400, 401, 403, 404, 405, 413, 422, 501):
            return "refused"
        return "written" if _is_there(client, tag, plans) else "unknown"
    except AppError as error:
        return "refused" if error.code in _REFUSED else "unknown"


def _is_there(client: FhirClient, tag: str, plans: list[Json]) -> bool:
    """AppError where it cannot be told: then nothing is sent."""
    found, record = client.search("Provenance", [("target", f"CarePlan/{plans[0]['id']}")])
    if not record.complete:
        raise AppError(record.error or "", code=record.error_code or "write.cannot_look")
    tags = [t for _, r in found for t in items(obj(r.get("meta")).get("tag"))]
    return any(f"{t.get('system')}|{t.get('code')}" == tag for t in tags)


def record_in(resource: Json) -> Any:
    """The record inside a Provenance, or inside the newest one of a Bundle; ValueError where there is none."""
    found = [resource]
    if resource.get("resourceType") == "Bundle":
        found = [
            r for e in items(resource.get("entry")) if (r := obj(e.get("resource"))).get("resourceType") == "Provenance"
        ]
        found.sort(key=lambda r: text(r.get("recorded")) or "", reverse=True)
    for provenance in found:
        for held in items(provenance.get("contained")):
            for content in items(held.get("content")) if held.get("id") == _RECORD else []:
                return _unpacked(text(obj(content.get("attachment")).get("data")) or "")
    raise ValueError("no Provenance of this app is in it")


def _unpacked(data: str) -> Any:
    try:
        unpacker = zlib.decompressobj(wbits=31)
        raw = unpacker.decompress(base64.b64decode(data, validate=True), LARGEST)
        if not unpacker.eof:
            raise ValueError("the record in it is cut off or too large")
        return json.loads(raw)
    except (binascii.Error, zlib.error, RecursionError) as error:
        raise ValueError("the record in it cannot be read") from error
