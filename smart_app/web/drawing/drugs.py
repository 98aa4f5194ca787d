"""The drug lane: a row for each drug, lines of therapy above; uncertain ends fade, a hold is hatched, arrows go on."""

from __future__ import annotations

from datetime import date
from functools import partial
from itertools import zip_longest

from markupsafe import Markup

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import DrugClass, Exposure, Part, Proof
from smart_app.domain.lines import SYSTEMIC
from smart_app.web import words
from smart_app.web.drawing.picture import Lane, Picture, columns, fitted
from smart_app.web.drawing.svg import box, line, path, safe, tag, text
from smart_app.web.i18n import _
from smart_app.web.rows import row_id

_ORDER = list(DrugClass)
_BAR = 12.0
_NAME = 20  # letters of a drug and its class in the left column
Numbered = tuple[int, Exposure]


def drug_lane(pic: Picture, top: float) -> Lane:
    by_drug = _by_drug(pic)
    if not by_drug:
        return pic.empty(_("Drugs"), top, pic.nothing(Part.DRUGS))
    marks = [pic.name(_("Drugs"), top)]
    y = top + pic.head + 2
    if pic.decision.lines:
        marks += _lines(pic, y)
        y += 22
    for drug, stretches in by_drug:
        marks += _drug_row(pic, drug, stretches, y)
        y += 34 if pic.frame.above else 24
    return Lane(marks, y - top + 6)


def _by_drug(pic: Picture) -> list[tuple[str, list[Numbered]]]:
    found: dict[str, list[Numbered]] = {}
    for number, exposure in enumerate(pic.chart.exposures):
        if exposure.drug_class in SYSTEMIC or exposure.drug_class is DrugClass.OVARIAN_SUPPRESSION:
            found.setdefault(exposure.drug, []).append((number, exposure))
    return sorted(found.items(), key=lambda item: (_ORDER.index(item[1][0][1].drug_class), _first(item[1]), item[0]))


def _first(stretches: list[Numbered]) -> date:
    return min((e.start.first for _, e in stretches if e.start is not None), default=date.max)


def _lines(pic: Picture, y: float) -> list[Markup]:
    """A bracket for each line of therapy."""
    made = []
    known = [(therapy, PartialDate.parse(therapy.start).first) for therapy in pic.decision.lines if therapy.start]
    for (therapy, start), after in zip_longest(known, known[1:]):
        x1 = pic.scale.x(start)
        over = PartialDate.parse(therapy.end).last if therapy.end else pic.today
        x2 = max(pic.scale.x(over), x1 + 8)
        until = _("until %(day)s", day=words.any_date(therapy.end)) if therapy.end else _("goes on")
        name = _("Line %(number)s: from %(day)s", number=therapy.number, day=words.any_date(therapy.start))
        d = f"M{x1} {y + 19}v-5H{x2:.1f}" + ("v5" if therapy.end else "")
        room = (pic.scale.x(after[1]) if after else pic.frame.width) - x1
        shown = _("Line %(number)s", number=therapy.number) if room > 50 else str(therapy.number)
        shown = shown if room > 12 else ""
        shapes = box(x1, y, x2 - x1, 22, "touch"), path(d, "bracket"), text(x1 + 2, y + 11, shown, "small")
        made.append(pic.linked(f"line-{therapy.number}", partial("{}, {}".format, name, until), *shapes))
    return made


def _drug_row(pic: Picture, drug: str, stretches: list[Numbered], y: float) -> list[Markup]:
    kind = words.class_words(stretches[0][1])
    if pic.frame.above:
        at = min(max(pic.frame.left, min(_span(pic, e)[0] for _, e in stretches)), pic.frame.right - 190)
        name = text(at, y + 12, fitted(f"{drug}, {kind}", 30), "small halo")
        bar_y = y + 17
    else:
        beside = kind if columns(f"{drug} {kind}") <= _NAME or len(kind) <= 6 else ""  # the table has it whole
        shown = fitted(drug, _NAME - len(beside) - 1 if beside else _NAME)
        label = tag("tspan", shown), tag("tspan", f" {beside}", class_="quiet")
        name = tag("text", *label, x=8, y=y + 15)
        bar_y = y + 5
    bars = [pic.linked(row_id("drug", n), partial(words.exposure_name, e), *_bar(pic, e, bar_y)) for n, e in stretches]
    return [name, *bars, *(_note(pic, e, bar_y) for _, e in stretches)]


