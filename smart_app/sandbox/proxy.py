"""``make demo FHIR=…``: the sandbox's sign-in in front of another R4 server. Its base is rewritten to ours and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import requests
from flask import Blueprint, Response, request

from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, text
from smart_app.sandbox.auth import Sessions
from smart_app.sandbox.fhirapi import refused
from smart_app.sandbox.fhirstore import Refused
from smart_app.sandbox.patients import TAG, everybody

_PASSED = ("If-Match", "If-None-Exist", "Prefer", "Content-Type")
_RETURNED = ("Content-Type", "ETag", "Location", "Content-Location", "Retry-After", "Last-Modified")
METHODS = ["GET", "POST", "PUT", "DELETE"]


def proxy_blueprint(prefix: str, upstream: str, sessions: Sessions) -> Blueprint:
    """Passes requests that carry a valid token on; the token itself stays here."""
    api = Blueprint("proxy", __name__, url_prefix=prefix)
    upstream = upstream.rstrip("/")

    @api.route("", defaults={"path": ""}, methods=METHODS, strict_slashes=False)
    @api.route("/<path:path>", methods=METHODS)
    def forward(path: str) -> Response:
        token = sessions.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if path != "metadata" and (token is None or token.is_expired() or token.revoked):
            return refused(Refused(401, "login", "A valid bearer token is needed."))
        here = request.host_url.rstrip("/") + prefix
        headers = {n: v for n in _PASSED if (v := request.headers.get(n))} | {"Accept": "application/fhir+json"}
        url = f"{upstream}/{path}" if path else upstream
        try:
            answer = requests.request(
                request.method,
                url,
                params=request.query_string,
                data=request.get_data() or None,
                headers=headers,
                timeout=30,
                allow_redirects=False,
            )
        except requests.RequestException:
            return refused(Refused(502, "transient", "The FHIR server behind the sandbox does not answer."))
        body = answer.content.replace(upstream.encode(), here.encode())
        made = Response(body, answer.status_code)
        for name in _RETURNED:
            if name in answer.headers:
                made.headers[name] = answer.headers[name].replace(upstream, here)
        return made

    return api


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
                bundle = jsontext.loads(answer.content)
            except (requests.RequestException, ValueError):
                continue
            for entry in items(bundle.get("entry") if isinstance(bundle, dict) else None):
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
