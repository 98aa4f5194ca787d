"""The timeline in each of its frames, with what stands below it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from markupsafe import Markup

from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart
from smart_app.web.drawing.legend import Entry, legend_of
from smart_app.web.drawing.picture import NARROW, SLIM, WIDE
from smart_app.web.drawing.timeline import LeftOut, drawn, left_out_of, picture_of


@dataclass(frozen=True, slots=True)
class Drawn:
    """``pictures``: by the name of their frame; a style sheet shows the one that the screen has room for.

    ``paper``: "short", "long" or "tall", for a sheet.
    """

    pictures: dict[str, Markup]
    paper: str
    legend: list[Entry]
    left_out: LeftOut


def draw_all(chart: Chart, decision: Decision, today: date) -> Drawn:
    wide = picture_of(chart, decision, today, WIDE)
    others = [replace(picture_of(chart, decision, today, frame), named=wide.named) for frame in (NARROW, SLIM)]
    pictures = {pic.frame.name: drawn(pic) for pic in (wide, *others)}
    return Drawn(pictures, _paper(pictures[NARROW.name]), legend_of(wide), left_out_of(wide))


def _paper(narrow: Markup) -> str:
    """Whether the narrow picture has room below the answer, on a sheet of its own, or on none."""
    height = int(narrow.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])
    return "short" if height <= 600 else "long" if height <= 900 else "tall"
