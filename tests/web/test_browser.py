"""The pages in headless Chromium: accessibility, security policy, narrow screens, keyboard, paper, no JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.web import charts
from tests.web.conftest import STATES as CHARTS

pytestmark = pytest.mark.browser
AXE = Path(__file__).with_name("axe.min.js").read_text(encoding="utf-8")
STATES = [f"/see/{name}" for name in CHARTS]
PAGES = [*STATES, "/see-receipt/everything", "/see-receipt/hostile", "/see-resource", "/about", "/no-such-page"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def opened(chromium: Any, site: str, path: str, **more: Any) -> tuple[Any, list[str]]:
    """A page, and what its console complained of."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **more})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: said.append(str(e)))
    page.goto(site + path)
    return page, said


NARROW = ["/see/everything", "/see/nothing", "/see/unknown", "/about"]


@pytest.mark.parametrize(("path", "width"), [*((p, 1280) for p in PAGES), *((p, 320) for p in NARROW)])
def test_axe_finds_nothing_on_any_page_with_everything_open(chromium, site: str, path: str, width: int) -> None:
    page, _ = opened(chromium, site, path, viewport={"width": width, "height": 900}, bypass_csp=True)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    page.evaluate(AXE)
    found = page.evaluate("(rules) => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
    told = [(v["id"], [n["html"][:160] for n in v["nodes"]][:3]) for v in found["violations"]]
    page.context.close()
    assert told == []


@pytest.mark.parametrize("path", PAGES)
def test_the_browser_has_nothing_to_complain_of_and_asks_nobody_else(chromium, site: str, path: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.on("request", lambda r: asked.append(r.url))
    page.goto(site + path)
    context.close()
    assert [s for s in said if "404" not in s or path != "/no-such-page"] == []
    assert all(url.startswith(site) for url in asked)


@pytest.mark.parametrize("width", [1280, 900, 640, 320])
@pytest.mark.parametrize("path", STATES)
def test_nothing_but_the_picture_and_tables_scrolls_sideways(chromium, site: str, path: str, width: int) -> None:
    page, _ = opened(chromium, site, path, viewport={"width": width, "height": 900})
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    small = page.evaluate(
        """() => [...document.querySelectorAll('.timeline text')]
           .filter((t) => t.checkVisibility() && t.textContent.trim())
           .map((t) => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getScreenCTM().a)
           .reduce((a, b) => Math.min(a, b), 99)"""
    )
    page.context.close()
    assert over <= 0
    assert small >= 8.5


def test_the_answer_the_review_and_the_plan_are_within_three_keystrokes(chromium, site: str) -> None:
    page, _ = opened(chromium, site, "/see/positive")
    visible = page.evaluate(
        "['.flag', 'h1', '.boxes'].every((s) => document.querySelector(s).getBoundingClientRect().bottom < innerHeight)"
    )
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    page.context.close()
    assert visible
    assert "Preview the care plan" in reached


def test_a_mark_is_reached_by_keyboard_and_leads_to_its_row(chromium, site: str) -> None:
    page, _ = opened(chromium, site, "/see/positive")
    page.locator(".wide a[href='#row-draw-3']").first.focus()
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    lit = page.evaluate("document.querySelector('tr:target').id")
    page.context.close()
    assert "3 Nov 2026" in name
    assert "p.D538G 0.84 %" in name
    assert lit == "row-draw-3"


def test_everything_works_without_javascript(chromium, site: str) -> None:
    page, _ = opened(chromium, site, "/see/positive", java_script_enabled=False)
    page.locator("summary").first.click()
    shown = page.locator("details[open] .evidence").first.is_visible()
    page.context.close()
    assert shown


def test_only_one_of_the_two_pictures_is_there_at_a_time(chromium, site: str) -> None:
    for width, there in ((1280, ".wide"), (640, ".narrow"), (320, ".slim")):
        page, _ = opened(chromium, site, "/see/due", viewport={"width": width, "height": 900})
        for name in (".wide", ".narrow", ".slim"):
            assert page.locator(name).is_visible() is (name == there), (width, name)
        page.context.close()


@pytest.mark.parametrize("path", STATES)
def test_a_telephone_shows_the_whole_picture_without_scrolling_sideways(chromium, site: str, path: str) -> None:
    page, _ = opened(chromium, site, path, viewport={"width": 320, "height": 900})
    over = page.evaluate(
        """() => [...document.querySelectorAll('.picture, .picture .timeline')]
           .filter((e) => e.checkVisibility())
           .filter((e) => e.getBoundingClientRect().right > innerWidth || e.scrollWidth > e.clientWidth + 1).length"""
    )
    page.context.close()
    assert over == 0


def test_paper_shows_the_picture_whole_and_the_reasons_open(chromium, site: str) -> None:
    page, _ = opened(chromium, site, "/see/positive", viewport={"width": 680, "height": 960})
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    wide = page.evaluate("document.querySelector('.narrow').getBoundingClientRect().width")
    closed = page.evaluate("document.querySelectorAll('details:not([open]):not(.note-text)').length")
    each_sheet = page.evaluate("getComputedStyle(document.querySelector('.patient')).display")
    red = page.evaluate("getComputedStyle(document.querySelector('.flag')).backgroundColor")
    page.context.close()
    assert wide <= 680
    assert closed == 0
    assert each_sheet == "table-header-group"  # what a browser repeats on every sheet
    assert red == "rgb(255, 255, 255)"


@pytest.mark.parametrize(("name", "sheets"), [("positive", 7), ("busy", 17), ("evil", 16)])
@pytest.mark.parametrize("size", ["A4", "Letter"])
def test_paper_says_each_source_once_in_full_so_that_a_patient_is_a_few_sheets(
    chromium, site: str, name: str, sheets: int, size: str
) -> None:
    page, _ = opened(chromium, site, f"/see/{name}")
    made = page.pdf(format=size, prefer_css_page_size=True)
    page.context.close()
    assert 1 < len(re.findall(rb"/Type /Page\b", made)) <= sheets


def test_where_the_ehr_shows_the_patient_the_paper_still_says_who_it_is(render) -> None:
    html = render(charts.view(charts.due(), launch=charts.launch(need_patient_banner=False)))
    assert re.search(r'class="on-paper">[^<]*2 Apr 1961[^<]*female[^<]*MRN <bdi>MRN-104-11</bdi>', html)


def test_forced_colours_keep_the_marks_visible(chromium, site: str) -> None:
    page, _ = opened(chromium, site, "/see/everything", forced_colors="active", color_scheme="dark")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for name in (".m-full", ".bar", ".today", ".flag-cloth, .m-cross"):
        fill = page.evaluate(
            "(n) => { const s = getComputedStyle(document.querySelector('.wide ' + n)); return [s.fill, s.stroke] }",
            name,
        )
        assert any(colour not in (paper, "none") for colour in fill), name
    page.context.close()
