"""One app without a socket, an EHR that keeps care plans, and clinicians at work in it."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from smart_app.fhir import jsontext
from smart_app.sandbox.patients import everybody
from tests.smart.ehr import Clock, without_wire
from tests.support.fake_server import SEARCHED, Answer
from tests.writing.support import PlanServer

TODAY = datetime.now(UTC).date()
LACKING = "sandbox-no-receptors"
PDF_ONLY = "sandbox-pdf-only"
BASIS = {"basis": "letter of the Example Hospital, seen today"}
HER2 = {"marker": "her2", "receptor_status": "negative", "date": "2025-12", "biopsy": "metastasis", **BASIS}
ER = {
    "marker": "er",
    "receptor_status": "positive",
    "date": "2025-12",
    "biopsy": "metastasis",
    "percent": "90",
    **BASIS,
}


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


class Rooms:
    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.app, self.ehr = without_wire(folder, self.clock)
        self.folder = folder
        self.server = PlanServer(self.ehr.fake)
        self.client: FlaskClient = self.app.test_client()

    def patient(self, ident: str, *more: Any) -> None:
        """The EHR has this patient of the sandbox, and further resources."""
        person = next(p for p in everybody(TODAY) if p.id == ident)
        found = [*person.resources, *more]
        for kind in ("Patient", *SEARCHED):
            if kind == "CarePlan":
                continue
            same = [r for r in found if r["resourceType"] == kind]
            bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in same]}
            self.ehr.fake.on(f"/fhir/{kind}", Answer(body=jsontext.dumps(bundle)))
        for resource in person.resources:
            if resource["resourceType"] == "Patient":
                self.ehr.fake.on(f"/fhir/Patient/{ident}", Answer(body=resource))
        self.ehr.token["patient"] = ident

    def launch(self, client: FlaskClient | None = None) -> str:
        client = client or self.client
        asked = client.get("/launch", query_string={"iss": self.ehr.base, "launch": "x"})
        query = dict(re.findall(r"[?&](state|nonce)=([^&]+)", asked.headers["Location"]))
        self.ehr.nonce = query["nonce"]
        answer = client.get("/callback", query_string={"code": "c", "state": query["state"]})
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return str(answer.headers["Location"]).removeprefix("http://localhost:5000")

    def page(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return words(answer)

    def attest(self, at: str, kind: str, fields: dict[str, str], **more: Any) -> TestResponse:
        token = hidden(words(self.client.get(f"{at}attest")), "csrf_token")
        return self.client.post(f"{at}attest/{kind}", data={"csrf_token": token, **fields}, **more)

    def confirm(self, at: str) -> str:
        page = words(self.client.get(f"{at}plan"))
        form = {name: hidden(page, name) for name in ("csrf_token", "token")}
        return words(self.client.post(f"{at}plan/confirm", data=form))

    def withdraw(self, at: str) -> TestResponse:
        page = words(self.client.get(f"{at}attest"))
        form = {name: hidden(page, name) for name in ("csrf_token", "id")}
        return self.client.post(f"{at}attest/withdraw", data=form)


def words(answer: TestResponse) -> str:
    return html.unescape(answer.get_data(as_text=True))


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""


def headline(page: str) -> str:
    found = re.search(r'<h1 id="answer">(.*?)</h1>', page, re.S)
    assert found is not None, page[:3000]
    return found[1].strip()


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    return Rooms(tmp_path)
