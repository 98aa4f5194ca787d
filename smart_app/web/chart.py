"""From a launch to everything a page shows: the record read anew, the chart, the decision. Nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from smart_app.domain import decide
from smart_app.domain.attested import join
from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart
from smart_app.domain.policy import Policy
from smart_app.evidence import marked
from smart_app.fhir.client import FhirClient
from smart_app.fhir.harvest import harvest
from smart_app.fhir.reading.attested import standing_reports
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.reading.record import Json, codings, items, obj, reference_of, text
from smart_app.fhir.receipt import Receipt
from smart_app.fhir.writing.ladder.recall import Recalled
from smart_app.fhir.writing.ladder.standing import reviews_of
from smart_app.fhir.writing.stored import own_plans
from smart_app.smart.launches import Launch
from smart_app.web.climbing import Beside, kept_plans
from smart_app.web.settings import services
from smart_app.web.supplied import Supplied, supplied
from smart_app.web.words import UNNAMED


@dataclass(frozen=True, slots=True)
class PatientBanner:
    """Who this is, as the record says it."""

    id: str
    name: str
    birth: str | None
    sex: str | None
    mrn: str | None


@dataclass(frozen=True, slots=True)
class ChartView:
    """One reading of one patient's record."""

    launch: Launch
    chart: Chart
    receipt: Receipt
    decision: Decision
    policy: Policy
    patient: PatientBanner
    today: date
    read_at: datetime
    resources: dict[str, Json] = field(default_factory=dict)
    own_plans: list[Json] = field(default_factory=list)
    supplied: Supplied = field(default_factory=Supplied)  # what clinicians attested
    kept: tuple[Recalled, ...] = ()  # plans of ours in notes, answers and messages, newest first


def read_view(launch: Launch, client: FhirClient | None = None) -> ChartView:
    """Reads, checks and decides. FhirError where the patient cannot be read at all."""
    issuer = launch.issuer
    client = client or services().client(launch)
    statement = services().statements.of(issuer.base)
    beside = Beside(launch, statement)
    entries, receipt = harvest(
        client,
        launch.patient_id,
        issuer.plan,
        capabilities=statement,
        scopes_asked=launch.scopes_asked,
        scopes_granted=launch.scopes_granted,
        beside=beside.ask,
    )
    chart = read_chart(
        entries,
        patient_id=launch.patient_id,
        zone=issuer.zone,
        codebook=services().codebooks[issuer.id],
        receipt=receipt,
        base=issuer.base,
    )
    refused = {note.source for note in receipt.foreign}
    resources = {ref: r for _, r in entries if "/" in (ref := reference_of(r)) and ref not in refused}
    plans = own_plans([r for r in resources.values() if r.get("resourceType") == "CarePlan"], launch.patient_id)
    kept = kept_plans(client, beside, resources, receipt)
    chart = replace(chart, reviews=reviews_of(plans, kept, issuer.zone))
    given = supplied(launch, plans, receipt)
    chart = join(chart, given.standing, standing_reports(resources))
    now = services().settings.now()
    today = now.astimezone(issuer.zone).date()
    policy = services().policies[issuer.id]
    return ChartView(
        launch=launch,
        chart=chart,
        receipt=receipt,
        decision=marked(decide(chart, policy, today)),
        policy=policy,
        patient=banner_of(resources.get(f"Patient/{launch.patient_id}", {}), launch.patient_id),
        today=today,
        read_at=now.astimezone(issuer.zone),
        resources={**resources, **given.resources},
        own_plans=plans,
        supplied=given,
        kept=kept,
    )


def banner_of(patient: Json, ident: str) -> PatientBanner:
    """Name (the official one first), birth date, sex and medical record number."""
    names = sorted(items(patient.get("name")), key=lambda n: n.get("use") not in ("official", "usual"))
    return PatientBanner(
        id=ident,
        name=next((w for n in names if (w := _name(n))), UNNAMED),
        birth=text(patient.get("birthDate")),
        sex=text(patient.get("gender")),
        mrn=_mrn(patient),
    )


def _name(name: Json) -> str:
    given = [g for g in name.get("given") or [] if isinstance(g, str)]
    return text(name.get("text")) or " ".join([*given, text(name.get("family")) or ""]).strip()


def _mrn(patient: Json) -> str | None:
    found = items(patient.get("identifier"))
    typed = [i for i in found if any(code == "MR" for _, code, _ in codings(i.get("type")))]
    return next((v for i in typed if (v := text(obj(i).get("value")))), None)
