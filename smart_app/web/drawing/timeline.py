"""The whole picture: lanes over one time axis, the next-draw window behind them, today in front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

from markupsafe import Markup

from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart
from smart_app.web.drawing.beside import label_room
from smart_app.web.drawing.draws import Laboratories, draw_lane
from smart_app.web.drawing.drugs import drug_lane
from smart_app.web.drawing.events import disease_lane, scan_lane, visit_lane
from smart_app.web.drawing.fractions import fraction_lane
from smart_app.web.drawing.picture import WIDE, Frame, Lane, Picture, columns
from smart_app.web.drawing.scales import axis_ticks, time_scale
from smart_app.web.drawing.svg import box, joined, line, tag, text
from smart_app.web.i18n import _, between_words, day_words, range_words

_TOP = 40.0  # two rows of words above the lanes: the next draw, today


def picture_of(chart: Chart, decision: Decision, today: date, frame: Frame = WIDE) -> Picture:
    scale = time_scale(chart, decision, today, frame.left, frame.right, label_room(chart, frame))
    return Picture(chart, decision, today, frame, scale)


def laboratories(chart: Chart) -> Laboratories:
    """A number for each pair of laboratory and assay, in the order of the draws."""
    found = dict.fromkeys((d.laboratory, d.assay) for d in chart.draws)
    return {pair: number for number, pair in enumerate(found)}


def draw_timeline(chart: Chart, decision: Decision, today: date, frame: Frame = WIDE) -> Markup:
    """The picture as one ``<svg>``. Every mark is a link to the row of its fact (``smart_app.web.rows``)."""
    return drawn(picture_of(chart, decision, today, frame))


def drawn(pic: Picture) -> Markup:
    """The same, of a picture under way."""
    frame = pic.frame
    numbers = laboratories(pic.chart)
    front: list[Markup] = []
    y = _TOP
    below_drugs = y
    lanes: tuple[Callable[[Picture, float], Lane], ...] = (
        drug_lane,
        partial(draw_lane, laboratories=numbers),
        partial(fraction_lane, laboratories=numbers),
        disease_lane,
        scan_lane,
        visit_lane,
    )
    for number, lane in enumerate(lanes):
        made = lane(pic, y)
        front += made.marks
        y += made.height
        if number == 0:
            below_drugs = y
    behind = [*_axis(pic, y), *_next_draw(pic, below_drugs, y)]
    title = f"{frame.name}-title"
    names = _("Timeline of drugs, ctDNA draws, variant fractions, disease status, scans and visits")
    return tag(
        "svg",
        tag("title", names, id=title),
        definitions(frame.name),
        *behind,
        _today(pic, y),
        *front,
        viewBox=f"0 0 {frame.width} {y + 26:.0f}",
        class_="timeline",
        role="group",
        aria_labelledby=title,
    )


def definitions(name: str) -> Markup:
    """Under ids that begin with ``name``: fades for uncertain ends, hatching for a hold."""
    full, none = tag("stop", offset=0, class_="bar-stop"), tag("stop", offset=1, class_="bar-stop", stop_opacity="0")
    rising = tag("stop", offset=0, class_="bar-stop", stop_opacity="0"), tag("stop", offset=1, class_="bar-stop")
    hatch = tag("path", d="M0 6L6 0M-1 1L1 -1M5 7L7 5", class_="hatch")
    return tag(
        "defs",
        tag("linearGradient", *rising, id=f"{name}-in"),
        tag("linearGradient", full, none, id=f"{name}-out"),
        tag("pattern", hatch, id=f"{name}-hatch", width=6, height=6, patternUnits="userSpaceOnUse"),
    )


def _axis(pic: Picture, bottom: float) -> list[Markup]:
    made = []
    for day, shown, year in axis_ticks(pic.scale, pic.frame.right - pic.frame.left):
        x = pic.scale.x(day)
        made.append(line(x, _TOP, x, bottom + 4, "year" if year else "grid"))
        half = 4.3 * len(shown)
        inside = max(half, min(x, pic.frame.width - half))
        made.append(text(inside, bottom + 18, shown, "lane" if year else "tick", "middle"))
    made.append(line(pic.frame.left, bottom, pic.frame.right, bottom, "rule"))
    return made


def _header(pic: Picture, x: float, y: float, words: str, class_: str) -> Markup:
    """Words above the lanes, kept inside the picture."""
    half = columns(words) * 3.6
    return text(max(half, min(x, pic.frame.width - half)), y, words, class_, "middle")


def _today(pic: Picture, bottom: float) -> Markup:
    x = pic.scale.x(pic.today)
    words = _("today, %(day)s", day=day_words(pic.today))
    return joined(line(x, _TOP - 6, x, bottom, "today"), _header(pic, x, _TOP - 10, words, "small"))


def _next_draw(pic: Picture, top: float, bottom: float) -> list[Markup]:
    """The window of the next draw as a band through the lanes under the drugs, its best day as a line."""
    planned = pic.decision.next_draw
    if planned is None:
        return []
    x1, x2 = pic.scale.x(planned.earliest), pic.scale.x(planned.latest)
    words = _("next draw between %(days)s", days=between_words(planned.earliest, planned.latest))
    if planned.overdue_days:
        words = _("draw overdue, was due by %(day)s", day=day_words(planned.latest))
    elif columns(words) * 7.2 > pic.frame.width:
        words = range_words(planned.earliest, planned.latest)
    due = pic.scale.x(planned.due)
    return [
        box(x1, _TOP - 20, max(3.0, x2 - x1), bottom - _TOP + 20, "next-draw"),
        line(due, top, due, bottom, "due"),
        _header(pic, (x1 + x2) / 2, 14, words, "small strong"),
    ]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What the picture cannot show and the table does."""

    undated: int
    outside: int


def left_out(chart: Chart, decision: Decision, today: date) -> LeftOut:
    """Draws, statuses and scans that have no date or lie outside the picture's time."""
    return left_out_of(picture_of(chart, decision, today))


def left_out_of(pic: Picture) -> LeftOut:
    """The same, of a picture under way."""
    chart, scale = pic.chart, pic.scale
    dates = [d.date for d in chart.draws] + [w.date for w in chart.withdrawn] + [o.date for o in chart.ordered]
    dates += [s.date for s in chart.statuses]
    dates += [v.date for v in chart.visits if v.kind.value == "scan"]
    return LeftOut(sum(1 for d in dates if d is None), sum(1 for d in dates if d is not None and not scale.holds(d)))
