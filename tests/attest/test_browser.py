"""Supplying a fact, and the page while the record is read, in headless Chromium: axe, no script, no complaint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attest.rooms import LACKING, PDF_ONLY, Rooms
from tests.smart.ehr import App, Ehr, running
from tests.support.fake_server import Answer, Request, fake_server
from tests.support.running import chromium

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent.parent / "web" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class House(Rooms):
    """The same rooms behind real sockets."""

    def __init__(self, ehr: Ehr, app: App) -> None:
        self.ehr, self.url = ehr, app.url

    def launch_in(self, page: Any) -> None:
        page.goto(f"{self.url}/launch?iss={self.ehr.base}&launch=x")
        page.wait_for_url("**/s/**")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with fake_server() as fake:
        ehr = Ehr(fake)
        for app in running(ehr, tmp_path):
            yield House(ehr, app)


def violations(page: Any) -> list[Any]:
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    page.evaluate(AXE)
    found = page.evaluate("(rules) => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
    return [(v["id"], [n["html"][:160] for n in v["nodes"]][:3]) for v in found["violations"]]


def sideways(page: Any) -> int:
    over: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return over


@pytest.mark.parametrize("width", [1280, 320])
def test_every_form_and_what_follows_from_it_is_accessible(browser: Any, house: House, width: int) -> None:
    house.patient(PDF_ONLY)
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
    page = context.new_page()
    house.launch_in(page)
    at = page.url
    told: dict[str, Any] = {}
    for kind in ("", "/receptor", "/advanced", "/drug", "/result", "/status"):
        page.goto(f"{at}attest{kind}")
        told[kind] = (violations(page), sideways(page))
        if kind:
            page.get_by_role("button", name="Attest this fact").click()
            told[f"{kind} with errors"] = (violations(page), sideways(page))
    page.goto(f"{at}attest/result")
    page.get_by_label("The report that you read it from").select_option(index=1)
    page.get_by_label("Sample taken on").fill("2026-10-20")
    page.get_by_label("Plasma").check()
    page.get_by_label("Mutation detected", exact=True).check()
    page.get_by_label("Change, as").first.fill("p.Asp538Gly")
    page.get_by_label("Basis").fill("Read in the PDF report")
    page.get_by_role("button", name="Attest this fact").click()
    page.wait_for_url("**/attest#supplied")
    told["supplied"] = (violations(page), sideways(page))
    page.goto(at)
    assert page.locator("text=Attested by a clinician, not from the record").count() == 1
    told["timeline"] = (violations(page), sideways(page))
    context.close()
    assert told == dict.fromkeys(told, ([], 0))


@pytest.mark.parametrize("locale", ["de-DE", "es-ES"])
def test_in_german_and_spanish_forms_and_plan_are_accessible_and_fit_the_narrowest_page(
    browser: Any, house: House, locale: str
) -> None:
    house.patient(PDF_ONLY)
    context = browser.new_context(viewport={"width": 320, "height": 900}, bypass_csp=True, locale=locale)
    page = context.new_page()
    house.launch_in(page)
    at = page.url
    told: dict[str, Any] = {"timeline": (violations(page), sideways(page))}
    for kind in ("", "/receptor", "/drug", "/result"):
        page.goto(f"{at}attest{kind}")
        if kind:
            page.locator(f"form[action$='attest{kind}'] button").click()
        told[kind] = (violations(page), sideways(page))
    page.goto(f"{at}plan")
    told["plan"] = (violations(page), sideways(page))
    page.goto(f"{at}rung")
    told["rung"] = (violations(page), sideways(page))
    page.goto(f"{house.url}/no-such-page")
    told["error"] = (violations(page), sideways(page))
    assert page.locator("html").get_attribute("lang") == locale[:2]
    context.close()
    assert told == dict.fromkeys(told, ([], 0))


def test_a_fact_is_supplied_without_script_and_without_a_complaint(browser: Any, house: House) -> None:
    house.patient(LACKING)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    house.launch_in(page)
    page.get_by_role("link", name="ER, PR or HER2 status").first.click()
    page.get_by_label("HER2").check()
    page.get_by_label("Negative").check()
    page.get_by_label("Date of the biopsy or report").fill("2025-12")
    page.get_by_label("A metastasis").check()
    page.get_by_label("Basis").fill("Letter of the Example Hospital")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/attest#supplied")
    assert "HER2 negative, metastasis, Dec 2025" in page.locator("main").inner_text()
    page.get_by_role("button", name="Withdraw").click()
    assert "Nothing is attested." in page.locator("main").inner_text()
    context.close()
    assert said == []


@pytest.fixture
def slow(house: House) -> Iterator[threading.Event]:
    """One search answers only after this is set."""
    house.patient("sandbox-first-positive")
    go = threading.Event()
    before = house.ehr.fake.handlers["/fhir/Encounter"]

    def wait(request: Request) -> Answer:
        go.wait(9)
        return before(request)

    house.ehr.fake.on("/fhir/Encounter", wait)
    yield go
    go.set()


def test_a_slow_record_is_shown_as_it_comes_and_ends_on_the_answer(
    browser: Any, house: House, slow: threading.Event
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.goto(f"{house.url}/launch?iss={house.ehr.base}&launch=x")
    text = page.locator("main").inner_text()
    slow.set()
    page.locator("#answer").wait_for()
    answer, steps = page.locator("#answer").inner_text(), page.evaluate("history.length")
    context.close()
    assert "Reading the record" in text
    assert "Visits: being read" in text
    assert "p.D538G" in text
    assert "Not due" not in text
    assert "switch review due" in answer
    assert said == []
    assert steps <= 2


def test_the_page_while_reading_is_accessible(browser: Any, house: House, slow: threading.Event) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 900}, bypass_csp=True)
    context.route(
        "**/static/reading.js*", lambda route: route.fulfill(body="")
    )  # it stays, so that it can be looked at
    page = context.new_page()
    page.goto(f"{house.url}/launch?iss={house.ehr.base}&launch=x")
    text, found, over = page.locator("main").inner_text(), violations(page), sideways(page)
    slow.set()
    context.close()
    assert "Reading the record" in text
    assert (found, over) == ([], 0)


def test_without_script_it_ends_on_the_answer_by_itself(browser: Any, house: House, slow: threading.Event) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    seen: list[str] = []
    page.on("response", lambda r: seen.append(r.url) if "/s/" in r.url else None)
    threading.Timer(4.5, slow.set).start()
    page.goto(f"{house.url}/launch?iss={house.ehr.base}&launch=x", wait_until="commit")
    page.locator("#answer").wait_for()
    answer = page.locator("#answer").inner_text()
    context.close()
    assert "switch review due" in answer
    assert 2 <= len(seen) <= 4
    assert all(url.endswith("?sort=oldest&hold=yes") for url in seen[1:])
