"""The lane of draws: five outcomes as five marks, the flag where the review was raised, ordered and withdrawn ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from markupsafe import Markup

from smart_app.domain.dates import PartialDate
from smart_app.domain.decision import ReviewAnswer
from smart_app.domain.facts import Draw, Part
from smart_app.web import words
from smart_app.web.drawing.marks import R, draw_mark, draw_notes, flag
from smart_app.web.drawing.picture import Lane, Picture, spread_rows
from smart_app.web.drawing.svg import circle, joined, line, path, text
from smart_app.web.i18n import _, date_words
from smart_app.web.rows import row_id

_APART, _STEP, _ROWS = 19.0, 24.0, 12
Maker = Callable[[float], Markup]  # draws a mark at a height
Laboratories = dict[tuple[str | None, str | None], int]


def draw_lane(pic: Picture, top: float, laboratories: Laboratories) -> Lane:
    """``laboratories``: a number for each laboratory and assay; shown where there is more than one."""
    items = sorted(_items(pic, laboratories), key=lambda item: item[0])
    if not items:
        return pic.empty(_("ctDNA draws"), top, pic.nothing(Part.RESULTS))
    flagged = _flagged(pic)
    first = next((n for n, (_, draw, _make) in enumerate(items) if draw is not None and draw is flagged), None)
    rows = spread_rows([x for x, _, _ in items], _APART, _ROWS, first)
    y0 = top + pic.head + (26 if flagged is not None else 16)
    marks = [pic.name(_("ctDNA draws"), top)]
    step = _STEP + (8 if len(laboratories) > 1 else 0)  # room for the laboratory's number under each mark
    for (x, draw, make), row in zip(items, rows, strict=True):
        y = y0 + row * step
        if draw is not None and draw is flagged:
            marks.append(flag(x, y - R))
            end = x > pic.frame.right - 110
            marks.append(
                text(x - 4 if end else x + 16, y - 14, _("switch review"), "flag-word halo", "end" if end else None)
            )
        marks.append(make(y))
    return Lane(marks, y0 - top + max(rows) * step + (27 if len(laboratories) > 1 else 20))


def _items(pic: Picture, laboratories: Laboratories) -> Iterator[tuple[float, Draw | None, Maker]]:
    """(x, the draw or None, what draws it at a height) of everything in the lane."""
    several = len(laboratories) > 1
    for number, draw in enumerate(pic.chart.draws):
        if draw.date is not None and pic.scale.holds(draw.date):
            number_words = str(laboratories[(draw.laboratory, draw.assay)] + 1) if several else ""
            yield pic.scale.middle(draw.date), draw, _maker(pic, number, draw, number_words)
    for number, order in enumerate(pic.chart.ordered):
        if order.date is not None and pic.scale.holds(order.date):
            x = pic.scale.middle(order.date)
            yield x, None, _ordered(pic, row_id("order", number), order.date, x)
    for number, gone in enumerate(pic.chart.withdrawn):
        if gone.date is not None and pic.scale.holds(gone.date):
            x = pic.scale.middle(gone.date)
            yield x, None, _withdrawn(pic, row_id("gone", number), gone.date, x)


def _flagged(pic: Picture) -> Draw | None:
    """The first draw that the open switch review rests on."""
    review = pic.decision.switch_review
    if review.answer is not ReviewAnswer.RAISED:
        return None
    held = [d for d in pic.chart.draws if pic.scale.holds(d.date) and any(f in review.findings for f in d.findings)]
    return min(held, key=lambda d: d.date.first if d.date else pic.today, default=None)


def _maker(pic: Picture, number: int, draw: Draw, laboratory: str) -> Maker:
    def make(y: float) -> Markup:
        assert draw.date is not None  # noqa: S101 - the caller sifted
        x = pic.scale.middle(draw.date)
        shapes = []
        if draw.date.exact is None:  # the span of days it may mean
            shapes.append(line(pic.scale.x(draw.date.first) - x, 0, pic.scale.x(draw.date.last) - x, 0, "span"))
        shapes.append(draw_mark(draw))
        link = pic.linked(row_id("draw", number), partial(words.draw_name, draw), *shapes, x=x, y=y)
        return joined(link, draw_notes(draw, x, y, laboratory))

    return make


def _ordered(pic: Picture, row: str, day: PartialDate, x: float) -> Maker:
    def make(y: float) -> Markup:
        return pic.linked(
            row, lambda: _("Draw ordered for %(day)s", day=date_words(day)), circle(0, 0, R, "m-ring"), x=x, y=y
        )

    return make


def _withdrawn(pic: Picture, row: str, day: PartialDate, x: float) -> Maker:
    def name() -> str:
        return _("%(day)s: a result that was withdrawn, counts for nothing", day=date_words(day))

    def make(y: float) -> Markup:
        face = circle(0, 0, R - 1, "m-gone"), path("M-8 0h16", "m-gone")
        return pic.linked(row, name, *face, x=x, y=y)

    return make
