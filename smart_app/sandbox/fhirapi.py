"""The sandbox's FHIR REST interface over the store: what its CapabilityStatement says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.sandbox.fhirstore import INCLUDES, TYPES, FhirStore, Refused, patient_of

PAGE = 50
MAX_PAGE = 200
SEARCHED = ("_id", "_tag", "category", "code", "identifier", "intent", "name", "patient", "status", "subject")

# (interaction, type, patient) -> None, or Refused: who may do what; the open base lets everything pass
Guard = Callable[[str, str, "str | None"], None]


def answer(status: int, body: Json | None, **headers: str) -> Response:
    made = Response(jsontext.dumps(body) if body is not None else b"", status, content_type="application/fhir+json")
    for name, value in headers.items():
        made.headers[name.replace("_", "-")] = value
    return made


def refused(error: Refused) -> Response:
    issue = {"severity": "error", "code": error.code, "diagnostics": error.words}
    return answer(error.status, {"resourceType": "OperationOutcome", "issue": [issue]})


def fhir_blueprint(
    name: str, prefix: str, store: FhirStore, guard: Guard, security: Callable[[], Json | None]
) -> Blueprint:
    """The interface at one base; ``guard`` decides about each interaction before it happens."""
    api = Blueprint(name, __name__, url_prefix=prefix)

    def base() -> str:
        return request.host_url.rstrip("/") + prefix

    @api.errorhandler(Refused)
    def on_refused(error: Refused) -> Response:
        return refused(error)

    def body() -> Any:
        try:
            return jsontext.loads(request.get_data())
        except ValueError as error:
            raise Refused(400, "invalid", "The body is not JSON.") from error

    def owned(resource: Json, interaction: str) -> Json:
        guard(interaction, text(resource.get("resourceType")) or "", patient_of(resource))
        return resource

    def written(resource: Json, status: int) -> Response:
        kind, ident, version = resource["resourceType"], resource["id"], resource["meta"]["versionId"]
        where = f"{base()}/{kind}/{ident}/_history/{version}"
        shown = None if "return=minimal" in request.headers.get("Prefer", "") else resource
        return answer(status, shown, ETag=f'W/"{version}"', Location=where, Last_Modified="")

    @api.get("/metadata")
    def metadata() -> Response:
        return answer(200, capability_statement(base(), security()))

    @api.get("/<kind>/<ident>")
    def read(kind: str, ident: str) -> Response:
        guard("read", kind, None)
        found = owned(store.read(kind, ident), "read")
        return answer(200, found, ETag=f'W/"{found["meta"]["versionId"]}"')

    @api.get("/<kind>/<ident>/_history/<int:version>")
    def vread(kind: str, ident: str, version: int) -> Response:
        guard("read", kind, None)
        return answer(200, owned(store.read(kind, ident, version), "read"))

    @api.get("/<kind>/<ident>/_history")
    def history(kind: str, ident: str) -> Response:
        guard("read", kind, None)
        found = [owned(r, "read") for r in store.history(kind, ident)]
        entry = [{"fullUrl": f"{base()}/{kind}/{ident}", "resource": r} for r in found]
        return answer(200, {"resourceType": "Bundle", "type": "history", "total": len(found), "entry": entry})

    @api.get("/<kind>")
    def search(kind: str) -> Response:
        params = parse_qsl(request.query_string.decode(), keep_blank_values=True)
        named = next((v for k, v in params if k in ("patient", "subject")), None)
        if kind == "Patient":
            named = next((v for k, v in params if k == "_id"), named)
        owner = None if named is None else f"Patient/{named.removeprefix('Patient/')}"
        guard("search", kind, owner)
        count, include, wanted = PAGE, None, []
        for key, value in params:
            if key == "_count":
                if not value.isdigit():
                    raise Refused(400, "invalid", "_count must be a number.")
                count = max(1, min(MAX_PAGE, int(value)))
            elif key == "_include":
                include = value
                if value not in INCLUDES:
                    raise Refused(400, "not-supported", f"_include={value} is not supported.")
            else:
                wanted.append((key, value))
        found = [r for r in store.matches(kind, wanted) if _allowed(guard, kind, r)]
        extra = _included(store, found) if include else []
        return page(found, extra, len(found), count)

    @api.get("")
    def pages() -> Response:
        key = request.args.get("_getpages", "")
        rest, extra, total, count = store.take_page(key)
        for resource in rest[:1]:
            guard("search", resource["resourceType"], patient_of(resource))
        return page(rest, extra, total, int(count))

    def page(rest: list[Json], extra: list[Json], total: int, count: int) -> Response:
        now, later = rest[:count], rest[count:]
        entry = [_entry(base(), r, "match") for r in now]
        needed = {text(obj(r.get("medicationReference")).get("reference")) for r in now}
        entry += [_entry(base(), r, "include") for r in extra if f"{r['resourceType']}/{r['id']}" in needed]
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entry}
        bundle["link"] = [{"relation": "self", "url": request.url}]
        if later:
            key = store.keep_page(later, extra, total, str(count))
            bundle["link"].append({"relation": "next", "url": f"{base()}?_getpages={key}"})
        return answer(200, bundle)

    @api.post("/<kind>")
    def create(kind: str) -> Response:
        resource = body()
        guard("create", kind, patient_of(resource) if isinstance(resource, dict) else None)
        made, fresh = store.create(kind, resource, request.headers.get("If-None-Exist"))
        return written(made, 201 if fresh else 200)

    @api.put("/<kind>/<ident>")
    def update(kind: str, ident: str) -> Response:
        resource = body()
        guard("update", kind, patient_of(resource) if isinstance(resource, dict) else None)
        try:
            owned(store.read(kind, ident), "update")
        except Refused as error:
            if error.status not in (404, 410):
                raise
        made, fresh = store.update(kind, ident, resource, request.headers.get("If-Match"))
        return written(made, 201 if fresh else 200)

    @api.delete("/<kind>/<ident>")
    def delete(kind: str, ident: str) -> Response:
        guard("delete", kind, None)
        store.delete(kind, ident)
        return answer(204, None)

    @api.post("")
    def bundle() -> Response:
        guard("transaction", "Bundle", None)
        sent = body()
        if not isinstance(sent, dict) or sent.get("type") != "transaction":
            raise Refused(400, "not-supported", "Only a transaction Bundle is accepted here.")
        return answer(200, _transaction(store, base(), sent))

    return api


def _allowed(guard: Guard, kind: str, resource: Json) -> bool:
    try:
        guard("read", kind, patient_of(resource))
    except Refused:
        return False
    return True


def _entry(base: str, resource: Json, mode: str) -> Json:
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _included(store: FhirStore, found: list[Json]) -> list[Json]:
    wanted = {text(obj(r.get("medicationReference")).get("reference")) or "" for r in found}
    made = []
    for reference in sorted(w for w in wanted if w.startswith("Medication/")):
        try:
            made.append(store.read(*reference.split("/", 1)))  # type: ignore[arg-type]
        except Refused:
            continue
    return made


def _transaction(store: FhirStore, base: str, sent: Json) -> Json:
    """PUT and POST entries, all or nothing."""
    results = []
    with store.transaction():
        for entry in items(sent.get("entry")):
            how = obj(entry.get("request"))
            method, url = how.get("method"), text(how.get("url")) or ""
            kind, _, ident = url.partition("/")
            if method == "PUT" and ident:
                made, fresh = store.update(kind, ident, entry.get("resource"), text(how.get("ifMatch")))
            elif method == "POST" and not ident:
                made, fresh = store.create(kind, entry.get("resource"), text(how.get("ifNoneExist")))
            else:
                raise Refused(
                    400, "not-supported", f"A transaction here takes PUT with id and POST, not {method} {url}."
                )
            where = f"{base}/{kind}/{made['id']}/_history/{made['meta']['versionId']}"
            status = "201 Created" if fresh else "200 OK"
            results.append(
                {"response": {"status": status, "location": where, "etag": f'W/"{made["meta"]["versionId"]}"'}}
            )
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": results}


def capability_statement(base: str, security: Json | None) -> Json:
    """Exactly what this interface does."""
    codes = ("read", "vread", "update", "delete", "history-instance", "create", "search-type")
    kinds = {"_id": "token", "name": "string", "patient": "reference", "subject": "reference"}
    resources = [
        {
            "type": kind,
            "interaction": [{"code": code} for code in codes],
            "versioning": "versioned-update",
            "conditionalCreate": True,
            "searchInclude": [i for i in INCLUDES if i.startswith(f"{kind}:")],
            "searchParam": [{"name": n, "type": kinds.get(n, "token")} for n in SEARCHED],
        }
        for kind in TYPES
    ]
    for resource in resources:
        if not resource["searchInclude"]:
            del resource["searchInclude"]
    rest: Json = {"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}]}
    if security is not None:
        rest["security"] = security
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "software": {"name": "ESR1 sandbox EHR"},
        "implementation": {"description": "Embedded sandbox with synthetic patients", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [rest],
    }
