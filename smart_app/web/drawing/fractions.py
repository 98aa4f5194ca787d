"""The lane of variant fractions, on a logarithmic scale.

A line joins two points only where laboratory and assay are named and the same, no other draw lies between, both are
final, and no more than half a year has passed: everything else would draw a trend that nobody measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from markupsafe import Markup

from smart_app.domain.facts import NOT_BLOOD, Chart, Draw, Finding, Part, Standing
from smart_app.domain.variants import label
from smart_app.domain.wording import percent_words
from smart_app.web import words
from smart_app.web.drawing.marks import point
from smart_app.web.drawing.picture import Lane, Picture, linked
from smart_app.web.drawing.scales import LogScale, lowest_decade
from smart_app.web.drawing.svg import line, path, text
from smart_app.web.i18n import _, date_words
from smart_app.web.rows import row_id

_HEIGHT = 148.0
_LETTER = 7.9  # units that a bold letter takes, for the widest of the system fonts
_LONGEST = timedelta(days=184)
Laboratories = dict[tuple[str | None, str | None], int]


@dataclass(frozen=True, slots=True)
class Spot:
    """One finding of one draw in the picture. ``y`` None: no amount that can be placed on the scale."""

    number: int
    draw: Draw
    finding: Finding
    x: float
    y: float | None


def blood_draws(pic: Picture) -> list[tuple[int, Draw]]:
    """Draws whose fractions are drawn, oldest first; those of tissue and of other fluids are another quantity."""
    held = [
        (n, d)
        for n, d in enumerate(pic.chart.draws)
        if d.date is not None and pic.scale.holds(d.date) and d.specimen not in NOT_BLOOD
    ]
    return sorted(held, key=lambda item: (item[1].date.first if item[1].date else pic.today, item[0]))


def letters(pic: Picture) -> dict[str, str]:
    """A letter for each variant in the order of appearance; none where there is but one."""
    names = list(dict.fromkeys(label(f) for _, d in blood_draws(pic) for f in d.findings))
    if len(names) < 2:
        return dict.fromkeys(names, "")
    return {name: chr(ord("A") + n) if n < 26 else str(n + 1) for n, name in enumerate(names)}


def fraction_lane(pic: Picture, top: float, laboratories: Laboratories) -> Lane:
    draws = blood_draws(pic)
    if not any(d.findings for _, d in draws):
        said = _("no variant reported") if draws else pic.nothing(Part.RESULTS)
        return pic.empty(_("Plasma VAF"), top, said)
    marks = [pic.name(_("Plasma VAF"), top, _("log scale"))]
    axis = LogScale(top + pic.head + 14, top + pic.head + _HEIGHT, lowest_decade(pic.chart))
    bottom = axis.bottom + 22
    marks += _grid(pic, axis)
    spots = _spots(pic, draws, axis)
    unplaced = [s for s in spots if s.y is None]
    if unplaced:
        marks.append(_unplaced_name(pic, bottom))
    marks += _limits(pic, draws, axis)
    marks += _joins(draws, spots)
    known = letters(pic)
    for spot in spots:
        marks.append(_spot(spot, known, laboratories, bottom))
    marks += _labels(pic, [s for s in spots if s.y is not None], known, axis)
    return Lane(marks, (bottom + 14 if unplaced else axis.bottom + 12) - top)


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


def _spots(pic: Picture, draws: list[tuple[int, Draw]], axis: LogScale) -> list[Spot]:
    """Points of one draw that would cover each other are set side by side."""
    made = []
    for number, draw in draws:
        assert draw.date is not None  # noqa: S101 - sifted
        middle = pic.scale.middle(draw.date)
        taken: dict[int, list[float]] = {}
        places = [axis.y(f.vaf) if f.vaf is not None else None for f in draw.findings]
        for finding, y in sorted(
            zip(draw.findings, places, strict=True), key=lambda p: (p[1] is None, p[1] or 0.0, label(p[0]))
        ):
            at = axis.bottom + 22 if y is None else y
            column = next(
                c for c in (0, 1, -1, 2, -2, *range(3, 40)) if all(abs(at - o) >= 13 for o in taken.get(c, []))
            )
            taken.setdefault(column, []).append(at)
            made.append(Spot(number, draw, finding, middle + column * 13.0, y))
    return made


def _limits(pic: Picture, draws: list[tuple[int, Draw]], axis: LogScale) -> list[Markup]:
    """The limit of detection, over the time in which one laboratory's assay stated it."""
    spans: dict[tuple[object, ...], list[float]] = {}
    for _number, draw in draws:
        if draw.limit is not None and draw.limit > 0 and draw.date is not None:
            spans.setdefault((draw.limit, draw.laboratory, draw.assay), []).append(pic.scale.middle(draw.date))
    made = []
    named: set[object] = set()
    for (limit, *_place), places in spans.items():
        y = axis.y(limit)  # type: ignore[arg-type]
        x1, x2 = max(pic.frame.left, min(places) - 12), min(pic.frame.right, max(places) + 12)
        made.append(line(x1, y, x2, y, "limit"))
        if limit not in named:
            named.add(limit)
            end = x1 + 110 > pic.frame.right
            shown = _("limit %(amount)s", amount=percent_words(limit))  # type: ignore[arg-type]
            made.append(text(x2 if end else x1, y + 12, shown, "tick halo", "end" if end else None))
    return made


