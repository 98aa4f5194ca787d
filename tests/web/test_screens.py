"""The pages look as they did when somebody last looked at them: compared with docs/screens, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.web.conftest import CHROMIUM
from tests.web.screens import ALLOWED, FOLDER, FONTS, STATES, WIDTHS, browser, changed, file_of, pictures, sandbox_plan
from tests.web.screens import small as kept_form

HOW = "Look at the pictures in {folder}; if the change is meant, run `make screens` and commit docs/screens."


@pytest.fixture(scope="module")
def one_font() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    if not FONTS.is_dir():
        pytest.skip("needs DejaVu Sans: on Debian, apt install fonts-dejavu-core")
    with browser(CHROMIUM) as found:
        yield found


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any, str], None]]:
    with sandbox_plan(tmp_path_factory.mktemp("screens")) as lead:
        yield lead


@pytest.mark.browser
@pytest.mark.parametrize("state", STATES)
def test_the_page_looks_as_it_did_when_somebody_last_looked(
    one_font: Any, site: str, plan: Callable[[Any, str], None], tmp_path: Path, state: str
) -> None:
    other = {}
    for width, now in pictures(one_font, site, plan, state).items():
        kept = Image.open(file_of(state, width))
        blocks = changed(kept, now)
        if blocks > ALLOWED:
            now.save(tmp_path / f"{state}-{width}-now.png")
            other[width] = blocks
    assert other == {}, HOW.format(folder=tmp_path)


def test_there_are_at_least_twelve_states_at_three_widths_and_the_folder_stays_small() -> None:
    assert len(STATES) >= 12
    assert len(WIDTHS) == 3
    files = {file_of(state, width) for state in STATES for width in WIDTHS}
    assert all(file.is_file() for file in files)
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 3_000_000
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(file.name in listed for file in files)


def test_a_word_that_is_another_one_is_a_change_and_the_same_page_is_none() -> None:
    page = Image.open(file_of("switch-review", 1280)).convert("RGB")
    assert changed(kept_form(page), page) == 0
    other = page.copy()
    ImageDraw.Draw(other).text((120, 300), "Not due", fill="#16232f")
    assert changed(kept_form(page), other) > ALLOWED
    red = page.copy()
    ImageDraw.Draw(red).rectangle((600, 600, 620, 620), fill="#a4161a")
    assert changed(kept_form(page), red) > ALLOWED
    assert changed(kept_form(page), page.crop((0, 0, page.width, page.height - 4))) > ALLOWED
