"""Open test servers (``auth = "none"``): a patient is picked by id or name; the same pages follow, with a banner.

Nothing about a patient stands in a URL: searching and choosing are POSTs, and a hand-off from the command line is a
random token that works once.
"""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import LaunchError
from smart_app.fhir.client import expect
from smart_app.fhir.reading.record import Json, items, text
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import digest, fhir_id
from smart_app.web import audit
from smart_app.web.csrf import check_own
from smart_app.web.i18n import N_, _
from smart_app.web.session import SESSION, canonical, new_secret, remember
from smart_app.web.settings import services
from smart_app.web.words import any_date

blueprint = Blueprint("open_server", __name__, url_prefix="/open")
SHOWN = 50


def _issuers() -> list[Issuer]:
    return [issuer for issuer in services().settings.issuers if issuer.open_server]


def _issuer(ident: str) -> Issuer:
    issuer = services().settings.issuers.by_id(ident)
    if issuer is None or not issuer.open_server:
        raise LaunchError(N_("There is no such open server."), code="launch.no_open_server")
    g.issuer = issuer
    return issuer


@blueprint.get("")
def pick() -> str | Answer:
    """Which server, which patient."""
    elsewhere = canonical()
    if elsewhere is not None:
        return elsewhere
    return render_template("open/pick.html", issuers=_issuers(), found=None, chosen=None, words="")


@blueprint.post("")
def search() -> str | Answer:
    """By id where there is such a patient, else by name."""
    check_own()
    issuer = _issuer(request.form.get("issuer", ""))
    words = request.form.get("words", "").strip()
    client = services().open_client(issuer)
    found: list[Json] = []
    if words:
        by_id = client.search("Patient", [("_id", words)])[0] if " " not in words else []
        found = [resource for _, resource in by_id if resource.get("resourceType") == "Patient"]
    if not found:
        query = [("name", words)] if words else []
        bundle = expect(client.send("GET", "Patient", params=[*query, ("_count", str(SHOWN))]), "Bundle")
        resources = [entry.get("resource") for entry in items(bundle.get("entry"))]
        found = [r for r in resources if isinstance(r, dict) and r.get("resourceType") == "Patient"]
    rows = [(text(r.get("id")) or "", _label(r)) for r in found[:SHOWN] if text(r.get("id"))]
    return render_template("open/pick.html", issuers=_issuers(), found=rows, chosen=issuer, words=words)


@blueprint.post("/choose")
def choose() -> Answer:
    """Opens the patient that was clicked."""
    check_own()
    return _opened(_issuer(request.form.get("issuer", "")), request.form.get("patient", ""))


@blueprint.get("/handoff/<token>")
def handoff(token: str) -> Answer:
    """From ``smart-app open``: works once."""
    value = services().store.take("handoff", digest(token))
    if value is None:
        raise LaunchError(N_("This address was used already or is too old."), code="launch.handoff_used")
    return _opened(_issuer(value["issuer"]), value["patient"])


def _opened(issuer: Issuer, patient: str) -> Answer:
    if fhir_id(patient) != patient:
        raise LaunchError(N_("That is no patient id."), code="launch.no_patient")
    found = services().open_client(issuer).read("Patient", patient)
    if found.get("id") != patient:
        raise LaunchError(
            N_("The server answered with another patient than the one asked."), code="launch.other_patient"
        )
    secret = new_secret()
    made = services().launches.new(issuer, patient, secret)
    services().launches.open(made, None)
    remember(SESSION, made.id, secret)
    audit.opened(made)
    return redirect(f"/s/{made.id}/", 303)


def _label(patient: Json) -> str:
    born = any_date(text(patient.get("birthDate"))) or _("on an unknown date")
    for name in items(patient.get("name")):
        given = [g for g in name.get("given") or [] if isinstance(g, str)]
        words = text(name.get("text")) or " ".join([*given, text(name.get("family")) or ""]).strip()
        if words:
            return _("%(name)s, born %(born)s", name=words, born=born)
    return _("no name, born %(born)s", born=born)
