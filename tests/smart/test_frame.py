"""The app inside an EHR's frame on another site, in a real browser: parent on localhost, app on 127.0.0.1."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.smart.ehr import App, Ehr, running
from tests.support.fake_server import Answer, fake_server

pytestmark = pytest.mark.browser
PROGRAM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine, so no frame is opened: on Debian, apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--test-third-party-cookie-phaseout",
        ]
        browser = play.chromium.launch(executable_path=PROGRAM, args=flags)
        yield browser
        browser.close()


def framed(app: App, ehr: Ehr, parent: Any) -> str:
    """The address of a page on ``localhost`` whose frame launches the app."""
    html = f'<!doctype html><iframe width=1000 height=800 src="{app.url}/launch?iss={ehr.base}&amp;launch=x"></iframe>'
    parent.on("/fhir/chart", Answer(200, html.encode(), {"Content-Type": "text/html"}))
    return str(parent.base).replace("127.0.0.1", "localhost") + "/chart"


def test_the_app_keeps_its_session_in_a_cross_site_frame_with_third_party_cookies_blocked(
    chromium: Any, tmp_path: Path
) -> None:
    with fake_server() as fake, fake_server("localhost") as parent:
        ehr = Ehr(fake)
        origin = parent.base.removesuffix("/fhir")
        for app in running(ehr, tmp_path, frame_ancestors=f'["{origin}"]'):
            page = chromium.new_context().new_page()
            page.goto(framed(app, ehr, parent))
            frame = page.frames[1]
            frame.wait_for_url("**/s/**")
            assert "Nora Secretname" in frame.inner_text("body")
            frame.get_by_role("link", name="What was read").click()
            frame.wait_for_url("**/receipt")
            assert "Nora Secretname" in frame.inner_text("body")
            cookies = page.context.cookies()
            print(cookies)
            frame.get_by_role("button", name="End session").click()
            frame.get_by_role("heading", name="Session ended").wait_for()
