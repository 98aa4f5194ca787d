"""``make demo FHIR=…``: the sandbox's sign-in in front of another R4 server. Its base is rewritten to ours and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import requests
from flask import Blueprint, Response, request

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, text
from smart_app.sandbox.fhirapi import Guard, Read, check_search, owner_of, refused
from smart_app.sandbox.fhirstore import Refused, patient_of
from smart_app.sandbox.patients import TAG, everybody

_PASSED = ("If-Match", "If-None-Exist", "Prefer", "Content-Type")
_RETURNED = ("Content-Type", "ETag", "Location", "Content-Location", "Retry-After", "Last-Modified")
_WRITES = {"POST": "create", "PUT": "update"}
METHODS = ["GET", *_WRITES]


def proxy_blueprint(prefix: str, upstream: str, guard: Guard) -> Blueprint:
    """Passes on what the token allows; the token itself stays here."""
    api = Blueprint("proxy", __name__, url_prefix=prefix)
    upstream = upstream.rstrip("/")

    def read(kind: str, ident: str) -> Json:
        there = requests.get(f"{upstream}/{kind}/{ident}", headers={"Accept": "application/fhir+json"}, timeout=30)
        return _parsed(there.content) if there.status_code == 200 else {}

    @api.errorhandler(Refused)
    def on_refused(error: Refused) -> Response:
        return refused(error)

    @api.route("", defaults={"path": ""}, methods=METHODS, strict_slashes=False)
    @api.route("/<path:path>", methods=METHODS)
    def forward(path: str) -> Response:
        here = request.host_url.rstrip("/") + prefix
        if path != "metadata":
            _check_request(guard, path, read)
        if request.method == "PUT":  # what is overwritten must be the token's patient's, too
            there = requests.get(f"{upstream}/{path}", headers={"Accept": "application/fhir+json"}, timeout=30)
            _check_answer(guard, upstream, there.content if there.status_code == 200 else b"")
        headers = {n: v for n in _PASSED if (v := request.headers.get(n))} | {"Accept": "application/fhir+json"}
        try:
            answer = requests.request(
                request.method,
                f"{upstream}/{path}" if path else upstream,
                params=request.query_string,
                data=request.get_data() or None,
                headers=headers,
                timeout=30,
                allow_redirects=False,
            )
        except requests.RequestException:
            raise Refused(502, "transient", "The FHIR server behind the sandbox does not answer.") from None
        body = answer.content.replace(upstream.encode(), here.encode())
        body = body.replace(upstream.replace("/", "\\/").encode(), here.encode())  # JSON may write a slash as \/
        if path != "metadata" and answer.status_code == 200:
            _check_answer(guard, here, body)
        made = Response(body, answer.status_code)
        for name in _RETURNED:
            if name in answer.headers:
                made.headers[name] = answer.headers[name].replace(upstream, here)
        return made

    return api


def _check_request(guard: Guard, path: str, read: Read) -> None:
    kind, _, ident = path.partition("/")
    if request.method in _WRITES:
        resource = _parsed(request.get_data())
        owner = owner_of(resource, read) if resource.get("resourceType") == kind else None
        guard(_WRITES[request.method], kind, owner)
    elif ident or not kind:  # a read, or the next page of a search: what comes back is checked
        guard("read", kind or "Patient", None)
    else:
        check_search(guard, kind, list(request.args.items(multi=True)), read)


def _check_answer(guard: Guard, here: str, body: bytes) -> None:
    """What the server behind gave must be the token's patient's."""
    found = _parsed(body)
    entries = items(found.get("entry")) if found.get("resourceType") == "Bundle" else [{"resource": found}]
    for resource in (e["resource"] for e in entries if isinstance(e.get("resource"), dict)):
        owner = patient_of(resource)
        if owner is not None:
            guard("read", text(resource.get("resourceType")) or "", owner.removeprefix(f"{here}/"))


def _parsed(body: bytes) -> Json:
    try:
        found = jsontext.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def people_of(upstream: str) -> Callable[[], list[tuple[str, str, str]]]:
    """Sandbox patients on that server first, then others, 50 at the most."""
    base = upstream.rstrip("/")

    def people() -> list[tuple[str, str, str]]:
        shows = {p.id: p.shows for p in everybody(date(2026, 1, 1))}
        found: dict[str, Json] = {}
        for query in ({"_tag": f"{TAG['system']}|{TAG['code']}", "_count": "50"}, {"_count": "50"}):
            try:
                answer = requests.get(
                    f"{base}/Patient", params=query, headers={"Accept": "application/fhir+json"}, timeout=15
                )
            except requests.RequestException:
                continue
            for entry in items(_parsed(answer.content).get("entry")):
                resource = entry.get("resource")
                if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
                    found.setdefault(text(resource.get("id")) or "", resource)
        return [(i, _name(p), shows.get(i, "a patient of this server")) for i, p in list(found.items())[:50] if i]

    return people


def _name(patient: Json) -> str:
    for name in items(patient.get("name")):
        given = [g for g in name.get("given") or [] if isinstance(g, str)]
        words = text(name.get("text")) or " ".join([*given, text(name.get("family")) or ""]).strip()
        if words:
            return words
    return "no name"
