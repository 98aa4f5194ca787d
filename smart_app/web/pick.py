"""The patient picker: for a standalone sign-in whose EHR granted access and named no patient.

What is searched for travels in the body of a POST from the browser to the app and from the app to the EHR, never in an
address. From the choice on everything is bound to the one patient chosen, as in any other launch.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.domain.dates import PartialDate
from smart_app.errors import LaunchError
from smart_app.fhir.client import FhirClient, Response, expect
from smart_app.fhir.reading.record import Json, items, text
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import PENDING_SECONDS, Launch, digest, fhir_id
from smart_app.web import audit
from smart_app.web.chart import PatientBanner, banner_of
from smart_app.web.csrf import check_form, form_token
from smart_app.web.i18n import N_, _
from smart_app.web.session import PICK, SESSION, forget, new_secret, remember, secret_of
from smart_app.web.settings import services
from smart_app.web.who import look_up

blueprint = Blueprint("pick", __name__, url_prefix="/pick")
SHOWN = 20
_FORM = "application/x-www-form-urlencoded"


def begin(issuer: Issuer, opened: dict[str, Any], token: dict[str, Any], style_url: str | None) -> Answer:
    """Keeps what the sign-in gave until a patient is chosen. ``opened``: what a Launch is made with, all but who."""
    ident, secret = secrets.token_urlsafe(24), new_secret()
    value = {"issuer": issuer.id, "browser": digest(secret), "opened": opened, "token": token, "style_url": style_url}
    services().store.put("pick", ident, value, PENDING_SECONDS)
    remember(PICK, ident, secret)
    return redirect(f"/pick/{ident}", 303)


def _kept(ident: str) -> tuple[Issuer, dict[str, Any]]:
    """The choice under way, for the browser that signed in; a POST must come from its own page."""
    value = services().store.get("pick", ident)
    issuer = services().settings.issuers.by_id(value["issuer"]) if value is not None else None
    if value is None or issuer is None:
        raise LaunchError(N_("This choice of a patient was made already, or took too long."), code="session.ended")
    g.issuer = issuer
    secret = secret_of(PICK, ident)
    if secret is None or not hmac.compare_digest(value["browser"], digest(secret)):
        raise LaunchError(N_("This choice of a patient belongs to another browser."), code="session.other_browser")
    if request.method == "POST":
        check_form(ident, value["browser"])
    return issuer, value


@blueprint.get("/<pick_id>")
def ask(pick_id: str) -> str:
    issuer, value = _kept(pick_id)
    return _page(pick_id, issuer, value)


@blueprint.post("/<pick_id>")
def search(pick_id: str) -> str | tuple[str, int]:
    """By record number, or by name, with the birth date if it is known."""
    issuer, value = _kept(pick_id)
    typed = {name: request.form.get(name, "").strip()[:100] for name in ("mrn", "name", "birth")}
    wrong = _wrong(typed)
    if wrong:
        return _page(pick_id, issuer, value, typed=typed, message=wrong), 400
    params = [("identifier", typed["mrn"]), ("name", typed["name"]), ("birthdate", typed["birth"])]
    sent = urlencode([(name, words) for name, words in params if words] + [("_count", str(SHOWN))]).encode()
    answer = _client(issuer, value).send("POST", "Patient/_search", body=sent, headers={"Content-Type": _FORM})
    if answer.status in (403, 404, 405, 415, 501):
        return _page(pick_id, issuer, value, typed=typed, message=_(_NO_SEARCH)), 502
    found, more = _found(answer)
    user = value["opened"]["user_reference"]
    services().audit.note("searched", None, issuer=issuer.id, base=issuer.base, user=user, resource="Patient")
    return _page(pick_id, issuer, value, typed=typed, found=found, more=more)


_NO_SEARCH = N_(
    "This EHR does not let the app search for patients. Open the patient's chart in the EHR and launch the app there."
)


def _wrong(typed: dict[str, str]) -> str:
    if not typed["mrn"] and len(typed["name"]) < 2:
        return _("Type a record number, or at least two letters of the name.")
    try:
        exact = not typed["birth"] or PartialDate.parse(typed["birth"]).exact is not None
    except ValueError:
        exact = False
    return "" if exact else _("Write the birth date as 1960-01-31.")


def _found(answer: Response) -> tuple[list[PatientBanner], bool]:
    """The patients of the first page; whether there are more than are shown."""
    bundle = expect(answer, "Bundle")
    found: list[Json] = [e["resource"] for e in items(bundle.get("entry")) if isinstance(e.get("resource"), dict)]
    people = {ident: p for p in found if p.get("resourceType") == "Patient" and (ident := _ident(p))}
    total, link = bundle.get("total"), items(bundle.get("link"))
    more = any(one.get("relation") == "next" for one in link) or (isinstance(total, int) and total > len(people))
    return [banner_of(p, ident) for ident, p in list(people.items())[:SHOWN]], more or len(people) > SHOWN


def _ident(patient: Json) -> str | None:
    said = text(patient.get("id"))
    return said if fhir_id(said) == said else None


@blueprint.post("/<pick_id>/choose")
def choose(pick_id: str) -> Answer:
    """Opens the patient that was clicked; the choice is made once."""
    issuer, value = _kept(pick_id)
    patient = request.form.get("patient", "")
    if fhir_id(patient) != patient:
        raise LaunchError(N_("That is no patient of this EHR."), code="launch.no_patient")
    if _client(issuer, value).read("Patient", patient).get("id") != patient:
        raise LaunchError(N_("The EHR answered with another patient than the one chosen."), code="launch.other_patient")
    if services().store.take("pick", pick_id) is None:
        raise LaunchError(N_("This choice of a patient was made already."), code="session.ended")
    secret = new_secret()
    opened = {name: tuple(v) if isinstance(v, list) else v for name, v in value["opened"].items()}
    made: Launch = services().launches.new(issuer, patient, secret, **opened)
    services().launches.open(made, value["token"])
    look_up(made, value["token"]["access"], value["style_url"])
    forget(PICK, pick_id)
    remember(SESSION, made.id, secret)
    audit.opened(made)
    return redirect(f"/s/{made.id}/", 303)


def _client(issuer: Issuer, value: dict[str, Any]) -> FhirClient:
    access: str = value["token"]["access"]
    return FhirClient(issuer.base, services().gate, lambda _force: access)


def _page(
    pick_id: str,
    issuer: Issuer,
    value: dict[str, Any],
    *,
    typed: dict[str, str] | None = None,
    found: list[PatientBanner] | None = None,
    more: bool = False,
    message: str = "",
) -> str:
    return render_template(
        "launch/pick.html",
        pick_id=pick_id,
        issuer=issuer,
        token=form_token(pick_id, value["browser"]),
        typed=typed or {},
        found=found,
        more=more,
        message=message,
    )
