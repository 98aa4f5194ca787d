"""What every lane needs to know: the facts, the day, the scale and the room of the drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from unicodedata import combining, east_asian_width

from markupsafe import Markup, escape

from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart, Part
from smart_app.web.drawing.scales import TimeScale
from smart_app.web.drawing.svg import box, joined, line, number, safe, tag, text
from smart_app.web.i18n import _


@dataclass(frozen=True, slots=True)
class Frame:
    """Room of one drawing. ``above``: lane names stand above their lanes instead of in a left column.

    ``slim``: as wide as a telephone; what would stand beside the points of a variant stands in lines below them.
    """

    name: str
    width: int
    left: int
    right: int
    above: bool
    slim: bool = False


WIDE = Frame("wide", 1000, 150, 988, False)
NARROW = Frame("narrow", 560, 8, 552, True)
SLIM = Frame("slim", 300, 6, 294, True, slim=True)


@dataclass(frozen=True, slots=True)
class Lane:
    """What a lane draws, and how high it is."""

    marks: list[Markup]
    height: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing under way. ``named``: the names of the marks, which are the same in each drawing of a chart."""

    chart: Chart
    decision: Decision
    today: date
    frame: Frame
    scale: TimeScale
    named: dict[tuple[str, int], str] = field(default_factory=dict)

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
            return joined(rule, tag("text", *named, x=self.frame.left, y=y + 15))
        under = text(8, y + 35, note, "quiet") if note else safe("")
        return joined(rule, text(8, y + 20, words, "lane"), under)

    def nothing(self, *parts: Part) -> str:
        """Said in an empty lane; silence would read as "none"."""
        return _("not read completely") if self.missing(*parts) else _("none on record")

    def empty(self, name: str, top: float, said: str) -> Lane:
        """A lane without marks."""
        if self.frame.above:
            return Lane([self.name(name, top, said)], 23.0)
        return Lane([self.name(name, top), text(self.frame.left + 4, top + 20, said, "quiet")], 31.0)

    def linked(
        self,
        row: str,
        words: Callable[[], str],
        *shapes: Markup,
        x: float | None = None,
        y: float | None = None,
        part: int = 0,
    ) -> Markup:
        """A mark that can be focused, has a name, and leads to its row of the table.

        ``x`` and ``y``: where the shapes' 0, 0 comes to stand; 24 units around it are sensitive to a finger. ``part``:
        which of several marks of the row it is; their names differ.
        """
        begun = self.named.get((row, part))
        if begun is None:
            said = escape(words())
            begun = f'class="mark" href="#{escape(row)}" aria-label="{said}"><title>{said}</title>'
            self.named[row, part] = begun
        face = "".join(shapes)
        if x is None or y is None:
            return safe(f"<a {begun}{face}</a>")
        return safe(f'<a transform="translate({number(x)} {number(y)})" {begun}{_TOUCH}{face}</a>')


_TOUCH = box(-12, -12, 24, 24, "touch")


def spread_rows(places: list[float], apart: float, rows: int, first: int | None = None) -> list[int]:
    """A row for each of the ascending places, so that those of one row keep apart; the last row takes the rest.

    ``first``: the one that has to stand in the first row.
    """
    ends = [float("-inf")] * rows
    kept = places[first] if first is not None else None
    made = [0] * len(places)
    for place, x in enumerate(places):
        if place == first:
            ends[0] = x
            continue
        beside = kept is not None and abs(x - kept) < apart
        made[place] = next((n for n, end in enumerate(ends) if x - end >= apart and not (beside and n == 0)), rows - 1)
        ends[made[place]] = x
    return made


def columns(words: str) -> int:
    """How wide words are, in letters: those of Chinese, Japanese and Korean count twice, marks on letters not."""
    if words.isascii():
        return len(words)
    return sum(2 if east_asian_width(c) in "WF" else 0 if combining(c) else 1 for c in words)


def fitted(words: str, length: int) -> str:
    """With an ellipsis where it is wider than so many letters; the mark's name and the table have the full text."""
    if columns(words) <= length:
        return words
    cut = words[:length]
    while columns(cut) >= length:
        cut = cut[:-1]
    return cut.rstrip() + "…"
