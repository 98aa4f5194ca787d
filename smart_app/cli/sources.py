"""Where a chart comes from on the command line: a file, or a FHIR server without sign-in."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smart_app.cli.bundlefile import load_file
from smart_app.cli.whose import choose_patient
from smart_app.codes import Codebook, load_codebook
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, Part
from smart_app.errors import AppError, ConfigError
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.harvest import harvest
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.reading.record import Json, reference_of
from smart_app.fhir.receipt import Receipt, SearchRecord
from smart_app.fhir.writing.stored import own_plans, read_reviews

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


def add_source(parser: argparse.ArgumentParser, *, server: bool) -> None:
    """The options that name the source; ``read_source`` uses them."""
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="a Bundle, a resource, a list, NDJSON; - is stdin")
    if server:
        parser.add_argument("--fhir", metavar="URL", help="FHIR base URL of an open server")
        parser.add_argument("--plan", metavar="NAME", help="the search plan for the server (default: by what it is)")
    parser.add_argument("--patient", metavar="ID", help="which patient, where there are several")
    parser.add_argument("--timezone", default="UTC", metavar="TZ", help="the issuer's time zone, for instants (UTC)")
    parser.add_argument("--codes", type=Path, metavar="FILE", help="a site's own codes")


def zone_of(name: str) -> ZoneInfo:
    """The time zone; ConfigError ``input.timezone`` where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"{name!r} is not a time zone.", code="input.timezone") from error


def day_of(words: str | None, zone: ZoneInfo) -> date:
    """A calendar day, ``2026-11-21``; None is today in that zone. ConfigError ``input.date`` for anything else."""
    if words is None:
        return datetime.now(zone).date()
    try:
        exact = PartialDate.parse(words).exact
    except ValueError:
        exact = None
    if exact is None:
        raise ConfigError(f"{words!r} is not a day such as 2026-11-21.", code="input.date")
    return exact


def read_source(arguments: argparse.Namespace) -> tuple[Chart, Receipt, str]:
    """The chart, its receipt and the patient's id. AppError ``input.*`` where the source is not right."""
    zone = zone_of(arguments.timezone)
    codebook = load_codebook(arguments.codes)
    url: str | None = getattr(arguments, "fhir", None)
    if (arguments.bundle is None) == (url is None):
        raise AppError("Say either --bundle FILE or --fhir URL with --patient ID.", code="input.source")
    if url is not None:
        return _from_server(url, arguments, zone, codebook)
    stdin = sys.stdin.buffer.read() if str(arguments.bundle) == "-" else None
    record = load_file(arguments.bundle, stdin)
    chosen = choose_patient(record.entries, arguments.patient)
    receipt = Receipt(set_aside=record.aside, resources_read=len(chosen.entries) + len(record.aside))
    receipt.searches.append(_search_of(record.unread, record.warnings, len(chosen.entries)))
    chart = read_chart(
        chosen.entries,
        patient_id=chosen.id,
        zone=zone,
        codebook=codebook,
        receipt=receipt,
        base=chosen.base,
        strict=False,
    )
    return _with_reviews(chart, [r for _, r in chosen.entries], receipt, chosen.id, zone), receipt, chosen.id


def _search_of(unread: list[str], warnings: list[str], entries: int) -> SearchRecord:
    """The file as one search. What it should hold and could not be read leaves a gap in every part of the chart."""
    record = SearchRecord("File", "", pages=1, entries=entries, parts=tuple(part.value for part in Part))
    record.complete, record.warnings = not unread, list(warnings)
    if unread:
        record.error_code = "file.incomplete"
        more = f" ({len(unread) - 1} more like this)" if len(unread) > 1 else ""
        record.error = f"{unread[0]}{more}"
    return record


def _from_server(
    url: str, arguments: argparse.Namespace, zone: ZoneInfo, codebook: Codebook
) -> tuple[Chart, Receipt, str]:
    patient: str | None = arguments.patient
    if patient is None:
        raise AppError("--fhir needs --patient ID.", code="input.patient")
    patient = patient.removeprefix("Patient/")
    if not _ID.match(patient):
        raise AppError("--patient must be the id of a FHIR Patient.", code="input.patient")
    gate = Gate()
    gate.allow(url)
    client = FhirClient(url, gate)
    entries, receipt = harvest(client, patient, arguments.plan)
    chart = read_chart(
        entries, patient_id=patient, zone=zone, codebook=codebook, receipt=receipt, base=client.base, strict=True
    )
    return _with_reviews(chart, [r for _, r in entries], receipt, patient, zone), receipt, patient


def _with_reviews(chart: Chart, resources: list[Json], receipt: Receipt, patient: str, zone: ZoneInfo) -> Chart:
    """With the decisions that clinicians recorded in this patient's plans (R2)."""
    refused = {note.source for note in receipt.foreign}
    plans = [r for r in resources if r.get("resourceType") == "CarePlan" and reference_of(r) not in refused]
    return replace(chart, reviews=read_reviews(own_plans(plans, patient), zone))
