"""Who is signed in: from a valid id_token only, and only a clinician of this very server.

The user's name and the EHR's style are asked for while the first page is being read: neither is worth a wait.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from flask import Flask, g

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import under
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.smart.discovery import key_set_of
from smart_app.smart.idtoken import check_id_token
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import Launch, Pending, fhir_id
from smart_app.smart.style import fetch_style
from smart_app.web.i18n import N_
from smart_app.web.settings import Services, services

_PATIENCE = 4.0  # seconds: a name is not worth a longer wait


def user_of(issuer: Issuer, pending: Pending, answer: dict[str, Any]) -> str | None:
    """``Practitioner/x``; None where no id_token came, none can be checked, or it names no clinician of this server.

    LaunchError ``id_token.invalid`` where one came and is wrong.
    """
    raw = answer.get("id_token")
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise LaunchError(N_("The EHR's statement of who is signed in cannot be read."), code="id_token.invalid")
    address = key_set_of(issuer, pending.endpoints, services().gate)
    if address is None:
        return None  # without published keys nobody can check it: then it says nothing
    pending.endpoints.open(issuer, services().gate)
    claims = check_id_token(
        raw,
        keys=services().jwks,
        jwks_url=address,
        issuers={name for name in (issuer.base, pending.endpoints.issuer, _beside(pending.endpoints.token)) if name},
        client_id=issuer.client_id,
        nonce=pending.nonce,
    )
    said = claims.get("fhirUser") or claims.get("profile")  # ``profile`` is how SMART 1.0 spelt it
    if not isinstance(said, str):
        return None
    relative = said[len(issuer.base) + 1 :] if said.startswith(issuer.base + "/") and under(said, issuer.base) else said
    kind, _, ident = relative.partition("/")
    if kind in ("Practitioner", "PractitionerRole") and fhir_id(ident) == ident:
        return f"{kind}/{ident}"
    return None


def _beside(token_endpoint: str) -> str:
    """How the reference SMART launcher names itself: ``…/auth/token`` signs as ``…/auth/fhir``.

    It is the token endpoint's own neighbour, so nobody but the server that gave the token can be meant.
    """
    return urljoin(token_endpoint, "fhir")


def install(app: Flask) -> None:
    """A page that is about to be rendered waits, for a while, for what is still being asked for its launch."""

    app.jinja_env.globals["session_ends"] = session_ends

    @app.context_processor
    def person() -> dict[str, object]:
        launch: Launch | None = g.get("launch")
        if launch is not None:
            asking = services().asking.get(launch.id)
            if asking is not None:
                asking.join(_PATIENCE)
            g.launch = services().launches.with_extras(launch)
        return {}


def session_ends() -> dict[str, object] | None:
    """When the page's session ends, as clock times of the site, and in how many seconds if nothing happens."""
    launch: Launch | None = g.get("launch")
    if launch is None:
        return None

    def at(moment: float) -> str:
        return datetime.fromtimestamp(moment, launch.issuer.zone).strftime("%H:%M")

    seconds = max(0, round(launch.ends_idle - services().clock()))
    return {"idle": at(launch.ends_idle), "last": at(launch.ends_at_last), "seconds": seconds}


def look_up(launch: Launch, token: str, style_url: str | None) -> None:
    """Starts asking for the name of the launch's user and for the EHR's style."""
    found = services()
    if launch.user_reference is None and style_url is None:
        return
    thread = threading.Thread(target=_look_up, args=(found, launch, token, style_url), daemon=True)
    found.asking[launch.id] = thread
    thread.start()


def _look_up(services: Services, launch: Launch, token: str, style_url: str | None) -> None:
    try:
        with ThreadPoolExecutor(2) as pool:
            style = pool.submit(fetch_style, services.gate, style_url) if style_url else None
            name = user_name(services, launch.issuer, launch.user_reference, token) if launch.user_reference else None
            extras = {"user_name": name, "style": style.result() if style else ""}
        services.launches.add_extras(launch.id, {k: v for k, v in extras.items() if v})
    finally:
        services.asking.pop(launch.id, None)


def user_name(services: Services, issuer: Issuer, user: str, token: str) -> str | None:
    """The user's name, where the EHR gives it; without it nothing else changes."""
    client = FhirClient(issuer.base, services.gate, lambda _force: token)
    try:
        answer = client.send("GET", user, timeout=_PATIENCE)
    except (FhirError, LaunchError):
        return None
    kind, _, ident = user.partition("/")
    body = answer.body or {}
    if answer.status != 200 or body.get("resourceType") != kind or body.get("id") != ident:
        return None
    return _display_name(body)


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
