"""The words beside the points of the variants: their names and amounts, and the limits of detection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from smart_app.domain.facts import NOT_BLOOD, Chart, Draw, Finding
from smart_app.domain.variants import label
from smart_app.domain.wording import percent_words
from smart_app.web.drawing.picture import Frame, Picture, columns, fitted
from smart_app.web.drawing.scales import LogScale
from smart_app.web.drawing.svg import line, path, safe, tag, text
from smart_app.web.i18n import _, date_words, month_words

_LETTER, _SMALL = 7.9, 6.9  # units that a bold letter and a small one take, for the widest of the system fonts
_HIGH = 13.0
_FEW = 2  # variants; more have their labels in a column
Box = tuple[float, float, float, float]  # x1, x2, y1, y2


@dataclass(frozen=True, slots=True)
class Spot:
    """One finding of one draw in the picture. ``y`` None: no amount that can be placed on the scale."""

    number: int
    draw: Draw
    finding: Finding
    name: str
    x: float
    y: float | None
    small: bool  # without its letter: one of many, on a line between two that have theirs


def labels(
    pic: Picture, newest: dict[str, Spot], spots: list[Spot], known: dict[str, str], axis: LogScale
) -> list[Markup]:
    """Each variant's name and amount once, at its newest point; of many variants in a column, led to by lines."""
    ordered = sorted(newest.items(), key=lambda item: (item[1].y or 0.0, item[0]))
    last = max((s.number for s in spots if _day(s) == max(map(_day, spots))), default=None)
    if len(ordered) > _FEW:
        return _column(pic, ordered, spots, known, axis, last)
    used: list[Box] = []
    made = []
    for name, spot in ordered:
        shown = _label(spot.finding, known[name])
        wide = columns(shown) * _LETTER
        of_draw = [s.x for s in spots if s.number == spot.number]
        left = max(of_draw) + 12 + wide > pic.frame.width
        x = min(of_draw) - 11 if left else max(of_draw) + 11
        x1 = x - wide if left else x
        y = (spot.y or 0.0) + 4
        while any(x1 < ux2 and x1 + wide > ux1 and abs(y - uy) < _HIGH for ux1, ux2, uy, _y2 in used):
            y += 3
        used.append((x1, x1 + wide, y, y))
        made.append(text(x, y, shown, "halo point-name", "end" if left else None))
    return made


def _day(spot: Spot) -> date:
    return spot.draw.date.first if spot.draw.date is not None else date.min


def _column(
    pic: Picture,
    ordered: list[tuple[str, Spot]],
    spots: list[Spot],
    known: dict[str, str],
    axis: LogScale,
    last: int | None,
) -> list[Markup]:
    """From top to bottom as the points stand, without one covering another; of an older point with its month."""
    shown = [_label(spot.finding, known[name]) for name, spot in ordered]
    when = ["" if spot.number == last else f" ({_month(spot)})" for _name, spot in ordered]
    wide = max(columns(s) * _LETTER + columns(w) * _SMALL for s, w in zip(shown, when, strict=True))
    x = min(max(s.x for s in spots) + 22, pic.frame.width - wide)
    places = _apart([(spot.y or 0.0) for _name, spot in ordered], axis.top, axis.bottom + 4)
    made = []
    for (_name, spot), said, dated, y in zip(ordered, shown, when, places, strict=True):
        made.append(path(f"M{spot.x + 7:.1f} {spot.y or 0.0:.1f}L{x - 9:.1f} {y:.1f}h6", "lead"))
        note = tag("tspan", dated, class_="tick") if dated else safe("")
        made.append(tag("text", said, note, x=x, y=y + 4, class_="halo point-name"))
    return made


def _apart(places: list[float], first: float, last: float) -> list[float]:
    """The ascending places, moved as little as it takes so that they keep apart and inside, where there is room."""
    made: list[float] = []
    for y in places:
        made.append(max(y, made[-1] + _HIGH) if made else max(y, first))
    below = last
    for n in reversed(range(len(made))):
        made[n] = min(made[n], below)
        below = made[n] - _HIGH
    return made


def stands_below(frame: Frame, variants: int) -> bool:
    """Whether the labels stand below the points: beside them they would take the room of the picture."""
    return frame.slim or (frame.above and variants > _FEW)


