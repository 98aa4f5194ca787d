"""A FHIR server that keeps care plans and can be told to misbehave; the plans of the sandbox patients."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date
from typing import Any
from urllib.parse import parse_qs

from smart_app.codes import load_codebook
from smart_app.domain import decide
from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart
from smart_app.fhir import jsontext
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.receipt import Receipt
from smart_app.fhir.writing.careplan import PlanContext, build_plan
from smart_app.policies import load_policy
from smart_app.sandbox.patients import everybody
from tests.support.fake_server import SEARCHED, Answer, FakeServer, Request

DAY = date(2026, 11, 21)
ZONE = UTC
Json = dict[str, Any]


def chart_of(ident: str) -> tuple[Chart, Decision]:
    person = next(p for p in everybody(DAY) if p.id == ident)
    resources = jsontext.loads(jsontext.dumps(person.resources))
    chart = read_chart(
        [("", r) for r in resources], patient_id=ident, zone=ZONE, codebook=load_codebook(), receipt=Receipt()
    )
    return chart, decide(chart, load_policy("trial-strict"), DAY)


def plan_of(ident: str, **more: Any) -> Json:
    chart, decision = chart_of(ident)
    context = PlanContext(ident, chart, **{"user_reference": "Practitioner/d1", "user_name": "Dr Ada", **more})
    return build_plan(decision, context)


KINDS = [kind for kind in SEARCHED if kind != "CarePlan"]
READ = [{"type": k, "interaction": [{"code": "read"}, {"code": "search-type"}]} for k in ("Patient", *KINDS)]
PATIENT = "sandbox-first-positive"
PLAN = plan_of(PATIENT)


class PlanServer:
    """``before`` may answer instead of the server, ``after`` may change its answer (after the commit)."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake, self.writes = fake, 0
        self.plans: dict[str, Json] = {}
        self.conditional, self.can = True, ["read", "search-type", "create", "update"]
        self.shortened = False
        self.before: Callable[[Request], Answer | None] = lambda _r: None
        self.after: Callable[[Request, Answer], Answer] = lambda _r, a: a
        fake.on("/fhir/metadata", lambda _r: Answer(body=self.statement()))
        fake.on("/fhir/CarePlan", self.care_plan)

    @property
    def posts(self) -> list[Request]:
        return [r for r in self.fake.requests if r.method == "POST" and r.path.endswith("/CarePlan")]

    @property
    def living(self) -> list[Json]:
        closed = ("revoked", "completed", "entered-in-error")
        return [p for p in self.plans.values() if p["status"] not in closed]

    def statement(self) -> Json:
        resource = {
            "type": "CarePlan",
            "interaction": [{"code": c} for c in self.can],
            "conditionalCreate": self.conditional,
        }
        return {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "resource": [*READ, resource]}]}

    def care_plan(self, request: Request) -> Answer:
        early = self.before(request)
        if early is not None:
            return early
        return self.after(request, self.serve(request))

    def serve(self, request: Request) -> Answer:
        ident = request.path.rpartition("/")[2]
        if request.method == "GET" and ident == "CarePlan":
            return Answer(body=self.found(request))
        if request.method == "GET":
            return self.raw(self.plans[ident]) if ident in self.plans else Answer(404)
        self.writes += 1
        sent = jsontext.loads(request.body)
        if request.method == "POST":
            asked = parse_qs(request.headers.get("if-none-exist", "")).get("identifier", [])
            same = [p for p in self.plans.values() if asked and self.fits(p, asked[0])]
            if len(same) > 1:
                return Answer(412)
            if same and self.conditional:
                return Answer(200, raw(same[0]), {"Location": f"{self.fake.base}/CarePlan/{same[0]['id']}"})
            ident, version = f"plan{len(self.plans) + 1}", 1
        else:
            version = int(self.plans[ident]["meta"]["versionId"]) + 1
            if request.headers.get("if-match") != f'W/"{version - 1}"':
                return Answer(412)
        now = f"2026-11-21T10:00:{self.writes:02d}Z"
        meta = {**sent.get("meta", {}), "versionId": str(version), "lastUpdated": now}
        self.plans[ident] = {**sent, "id": ident, "meta": meta}
        status = 201 if request.method == "POST" else 200
        where = {"Location": f"{self.fake.base}/CarePlan/{ident}/_history/{version}"}
        return Answer(status, raw(self.plans[ident]), where)

    def found(self, request: Request) -> bytes:
        known = [p for p in self.plans.values() if p["subject"]["reference"].endswith(request.query.get("patient", ""))]
        if self.shortened:
            names = ("resourceType", "id", "meta", "identifier", "status", "subject")
            known = [{k: p[k] for k in names if k in p} for p in known]
        return raw({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": p} for p in known]})

    @staticmethod
    def fits(plan: Json, token: str) -> bool:
        system, _, value = token.partition("|")
        return any(i.get("system") == system and i.get("value") == value for i in plan.get("identifier", []))

    @staticmethod
    def raw(plan: Json) -> Answer:
        return Answer(200, raw(plan), {"ETag": f'W/"{plan["meta"]["versionId"]}"'})


def raw(resource: Json) -> bytes:
    return jsontext.dumps(resource)
