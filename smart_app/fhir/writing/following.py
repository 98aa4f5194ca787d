"""A new draw result ends a plan: the old one is completed, and the next one follows it (``replaces``)."""

from __future__ import annotations

from datetime import date

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import NOT_BLOOD, Chart, Draw, Standing
from smart_app.domain.wording import date_words, day_words
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.identity import FLAG_URL
from smart_app.fhir.writing.patching import activity_kind, is_open, noted


def _dated(chart: Chart) -> list[tuple[PartialDate, Draw]]:
    """Final results of draws with a date; a sample that is not blood and a preliminary result end no plan."""
    return [
        (d.date, d)
        for d in chart.draws
        if d.date is not None and d.standing is Standing.FINAL and d.specimen not in NOT_BLOOD
    ]


def newest_draw(chart: Chart) -> PartialDate | None:
    """The day of the newest draw with a final result; None where none has a date."""
    found = [day for day, _ in _dated(chart)]
    return max(found, key=lambda day: (day.last, day.first)) if found else None


def result_since(stored: Json, chart: Chart) -> PartialDate | None:
    """The day of a draw that is surely later than those the stored plan rests on; None where there is none.

    The plan says itself which was its newest draw; else the results it names tell. A plan that tells neither is
    continued, not followed.
    """
    newest = newest_draw(chart)
    if newest is None:
        return None
    known = {text(r.get("reference")) for r in items(stored.get("supportingInfo"))}
    rested = [day for day, draw in _dated(chart) if any(s.reference in known for s in draw.sources)]
    flags = [e for e in items(stored.get("extension")) if e.get("url") == FLAG_URL]
    said = _said(flags[-1]) if flags else None
    if said is not None:
        rested.append(said)
    if rested:
        return newest if newest.first > max(day.last for day in rested) else None
    created = _day(stored.get("created"))
    # a plan of ours that rests on no draw at all: any draw since it was made is new
    return newest if flags and created is not None and newest.first >= created.last else None


def _said(flag: Json) -> PartialDate | None:
    return next(
        (_day(p.get("valueDateTime")) for p in items(flag.get("extension")) if p.get("url") == "lastDraw"), None
    )


def _day(value: object) -> PartialDate | None:
    try:
        return PartialDate.parse((text(value) or "")[:10])
    except ValueError:
        return None


def followed(stored: Json, drawn: PartialDate, today: date, signature: Json) -> Json:
    """The stored plan completed, because the result of the draw of that day is there. Nothing is deleted."""
    said = (
        f"This plan was completed on {day_words(today)}: the result of the draw of {date_words(drawn)} is there. "
        "The next plan follows it."
    )
    made = noted({**stored, "status": "completed"}, said, today, signature)
    if "activity" in stored:
        made["activity"] = [_ended(a) for a in stored["activity"]]
    return made


def _ended(activity: Json) -> Json:
    """The draw has been done; an open review goes on in the next plan."""
    kind = activity_kind(activity)
    if kind is None or not is_open(activity):
        return activity
    ended = (
        {"status": "completed"}
        if kind == "draw"
        else {"status": "cancelled", "statusReason": {"text": "Goes on in the plan that follows this one"}}
    )
    return {**activity, "detail": {**obj(activity.get("detail")), **ended}}
