"""The legend: only the marks that this picture holds, each drawn as in the picture."""

from __future__ import annotations

from datetime import date

from markupsafe import Markup

from smart_app.domain.decision import Decision
from smart_app.domain.facts import Chart, Draw, Extent, Outcome, Progress, Proof, Standing, VisitKind
from smart_app.web import words
from smart_app.web.drawing import marks
from smart_app.web.drawing.fractions import blood_draws, letters
from smart_app.web.drawing.picture import Picture
from smart_app.web.drawing.svg import box, circle, path, tag, text
from smart_app.web.drawing.timeline import definitions, laboratories, picture_of
from smart_app.web.i18n import _

Entry = tuple[Markup, str]


def _icon(*shapes: Markup) -> Markup:
    return tag("svg", *shapes, viewBox="0 0 26 26", width=26, height=26, aria_hidden="true", class_="timeline-icon")


def legend(chart: Chart, decision: Decision, today: date) -> list[Entry]:
    """(icon, words) of every kind of mark in use."""
    return legend_of(picture_of(chart, decision, today))


def legend_of(pic: Picture) -> list[Entry]:
    """The same, of a picture under way."""
    chart = pic.chart
    made: list[Entry] = []
    for kind in Outcome:
        if any(d.outcome is kind for d in chart.draws):
            made.append((_icon(marks.outcome(kind, 13, 13)), _(words.OUTCOMES[kind])))
    made += _variants_of_draws(chart.draws)
    if chart.ordered:
        made.append((_icon(circle(13, 13, 7, "m-ring")), _("draw ordered")))
    if chart.withdrawn:
        gone = circle(13, 13, 6, "m-gone") + path("M5 13h16", "m-gone")
        made.append((_icon(gone), _("result withdrawn")))
    for progress in Progress:
        if any(s.status is progress for s in chart.statuses):
            made.append(
                (_icon(marks.status(progress, 13, 13)), _("disease %(status)s", status=_(words.PROGRESS[progress])))
            )
    if any(s.extent is not Extent.EARLY and pic.scale.holds(s.known_on) for s in chart.spread):
        made.append((_icon(marks.lettered("M", 13, 13)), _("advanced disease known")))
    for kind_of_visit, sign, said in ((VisitKind.SCAN, "S", _("scan")), (VisitKind.VISIT, "V", _("visit"))):
        if any(v.kind is kind_of_visit for v in chart.visits):
            made.append((_icon(marks.lettered(sign, 13, 13)), said))
    made += _drug_marks(chart)
    shown = [d.sources for d in chart.draws] + [e.sources for e in chart.exposures]
    shown += [s.sources for s in chart.statuses] + [s.sources for s in chart.spread]
    if any(map(words.attested_sign, shown)):
        made.append((_icon(text(13, 18, _(" att.").strip(), "m-lab", "middle")), _("attested by a clinician")))
    return made + _laboratories(pic)


def _variants_of_draws(draws: tuple[Draw, ...]) -> list[Entry]:
    made: list[Entry] = []
    if any(f.below_limit for d in draws for f in d.findings):
        low = marks.outcome(Outcome.DETECTED, 13, 11, hollow=True) + path("M19 17h7l-3.5 4.5z", "m-full")
        made.append((_icon(low), _("detected below the limit of detection")))
    if any(d.uninformative for d in draws):
        made.append((_icon(marks.outcome(Outcome.NOT_DETECTED, 13, 13, weak=True)), _("not detected, uninformative")))
    if any(d.standing is Standing.PROVISIONAL for d in draws):
        made.append((_icon(circle(13, 13, 10.5, "m-ring")), _("ring: preliminary")))
    if any(d.standing is Standing.CONFLICT for d in draws):
        made.append((_icon(text(13, 18, "≠", "m-note", "middle")), _("results of one sample contradict each other")))
    for specimen, sign in marks.SPECIMEN_SIGNS.items():
        if any(d.specimen is specimen for d in draws):
            made.append((_icon(text(13, 18, sign, "m-note", "middle")), _(words.SPECIMENS[specimen])))
    return made


def _drug_marks(chart: Chart) -> list[Entry]:
    made: list[Entry] = []
    shown = chart.exposures
    if any(e.ongoing and e.end is None for e in shown):
        made.append((_icon(box(2, 8, 14, 10, "bar"), path("M16 5l8 8l-8 8z", "arrow")), _("drug goes on")))
    unsure = [e for e in shown if e.start is None or e.start.day is None or (e.end is None and not e.ongoing)]
    unsure += [e for e in shown if e.end is not None and e.end.day is None]
    if unsure:
        made.append(
            (
                _icon(definitions("key"), box(2, 8, 22, 10, "fade", "url(#key-out)")),
                _("faded: start or end not known to the day"),
            )
        )
    if any(e.proofs == {Proof.ORDERED} for e in shown):
        made.append((_icon(box(2, 8, 22, 10, "bar-order")), _("ordered only, no evidence of taking")))
    if any(e.on_hold for e in shown):
        made.append((_icon(definitions("held"), box(2, 8, 22, 10, "hold", "url(#held-hatch)")), _("on hold")))
    return made


def _laboratories(pic: Picture) -> list[Entry]:
    """Which shape and number is which laboratory and assay; which letter is which variant."""
    made: list[Entry] = []
    numbers = laboratories(pic.chart)
    if len(numbers) > 1:
        for (laboratory, assay), number in numbers.items():
            name = ", ".join(w for w in (laboratory, assay) if w) or _("laboratory not named")
            made.append((_icon(marks.point(number, "", 13, 13)), f"{number + 1}: {name}"))
    if draws := blood_draws(pic):
        for name, letter in letters(draws).items():
            if letter:
                made.append((_icon(marks.point(0, letter, 13, 13)), name))
    return made
