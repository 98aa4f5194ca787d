"""The lanes of disease status, scans, and visits ahead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from markupsafe import Markup

from smart_app.domain.facts import DiseaseStatus, Extent, Part, Spread, Visit, VisitKind
from smart_app.web import words
from smart_app.web.drawing.marks import lettered, status
from smart_app.web.drawing.picture import Lane, Picture, spread_rows
from smart_app.web.drawing.svg import path, text
from smart_app.web.i18n import _, date_words
from smart_app.web.rows import row_id

_HEIGHT, _STEP = 32.0, 20.0
_ROWS = 6
Maker = Callable[[float, float], Markup]  # draws a mark at a place


def disease_lane(pic: Picture, top: float) -> Lane:
    y = top + pic.head + 16
    found: list[tuple[float, str, Maker]] = []
    known = [
        (s.known_on.first, n, s)
        for n, s in enumerate(pic.chart.spread)
        if s.extent is not Extent.EARLY and s.known_on is not None and pic.scale.holds(s.known_on)
    ]
    for day, n, spread in sorted(known, key=lambda k: (k[0], k[1]))[:1]:
        word = _("advanced") + words.attested_sign(spread.sources)
        found.append((pic.scale.x(day), word, partial(_advanced, pic, n, spread)))
    for n, one in enumerate(pic.chart.statuses):
        if one.date is not None and pic.scale.holds(one.date):
            word = _(words.PROGRESS[one.status]) + words.attested_sign(one.sources)
            found.append((pic.scale.middle(one.date), word, partial(_status, pic, n, one)))
    if not found:
        return pic.empty(_("Disease"), top, pic.nothing(Part.STATUS, Part.DISEASE))
    found.sort(key=lambda item: item[0])
    rows = spread_rows([x for x, _word, _make in found], 16.0, _ROWS)
    made: list[Markup] = []
    next_one: dict[int, float] = {}
    for (x, word, make), row in zip(reversed(found), reversed(rows), strict=True):
        at = y + row * _STEP
        made.append(make(x, at))
        # a mark's word stands beside it where there is room before the next one
        if next_one.get(row, pic.frame.right) - x > 20 + 6.4 * len(word):
            made.append(text(x + 11, at + 4, word, "small halo"))
        next_one[row] = x
    return Lane([pic.name(_("Disease"), top), *reversed(made)], pic.head + _HEIGHT + _STEP * max(rows))


def _advanced(pic: Picture, number: int, spread: Spread, x: float, y: float) -> Markup:
    def name() -> str:
        site = words.site_words(spread.site)
        said = _("Advanced disease known since %(day)s", day=date_words(spread.known_on))
        return said + (f", {site}" if site else "") + words.attested_words(spread.sources)

    return pic.linked(row_id("spread", number), name, lettered("M", 0, 0), x=x, y=y)


def _status(pic: Picture, number: int, one: DiseaseStatus, x: float, y: float) -> Markup:
    def name() -> str:
        said = _("disease %(status)s", status=_(words.PROGRESS[one.status]))
        return f"{date_words(one.date)}: {said}{words.attested_words(one.sources)}"

    return pic.linked(row_id("status", number), name, status(one.status, 0, 0), x=x, y=y)


def scan_lane(pic: Picture, top: float) -> Lane:
    return _visits(pic, top, _("Scans"), [(n, v) for n, v in enumerate(pic.chart.visits) if v.kind is VisitKind.SCAN])


def visit_lane(pic: Picture, top: float) -> Lane:
    """Visits that are over say nothing about the next draw: they are in the table only."""
    ahead = [(n, v) for n, v in enumerate(pic.chart.visits) if v.kind is VisitKind.VISIT and v.date.last >= pic.today]
    return _visits(pic, top, _("Visits ahead"), ahead)


def _visits(pic: Picture, top: float, name: str, found: list[tuple[int, Visit]]) -> Lane:
    """Scans and visits of nearly the same day stand above each other; what finds no room is counted in one mark."""
    held = sorted(
        ((pic.scale.middle(v.date), n, v) for n, v in found if pic.scale.holds(v.date)), key=lambda item: item[:2]
    )
    if not held:
        return pic.empty(name, top, pic.nothing(Part.VISITS))
    rows = spread_rows([x for x, _, _ in held], 17.0, _ROWS + 1)
    y0 = top + pic.head + 16
    marks = [pic.name(name, top)]
    crowds: list[list[tuple[float, int, Visit]]] = []
    for one, row in zip(held, rows, strict=True):
        if row < _ROWS:
            marks.append(_visit(pic, one[1], one[2], one[0], y0 + row * _STEP))
        elif crowds and one[0] - crowds[-1][0][0] < 30:
            crowds[-1].append(one)
        else:
            crowds.append([one])
    marks += [_crowd(pic, crowd, y0 + _ROWS * _STEP) for crowd in crowds]
    return Lane(marks, pic.head + _HEIGHT + _STEP * max(rows))


def _visit_name(visit: Visit) -> str:
    state = _("cancelled") if visit.cancelled else _("done") if visit.done else _("planned")
    kind = _("Scan") if visit.kind is VisitKind.SCAN else _("Visit")
    return f"{kind} {date_words(visit.date)}, {state}{f': {visit.text}' if visit.text else ''}"


def _visit(pic: Picture, number: int, visit: Visit, x: float, y: float) -> Markup:
    sign = "S" if visit.kind is VisitKind.SCAN else "V"
    class_ = "m-ring" if visit.cancelled else "m-soft" if visit.done or visit.date.last < pic.today else "m-open"
    shapes = [lettered(sign, 0, 0, class_)]
    if visit.cancelled:
        shapes.append(path("M-9 8l18 -16", "m-line"))
    return pic.linked(row_id("visit", number), partial(_visit_name, visit), *shapes, x=x, y=y)


def _crowd(pic: Picture, crowd: list[tuple[float, int, Visit]], y: float) -> Markup:
    """Visits that the picture has no room for, as one mark: it leads to the first of them, its name has them all."""
    x, number, first = crowd[0]
    if len(crowd) == 1:
        return _visit(pic, number, first, x, y)
    face = text(0, 4, f"+{len(crowd)}", "m-word", "middle")
    names = f"+{len(crowd)}: " + "; ".join(_visit_name(visit) for _x, _n, visit in crowd)
    return pic.linked(row_id("visit", number), lambda: names, face, x=x, y=y, part=len(crowd))
