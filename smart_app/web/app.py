"""The Flask app: blueprints, guard, headers, errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from smart_app.evidence import load_evidence
from smart_app.fhir.gate import Gate
from smart_app.fhir.plans import all_plans
from smart_app.smart.keys import load_key_set
from smart_app.web import (
    about,
    attest,
    audit,
    callback,
    definitions,
    errors,
    i18n,
    launch,
    limits,
    log,
    open_server,
    pick,
    plan,
    progress,
    rungs,
    security,
    service,
    session,
    timeline,
    who,
)
from smart_app.web.settings import Services, Settings

_HERE = Path(__file__).resolve().parent.parent
MAX_FORM = 64 * 1024


def _files(name: str) -> str:
    """Beside the package in a checkout, inside it in a wheel."""
    beside = _HERE.parent / name
    return str(beside if beside.is_dir() else _HERE / f"_{Path(name).name}")


def create_app(settings: Settings, *, gate: Gate | None = None, clock: Callable[[], float] | None = None) -> Flask:
    """An app for these issuers. ConfigError where a policy, code or key file of an issuer is not right.

    ``clock`` (seconds since 1970) tells how old launches and tokens are; tests give their own.
    """
    app = Flask(
        "smart_app", template_folder=_files("templates"), static_folder=_files("static"), static_url_path="/static"
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_FORM
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    services = Services(settings, gate or Gate(), clock or time.time)
    for issuer in settings.issuers:
        services.gate.allow(issuer.base)
        if issuer.key_file is not None:
            load_key_set(issuer.key_file)
    services.policies, services.codebooks  # noqa: B018 - a wrong file stops the start, not the first launch
    app.extensions["esr1"] = services
    app.extensions["esr1.fhir"] = Path(_files("docs/fhir"))
    log.install(app)
    i18n.install(app, settings.language)
    security.install(app)
    session.install(app)
    limits.install(app)
    errors.install(app)
    audit.install(app)
    who.install(app)
    rooms = (launch, callback, service, open_server, pick, timeline, progress, attest, plan, rungs, about, definitions)
    for room in rooms:
        app.register_blueprint(room.blueprint)
    session.check_routes(app)
    return app


def warm(app: Flask) -> None:
    """Before a server's first request: every template compiled, the data files read that a page needs."""
    for name in app.jinja_env.list_templates(extensions=["html"]):
        app.jinja_env.get_template(name)
    load_evidence()
    all_plans()
