"""Real tabs and frames in a real browser: two patients side by side, and the app inside an EHR's frame on another site.

The parent is on ``localhost`` and the app on ``127.0.0.1``: two names of one host would be one site and prove nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.smart.behaviours import shows
from tests.smart.ehr import PATIENT, App, Ehr, running
from tests.support.browsers import playing
from tests.support.fake_server import Answer, FakeServer, Request, fake_server

pytestmark = pytest.mark.browser
PROGRAM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
NAMES = {"p1": "Nora Secretname", "p2": "Olga Othername"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine, so no frame is opened: on Debian, apt install chromium")
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--test-third-party-cookie-phaseout",
    ]
    browser = playing().chromium.launch(executable_path=PROGRAM, args=flags)
    yield browser
    browser.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[App, Ehr, FakeServer]]:
    """An EHR whose launch context names the patient, and a parent on another site that frames the app."""
    with fake_server() as fake, fake_server("localhost") as parent:
        ehr = Ehr(fake)
        ehr.id_token = False
        opened: dict[str, str] = {}

        def authorize(request: Request) -> Answer:
            code = f"code-{len(opened)}"
            opened[code] = request.query["launch"]
            back = f"{request.query['redirect_uri']}?code={code}&state={request.query['state']}"
            return Answer(302, headers={"Location": back})

        def token(request: Request) -> Answer:
            code = request.body.decode().partition("code=")[2].partition("&")[0]
            return Answer(body={**ehr.token, "patient": opened[code], "access_token": f"TOKEN-OF-{opened[code]}"})

        fake.on("/fhir/auth/authorize", authorize)
        fake.on("/fhir/auth/token", token)
        for ident, name in NAMES.items():
            person = {**PATIENT, "id": ident, "name": [{"text": name}]}
            fake.on(
                f"/fhir/Patient/{ident}",
                lambda r, person=person, ident=ident: (
                    Answer(body=person) if r.headers["authorization"] == f"Bearer TOKEN-OF-{ident}" else Answer(403)
                ),
            )
        for app in running(ehr, tmp_path, frame_ancestors=f'["{parent.base.removesuffix("/fhir")}"]'):
            yield app, ehr, parent


def launch_url(app: App, ehr: Ehr, patient: str) -> str:
    return f"{app.url}/launch?iss={ehr.base}&launch={patient}"


def framed(app: App, ehr: Ehr, parent: FakeServer, patient: str = "p1") -> str:
    """The address of a page on ``localhost`` whose frame launches the app."""
    src = launch_url(app, ehr, patient).replace("&", "&amp;")
    html = f'<!doctype html><iframe width=1000 height=800 src="{src}"></iframe>'
    parent.on(f"/fhir/chart-{patient}", Answer(200, html.encode(), {"Content-Type": "text/html"}))
    return str(parent.base).replace("127.0.0.1", "localhost") + f"/chart-{patient}"


def only(place: Any, patient: str) -> None:
    """The page is whole and about this patient."""
    page = place.inner_text("body")
    (other,) = NAMES.keys() - {patient}
    assert NAMES[patient] in page
    assert NAMES[other] not in page
    assert NAMES[other] not in place.content()


def walk(places: dict[str, Any], reload: bool) -> None:
    """Through the pages of both patients, one step here and one there."""
    for name, path in (("What was read", "/receipt"), ("Evidence", "/evidence"), ("Timeline", "/")):
        for place in places.values():
            place.get_by_role("navigation", name="Pages of this patient").get_by_role("link", name=name).click()
            place.wait_for_url(f"**/s/*{path}")
        for patient, place in places.items():
            only(place, patient)
    if reload:
        for patient, place in places.items():
            place.go_back()
            only(place, patient)
            place.reload()
            only(place, patient)
            place.go_forward()
            only(place, patient)


@shows(52)
def test_the_app_keeps_its_session_in_a_cross_site_frame_with_third_party_cookies_blocked(
    chromium: Any, two: tuple[App, Ehr, FakeServer]
) -> None:
    app, ehr, parent = two
    page = chromium.new_context().new_page()
    page.goto(framed(app, ehr, parent))
    frame = page.frames[1]
    frame.wait_for_url("**/s/**")
    only(frame, "p1")
    frame.get_by_role("link", name="What was read").click()
    frame.wait_for_url("**/receipt")
    only(frame, "p1")
    cookies = page.context.cookies()
    assert cookies
    assert all(c["secure"] and c["httpOnly"] and c["sameSite"] == "None" for c in cookies)
    frame.get_by_role("button", name="End session").click()
    frame.get_by_role("heading", name="Session ended").wait_for()


@shows(50, 54)
def test_two_tabs_with_two_patients_interleaved_keep_each_its_own(
    chromium: Any, two: tuple[App, Ehr, FakeServer]
) -> None:
    app, ehr, _ = two
    browser = chromium.new_context()
    tabs = {patient: browser.new_page() for patient in NAMES}
    for patient, tab in tabs.items():
        tab.goto(launch_url(app, ehr, patient))
    for patient, tab in tabs.items():
        only(tab, patient)
    walk(tabs, reload=True)
    # a relaunch over the old tab, the back button, and an address carried into the other tab
    old = tabs["p1"].url
    tabs["p1"].goto(launch_url(app, ehr, "p2"))
    only(tabs["p1"], "p2")
    tabs["p1"].go_back()
    only(tabs["p1"], "p1")
    tabs["p2"].goto(old)
    only(tabs["p2"], "p1")
    stranger = chromium.new_context().new_page()
    stranger.goto(old)
    assert not any(name in stranger.content() for name in NAMES.values())


@shows(50, 52)
def test_two_frames_of_two_patients_in_two_tabs_keep_each_its_own_with_third_party_cookies_blocked(
    chromium: Any, two: tuple[App, Ehr, FakeServer]
) -> None:
    app, ehr, parent = two
    browser = chromium.new_context()
    frames = {}
    for patient in NAMES:
        tab = browser.new_page()
        tab.goto(framed(app, ehr, parent, patient))
        frames[patient] = tab.frames[1]
        frames[patient].wait_for_url("**/s/**")
    for patient, frame in frames.items():
        only(frame, patient)
    walk(frames, reload=False)
    # the partition of another site holds other cookies: the address of a frame opens nothing in a window
    window = browser.new_page()
    window.goto(frames["p1"].url)
    assert not any(name in window.content() for name in NAMES.values())


@shows("x9")
def test_a_sign_in_by_post_goes_on_by_itself_and_breaks_no_policy(
    chromium: Any, two: tuple[App, Ehr, FakeServer], tmp_path: Path
) -> None:
    _, ehr, _ = two
    ehr.document["capabilities"].append("authorize-post")
    scripted = ehr.fake.handlers["/fhir/auth/authorize"]

    def authorize(request: Request) -> Answer:
        from urllib.parse import parse_qsl

        assert request.method == "POST"
        assert request.query == {}
        asked = dict(parse_qsl(request.body.decode()))
        return scripted(Request("GET", request.path, asked, request.headers, b""))

    ehr.fake.on("/fhir/auth/authorize", authorize)
    (tmp_path / "posting").mkdir()
    said: list[str] = []
    for app in running(ehr, tmp_path / "posting", authorize_post="true"):
        tab = chromium.new_context().new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(launch_url(app, ehr, "p1"))
        tab.wait_for_url("**/s/**")
        only(tab, "p1")
        assert not [words for words in said if "Content Security Policy" in words]


@shows("x2")
def test_the_end_of_a_session_is_said_beforehand_and_the_patient_leaves_the_screen(
    chromium: Any, two: tuple[App, Ehr, FakeServer]
) -> None:
    app, ehr, _ = two
    tab = chromium.new_context().new_page()
    tab.clock.install()
    tab.goto(launch_url(app, ehr, "p1"))
    warning = tab.get_by_text("This session is about to end")
    assert not warning.is_visible()
    tab.clock.run_for(12 * 60 * 1000)
    assert not warning.is_visible()
    tab.clock.run_for(2 * 60 * 1000)
    assert warning.is_visible()
    tab.route("**/s/**", lambda route: route.fulfill(status=403, body="<h1>ended</h1>", content_type="text/html"))
    tab.clock.run_for(2 * 60 * 1000)
    tab.get_by_role("heading", name="ended").wait_for()
    assert NAMES["p1"] not in tab.content()


@shows("x2")
def test_typed_words_stay_on_the_screen_when_the_session_has_ended(
    chromium: Any, two: tuple[App, Ehr, FakeServer]
) -> None:
    app, ehr, _ = two
    tab = chromium.new_context().new_page()
    tab.clock.install()
    tab.goto(launch_url(app, ehr, "p1"))
    tab.goto(tab.url + "plan")
    tab.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    tab.locator("textarea").first.fill("draw before the visit")
    tab.clock.run_for(20 * 60 * 1000)
    assert tab.locator("textarea").first.input_value() == "draw before the visit"
    assert tab.get_by_text("This session is about to end").is_visible()
