"""``/launch`` and ``/callback``: SMART App Launch 2.2, EHR launch and standalone."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir.gate import under
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.smart.discovery import discover
from smart_app.smart.idtoken import check_id_token
from smart_app.smart.issuers import Issuer
from smart_app.smart.keys import public_keys
from smart_app.smart.launches import Launch, Pending, digest
from smart_app.smart.scopes import scopes_for
from smart_app.smart.tokens import as_stored, challenge, granted_scopes, token_request
from smart_app.web.session import browser_secret, ensure_browser_secret
from smart_app.web.settings import services

blueprint = Blueprint("launch", __name__)

# a resource id as FHIR R4 defines it; anything else in a token answer is no id and goes into no URL
_ID = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")


def _redirect_uri() -> str:
    return services().settings.public_url + "/callback"


@blueprint.get("/launch")
def launch() -> Answer | tuple[str, int]:
    """Begins a sign-in with the issuer named by ``iss``; no request leaves the app for an unregistered one."""
    named = request.args.getlist("iss")
    if len(named) != 1 or not named[0]:
        raise LaunchError("The launch does not say which EHR it comes from.", code="launch.no_iss")
    if len(request.args.getlist("launch")) > 1:
        raise LaunchError("The launch is not clear: it names two contexts.", code="launch.twice")
    issuer = services().settings.issuers.by_base(named[0])
    if issuer is None:
        return render_template("launch/unregistered.html"), 403
    g.issuer = issuer
    context = request.args.get("launch")
    if context is not None and not context:
        raise LaunchError("The launch holds an empty context.", code="launch.empty")
    endpoints = discover(issuer, services().gate)
    asked = scopes_for(issuer, endpoints, ehr_launch=context is not None)
    pending = Pending(
        issuer_id=issuer.id,
        endpoints=endpoints,
        verifier=secrets.token_urlsafe(48),
        nonce=secrets.token_urlsafe(24),
        redirect_uri=_redirect_uri(),
        browser=digest(ensure_browser_secret()),
        scopes=asked,
        standalone=context is None,
    )
    state = services().launches.begin(pending)
    query = {
        "response_type": "code",
        "client_id": issuer.client_id,
        "redirect_uri": pending.redirect_uri,
        "scope": " ".join(asked),
        "state": state,
        "aud": issuer.base,
        "nonce": pending.nonce,
        "code_challenge": challenge(pending.verifier),
        "code_challenge_method": "S256",
    }
    if context is not None:
        query["launch"] = context
    joiner = "&" if "?" in endpoints.authorize else "?"
    return redirect(f"{endpoints.authorize}{joiner}{urlencode(query)}")


@blueprint.get("/callback")
def callback() -> Answer:
    """Ends a sign-in: code for token, id_token checked, patient required; then the launch's own pages."""
    state = request.args.get("state", "")
    if not state:
        raise LaunchError("The EHR's answer does not belong to a sign-in begun here.", code="launch.no_state")
    pending = services().launches.claim(state, browser_secret())
    issuer = services().settings.issuers.by_id(pending.issuer_id)
    if issuer is None:
        raise LaunchError("This EHR is no longer registered.", code="launch.issuer_closed")
    g.issuer = issuer
    said = request.args.get("iss")
    if said is not None and said.rstrip("/") not in _issuer_names(issuer, pending):
        raise LaunchError("The answer came from another server than the one asked.", code="launch.mix_up")
    if "error" in request.args:
        denied = request.args.get("error") == "access_denied"
        message = "The sign-in was refused or cancelled." if denied else "The EHR's sign-in reported an error."
        raise LaunchError(message, code="launch.denied" if denied else "launch.authorize_error")
    code = request.args.get("code")
    if not code:
        raise LaunchError("The EHR's answer holds no code.", code="launch.no_code")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": pending.redirect_uri,
        "code_verifier": pending.verifier,
    }
    services().gate.allow(pending.endpoints.token)
    answer = token_request(issuer, pending.endpoints, services().gate, form)
    granted = granted_scopes(answer, pending.scopes)
    patient = _identifier(answer.get("patient"))
    if patient is None:
        raise LaunchError(
            "The EHR did not say which patient is open, so nothing is shown.",
            code="launch.no_patient",
            advice="Open a patient's chart in the EHR and launch the app from there.",
        )
    user = _user(issuer, pending, answer)
    made = services().launches.new(
        issuer,
        patient,
        ensure_browser_secret(),
        encounter_id=_identifier(answer.get("encounter")),
        user_reference=user,
        scopes_asked=pending.scopes,
        scopes_granted=granted,
        need_patient_banner=answer.get("need_patient_banner") is not False,
    )
    token = as_stored(answer, pending.endpoints, services().launches.clock())
    services().launches.open(made, token)
    if user is not None:
        services().launches.open(_named(made, user), None)
    return redirect(f"/s/{made.id}/")