def _comparable(one: Spot, two: Spot) -> bool:
    a, b = one.draw, two.draw
    if a.laboratory is None or a.assay is None or (a.laboratory, a.assay) != (b.laboratory, b.assay):
        return False
    if a.standing is not Standing.FINAL or b.standing is not Standing.FINAL or a.specimen is not b.specimen:
        return False
    if one.finding.vaf_comparator or two.finding.vaf_comparator or one.y is None or two.y is None:
        return False
    days = (a.date.exact if a.date else None, b.date.exact if b.date else None)
    return days[0] is not None and days[1] is not None and days[1] - days[0] <= _LONGEST


def _joins(draws: list[tuple[int, Draw]], spots: list[Spot]) -> list[Markup]:
    order = [number for number, _ in draws]
    made = []
    by_draw: dict[int, dict[str, Spot]] = {}
    for spot in spots:
        by_draw.setdefault(spot.number, {})[label(spot.finding)] = spot
    for before, after in pairwise(order):
        for name, one in by_draw.get(before, {}).items():
            two = by_draw.get(after, {}).get(name)
            if two is not None and _comparable(one, two) and one.y is not None and two.y is not None:
                made.append(line(one.x, one.y, two.x, two.y, "trend"))
    return made


def _spot(spot: Spot, known: dict[str, str], laboratories: Laboratories, bottom: float) -> Markup:
    name = label(spot.finding)
    draw = spot.draw
    notes = words.finding_notes(spot.finding)
    if draw.standing is not Standing.FINAL:
        notes.append(_(words.STANDINGS[draw.standing]))
    said = ", ".join([f"{name} {words.amount(spot.finding)}", date_words(draw.date), *notes])
    said += f"; {words.place(draw) or _('laboratory not named')}{words.attested_words(draw.sources)}"
    y = bottom if spot.y is None else spot.y
    open_ = spot.finding.below_limit or draw.standing is not Standing.FINAL or spot.y is None
    shapes = [point(laboratories[(draw.laboratory, draw.assay)], known[name], spot.x, y, open_=open_)]
    sign = spot.finding.vaf_comparator or ""
    if sign.startswith("<"):
        shapes.append(path(f"M{spot.x - 4:.1f} {y + 9:.1f}h8l-4 5z", "m-full"))
    elif sign.startswith(">"):
        shapes.append(path(f"M{spot.x - 4:.1f} {y - 9:.1f}h8l-4 -5z", "m-full"))
    return linked(row_id("draw", spot.number), said, *shapes, x=spot.x, y=y)


def _labels(pic: Picture, spots: list[Spot], known: dict[str, str], axis: LogScale) -> list[Markup]:
    """Each variant's name and amount once, at its newest point; labels that would cover each other are moved."""
    newest: dict[str, Spot] = {}
    for spot in spots:
        newest[label(spot.finding)] = spot
    used: list[tuple[float, float, float]] = []
    made = []
    for name, spot in sorted(newest.items(), key=lambda item: item[1].y or 0.0):
        shown = _label(spot.finding, known[name])
        wide = len(shown) * _LETTER
        edge = max((s.x for s in spots if s.number == spot.number), default=spot.x)
        left = edge + 12 + wide > pic.frame.width
        back = min((s.x for s in spots if s.number == spot.number), default=spot.x)
        x = back - 11 if left else edge + 11
        x1 = x - wide if left else x
        y = (spot.y or 0.0) + 4
        while any(abs(y - uy) < 13 and x1 < ux2 and x1 + wide > ux1 for ux1, ux2, uy in used):
            y += 3
        if y > axis.bottom + 16:
            y = min((u[2] for u in used), default=y) - 13
        used.append((x1, x1 + wide, y))
        made.append(text(x, y, shown, "halo point-name", "end" if left else None))
    return made


def _label(finding: Finding, letter: str) -> str:
    amount = percent_words(finding.vaf, finding.vaf_comparator) if finding.vaf is not None else ""
    name = words.shortened(label(finding).removeprefix("p."), 22)
    return " ".join(part for part in (letter, name, words.shortened(amount, 14)) if part)


def label_room(chart: Chart) -> tuple[date | None, float]:
    """The day of the newest fraction, and how wide the words beside it are: the time axis leaves room for them."""
    dated = [d for d in chart.draws if d.date is not None and d.specimen not in NOT_BLOOD and d.findings]
    newest = max(dated, key=lambda d: d.date.first if d.date else date.min, default=None)
    if newest is None or newest.date is None:
        return None, 0.0
    crowd = 13.0 * (len(newest.findings) > 4)  # points set aside to the right
    return newest.date.last, min(210.0, 14 + crowd + max(_LETTER * len(_label(f, "A")) for f in newest.findings))
