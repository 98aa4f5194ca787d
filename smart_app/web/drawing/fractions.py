"""The lane of variant fractions, on a logarithmic scale.

A line joins two points only where laboratory and assay are named and the same, no other draw lies between, both are
final, and no more than half a year has passed: everything else would draw a trend that nobody measured.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import pairwise

from markupsafe import Markup

from smart_app.domain.facts import NOT_BLOOD, Draw, Finding, Part, Standing
from smart_app.domain.variants import label
from smart_app.web import words
from smart_app.web.drawing.beside import Spot, labels, labels_below, limits, stands_below
from smart_app.web.drawing.marks import point
from smart_app.web.drawing.picture import Lane, Picture
from smart_app.web.drawing.scales import LogScale, lowest_decade
from smart_app.web.drawing.svg import line, path, text
from smart_app.web.i18n import _, date_words
from smart_app.web.rows import row_id

_HEIGHT = 148.0
_LABEL = 13.5  # from one label to the next
_CROWD, _CLOSE = 24, 18.0  # points, units between draws: beyond, points between two others on a line are small
_LONGEST = timedelta(days=184)
Laboratories = dict[tuple[str | None, str | None], int]


def blood_draws(pic: Picture) -> list[tuple[int, Draw]]:
    """Draws whose fractions are drawn, oldest first; those of tissue and of other fluids are another quantity."""
    held = [
        (n, d)
        for n, d in enumerate(pic.chart.draws)
        if d.date is not None and pic.scale.holds(d.date) and d.specimen not in NOT_BLOOD
    ]
    return sorted(held, key=lambda item: (item[1].date.first if item[1].date else pic.today, item[0]))


def letters(draws: list[tuple[int, Draw]]) -> dict[str, str]:
    """A letter for each variant in the order of appearance; none where there is but one."""
    names = list(dict.fromkeys(label(f) for _n, d in draws for f in d.findings))
    if len(names) < 2:
        return dict.fromkeys(names, "")
    return {name: chr(ord("A") + n) if n < 26 else str(n + 1) for n, name in enumerate(names)}


def fraction_lane(pic: Picture, top: float, laboratories: Laboratories) -> Lane:
    draws = blood_draws(pic)
    known = letters(draws)
    if not known:
        said = _("no variant reported") if draws else pic.nothing(Part.RESULTS)
        return pic.empty(_("Plasma VAF"), top, said)
    marks = [pic.name(_("Plasma VAF"), top, _("log scale"))]
    begin = top + pic.head + 14
    height = max(_HEIGHT - 14, _HEIGHT + 14.0 * (min(len(known), 12) - 4), _LABEL * (len(known) - 1))
    axis = LogScale(begin, begin + height, lowest_decade(pic.chart))
    bottom = axis.bottom + 22
    marks += _grid(pic, axis)
    joins = _joins(draws)
    spots = _spots(pic, draws, axis, joins)
    unplaced = [s for s in spots if s.y is None]
    if unplaced:
        marks.append(_unplaced_name(pic, bottom))
    marks += limits(pic, draws, axis, spots)
    placed = {(s.number, s.name): s for s in spots if s.y is not None}
    marks += [_trend(placed[before, name], placed[after, name]) for before, after, name in joins]
    marks += [_spot(pic, spot, known, laboratories, bottom) for spot in spots if spot.small]
    marks += [_spot(pic, spot, known, laboratories, bottom) for spot in spots if not spot.small]
    newest = {spot.name: spot for spot in placed.values()}
    end = bottom + 14 if unplaced else axis.bottom + 12
    if stands_below(pic.frame, len(known)):
        below = labels_below(pic, newest, known, end)
        return Lane([*marks, *below], end + 15 * len(below) - top)
    marks += labels(pic, newest, list(placed.values()), known, axis)
    return Lane(marks, end - top)


def _grid(pic: Picture, axis: LogScale) -> list[Markup]:
    made = []
    for value in axis.decades():
        y = axis.y(value)
        made.append(line(pic.frame.left, y, pic.frame.right, y, "grid"))
        shown = f"{value.scaleb(2).normalize():f} %"
        if pic.frame.above:
            made.append(text(pic.frame.left, y - 2, shown, "tick"))
        else:
            made.append(text(pic.frame.left - 6, y + 4, shown, "tick", "end"))
    return made


def _unplaced_name(pic: Picture, y: float) -> Markup:
    if pic.frame.above:
        return text(pic.frame.left, y + 4, _("no amount"), "tick")
    return text(pic.frame.left - 6, y + 4, _("no amount"), "tick", "end")


def _spots(pic: Picture, draws: list[tuple[int, Draw]], axis: LogScale, joins: list[Join]) -> list[Spot]:
    """Points of one draw that would cover each other are set side by side."""
    dense = _dense(pic, [d for _n, d in draws if d.findings])
    from_, to = {(n, name) for n, _m, name in joins}, {(n, name) for _m, n, name in joins}
    inner = from_ & to if dense else set()
    made = []
    for number, draw in draws:
        assert draw.date is not None  # noqa: S101 - sifted
        middle = pic.scale.middle(draw.date)
        taken: dict[int, list[tuple[float, float]]] = {}
        named = [(label(f), f, axis.y(f.vaf) if f.vaf is not None else None) for f in draw.findings]
        for name, finding, y in sorted(named, key=lambda p: (p[2] is None, p[2] or 0.0, p[0])):
            at, small = (axis.bottom + 22 if y is None else y), (number, name) in inner
            half = 3.5 if small else 6.5
            column = next(c for c in _COLUMNS if all(abs(at - o) >= half + h for o, h in taken.get(c, [])))
            taken.setdefault(column, []).append((at, half))
            made.append(Spot(number, draw, finding, name, middle + column * 2 * half, y, small))
    return made


def _dense(pic: Picture, draws: list[Draw]) -> bool:
    """Whether letters at all points would cover each other."""
    places = [pic.scale.middle(d.date) for d in draws if d.date is not None]
    close = len(places) > 2 and (max(places) - min(places)) / (len(places) - 1) < _CLOSE
    return close or sum(len(d.findings) for d in draws) > _CROWD


_COLUMNS = (0, 1, -1, 2, -2, *range(3, 400))
Join = tuple[int, int, str]  # of a draw to the next one, of a variant


def comparable(a: Draw, one: Finding, b: Draw, two: Finding) -> bool:
    """Whether a line may join the two."""
    if a.laboratory is None or a.assay is None or (a.laboratory, a.assay) != (b.laboratory, b.assay):
        return False
    if a.standing is not Standing.FINAL or b.standing is not Standing.FINAL or a.specimen is not b.specimen:
        return False
    if one.vaf_comparator or two.vaf_comparator or one.vaf is None or two.vaf is None:
        return False
    days = (a.date.exact if a.date else None, b.date.exact if b.date else None)
    return days[0] is not None and days[1] is not None and days[1] - days[0] <= _LONGEST


def _joins(draws: list[tuple[int, Draw]]) -> list[Join]:
    made = []
    for (before, a), (after, b) in pairwise(draws):
        if a.findings and b.findings:
            ones, twos = {label(f): f for f in a.findings}, {label(f): f for f in b.findings}
            made += [(before, after, n) for n, f in ones.items() if n in twos and comparable(a, f, b, twos[n])]
    return made


def _trend(one: Spot, two: Spot) -> Markup:
    return line(one.x, one.y or 0.0, two.x, two.y or 0.0, "trend")


def _spot(pic: Picture, spot: Spot, known: dict[str, str], laboratories: Laboratories, bottom: float) -> Markup:
    draw = spot.draw
    y = bottom if spot.y is None else spot.y
    open_ = spot.finding.below_limit or draw.standing is not Standing.FINAL or spot.y is None
    letter = "" if spot.small else known[spot.name]
    number = laboratories[(draw.laboratory, draw.assay)]
    shapes = [point(number, letter, 0, 0, open_=open_, small=spot.small)]
    sign = spot.finding.vaf_comparator or ""
    if sign.startswith("<"):
        shapes.append(path("M-4 9h8l-4 5z", "m-full"))
    elif sign.startswith(">"):
        shapes.append(path("M-4 -9h8l-4 -5z", "m-full"))
    part = 1 + next(n for n, f in enumerate(draw.findings) if f is spot.finding)
    return pic.linked(row_id("draw", spot.number), partial(_name, spot), *shapes, x=spot.x, y=y, part=part)


def _name(spot: Spot) -> str:
    draw = spot.draw
    notes = words.finding_notes(spot.finding)
    if draw.standing is not Standing.FINAL:
        notes.append(_(words.STANDINGS[draw.standing]))
    said = ", ".join([f"{spot.name} {words.amount(spot.finding)}", date_words(draw.date), *notes])
    return said + f"; {words.place(draw) or _('laboratory not named')}{words.attested_words(draw.sources)}"
