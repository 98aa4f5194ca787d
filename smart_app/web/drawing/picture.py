"""What every lane needs to know: the facts, the day, the scale and the room of the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart, Part
from smart_app.web.drawing.scales import TimeScale
from smart_app.web.drawing.svg import box, line, tag, text
from smart_app.web.i18n import _


@dataclass(frozen=True, slots=True)
class Frame:
    """Room of one drawing. ``above``: lane names stand above their lanes instead of in a left column."""

    name: str
    width: int
    left: int
    right: int
    above: bool


WIDE = Frame("wide", 1000, 150, 988, False)
NARROW = Frame("narrow", 560, 8, 552, True)


@dataclass(frozen=True, slots=True)
class Lane:
    """What a lane draws, and how high it is."""

    marks: list[Markup]
    height: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing under way."""

    chart: Chart
    decision: Decision
    today: date
    frame: Frame
    scale: TimeScale

    @property
    def head(self) -> float:
        """Height that a lane's name takes above its lane."""
        return 20.0 if self.frame.above else 0.0

    def missing(self, *parts: Part) -> bool:
        return any(gap.part in parts for gap in self.chart.gaps)

    def name(self, words: str, y: float, note: str = "") -> Markup:
        """A lane's name and the rule above it; ``y`` is the lane's top."""
        rule = line(0, y, self.frame.width, y, "rule")
        if self.frame.above:
            named = tag("tspan", words, class_="lane"), tag("tspan", f"  {note}", class_="quiet") if note else ""
            # once more at the right, where a small screen begins to look; the style sheet shows it there only
            again = tag("text", words, x=self.frame.right, y=y + 15, class_="lane again", text_anchor="end")
            return rule + tag("text", *named, x=self.frame.left, y=y + 15) + again
        under = text(8, y + 35, note, "quiet") if note else Markup("")
        return rule + text(8, y + 20, words, "lane") + under

    def nothing(self, *parts: Part) -> str:
        """Said in an empty lane; silence would read as "none"."""
        return _("not read completely") if self.missing(*parts) else _("none on record")

    def empty(self, name: str, top: float, said: str) -> Lane:
        """A lane without marks."""
        if self.frame.above:
            return Lane([self.name(name, top, said)], 23.0)
        return Lane([self.name(name, top), text(self.frame.left + 4, top + 20, said, "quiet")], 31.0)


def linked(row: str, words: str, *shapes: Markup, x: float | None = None, y: float | None = None) -> Markup:
    """A mark that can be focused, has a name, and leads to its row of the table.

    ``x`` and ``y``: the mark's centre, around which 24 units are sensitive to a finger.
    """
    said = escape(words)
    room = "" if x is None or y is None else box(x - 12, y - 12, 24, 24, "touch")
    inner = f"<title>{said}</title>{room}{''.join(shapes)}"
    return Markup(f'<a href="#{escape(row)}" aria-label="{said}" class="mark">{inner}</a>')  # noqa: S704 - escaped


def spread_rows(places: list[float], apart: float, rows: int) -> list[int]:
    """A row for each of the ascending places, so that those of one row keep apart; the last row takes the rest."""
    ends = [float("-inf")] * rows
    made = []
    for x in places:
        row = next((n for n, end in enumerate(ends) if x - end >= apart), rows - 1)
        ends[row] = x
        made.append(row)
    return made
