"""The lanes of disease status, scans, and visits ahead."""

from __future__ import annotations

from datetime import date
from itertools import zip_longest

from markupsafe import Markup

from smart_app.domain.facts import Extent, Part, Visit, VisitKind
from smart_app.web import words
from smart_app.web.drawing.marks import lettered, status
from smart_app.web.drawing.picture import Lane, Picture, linked, spread_rows
from smart_app.web.drawing.svg import path, text
from smart_app.web.i18n import _, date_words
from smart_app.web.rows import row_id

_HEIGHT = 32.0


def disease_lane(pic: Picture, top: float) -> Lane:
    y = top + pic.head + 16
    made: list[tuple[float, str, Markup]] = []
    known = [
        (s.known_on.first, n, s)
        for n, s in enumerate(pic.chart.spread)
        if s.extent is not Extent.EARLY and s.known_on is not None and pic.scale.holds(s.known_on)
    ]
    for _day, n, spread in sorted(known, key=lambda k: (k[0], k[1]))[:1]:
        x = pic.scale.x(spread.known_on.first) if spread.known_on else 0.0
        site = words.site_words(spread.site)
        said = _("Advanced disease known since %(day)s", day=date_words(spread.known_on))
        said += (f", {site}" if site else "") + words.attested_words(spread.sources)
        mark = linked(row_id("spread", n), said, lettered("M", x, y), x=x, y=y)
        made.append((x, _("advanced") + words.attested_sign(spread.sources), mark))
    for n, one in enumerate(pic.chart.statuses):
        if one.date is not None and pic.scale.holds(one.date):
            x = pic.scale.middle(one.date)
            status_words = _(words.PROGRESS[one.status])
            said = f"{date_words(one.date)}: {_('disease %(status)s', status=status_words)}"
            said += words.attested_words(one.sources)
            mark = linked(row_id("status", n), said, status(one.status, x, y), x=x, y=y)
            made.append((x, status_words + words.attested_sign(one.sources), mark))
    if not made:
        return pic.empty(_("Disease"), top, pic.nothing(Part.STATUS, Part.DISEASE))
    return Lane([pic.name(_("Disease"), top), *_with_words(pic, made, y)], pic.head + _HEIGHT)


def _with_words(pic: Picture, items: list[tuple[float, str, Markup]], y: float) -> list[Markup]:
    """A mark's word stands beside it where there is room before the next one."""
    ordered = sorted(items, key=lambda item: item[0])
    made = []
    for here, after in zip_longest(ordered, ordered[1:]):
        x, word, mark = here
        free = (after[0] if after else pic.frame.right) - x
        made.append(mark)
        if free > 20 + 6.4 * len(word):
            made.append(text(x + 11, y + 4, word, "small"))
    return made


def scan_lane(pic: Picture, top: float) -> Lane:
    return _visits(pic, top, _("Scans"), [(n, v) for n, v in enumerate(pic.chart.visits) if v.kind is VisitKind.SCAN])


def visit_lane(pic: Picture, top: float) -> Lane:
    """Visits that are over say nothing about the next draw: they are in the table only."""
    ahead = [(n, v) for n, v in enumerate(pic.chart.visits) if v.kind is VisitKind.VISIT and v.date.last >= pic.today]
    return _visits(pic, top, _("Visits ahead"), ahead)


def _visits(pic: Picture, top: float, name: str, found: list[tuple[int, Visit]]) -> Lane:
    """Scans and visits of nearly the same day stand above each other."""
    held = sorted(
        ((pic.scale.middle(v.date), n, v) for n, v in found if pic.scale.holds(v.date)), key=lambda item: item[:2]
    )
    if not held:
        return pic.empty(name, top, pic.nothing(Part.VISITS))
    rows = spread_rows([x for x, _, _ in held], 18.0, 3)
    y0 = top + pic.head + 16
    marks = [pic.name(name, top)]
    for (x, n, visit), row in zip(held, rows, strict=True):
        marks.append(_visit(n, visit, x, y0 + row * 20, pic.today))
    return Lane(marks, pic.head + _HEIGHT + 20 * max(rows))


def _visit(number: int, visit: Visit, x: float, y: float, today: date) -> Markup:
    state = _("cancelled") if visit.cancelled else _("done") if visit.done else _("planned")
    kind, sign = (_("Scan"), "S") if visit.kind is VisitKind.SCAN else (_("Visit"), "V")
    said = f"{kind} {date_words(visit.date)}, {state}{f': {visit.text}' if visit.text else ''}"
    class_ = "m-ring" if visit.cancelled else "m-soft" if visit.done or visit.date.last < today else "m-open"
    shapes = [lettered(sign, x, y, class_)]
    if visit.cancelled:
        shapes.append(path(f"M{x - 9:.1f} {y + 8}l18 -16", "m-line"))
    return linked(row_id("visit", number), said, *shapes, x=x, y=y)
