"""What belongs to no patient: our published keys, whether the app lives, and the end of a session."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, Response, g, jsonify, render_template
from werkzeug.wrappers import Response as Answer

from smart_app.smart.keys import public_keys
from smart_app.smart.launches import Launch
from smart_app.web import audit
from smart_app.web.session import SESSION, forget
from smart_app.web.settings import services

blueprint = Blueprint("service", __name__)


@blueprint.get("/jwks.json")
def jwks() -> Response:
    """The public half of our signing keys, for EHRs that check ``private_key_jwt``."""
    return jsonify(public_keys([i.key_file for i in services().settings.issuers if i.key_file is not None]))


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Whether the store can be written and read; never asks an EHR."""
    try:
        services().store.put("ready", "now", {}, 60)
        ready = services().store.get("ready", "now") is not None
    except (OSError, sqlite3.Error):
        ready = False
    return jsonify({"status": "ready" if ready else "the store does not answer"}), 200 if ready else 503


@blueprint.get("/s/<launch_id>/style.css")
def style(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The EHR's colours and sizes, as far as they were taken over."""
    current: Launch = g.launch
    return Response(current.style, content_type="text/css; charset=utf-8")


@blueprint.post("/s/<launch_id>/end")
def end(launch_id: str) -> Answer:
    """Ends the launch here and, where offered, its tokens at the EHR's authorization server. Other launches go on."""
    current: Launch = g.pop("launch")
    g.issuer = current.issuer
    sign_out = services().tokens.end_session(current)
    services().tokens.revoke(current)
    services().launches.end(launch_id)
    audit.ended(current)
    forget(SESSION, launch_id)
    response = Response(render_template("launch/ended.html", sign_out=sign_out))
    # not "cookies": that would end the launches of other tabs as well
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
