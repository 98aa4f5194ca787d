"""docs/keystrokes.md, pressed: each task of its table is done in a browser with exactly the keys that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import Running, app_and_sandbox, chromium

pytestmark = pytest.mark.browser
DOC = Path(__file__).resolve().parents[2] / "docs" / "keystrokes.md"
DUE, POSITIVE = "Amelia Brook", "Clara Dunne"


def rows() -> list[tuple[str, list[str], int]]:
    """(task, keys, how many) of the table."""
    lines = [line.strip("|").split("|") for line in DOC.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return [(task.strip(), re.findall(r"`(\w+)`", keys), int(count)) for task, keys, count in lines[2:]]


def heading(page: Any) -> str:
    return str(page.locator("h1").inner_text())


def sees_the_draw(page: Any) -> bool:
    return heading(page).startswith("Draw ctDNA between")


def sees_the_review(page: Any) -> bool:
    said = page.evaluate(
        "['.flag', 'h1', '.boxes'].every((s) => document.querySelector(s).getBoundingClientRect().bottom < innerHeight)"
    )
    return bool(said) and "switch review due" in heading(page)


def shows_the_plan(page: Any) -> bool:
    ready = page.get_by_role("button", name="Write the plan into the EHR").is_visible()
    return heading(page) == "Care plan: preview" and bool(ready)


def stands_in_the_field(page: Any) -> bool:
    page.keyboard.type("Continue, look again")
    return page.locator("#decided").input_value() == "Continue, look again"


def has_written(page: Any) -> bool:
    page.wait_for_load_state()
    return page.get_by_role("button", name="Write the plan into the EHR").count() == 0 and "plan" in heading(page)


# task -> (patient, whether it begins at the preview, what is there when it is done)
TASKS: dict[str, tuple[str, bool, Callable[[Any], bool]]] = {
    "see when the next draw is due": (DUE, False, sees_the_draw),
    "see whether a switch review is due, and why": (POSITIVE, False, sees_the_review),
    "open the care plan with the next draw, ready to be confirmed": (DUE, False, shows_the_plan),
    "decide a switch review: stand in the field for the decision": (POSITIVE, False, stands_in_the_field),
    "look at the care plan of a patient whose review is due": (POSITIVE, False, shows_the_plan),
    "see what was read and what was not": (DUE, False, lambda page: heading(page).startswith("What was read")),
    "write the previewed plan into the EHR, from the preview on": (DUE, True, has_written),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with app_and_sandbox(tmp_path_factory.mktemp("keys"), day=date.today()) as found:  # noqa: DTZ011 - any day will do
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize(("task", "keys", "count"), rows())
def test_the_task_is_done_with_the_keys_that_the_table_names(
    browser: Any, running: Running, task: str, keys: list[str], count: int
) -> None:
    patient, at_preview, done = TASKS[task]
    assert len(keys) == count
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    page.goto(running.ehr_url)
    page.get_by_role("button", name=patient, exact=True).click()
    page.wait_for_url("**/s/**")
    if at_preview:
        page.goto(f"{page.url}plan")
    before = page.url
    for key in keys:
        page.keyboard.press(key)
    if "Enter" in keys:
        page.wait_for_url(lambda url: url != before)
    page.wait_for_load_state()
    try:
        assert done(page)
    finally:
        context.close()


def test_the_next_draw_and_the_review_are_decided_in_at_most_three_keystrokes() -> None:
    counts = {task: count for task, _, count in rows()}
    assert set(counts) == set(TASKS)
    assert all(count <= 3 for task, count in counts.items() if "next draw" in task or "switch review" in task)


def test_a_second_enter_writes_nothing(browser: Any, running: Running) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(running.ehr_url)
    page.get_by_role("button", name="Beatrice Calder", exact=True).click()
    page.wait_for_url("**/s/**")
    for key in ("Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**/plan")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    try:
        assert shows_the_plan(page)
    finally:
        context.close()
