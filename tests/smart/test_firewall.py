"""Never the wrong patient: any sequence of launches, tabs, browsers, replays and ends.

Each patient's name is a word of its own. After every step each page shows the name of its own launch's patient in its
own browser, or no patient's name at all.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from werkzeug.test import TestResponse

from smart_app.smart.launches import IDLE_SECONDS, PENDING_SECONDS
from tests.smart.behaviours import shows
from tests.smart.ehr import PATIENT, Browser, Clock, Ehr, without_wire
from tests.support.fake_server import Answer

PATIENTS = ("p1", "p2", "p3")
NAMES = {patient: f"Zyx{patient}qua" for patient in PATIENTS}
PICK, BROWSER = st.integers(0, 40), st.integers(0, 2)
_SHARED: list[tuple[object, Ehr, Clock]] = []


@dataclass(frozen=True)
class Begun:
    browser: int
    asked: tuple[tuple[str, str], ...]
    patient: str


@dataclass(frozen=True)
class Opened:
    browser: int
    address: str
    patient: str


def world() -> tuple[object, Ehr, Clock]:
    """One app for all runs: what an earlier run left behind must not matter either."""
    if not _SHARED:
        clock = Clock()
        app, ehr = without_wire(Path(tempfile.mkdtemp()), clock)
        for patient in PATIENTS:
            person = {**PATIENT, "id": patient, "name": [{"family": NAMES[patient]}]}
            ehr.fake.on(f"/fhir/Patient/{patient}", Answer(body=person))
        ehr.id_token = False
        ehr.token["expires_in"] = 10**6
        _SHARED.append((app, ehr, clock))
    return _SHARED[0]


class Firewall(RuleBasedStateMachine):
    """Every step does something: it picks among what was begun and opened so far, old things included."""

    @initialize(patients=st.lists(st.sampled_from(PATIENTS), min_size=2, max_size=2))
    def start(self, patients: list[str]) -> None:
        app, self.ehr, self.clock = world()
        self.ehr.fake.requests.clear()
        self.browsers = [Browser(app.test_client(), self.ehr) for _ in range(3)]  # type: ignore[attr-defined]
        self.begun: list[Begun] = []
        self.opened: list[Opened] = []
        for browser, patient in enumerate(patients):
            self.launch(browser, patient)

    def look(self, answer: TestResponse, patient: str | None) -> None:
        page = answer.get_data(as_text=True) + str(answer.headers)
        shown = {p for p in PATIENTS if NAMES[p] in page}
        assert shown <= ({patient} if patient else set()), (answer.status, shown, patient)
        assert answer.status_code < 500, page
        assert "SECRET-TOKEN" not in page

    @rule(browser=BROWSER, patient=st.sampled_from(PATIENTS))
    def begin(self, browser: int, patient: str) -> None:
        self.begun.append(Begun(browser, tuple(self.browsers[browser].begin().items()), patient))

    @rule(pick=PICK)
    def back(self, pick: int) -> None:
        """Also again and again: a used sign-in gives no second launch."""
        begun = self.begun[pick % len(self.begun)]
        self.ehr.token["patient"] = begun.patient
        answer = self.browsers[begun.browser].back(dict(begun.asked))
        self.look(answer, None)
        if answer.status_code == 302:
            assert all(o.address != answer.headers["Location"] for o in self.opened)
            self.opened.append(Opened(begun.browser, answer.headers["Location"], begun.patient))
        else:
            assert answer.status_code == 400

    @rule(browser=BROWSER, patient=st.sampled_from(PATIENTS))
    def launch(self, browser: int, patient: str) -> None:
        self.begin(browser, patient)
        self.back(len(self.begun) - 1)

    @rule(browser=BROWSER, patient=st.sampled_from(PATIENTS), thief=BROWSER)
    def choose(self, browser: int, patient: str, thief: int) -> None:
        """A standalone sign-in that names nobody: the patient is chosen in the app, in this browser, once."""
        mine = self.browsers[browser]
        asked = mine.begin(context=None)
        self.ehr.token.pop("patient", None)
        self.ehr.scope = "user/*.rs"
        place = mine.back(asked).headers["Location"]
        self.ehr.scope = None
        if thief != browser:
            answer = self.browsers[thief].client.get(place)
            self.look(answer, None)
            assert answer.status_code == 403
        page = mine.client.get(place)
        self.look(page, None)
        form = page.get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
        data = {"csrf_token": form, "patient": patient}
        opened = mine.client.post(f"{place}/choose", data=data)
        self.look(opened, None)
        assert opened.status_code == 303
        self.opened.append(Opened(browser, opened.headers["Location"], patient))
        again = mine.client.post(f"{place}/choose", data={**data, "patient": PATIENTS[0]})
        self.look(again, None)
        assert again.status_code == 403

    @rule(pick=PICK, browser=BROWSER)
    def back_in_another_browser(self, pick: int, browser: int) -> None:
        begun, redeemed = self.begun[pick % len(self.begun)], len(self.ehr.fake.asked("/token"))
        if browser != begun.browser:
            self.ehr.token["patient"] = begun.patient
            answer = self.browsers[browser].back(dict(begun.asked))
            self.look(answer, None)
            assert answer.status_code == 400
            assert len(self.ehr.fake.asked("/token")) == redeemed

    @rule(pick=PICK, page=st.sampled_from(["", "", "evidence", "receipt", "nowhere"]))
    def open_page(self, pick: int, page: str) -> None:
        opened = self.opened[pick % len(self.opened)]
        self.look(self.browsers[opened.browser].client.get(opened.address + page), opened.patient)

    @rule(pick=PICK, browser=BROWSER, page=st.sampled_from(["", "receipt", "plan.json"]))
    def steal_address(self, pick: int, browser: int, page: str) -> None:
        opened = self.opened[pick % len(self.opened)]
        if browser != opened.browser:
            answer = self.browsers[browser].client.get(opened.address + page)
            self.look(answer, None)
            assert answer.status_code in (403, 404)

    @rule(pick=PICK, other=PICK)
    def mix_cookies(self, pick: int, other: int) -> None:
        """Each cookie of a browser under the name of another of its cookies."""
        one, two = self.opened[pick % len(self.opened)], self.opened[other % len(self.opened)]
        held = {c.key: c.value for c in self.browsers[one.browser].client._cookies.values()}
        thief = world()[0].test_client()  # type: ignore[attr-defined]
        for name in held:
            thief.set_cookie(name, next((v for n, v in held.items() if n != name), "x"), domain="localhost")
        for launch in (one, two):
            self.look(thief.get(launch.address), None)

    @rule(pick=PICK)
    def end(self, pick: int) -> None:
        opened = self.opened[pick % len(self.opened)]
        client = self.browsers[opened.browser].client
        page = client.get(opened.address + "evidence").get_data(as_text=True)
        if 'name="csrf_token"' in page:
            token = page.split('name="csrf_token" value="')[1].split('"')[0]
            self.look(client.post(opened.address + "end", data={"csrf_token": token}), None)
        answer = client.get(opened.address)
        self.look(answer, None)
        assert answer.status_code == 403

    @rule(pick=st.integers(0, 9))
    def wait(self, pick: int) -> None:
        """Mostly a little; sometimes until sign-ins, or sessions, are too old."""
        self.clock.ahead += {8: PENDING_SECONDS + 1, 9: IDLE_SECONDS + 1}.get(pick, 20)


STEPS = int(os.environ.get("FIREWALL_STEPS", "10000"))


@shows("x3", 50, 54)
def test_no_sequence_of_steps_shows_another_patient() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Firewall,
        settings=settings(
            max_examples=STEPS // 50,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
