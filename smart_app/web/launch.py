"""``/launch``: begins a SMART App Launch 2.2, from an EHR or standalone."""

from __future__ import annotations

import secrets
import threading
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import LaunchError
from smart_app.fhir.gate import origin_of
from smart_app.smart.discovery import Endpoints, discover
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import Pending, digest
from smart_app.smart.scopes import scopes_for
from smart_app.smart.tokens import challenge
from smart_app.web.climbing import asked
from smart_app.web.i18n import N_
from smart_app.web.session import LOGIN, canonical, new_secret, remember
from smart_app.web.settings import services

blueprint = Blueprint("launch", __name__)
LONGEST_URL = 4000  # characters; a longer request goes by POST where the server takes one


@blueprint.get("/launch")
def begin() -> Answer | str | tuple[str, int]:
    """Sends the browser to the EHR's sign-in; for an unregistered ``iss`` no request leaves the app."""
    elsewhere = canonical()
    if elsewhere is not None:
        return elsewhere
    named, context = request.args.getlist("iss"), request.args.getlist("launch")
    if len(named) != 1 or not named[0]:
        raise LaunchError(N_("The launch does not say which EHR it comes from."), code="launch.no_iss")
    issuer = services().settings.issuers.by_base(named[0])
    if issuer is None:
        return render_template("launch/unregistered.html"), 403
    g.issuer = issuer
    if len(context) > 1:
        raise LaunchError(N_("The launch is not clear: it names two contexts."), code="launch.twice")
    if context == [""]:
        raise LaunchError(N_("The launch holds an empty context."), code="launch.empty")
    endpoints = discover(issuer, services().gate)
    if endpoints.jwks is not None:
        threading.Thread(target=services().jwks.warm, args=(endpoints.jwks,), daemon=True).start()
    query = _sign_in(issuer, endpoints, context[0] if context else None)
    parts = urlsplit(endpoints.authorize)
    # an endpoint may carry a query of its own; nothing may stand there twice (RFC 6749, 3.1)
    own = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in {*query, "launch"}]
    url = urlunsplit(parts._replace(query=urlencode([*own, *query.items()])))
    by_post = "authorize-post" in endpoints.capabilities and (issuer.authorize_post or len(url) > LONGEST_URL)
    if not by_post:
        return redirect(url)
    # browsers check where a form's redirects lead, too: to the sign-in, to what it is pinned to, and back here
    g.form_action = (origin_of(endpoints.authorize), *issuer.authorization_origins)
    return render_template(
        "launch/post.html", action=urlunsplit(parts._replace(query="")), fields=[*own, *query.items()]
    )


def _sign_in(issuer: Issuer, endpoints: Endpoints, context: str | None) -> dict[str, str]:
    """The authorization request (RFC 6749, 4.1.1), and its other half kept for the callback."""
    state, secret = secrets.token_urlsafe(32), new_secret()
    pending = Pending(
        issuer_id=issuer.id,
        endpoints=endpoints,
        verifier=secrets.token_urlsafe(48),
        nonce=secrets.token_urlsafe(24),
        redirect_uri=services().settings.public_url + "/callback",
        browser=digest(secret),
        scopes=scopes_for(issuer, endpoints, ehr_launch=context is not None, writes=asked(issuer, endpoints)),
        standalone=context is None,
    )
    services().launches.begin(pending, state)
    remember(LOGIN, state, secret)
    query = {
        "response_type": "code",
        "client_id": issuer.client_id,
        "redirect_uri": pending.redirect_uri,
        "scope": " ".join(pending.scopes),
        "state": state,
        "aud": issuer.base,
        "nonce": pending.nonce,
        "code_challenge": challenge(pending.verifier),
        "code_challenge_method": "S256",
    }
    if context is not None:
        query["launch"] = context
    return query
