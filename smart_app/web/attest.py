"""Supplying what the record lacks: a clinician attests a fact, sees it counted, and may withdraw it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, redirect, request
from werkzeug.wrappers import Response as Answer

from smart_app.domain.attested import Attestation
from smart_app.domain.decision import WindowAnswer
from smart_app.domain.facts import DrugClass, Outcome, Source
from smart_app.fhir.reading.attested import standing_reports
from smart_app.smart.launches import Launch
from smart_app.web.attest_forms import KINDS, ROWS, SITES, Typed, read_form
from smart_app.web.chart import ChartView, read_view
from smart_app.web.i18n import N_, _
from smart_app.web.resources import Cited, cited, handle_of
from smart_app.web.settings import services
from smart_app.web.supplied import add, new_id, withdraw
from smart_app.web.timeline import shown

blueprint = Blueprint("attest", __name__)
NAMES = {
    "receptor": N_("ER, PR or HER2 status"),
    "advanced": N_("Advanced disease, and since when"),
    "drug": N_("An aromatase inhibitor or CDK4/6 inhibitor"),
    "result": N_("An ESR1 result that exists only as a report"),
    "status": N_("No progression on a scan"),
}
_OF_CLAUSE = {
    "W1": "advanced",
    "W2": "receptor",
    "W3": "receptor",
    "W4": "drug",
    "W5": "drug",
    "W6": "drug",
    "W8": "status",
}


@blueprint.app_template_global("suppliable")
def suppliable(view: ChartView) -> list[tuple[str, str]]:
    """(kind, name) of the facts that would settle what is open on this page, each once."""
    clauses = view.decision.window.clauses if view.decision.window.answer is not WindowAnswer.INSIDE else ()
    found = [_OF_CLAUSE[c] for c in clauses if c in _OF_CLAUSE]
    if any(d.outcome is Outcome.NOT_READABLE for d in view.chart.draws):
        found.insert(0, "result")
    return [(kind, NAMES[kind]) for kind in dict.fromkeys(found)]


@blueprint.get("/s/<launch_id>/attest")
def index(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """What can be attested, and what was."""
    view = read_view(_launch())
    return shown("attest/index.html", view=view, names=NAMES, refused=_refusal(view.launch))


@blueprint.get("/s/<launch_id>/attest/<kind>")
def form(launch_id: str, kind: str) -> Response:  # noqa: ARG001 - the guard used it
    """One empty form."""
    _known(kind)
    view = read_view(_launch())
    return _form(view, kind, Typed({}, view.today))


@blueprint.post("/s/<launch_id>/attest/<kind>")
def attest(launch_id: str, kind: str) -> Answer:
    """Takes it for this launch, or shows the form again with what was typed and what is wrong."""
    _known(kind)
    view = read_view(_launch())
    launch, typed = view.launch, Typed.of(request.form, view.today)
    refused = _refusal(launch)
    if refused:
        return _form(view, kind, typed, 403)
    references = {handle: reference for handle, reference, _ in reports(view)}
    found = read_form(kind, typed, drugs(launch), references)
    if found is not None:
        one = Attestation(
            id=new_id(),
            by=launch.user_reference or "",
            name=launch.user_name,
            on=view.today,
            basis=found.basis,
            fact=found.fact,
            first_line=found.first_line,
            report=found.report,
        )
        there = add(launch, one, view.supplied.standing)
        if there is None:
            return redirect(f"/s/{launch_id}/attest#supplied", 303)
        typed.wrong(
            "basis", _("%(who)s attested this already. Withdraw that first, then attest it anew.", who=there.who)
        )
    return _form(view, kind, typed, 422)


@blueprint.post("/s/<launch_id>/attest/withdraw")
def take_back(launch_id: str) -> Answer:
    """It counts no longer; the plan in the EHR loses it with the next confirmed write."""
    launch = _launch()
    if _refusal(launch):
        abort(403, _refusal(launch))
    view = read_view(launch)
    ident = request.form.get("id", "")
    if ident not in {*(a.id for a in view.supplied.standing), *(u.id for u in view.supplied.unreadable)}:
        abort(404)
    withdraw(launch, ident)
    return redirect(f"/s/{launch_id}/attest#supplied", 303)


def drugs(launch: Launch) -> dict[str, DrugClass]:
    """The drugs whose course may be attested, by name."""
    known = services().codebooks[launch.issuer.id].classes
    wanted = (DrugClass.AI, DrugClass.CDK46)
    return {name: kind for kind in wanted for name in sorted(known) if known[name] is kind}


def reports(view: ChartView) -> list[tuple[str, str, Cited]]:
    """(handle, reference, how it is shown): those first that the app could not read."""
    open_ones = [s.reference for d in view.chart.draws if d.outcome is Outcome.NOT_READABLE for s in d.sources]
    standing = standing_reports(view.resources)
    order = dict.fromkeys([*(r for r in open_ones if r in standing), *sorted(standing)])
    made = []
    for reference in order:
        handle = handle_of(view.launch.id, reference)
        made.append((handle, reference, cited(view.launch.id, [Source(reference)], view.resources)[0]))
    return made


def _known(kind: str) -> None:
    if kind not in KINDS:
        abort(404)


def _refusal(launch: Launch) -> str:
    """Why nothing can be attested here; '' where it can."""
    if launch.open_server:
        return N_("This is an open test server without sign-in, so that nobody can be named as the one who attests.")
    if launch.user_reference is None:
        return N_(
            "The EHR does not say which clinician is at work, so that nobody can be named as the one who attests."
        )
    return ""


def _form(view: ChartView, kind: str, typed: Typed, status: int = 200) -> Response:
    answer = shown(
        "attest/form.html",
        view=view,
        kind=kind,
        name=NAMES[kind],
        typed=typed,
        refused=_refusal(view.launch),
        drugs=drugs(view.launch),
        reports=reports(view),
        rows=range(1, ROWS + 1),
        sites=SITES,
    )
    answer.status_code = status
    return answer


def _launch() -> Launch:
    found: Launch = g.launch
    return found
