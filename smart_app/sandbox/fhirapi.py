"""The sandbox's FHIR REST interface over the store: what its CapabilityStatement says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.sandbox.bundles import carry_out, outcome
from smart_app.sandbox.capability import capability_statement
from smart_app.sandbox.fhirsearch import INCLUDES
from smart_app.sandbox.fhirstore import FhirStore, Refused, patient_of
from smart_app.sandbox.habits import PLAIN, Habits, Worn, as_reported_order

# (interaction, type, patient) -> None, or Refused: who may do what; an open base lets everything pass
Guard = Callable[[str, str, "str | None"], None]
Read = Callable[[str, str], Json]  # type and id -> resource, or Refused
_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def answer(status: int, body: Json | None, **headers: str) -> Response:
    made = Response(jsontext.dumps(body) if body is not None else b"", status, content_type="application/fhir+json")
    for name, value in headers.items():
        made.headers[name.replace("_", "-")] = value
    return made


def refused(error: Refused) -> Response:
    return answer(error.status, outcome(error))


def fhir_blueprint(
    name: str,
    prefix: str,
    store: FhirStore,
    guard: Guard,
    security: Callable[[], Json | None],
    habits: Habits = PLAIN,
) -> Blueprint:
    """The interface at one base; ``guard`` decides about each interaction before it happens."""
    api = Blueprint(name, __name__, url_prefix=prefix)
    worn = Worn(habits)

    def base() -> str:
        return request.host_url.rstrip("/") + prefix

    @api.errorhandler(Refused)
    def on_refused(error: Refused) -> Response:
        return answer(error.status, None) if error.status in habits.bodiless else refused(error)

    @api.before_request
    def throttled() -> Response | None:
        limit = worn.throttle(request.full_path)
        if limit is None or request.path.endswith("/metadata"):
            return None
        made = on_refused(Refused(limit[0], "throttled", "Too many requests."))
        if limit[1]:
            made.headers["Retry-After"] = limit[1]
        return made

    def body() -> Any:
        try:
            return jsontext.loads(request.get_data())
        except ValueError as error:
            raise Refused(400, "invalid", "The body is not JSON.") from error

    def sent(interaction: str, kind: str) -> Any:
        """The body of a write, once the writer may write it."""
        worn.check(kind, [], interaction)
        resource = body()
        guard(interaction, kind, owner_of(resource, store.read) if isinstance(resource, dict) else None)
        for rule in habits.rules:
            rule(obj(resource))
        return resource

    def owned(resource: Json, interaction: str) -> Json:
        guard(interaction, text(resource.get("resourceType")) or "", owner_of(resource, store.read))
        return resource

    def looked_up(kind: str, ident: str, version: int | None = None) -> Json:
        worn.check(kind, [], "read")
        guard("read", kind, None)
        if kind == "MedicationRequest" and ident.startswith("reported-") and "MedicationStatement" in habits.absent:
            return owned(as_reported_order(store.read("MedicationStatement", ident.removeprefix("reported-"))), "read")
        return owned(store.read(kind, ident, version), "read")

    def written(resource: Json, status: int) -> Response:
        kind, ident, version = resource["resourceType"], resource["id"], resource["meta"]["versionId"]
        where = f"{base()}/{kind}/{ident}/_history/{version}"
        shown = None if "return=minimal" in request.headers.get("Prefer", "") else resource
        if habits.terse:
            return answer(status, None, Location=f"{kind}/{ident}")
        return answer(status, shown, ETag=f'W/"{version}"', Location=where)

    @api.get("/metadata")
    def metadata() -> Response:
        return answer(200, capability_statement(base(), security(), habits))

    @api.get("/<kind>/<ident>")
    def read(kind: str, ident: str) -> Response:
        found = looked_up(kind, ident)
        return answer(200, found, ETag=f'W/"{obj(found.get("meta")).get("versionId")}"')

    @api.get("/<kind>/<ident>/_history/<int:version>")
    def vread(kind: str, ident: str, version: int) -> Response:
        return answer(200, looked_up(kind, ident, version), ETag=f'W/"{version}"')

    @api.get("/<kind>/<ident>/_history")
    def history(kind: str, ident: str) -> Response:
        worn.check(kind, [], "read")
        guard("read", kind, None)
        entry: list[Json] = []
        for version, at, resource in store.history(kind, ident):
            method = "DELETE" if resource is None else "PUT" if version > 1 else "POST"
            here = f"{kind}/{ident}" if method != "POST" else kind
            how = {"request": {"method": method, "url": here}, "response": {"status": "200 OK", "lastModified": at}}
            kept = {} if resource is None else {"resource": owned(resource, "read")}
            entry.append({"fullUrl": f"{base()}/{kind}/{ident}", **kept, **how})
        return answer(200, {"resourceType": "Bundle", "type": "history", "total": len(entry), "entry": entry})

    @api.get("/<kind>")
    def search(kind: str) -> Response:
        if "_getpages" in request.args:  # where next links are relative, they come back to the type
            return pages()
        params = parse_qsl(request.query_string.decode("utf-8", "replace"), keep_blank_values=True)
        check_search(guard, kind, params, store.read)
        worn.check(kind, params, "search")
        count, included, wanted = habits.page, False, []
        for key, value in params:
            if key == "_count":
                if not value.isdigit():
                    raise Refused(400, "invalid", "_count must be a number.")
                count = max(1, min(habits.largest, int(value)))
            elif key == "_include":
                if value not in INCLUDES or not value.startswith(f"{kind}:"):
                    raise Refused(400, "not-supported", f"_include={value} is not supported.")
                included = True
            elif key != "_format":
                wanted.append((key, value))
        found = [r for r in _held(store, habits, kind, wanted) if _allowed(guard, store.read, kind, r)]
        linked = list(_linked(store, found).values()) if included else []
        return page(found, [r for r in linked if _allowed(guard, store.read, r["resourceType"], r)], len(found), count)

    @api.get("", strict_slashes=False)
    def pages() -> Response:
        rest, extra, total, count = store.take_page(request.args.get("_getpages", ""))
        for resource in rest:
            guard("search", resource["resourceType"], patient_of(resource))
        return page(rest, extra, total, int(count))

    def page(rest: list[Json], extra: list[Json], total: int, count: int) -> Response:
        now, later = rest[:count], rest[count:]
        needed = {reference for r in now for reference in _links(r)}
        entry = [_entry(base(), r, "match") for r in now]
        entry += [_entry(base(), r, "include") for r in extra if f"{r['resourceType']}/{r['id']}" in needed]
        if habits.outcome is not None:
            severity, code, words = habits.outcome
            issue = {"severity": severity, "code": code, "diagnostics": words}
            notice: Json = {"resourceType": "OperationOutcome", "issue": [issue]}
            entry.append({"resource": notice, "search": {"mode": "outcome"}})
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "entry": entry}
        if habits.total:
            bundle["total"] = total
        bundle["link"] = [{"relation": "self", "url": request.url}]
        if later:
            again = now[-1:] if habits.overlap and count > 1 else []
            key = store.keep_page([*again, *later], extra, total, str(count))
            if worn.loses(request.full_path):
                store.expire_page(key)
            bundle["link"].append({"relation": "next", "url": worn.link(base(), later[0]["resourceType"], key)})
        return answer(200, bundle)

    @api.post("/<kind>")
    def create(kind: str) -> Response:
        resource = sent("create", kind)
        unless = request.headers.get("If-None-Exist") if habits.conditional else None
        made, fresh = store.create(kind, _words_apart(store, resource) if habits.apart else resource, unless)
        return written(owned(made, "create"), 201 if fresh else 200)

    @api.put("/<kind>/<ident>")
    def update(kind: str, ident: str) -> Response:
        resource = sent("update", kind)
        _check_there(store, kind, ident, owned, "update")
        made, fresh = store.update(kind, ident, resource, request.headers.get("If-Match"))
        return written(made, 201 if fresh else 200)

    @api.delete("/<kind>/<ident>")
    def delete(kind: str, ident: str) -> Response:
        worn.check(kind, [], "delete")
        guard("delete", kind, None)
        _check_there(store, kind, ident, owned, "delete")
        store.delete(kind, ident)
        return answer(204, None)

    @api.post("", strict_slashes=False)
    def bundle() -> Response:
        guard("transaction", "Bundle", None)
        worn.check("Bundle", [], "update")
        return answer(200, carry_out(store, base(), body()))

    @api.route("", methods=_ALL[2:], strict_slashes=False)
    @api.route("/<path:rest>", methods=_ALL)
    def unserved(rest: str = "") -> Response:
        known = rest.count("/") < 2
        raise Refused(
            405 if known else 404,
            "not-supported",
            f"This server does not serve {request.method} {'here' if known else 'at this address'}.",
        )

    return api


def owner_of(resource: Json, read: Read) -> str | None:
    """``Patient/x`` that a resource belongs to; a Provenance belongs to whom its first target belongs to."""
    owner = patient_of(resource)
    targets = items(resource.get("target")) if resource.get("resourceType") == "Provenance" else []
    if owner is not None or not targets:
        return owner
    kind, _, ident = (text(targets[0].get("reference")) or "").split("/_history/")[0].partition("/")
    try:
        return patient_of(read(kind, ident))
    except Refused:
        return None


def _words_apart(store: FhirStore, note: Json) -> Json:
    """The note with its words in a Binary, as EHRs keep them."""
    content = []
    for part in items(note.get("content")):
        attachment = dict(obj(part.get("attachment")))
        if "data" in attachment:
            words = {"resourceType": "Binary", "contentType": attachment["contentType"], "data": attachment.pop("data")}
            attachment["url"] = f"Binary/{store.create('Binary', words)[0]['id']}"
        content.append({**part, "attachment": attachment})
    return {**note, "content": content} if content else note


def check_search(guard: Guard, kind: str, params: list[tuple[str, str]], read: Read) -> None:
    """A search names the token's patient, or ids: then what is found is checked entry by entry."""
    named = [v for k, v in params if k in ("patient", "subject") or (k == "_id" and kind == "Patient")]
    for owner in (part for value in named for part in value.split(",")):
        guard("search", kind, f"Patient/{owner.removeprefix('Patient/')}")
    if kind == "Provenance" and not named:
        named = [value for name, value in params if name == "target"]
        for target in (part for value in named for part in value.split(",")):
            guard("search", kind, owner_of({"resourceType": kind, "target": [{"reference": target}]}, read))
    if not named:
        guard("read" if any(k == "_id" for k, _ in params) else "search", kind, None)


