"""What is new in the record: since the last draw, and since the plan was last written."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime

from smart_app.domain.dates import PartialDate
from smart_app.fhir.reading.record import Json, obj, text, when
from smart_app.web.chart import ChartView
from smart_app.web.i18n import N_, _, date_words
from smart_app.web.rows import Row

NEWS = 6


@dataclass(frozen=True, slots=True)
class News:
    """What the record has since a day; ``more``: how many further facts the table has.

    ``said``: the answer that stood at that time, where it was another one.
    """

    since: str
    rows: list[Row]
    more: int
    said: str = ""


def since_draw(view: ChartView, rows: Sequence[Row]) -> News | None:
    """What is dated after the last draw: what the reader has not thought of at that time."""
    days = [d.date for d in view.chart.draws if d.date is not None and d.date.last <= view.today]
    last = max(days, key=lambda day: day.last, default=None)
    return _news(rows, last, view.today, N_("Since the last draw (%(day)s)")) if last is not None else None


def since_plan(view: ChartView, stored: Json | None, rows: Sequence[Row]) -> News | None:
    """What is dated after the plan was written, or came into the record after it: a result may be reported late."""
    raw = text(obj((stored or {}).get("meta")).get("lastUpdated"))
    written = when(raw, view.launch.issuer.zone)
    if stored is None or written is None or written.exact is None:
        return None
    instant = _instant(raw)
    late = {
        ref for ref, one in view.resources.items() if _after(text(obj(one.get("meta")).get("lastUpdated")), instant)
    }
    news = _news(rows, written, view.today, N_("Since the plan was last written (%(day)s)"), late)
    then = text(stored.get("description")) or ""
    return replace(news, said=then if then != view.decision.headline else "")


def _instant(value: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _after(value: str | None, instant: datetime | None) -> bool:
    found = _instant(value)
    return found is not None and instant is not None and found > instant


def _news(rows: Sequence[Row], day: PartialDate, today: date, what: str, late: Set[str] = frozenset()) -> News:
    """``day``: said with the precision it has. ``late``: resources that were entered or changed since, whatever their
    own date; plans of ours are no news.
    """
    fresh = [
        r
        for r in rows
        if (r.date is not None and day.last < r.date.first <= today)
        or any(s.reference in late and not s.reference.startswith("CarePlan/") for s in r.sources)
    ]
    return News(_(what, day=date_words(day)), fresh[-NEWS:], max(0, len(fresh) - NEWS))
