"""``/callback``: ends a sign-in. Code for token, id_token checked, patient required; then the launch's own pages."""

from __future__ import annotations

import threading
from typing import Any

from flask import Blueprint, g, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from smart_app.errors import LaunchError
from smart_app.fhir.plans import choose_plan
from smart_app.smart.context import INTENTS, context_of
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import Pending, fhir_id
from smart_app.smart.scopes import may_search
from smart_app.smart.tokens import as_stored, granted_scopes, token_request
from smart_app.web import audit, pick
from smart_app.web.i18n import N_
from smart_app.web.session import LOGIN, SESSION, embedded, forget, new_secret, no_cookie, remember, secret_of
from smart_app.web.settings import services
from smart_app.web.who import look_up, user_of

blueprint = Blueprint("callback", __name__)
_ONE_EACH = ("state", "code", "iss", "error")
# what an authorization server may report (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6), in plain words
_CAUSES = {
    "access_denied": N_("The sign-in was refused or cancelled."),
    "invalid_scope": N_("The EHR does not let this app have the access that it asks for."),
    "unauthorized_client": N_("The EHR does not accept this app's registration."),
    "invalid_client": N_("The EHR does not accept this app's registration."),  # not of this place, and yet sent here
    "invalid_request": N_("The EHR did not understand the app's request."),
    "unsupported_response_type": N_("The EHR did not understand the app's request."),
    "server_error": N_("The EHR's sign-in failed."),
    "temporarily_unavailable": N_("The EHR's sign-in is not available just now."),
    "login_required": N_("The EHR asks to sign in there first."),
    "interaction_required": N_("The EHR asks to sign in there first."),
}
_FOR_THE_TEAM = (
    "invalid_scope",
    "unauthorized_client",
    "invalid_client",
    "invalid_request",
    "unsupported_response_type",
)
_AGAIN = N_("Nothing was opened. Go back to the EHR and launch the app again from the patient's chart.")
_TELL = N_("Nothing was opened. Tell your EHR team the code below.")  # another launch would end here again


@blueprint.get("/callback")
def callback() -> Answer | str | tuple[str, int]:
    """Nothing is asked of any server before ``state`` and browser are known to belong together."""
    if any(len(request.args.getlist(name)) > 1 for name in _ONE_EACH):
        raise LaunchError(N_("The EHR's answer is not clear: it says something twice."), code="launch.twice")
    state = request.args.get("state", "")
    if not state:
        raise LaunchError(N_("The EHR's answer does not belong to a sign-in begun here."), code="launch.no_state")
    secret = secret_of(LOGIN, state)
    try:
        pending = services().launches.claim(state, secret)
    except LaunchError as error:
        return _not_claimed(error, state, secret)
    forget(LOGIN, state)
    issuer = services().settings.issuers.by_id(pending.issuer_id)
    if issuer is None:
        raise LaunchError(N_("This EHR is no longer registered."), code="launch.issuer_closed")
    g.issuer = issuer
    _check_sender(issuer, pending)
    if "error" in request.args:
        return _refused(request.args["error"])
    code = request.args.get("code")
    if not code:
        raise LaunchError(N_("The EHR's answer holds no code."), code="launch.no_code")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": pending.redirect_uri,
        "code_verifier": pending.verifier,
    }
    services().statements.warm(issuer.base)
    _connect_ahead(issuer)
    answer = token_request(issuer, pending.endpoints, services().gate, form)
    return _open(issuer, pending, answer, state)


def _open(issuer: Issuer, pending: Pending, answer: dict[str, Any], state: str) -> Answer:
    """The launch's first page; where a standalone sign-in named nobody and the scopes allow it, the patient picker."""
    patient, granted = fhir_id(answer.get("patient")), granted_scopes(answer, pending.scopes)
    picks = pending.standalone and answer.get("patient") is None and may_search(granted)
    if patient is None and not picks:
        raise LaunchError(
            N_("The EHR did not say which patient is open, so nothing is shown."),
            code="launch.no_patient",
            advice=N_("Open a patient's chart in the EHR and launch the app from there."),
        )
    token = as_stored(answer, pending.endpoints, services().clock())
    user, context = user_of(issuer, pending, answer), context_of(answer, issuer)
    opened = {
        "user_reference": user,
        "scopes_asked": pending.scopes,
        "scopes_granted": granted,
        "intent": context.intent,
        "tenant": context.tenant,
    }
    if patient is None:
        return pick.begin(issuer, opened, token, context.style_url)
    secret = new_secret()
    made = services().launches.new(
        issuer,
        patient,
        secret,
        encounter_id=context.encounter_id,
        need_patient_banner=context.need_patient_banner,
        opened_from=context.opened_from,
        **opened,
    )
    services().launches.open(made, token, state)
    look_up(made, token["access"], context.style_url)
    remember(SESSION, made.id, secret)
    audit.opened(made)
    return redirect(f"/s/{made.id}/{INTENTS.get(made.intent or '', '')}")


def _connect_ahead(issuer: Issuer) -> None:
    """A handshake with TLS takes two round trips: they pass while the token is on its way."""
    if not issuer.base.startswith("https://"):
        return
    found = services()

    def connect() -> None:
        plan = choose_plan(found.statements.of(issuer.base), issuer.plan)
        found.gate.warm(issuer.base, plan.concurrency)

    threading.Thread(target=connect, daemon=True).start()


def _check_sender(issuer: Issuer, pending: Pending) -> None:
    """Mix-up defence (RFC 9207): who answers must be who was asked."""
    said = request.args.get("iss")
    if said is None:
        if pending.endpoints.names_itself:
            raise LaunchError(N_("The answer does not say which server it comes from."), code="launch.mix_up")
    elif said.rstrip("/") not in {name.rstrip("/") for name in (issuer.base, pending.endpoints.issuer) if name}:
        raise LaunchError(N_("The answer came from another server than the one asked."), code="launch.mix_up")


def _not_claimed(error: LaunchError, state: str, secret: str | None) -> tuple[str, int]:
    """A reload or the back button after signing in finds the way on, a browser that keeps no cookie an explanation."""
    if error.code == "launch.replayed":
        opened = services().launches.opened_by(state)
        if opened is not None:
            try:
                found = services().launches.find(opened, secret_of(SESSION, opened))
            except LaunchError:
                raise error from None
            g.issuer = found.issuer
            return render_template("launch/replayed.html", launch_id=found.id, code=error.code), 400
    issuer = services().launches.issuer_of(state)
    if error.code == "launch.other_browser" and secret is None and embedded() and issuer is not None:
        g.issuer = issuer
        blocked = no_cookie(N_("This browser keeps no cookie for the app inside the EHR's window."))
        return render_template("launch/cookie_blocked.html", message=blocked.message, code=blocked.code), 400
    raise error


def _refused(error: str) -> tuple[str, int]:
    code = "launch.denied" if error == "access_denied" else "launch.authorize_error"
    message = _CAUSES.get(error, N_("The EHR's sign-in reported an error."))
    named = error if len(error) <= 40 and error.replace("_", "").isalnum() and error.isascii() else "unknown"
    said = " ".join(request.args.get("error_description", "").split())[:300]
    advice = _TELL if error in _FOR_THE_TEAM else _AGAIN
    told = {"message": message, "advice": advice, "said": said, "named": named, "code": code}
    return render_template("launch/refused.html", **told), 400