def _issuer_names(issuer: Issuer, pending: Pending) -> set[str]:
    return {name.rstrip("/") for name in (issuer.base, pending.endpoints.issuer) if name}


def _identifier(value: object) -> str | None:
    """A FHIR id; ``Patient/x`` is taken as ``x``."""
    if not isinstance(value, str):
        return None
    ident = value.removeprefix("Patient/").removeprefix("Encounter/")
    return ident if ident and len(ident) <= 64 and set(ident) <= _ID and ident.strip(".") else None


def _user(issuer: Issuer, pending: Pending, answer: dict[str, Any]) -> str | None:
    """``Practitioner/x`` from a valid id_token; None where none came or it names no clinician of this server."""
    raw = answer.get("id_token")
    if raw is None:
        return None
    if not isinstance(raw, str) or pending.endpoints.jwks is None:
        raise LaunchError("The EHR's statement of who is signed in cannot be checked.", code="id_token.invalid")
    services().gate.allow(pending.endpoints.jwks)
    claims = check_id_token(
        raw,
        keys=services().jwks,
        jwks_url=pending.endpoints.jwks,
        issuers=_issuer_names(issuer, pending),
        client_id=issuer.client_id,
        nonce=pending.nonce,
    )
    said = claims.get("fhirUser")
    if not isinstance(said, str):
        return None
    relative = said[len(issuer.base) + 1 :] if under(said, issuer.base) else said
    kind, _, ident = relative.partition("/")
    if kind in ("Practitioner", "PractitionerRole") and _identifier(ident) == ident:
        return f"{kind}/{ident}"
    return None


def _named(made: Launch, user: str) -> Launch:
    """The launch with the user's name, where the EHR gives it; without it nothing else changes."""
    try:
        kind, _, ident = user.partition("/")
        resource = services().client(made).read(kind, ident)
    except (FhirError, LaunchError):
        return made
    return replace(made, user_name=_display_name(resource))


def _display_name(resource: Json) -> str | None:
    if resource.get("resourceType") == "PractitionerRole":
        return text(obj(resource.get("practitioner")).get("display"))
    for name in items(resource.get("name")):
        words = text(name.get("text"))
        if words is None:
            given = [g for g in name.get("given") or [] if isinstance(g, str)]
            words = " ".join([*given, text(name.get("family")) or ""]).strip() or None
        if words is not None:
            return words
    return None


@blueprint.get("/jwks.json")
def jwks() -> Response:
    """The public half of our signing keys, for EHRs that check ``private_key_jwt``."""
    return jsonify(public_keys([i.key_file for i in services().settings.issuers if i.key_file is not None]))


@blueprint.get("/healthz")
def healthz() -> Response:
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Whether the store answers; never asks an EHR."""
    services().store.get("launch", "none")
    return jsonify({"status": "ready"})


@blueprint.post("/s/<launch_id>/end")
def end(launch_id: str) -> Answer:
    """Ends the launch on the server and, where offered, at the EHR's authorization server."""
    current: Launch = g.launch
    services().tokens.revoke(current)
    services().launches.end(launch_id)
    response = Response(render_template("launch/ended.html"))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