def _check_there(store: FhirStore, kind: str, ident: str, owned: Callable[[Json, str], Json], interaction: str) -> None:
    """What is overwritten or deleted must be the writer's to change, too."""
    try:
        owned(store.read(kind, ident), interaction)
    except Refused as error:
        if error.status not in (404, 410):
            raise


def _allowed(guard: Guard, read: Read, kind: str, resource: Json) -> bool:
    try:
        guard("search", kind, owner_of(resource, read))
    except Refused:
        return False
    return True


def _entry(base: str, resource: Json, mode: str) -> Json:
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _held(store: FhirStore, habits: Habits, kind: str, wanted: list[tuple[str, str]]) -> list[Json]:
    """What this server holds of a type, with its habits on."""
    native = store.matches(kind, wanted)
    translated = kind == "MedicationRequest" and "MedicationStatement" in habits.absent
    kept = [(n, v) for n, v in wanted if n != "intent"]
    statements = store.matches("MedicationStatement", kept) if translated else []
    found = habits.shown(kind, native, statements)
    return habits.inlined(found, _linked(store, found)) if habits.inline_drugs else found


def _links(resource: Json) -> list[str]:
    """What can be included with a resource: references to drugs and specimens."""
    linked = [*items(resource.get("medicationReference")), *items(resource.get("specimen"))]
    named = [text(one.get("reference")) or "" for one in linked]
    return [reference for reference in named if reference.startswith(("Medication/", "Specimen/"))]


def _linked(store: FhirStore, found: list[Json]) -> dict[str, Json]:
    """Drugs and specimens by reference, as far as the found resources name them."""
    made = {}
    for reference in dict.fromkeys(ref for resource in found for ref in _links(resource)):
        kind, _, ident = reference.partition("/")
        try:
            made[reference] = store.read(kind, ident)
        except Refused:
            continue
    return made
