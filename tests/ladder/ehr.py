"""One app beside a sandbox that plays a profile, and a clinician's browser that presses what the pages offer."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from smart_app.sandbox import profiles as played
from smart_app.sandbox.registry import Context
from tests.support.running import Running, app_and_sandbox

PATIENT, VISIT = "sandbox-first-positive", "visit-1"
WRITTEN = ("CarePlan", "DocumentReference", "QuestionnaireResponse", "Communication")
Json = dict[str, Any]


@contextmanager
def ehr_of(folder: Path, profile: str, *, issuers: str | None = None, **changed: Any) -> Iterator[Running]:
    """``changed``: habits that differ from the profile's own."""
    known = played.profiles()[profile]
    known = replace(known, habits=replace(known.habits, **changed))
    with app_and_sandbox(folder, issuers=issuers, habits={}, profile=known) as running:
        assert running.store is not None
        visit = {"resourceType": "Encounter", "id": VISIT, "status": "in-progress", "class": {"code": "AMB"}}
        running.store.update("Encounter", VISIT, {**visit, "subject": {"reference": f"Patient/{PATIENT}"}})
        yield running


class Clinician:
    """A browser with one launch; ``page`` is the last page."""

    def __init__(self, running: Running, visit: str | None = VISIT, patient: str = PATIENT) -> None:
        self.running, self.browser = running, requests.Session()
        token = running.sessions.launch(Context(patient, visit))
        query = {"iss": f"{running.ehr_url}/fhir", "launch": token}
        answer = self.browser.get(f"{running.app_url}/launch", params=query)
        # the sandbox asks nothing where the launch names the patient; else its picker would stand here
        self._take(answer)
        found = re.search(r"/s/([^/]+)/", answer.url)
        assert found is not None, (answer.url, self.page[:2000])
        self.id = found[1]
        self.get("plan")  # waits until the record is read; the first page may come earlier and say so

    def _take(self, answer: requests.Response) -> str:
        self.status, self.page, self.url = answer.status_code, html.unescape(answer.text), answer.url
        self.raw = answer.text
        return self.page

    def get(self, path: str) -> str:
        return self._take(self.browser.get(f"{self.running.app_url}/s/{self.id}/{path}"))

    def post(self, path: str, **form: str) -> str:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.raw)
        assert token is not None
        whole = {"csrf_token": token[1], **form}
        return self._take(self.browser.post(f"{self.running.app_url}/s/{self.id}/{path}", data=whole))

    @property
    def token(self) -> str | None:
        found = re.search(r'name="token" value="([^"]+)"', self.raw)
        return found[1] if found else None

    @property
    def asked(self) -> bool:
        return 'name="looked"' in self.raw

    def climb(self, **form: str) -> str:
        """From the plan page to what is written, or to the text: presses what is offered, twice refused at the most."""
        for _ in range(6):
            self.get("plan")
            if form:
                self.post("plan", **form)
            if self.token is not None:
                self.post("plan/confirm", token=self.token)
            else:
                self.post("rung", **form)
                if self.token is None:
                    return self.page
                self.post("rung/confirm", token=self.token, **({"looked": "yes"} if self.asked else {}))
            if self.status == 200:
                return self.page
            assert "NOT saved" in self.page, self.page
        raise AssertionError("a dead end")

    def stored(self) -> dict[str, list[Json]]:
        """What of the app stands in the EHR for this patient."""
        assert self.running.store is not None
        kept = {k: self.running.store.matches(k, [("patient", PATIENT)]) for k in WRITTEN}
        return {
            k: [r for r in found if not str(r["id"]).startswith("sandbox") and "meta" in r and _is_new(r)]
            for k, found in kept.items()
        }


def _is_new(resource: Json) -> bool:
    return len(str(resource["id"])) == 36  # the store's own ids; loaded resources have names
