"""The pages of a launch: the answer and the timeline, the receipt, the evidence, one resource, the table as CSV."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, render_template, request
from markupsafe import Markup

from smart_app.evidence import REGIONS, load_evidence, regional
from smart_app.fhir import jsontext
from smart_app.smart.launches import Launch
from smart_app.web import progress, resources, words
from smart_app.web.chart import banner_of, read_view
from smart_app.web.i18n import range_words
from smart_app.web.page import timeline_page
from smart_app.web.rows import SORTS, as_csv, rows_of
from smart_app.web.said import fact_markup, said_markup
from smart_app.web.settings import services


def first_capital(sentence: Markup) -> Markup:
    """Of escaped text or of a ``<span>``, whose words begin after it."""
    start = sentence.find(">") + 1 if sentence.startswith("<span") else 0
    return sentence[:start] + sentence[start : start + 1].upper() + sentence[start + 1 :]


blueprint = Blueprint("timeline", __name__)
blueprint.add_app_template_filter(words.any_date, "any_date")
blueprint.add_app_template_filter(said_markup, "said")
blueprint.add_app_template_filter(fact_markup, "fact")
blueprint.add_app_template_filter(first_capital, "first_capital")
for _tell in (
    words.age,
    words.sex_words,
    words.mark_words,
    words.name_words,
    words.plan_status,
    words.site_words,
    words.drug_class_words,
    words.moment_words,
):
    blueprint.add_app_template_global(_tell, _tell.__name__)
blueprint.add_app_template_global(range_words, "days_words")


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


@blueprint.app_template_global("asset")
def asset(name: str) -> str:
    """The address of a static file with its digest, so that no browser shows a page with an older style."""
    return f"/static/{name}?v={_digest(Path(current_app.static_folder or '') / name)}"


def shown(template: str, **model: Any) -> Response:
    """Rendered; characters that no text can hold (lone surrogates of the record) become question marks.

    Characters that turn the direction of a text are left out.
    """
    html = words.straight(render_template(template, **model))
    return Response(html.encode("utf-8", "replace"), content_type="text/html; charset=utf-8")


@blueprint.get("/s/<launch_id>/")
def page(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The answer first, then why, then everything. ``?sort=`` orders the table."""
    sort = request.args.get("sort", SORTS[0])
    sort = sort if sort in SORTS else SORTS[0]
    view = progress.awaited(_launch(), hold=request.args.get("hold") == "yes")
    if isinstance(view, progress.Reading):
        return shown("progress/page.html", **progress.so_far(view, sort))
    model = timeline_page(view, sort)
    return shown("timeline/page.html", page=model, view=view)


@blueprint.get("/s/<launch_id>/receipt")
def receipt(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """What was asked for, what came, what was set aside or refused."""
    return shown("timeline/receipt.html", view=read_view(_launch()))


@blueprint.get("/s/<launch_id>/evidence")
def evidence(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The dated sources for and against, the site's region first. Of the patient only the banner is read."""
    launch = _launch()
    found = services().client(launch).read("Patient", launch.patient_id)
    return shown(
        "timeline/evidence.html",
        patient=banner_of(found, launch.patient_id),
        entries=regional(load_evidence(), launch.issuer.region),
        today=services().settings.now().astimezone(launch.issuer.zone).date(),
        region=REGIONS.get(launch.issuer.region, launch.issuer.region),
    )


@blueprint.get("/s/<launch_id>/resource/<handle>")
def resource(launch_id: str, handle: str) -> Response:
    """One resource as it was read, as JSON."""
    view = read_view(_launch())
    found = resources.find(launch_id, handle, view.resources)
    if found is None:
        abort(404)
    reference, content = found
    return shown(
        "timeline/resource.html",
        view=view,
        reference=reference,
        date=resources.date_of(content),
        about=resources.about(content),
        content=jsontext.dumps(resources.for_display(content), indent=2).decode("utf-8", "replace"),
    )


@blueprint.get("/s/<launch_id>/resource/<handle>/report")
def report(launch_id: str, handle: str) -> Response:
    """The report that a resource holds, as a file: for results that the app itself cannot read."""
    found = resources.find(launch_id, handle, read_view(_launch()).resources)
    attachment = resources.report_of(found[1]) if found is not None else None
    if attachment is None:
        abort(404)
    content = resources.report_bytes(attachment, lambda ident: services().client(_launch()).read("Binary", ident))
    if content is None:
        abort(404)
    answer = Response(content[0], content_type=content[1])
    answer.headers["Content-Disposition"] = f'attachment; filename="report.{resources.REPORT_TYPES[content[1]]}"'
    return answer


@blueprint.get("/s/<launch_id>/table.csv")
def table(launch_id: str) -> Response:  # noqa: ARG001 - the guard used it
    """The table twin for a spreadsheet."""
    rows = rows_of(read_view(_launch()).chart)
    body = "\ufeff".encode() + as_csv(rows).encode("utf-8", "replace")  # the mark makes spreadsheets read UTF-8
    answer = Response(body, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="esr1-timeline.csv"'
    return answer


def _launch() -> Launch:
    found: Launch = g.launch
    return found