def _span(pic: Picture, e: Exposure) -> tuple[float, float]:
    """From the first to the last x that the stretch may cover."""
    scale = pic.scale
    known = [d for d in (e.start, e.last_seen, e.end) if d is not None]
    x1 = scale.x(e.start.first) if e.start is not None else scale.left
    if e.end is not None:
        x2 = scale.x(e.end.last)
    elif e.start is not None and e.start.first > pic.today:
        x2 = scale.right
    else:
        x2 = scale.x(pic.today) if known or e.ongoing else scale.right
    return x1, max(x2, x1 + 4)


def _bar(pic: Picture, e: Exposure, y: float) -> list[Markup]:
    scale, name = pic.scale, pic.frame.name
    if _undated(e):
        return [box(scale.left, y - 6, 170, 24, "touch")]
    x1, x2 = _span(pic, e)
    made = [box(x1, y - 6, x2 - x1, 24, "touch")]
    if e.proofs == {Proof.ORDERED}:
        return [*made, box(x1, y, x2 - x1, _BAR, "bar-order"), *_ends(pic, e, x2, y)]
    solid1 = scale.x(e.start.last) if e.start is not None else _first_seen(pic, e, x2)
    solid2 = _solid_end(pic, e, x2)
    solid1, solid2 = min(solid1, x2), max(solid2, x1)
    if solid1 > solid2:
        solid1 = solid2 = min(solid1, x2)
    if solid1 - x1 > 1:
        made.append(box(x1, y, solid1 - x1, _BAR, "fade", f"url(#{name}-in)"))
    if solid2 - solid1 > 0.5 or (solid1 - x1 <= 1 and x2 - solid2 <= 1):
        made.append(box(solid1, y, max(3.0, solid2 - solid1), _BAR, "bar"))
    if x2 - solid2 > 1:
        made.append(box(solid2, y, x2 - solid2, _BAR, "fade", f"url(#{name}-out)"))
    made += _ends(pic, e, x2, y)
    if e.on_hold:
        held = scale.x(e.on_hold_since.first) if e.on_hold_since is not None else max(x1, x2 - 24)
        if held < x2:
            made.append(box(held, y, x2 - held, _BAR, "hold", f"url(#{name}-hatch)"))
    return made


def _first_seen(pic: Picture, e: Exposure, x2: float) -> float:
    """Where no start is recorded: from when on the record shows the drug for certain."""
    seen = min((d.last for d in (e.last_seen, e.on_hold_since) if d is not None), default=None)
    return min(pic.scale.x(seen), x2) if seen is not None else x2


def _solid_end(pic: Picture, e: Exposure, x2: float) -> float:
    """Up to where the record shows the drug for certain."""
    if e.end is not None:
        return pic.scale.x(e.end.first)
    if e.ongoing is True:
        return x2
    seen = max((d.first for d in (e.last_seen, e.start) if d is not None), default=None)
    return pic.scale.x(seen) if seen is not None else pic.scale.left


def _ends(pic: Picture, e: Exposure, x2: float, y: float) -> list[Markup]:
    made = []
    middle = y + _BAR / 2
    if e.start is not None and e.start.last < pic.scale.first:
        made.append(path(f"M{pic.scale.left + 1:.1f} {middle}l7 -5v10z", "arrow"))
    if e.end is not None and e.end.last < pic.scale.first:
        return made
    if e.end is not None and e.end.day is not None:
        made.append(line(x2, y - 2, x2, y + _BAR + 2, "stop"))
    elif e.end is None and e.ongoing is True:
        made.append(path(f"M{x2:.1f} {y - 3}l8 {_BAR / 2 + 3}l-8 {_BAR / 2 + 3}z", "arrow"))
    return made


def _undated(e: Exposure) -> bool:
    return e.start is None and e.end is None and e.last_seen is None and e.on_hold_since is None and not e.ongoing


def _note(pic: Picture, e: Exposure, y: float) -> Markup:
    """Words beside a bar: of a stretch that has no bar, or that lies before the picture, or whose end is not known."""
    if _undated(e):
        said = _("stopped, dates not recorded") if e.ongoing is False else _("dates not recorded")
        return text(pic.scale.left + 4, y + 10.5, said, "small quiet")
    if e.end is not None and e.end.last < pic.scale.first:
        since = words.any_date(e.start) if e.start is not None else "?"
        return text(pic.scale.left + 12, y + 10.5, f"{since} – {words.any_date(e.end)}", "small halo")
    said = "?" if e.end is None and e.ongoing is not True else ""
    said += words.attested_sign(e.sources)
    return text(min(_span(pic, e)[1] + 3, pic.scale.right - 8), y + 10.5, said, "small") if said else safe("")