def labels_below(pic: Picture, newest: dict[str, Spot], known: dict[str, str], top: float) -> list[Markup]:
    """The same where the picture is narrow: a line for each variant below the points, with its newest point's day."""
    made = []
    for n, (name, spot) in enumerate(sorted(newest.items(), key=lambda item: (item[1].y or 0.0, item[0]))):
        said = _label(spot.finding, known[name])
        note = tag("tspan", f"  {date_words(spot.draw.date)}", class_="tick")
        made.append(tag("text", said, note, x=pic.frame.left, y=top + 8 + 15 * n, class_="point-name"))
    return made


def _month(spot: Spot) -> str:
    when = spot.draw.date
    return f"{month_words(when.month)} {when.year}" if when is not None and when.month else date_words(when)


def _label(finding: Finding, letter: str) -> str:
    amount = percent_words(finding.vaf, finding.vaf_comparator) if finding.vaf is not None else ""
    name = fitted(label(finding).removeprefix("p."), 18)
    return " ".join(part for part in (letter, name, fitted(amount, 14)) if part)


def label_room(chart: Chart, frame: Frame) -> tuple[date | None, float]:
    """The day of the newest fraction, and how wide the words beside it are: the time axis leaves room for them."""
    dated = [d for d in chart.draws if d.date is not None and d.specimen not in NOT_BLOOD and d.findings]
    newest = max(dated, key=lambda d: d.date.first if d.date else date.min, default=None)
    found = {label(f): f for d in sorted(dated, key=lambda d: d.date.first if d.date else date.min) for f in d.findings}
    if newest is None or newest.date is None or stands_below(frame, len(found)):
        return None, 0.0
    if len(found) <= _FEW:
        return newest.date.last, min(210.0, 14 + max(_LETTER * columns(_label(f, "A")) for f in newest.findings))
    now = {label(f) for f in newest.findings}
    sizes = [columns(_label(f, "A")) * _LETTER + (0 if name in now else 11 * _SMALL) for name, f in found.items()]
    return newest.date.last, min(240.0, 36 + max(sizes))


def limits(pic: Picture, draws: list[tuple[int, Draw]], axis: LogScale, spots: list[Spot]) -> list[Markup]:
    """The limit of detection, over the time in which a laboratory's assay stated it; its words where they are free."""
    spans: dict[tuple[object, ...], list[float]] = {}
    for _number, draw in draws:
        if draw.limit is not None and draw.limit > 0 and draw.date is not None:
            spans.setdefault((draw.limit, draw.laboratory, draw.assay), []).append(pic.scale.middle(draw.date))
    made = []
    used = [(s.x - 8, s.x + 8, s.y - 8, s.y + 8) for s in spots if s.y is not None]
    if pic.frame.above:  # the words of the scale stand inside
        used += [(pic.frame.left, pic.frame.left + 42, axis.y(d) - 13, axis.y(d) - 1) for d in axis.decades()]
    lines: list[tuple[str, float, float, float]] = []
    for (limit, *_place), places in spans.items():
        y = axis.y(limit)  # type: ignore[arg-type]
        x1, x2 = max(pic.frame.left, min(places) - 12), min(pic.frame.right, max(places) + 12)
        made.append(line(x1, y, x2, y, "limit"))
        used.append((x1, x2, y - 1, y + 1))
        shown = _("limit %(amount)s", amount=percent_words(limit))  # type: ignore[arg-type]
        if shown not in {said for said, *_at in lines}:
            lines.append((shown, x1, x2, y))
    for shown, x1, x2, y in lines:
        wide = len(shown) * _SMALL
        free = [at for at in _beside_line(x1, x2, y, wide) if at[0] >= pic.frame.left and at[1] <= pic.frame.right]
        box = next((at for at in free if not _covers(at, used)), None)
        box = box or (free[0] if free else (x1, x1 + wide, y + 3, y + 13))
        used.append(box)
        made.append(text(box[0], box[3] - 2, shown, "tick halo"))
    return made


def _beside_line(x1: float, x2: float, y: float, wide: float) -> Iterator[Box]:
    """Where a line's words may stand: under and over its beginning and its end, before it, after it."""
    for x in (x1, x2 - wide):
        for top in (y + 2, y - 13):
            yield x, x + wide, top, top + 11
    for x in (x1 - wide - 4, x2 + 4):
        yield x, x + wide, y - 6, y + 5


def _covers(box: Box, used: list[Box]) -> bool:
    return any(box[0] < x2 and box[1] > x1 and box[2] < y2 and box[3] > y1 for x1, x2, y1, y2 in used)
