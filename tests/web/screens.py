"""Pictures of the pages in docs/screens, at three widths; ``python -m tests.web.screens`` accepts what is there now.

The font is Debian's DejaVu Sans (``fonts-dejavu-core``, which Chromium brings along), pinned by a fontconfig file of
our own, so that the same pages make the same pictures on a bare Debian. Pictures are cut at ``TALLEST`` and hold few
colours, so that they stay small.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops
from werkzeug.serving import make_server

from tests.support.browsers import playing
from tests.support.running import FLAGS, app_and_sandbox
from tests.web import charts

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screens"
FONTS = Path("/usr/share/fonts/truetype/dejavu")
WIDTHS = (1280, 640, 320)
TALLEST = 1300  # pixels
COLOURS = 16
BLOCK = 4  # pixels: blocks of this size are compared by their mean colour
STEP = 28  # of 255: a block that differs by more in any colour has changed
ALLOWED = 10  # changed blocks in a picture, for what another build of Chromium draws at the edges of letters

# name -> (address, what it shows)
STATES: dict[str, tuple[str, str]] = {
    "next-draw": ("/see/due", "inside the window, the next draw with a scan"),
    "overdue": ("/see/overdue", "the draw is overdue"),
    "switch-review": ("/see/positive", "first detection: switch review due"),
    "polyclonal": ("/see/polyclonal", "eight variants, a long name, an open test server"),
    "outside": ("/see/outside", "outside the window"),
    "cannot-tell": ("/see/unknown", "cannot tell, and what would settle it"),
    "preliminary": ("/see/preliminary", "a preliminary positive"),
    "conflict": ("/see/conflict", "results of one sample contradict each other"),
    "failed-draw": ("/see/failed", "the last draw failed"),
    "no-draws": ("/see/none", "no draw yet"),
    "thirty-draws": ("/see/thirty", "thirty draws over six years, two laboratories"),
    "eight-variants": ("/see/crossing", "eight variants at once, whose fractions cross"),
    "odd-draws": ("/see/mixture", "five results of one day, failures, dates of a year, below the limit"),
    "unreadable-report": ("/see/unreadable", "a report that a person has to open"),
    "every-mark": ("/see/everything", "every mark that the picture knows, and an incomplete record"),
    "nothing-found": ("/see/nothing", "nothing about ESR1 in the record"),
    "receipt": ("/see-receipt/everything", "what was read and what was not"),
    "about": ("/about", "about this decision support"),
    "error": ("/no-such-page", "an error page"),
    "plan-preview": ("plan", "the care plan before it is written"),
    "plan-stored": ("stored", "the care plan as the EHR stored it"),
    "german": ("/see/positive?lang=de", "the same first detection in German"),
    "german-plan-preview": ("plan?lang=de", "the preview in German; the plan itself is written in English"),
    "spanish": ("/see/due?lang=es", "the next draw with a scan, in Spanish"),
}
_MOMENT = re.compile(r"\d, \d\d:\d\d")
_FONTCONFIG = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir>
<match target="font"><edit name="hinting" mode="assign"><bool>false</bool></edit>
<edit name="antialias" mode="assign"><bool>true</bool></edit>
<edit name="rgba" mode="assign"><const>none</const></edit></match>
<match target="pattern"><test qual="any" name="family" compare="contains"><string>mono</string></test>
<edit name="family" mode="prepend" binding="strong"><string>DejaVu Sans Mono</string></edit></match>
<match target="pattern">
<edit name="family" mode="append" binding="strong"><string>DejaVu Sans</string></edit></match></fontconfig>
"""


@contextmanager
def browser(program: str) -> Iterator[Any]:
    """Chromium with one font."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fonts.conf"
        file.write_text(_FONTCONFIG.format(fonts=FONTS, cache=folder), encoding="utf-8")
        flags = [*FLAGS, "--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"]
        made = playing().chromium.launch(
            executable_path=program, args=flags, env={**os.environ, "FONTCONFIG_FILE": str(file)}
        )
        try:
            yield made
        finally:
            made.close()


def pictures(chromium: Any, site: str, plan: Callable[[Any, str], None], state: str) -> dict[int, Image.Image]:
    """The state at each width. ``plan``: leads a page to one of the two pages of the care plan."""
    address, _ = STATES[state]
    path, _, code = address.partition("?lang=")
    context = chromium.new_context(viewport={"width": WIDTHS[0], "height": 900}, locale=code or "en-GB")
    page = context.new_page()
    if path.startswith("/"):
        page.goto(site + path)
    else:
        plan(page, path)
    made, plan_page = {}, not path.startswith("/")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(50)
        tall = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": tall}
        # what tells the time of the run is covered
        mask = [page.locator("dd", has_text=_MOMENT), page.locator("footer > .quiet")] if plan_page else []
        raw = page.screenshot(full_page=True, clip=clip, animations="disabled", mask=mask, mask_color="#d3dae0")
        made[width] = Image.open(io.BytesIO(raw)).convert("RGB")
    context.close()
    return made


def small(picture: Image.Image) -> Image.Image:
    """With few colours, as it is kept."""
    return picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def changed(kept: Image.Image, now: Image.Image) -> int:
    """How many blocks differ; all of them where the size does."""
    if kept.size != now.size:
        return now.width * now.height
    size = (now.width // BLOCK, now.height // BLOCK)
    means = [p.convert("RGB").resize(size, Image.Resampling.BOX) for p in (kept, small(now))]
    data = ImageChops.difference(*means).tobytes()
    return sum(max(data[at : at + 3]) > STEP for at in range(0, len(data), 3))


def file_of(state: str, width: int) -> Path:
    return FOLDER / f"{state}-{width}.png"


@contextmanager
def sandbox_plan(folder: Path) -> Iterator[Callable[[Any, str], None]]:
    """Leads a page from the launch of a sandbox patient to the preview of the plan, or on to the stored plan."""
    now = datetime.fromtimestamp(charts.CLOCK, UTC)
    with app_and_sandbox(folder, day=charts.TODAY, now=lambda: now) as running:

        def lead(page: Any, path: str) -> None:
            page.goto(running.ehr_url)
            page.get_by_role("button", name="Clara Dunne" if path == "plan" else "Amelia Brook", exact=True).click()
            page.wait_for_url("**/s/**")
            page.goto(f"{page.url}plan")
            if path == "stored":
                page.get_by_role("button", name="Write the plan into the EHR").click()
                page.wait_for_load_state()

        yield lead


def main() -> int:
    """Makes every picture anew, and the page that lists them."""

    from tests.web.conftest import CHROMIUM, made_app

    if CHROMIUM is None or not FONTS.is_dir():
        print("needs Chromium and fonts-dejavu-core")
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sandbox_plan(Path(data)) as plan, browser(CHROMIUM) as chromium:
        server = make_server("127.0.0.1", 0, made_app(Path(data) / "see"), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}"
        for state in sys.argv[1:] or STATES:
            for width, picture in pictures(chromium, site, plan, state).items():
                small(picture).save(file_of(state, width), optimize=True)
        server.shutdown()
    lines = [
        "# Pictures of the pages",
        "",
        "Made by `make screens` from synthetic patients; `tests/web/test_screens.py`",
    ]
    lines += ["compares them with the pages. Each at 1280, 640 and 320 pixels, cut at 1300.", ""]
    for state, (_, said) in STATES.items():
        links = " · ".join(f"[{width}]({state}-{width}.png)" for width in WIDTHS)
        lines.append(f"- **{state}**: {said} ({links})")
    (FOLDER / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
