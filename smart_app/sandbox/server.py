"""The sandbox EHR: launcher page, authorization server and FHIR interface in one Flask app on the loopback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.fhir.reading.record import Json
from smart_app.sandbox import auth, mischief, proxy
from smart_app.sandbox.fhirapi import fhir_blueprint
from smart_app.sandbox.fhirstore import FhirStore
from smart_app.sandbox.guard import guard_for
from smart_app.sandbox.habits import PLAIN, VENDORS, Habits
from smart_app.sandbox.patients import everybody
from smart_app.sandbox.profiles import Profile
from smart_app.sandbox.registry import Client, Context, Sessions, load_signing_key

_HERE = Path(__file__).resolve().parent
DOCTOR: Json = {
    "resourceType": "Practitioner",
    "id": "sandbox-oncologist",
    "name": [{"family": "Sandoz", "given": ["Alex"], "prefix": ["Dr"]}],
}


@dataclass
class Sandbox:
    """How one sandbox runs. ``upstream``: another FHIR server to stand in front of, instead of the own store."""

    data: Path
    base: str  # http://127.0.0.1:8001
    app_url: str  # http://127.0.0.1:8000
    day: date
    upstream: str | None = None
    clients: list[Client] = field(default_factory=list)
    lifetime: int = 3600
    habits: dict[str, Habits] = field(default_factory=lambda: dict(VENDORS))  # open bases below /as/<name>/fhir
    profile: Profile | None = None  # the server that the base with sign-in plays


def load_patients(store: FhirStore, day: date) -> int:
    """Loads the synthetic patients that are not there yet; what was written before stays."""
    loaded = 0
    known = {p["id"] for p in store.matches("Patient", [])}
    store_has_doctor = bool(store.matches("Practitioner", [("_id", "sandbox-oncologist")]))
    if not store_has_doctor:
        store.update("Practitioner", "sandbox-oncologist", DOCTOR)
    for one in everybody(day):
        if one.id in known:
            continue
        with store.transaction():
            for resource in one.resources:
                store.update(resource["resourceType"], resource["id"], resource)
        loaded += 1
    return loaded


def create_sandbox(settings: Sandbox) -> Flask:
    """The app; ``app.extensions["sandbox"]`` holds its sessions and store for tests."""
    app = Flask("sandbox", static_folder=str(_HERE / "static"), template_folder=str(_HERE / "templates"))
    key = load_signing_key(settings.data / "sandbox-key.json")
    issuer = f"{settings.base}/fhir"
    own = Client("esr1-demo", [f"{settings.app_url}/callback"])
    sessions = Sessions({c.client_id: c for c in [own, *settings.clients]}, key, issuer, settings.lifetime)
    if settings.profile is not None:
        sessions.listed = settings.profile.scopes
    store: FhirStore | None = None
    guard = guard_for(sessions)
    security: Callable[[], Json | None] = lambda: _security(settings.base)  # noqa: E731 - a one-line default
    if settings.upstream is None:
        store = FhirStore(settings.data / "fhir.sqlite")
        load_patients(store, settings.day)
        worn = settings.profile.habits if settings.profile is not None else PLAIN
        app.register_blueprint(fhir_blueprint("fhir", "/fhir", store, guard, security, worn))
        app.register_blueprint(fhir_blueprint("open", "/open/fhir", store, _open, lambda: None))
        for name, habits in settings.habits.items():
            prefix = f"/as/{name}/fhir"
            app.register_blueprint(fhir_blueprint(name, prefix, store, _open, lambda: None, habits))
        people = _own_people(store, settings.day)
    else:
        app.register_blueprint(proxy.proxy_blueprint("/fhir", settings.upstream, guard))
        people = proxy.people_of(settings.upstream)
    auth.install(app, sessions, lambda: [(ident, name) for ident, name, _ in people()])
    mischief.install(app, sessions)
    app.extensions["sandbox"] = (sessions, store)

    @app.get("/")
    def launcher() -> str:
        chosen = request.args.get("fault", "")
        found = {"people": people(), "faults": mischief.FAULTS, "chosen": chosen if chosen in mischief.FAULTS else ""}
        return render_template("launcher.html", upstream=settings.upstream, app=settings.app_url, **found)

    @app.post("/launch")
    def launch() -> Answer:
        patient = request.form.get("patient", "")
        faults = tuple(f for f in request.form.getlist("fault") if f in mischief.FAULTS)
        token = sessions.launch(Context(patient, encounter(patient), mischief=faults))
        return redirect(f"{settings.app_url}/launch?{urlencode({'iss': issuer, 'launch': token})}", 303)

    def encounter(patient: str) -> str | None:
        """The visit that is going on, where the own store knows one."""
        query = [("patient", patient), ("status", "in-progress")]
        found = store.matches("Encounter", query) if store is not None else []
        return found[0]["id"] if found else None

    @app.after_request
    def headers(response: Response) -> Response:
        # the browser also checks redirects of a form: they lead to the app and back
        csp = f"default-src 'none'; style-src 'self'; form-action 'self' {settings.app_url}; base-uri 'none'"
        response.headers.setdefault("Content-Security-Policy", csp)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def _open(*_: object) -> None:
    """The guard of a base without sign-in."""


def _own_people(store: FhirStore, day: date) -> Callable[[], list[tuple[str, str, str]]]:
    shows = {p.id: p.shows for p in everybody(day)}

    def people() -> list[tuple[str, str, str]]:
        rows = []
        for patient in store.matches("Patient", []):
            name: Json = next(iter(patient.get("name", [])), {})
            words = f"{' '.join(name.get('given', []))} {name.get('family', '')}".strip() or "no name"
            rows.append((patient["id"], words, shows.get(patient["id"], "not a sandbox patient")))
        order = list(shows)
        return sorted(rows, key=lambda r: (order.index(r[0]) if r[0] in shows else len(order), r[1]))

    return people


def _security(base: str) -> Json:
    uris = [
        {"url": "authorize", "valueUri": f"{base}/auth/authorize"},
        {"url": "token", "valueUri": f"{base}/auth/token"},
    ]
    url = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {
        "extension": [{"url": url, "extension": uris}],
        "service": [{"coding": [{"system": system, "code": "SMART-on-FHIR"}]}],
    }
