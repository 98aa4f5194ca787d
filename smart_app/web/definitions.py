"""``/fhir/…``: our own definitions (extension, codes, PlanDefinition), public and about no patient."""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort, current_app

from smart_app.fhir import jsontext
from smart_app.fhir.writing.definitions import definition_id, plan_definition
from smart_app.web.settings import services

blueprint = Blueprint("definitions", __name__)
_KINDS = ("CodeSystem", "StructureDefinition", "ValueSet")


@blueprint.get("/fhir/PlanDefinition/<ident>")
def plan(ident: str) -> Response:
    """What our care plans instantiate: one for each policy that this app is set up with."""
    found = next((p for p in services().policies.values() if definition_id(p.name) == ident), None)
    if found is None:
        abort(404)
    return _fhir(jsontext.dumps(plan_definition(found), indent=2))


@blueprint.get("/fhir/<kind>/<ident>")
def definition(kind: str, ident: str) -> Response:
    """The files of docs/fhir."""
    if kind not in _KINDS or not re.fullmatch(r"[a-z-]{1,64}", ident):
        abort(404)
    file = current_app.extensions["esr1.fhir"] / f"{kind}-{ident}.json"
    if not file.is_file():
        abort(404)
    return _fhir(file.read_bytes())


def _fhir(body: bytes) -> Response:
    return Response(body, content_type="application/fhir+json; charset=utf-8")
