"""Our stored plan renewed: what is ours changes, everything of others stays byte for byte.

Nobody else's words are lost: a title that somebody changed in the EHR is kept, a summary or narrative that somebody
changed is renewed (it would tell an old date otherwise) and their words move into a note.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import date

from smart_app.domain.wording import day_words
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.attested import carry
from smart_app.fhir.writing.definitions import URL as DEFINITION_URL
from smart_app.fhir.writing.identity import ACTIVITY_SYSTEM, DRAW, DRAW_TEXT, FLAG_URL, REVIEW, REVIEW_TEXT
from smart_app.fhir.writing.wording import WORDED, worded, words_mark

_OPEN = ("not-started", "scheduled", "on-hold", "in-progress", "unknown")


def mark_of(plan: Json) -> str:
    """Which build of ours this is: digests of inputs and words, and the status; '' where the server dropped them."""
    flag = _last_flag(plan)
    told = {text(p.get("url")): text(p.get("valueString")) for p in items(obj(flag).get("extension"))}
    if told.get("inputDigest") and told.get("words"):
        return f"{told['inputDigest']}:{told['words']}:{plan.get('status')}"
    return ""


def touched(stored: Json) -> tuple[str, ...]:
    """Which of ``WORDED`` somebody has changed since we wrote them."""
    flag = _last_flag(stored)
    told = next((text(p.get("valueString")) for p in items(obj(flag).get("extension")) if p.get("url") == "words"), "")
    known, now = (told or "").split("."), words_mark(stored).split(".")
    if len(known) != len(WORDED):
        return ()
    return tuple(name for name, old, new in zip(WORDED, known, now, strict=True) if old != new)


def _last_flag(plan: Json) -> Json | None:
    return next((e for e in reversed(items(plan.get("extension"))) if e.get("url") == FLAG_URL), None)


def patched(stored: Json, plan: Json, withdrawn: Iterable[str] = ()) -> Json:
    """The stored plan with our elements renewed. ``withdrawn``: results that count for nothing any more."""
    made = dict(stored)
    changed = touched(stored)
    if "title" in plan and "title" not in changed:
        made["title"] = plan["title"]
    for name in ("description", "text"):
        if name in plan:
            made[name] = plan[name]
    period = obj(stored.get("period"))
    made["period"] = {**period, **obj(plan.get("period")), **({"start": period["start"]} if "start" in period else {})}
    if "encounter" in plan and "encounter" not in stored:
        made["encounter"] = plan["encounter"]
    _authorship(made, stored, plan)
    gone = set(withdrawn)
    for name in ("addresses", "supportingInfo"):
        _put(made, name, _united(stored.get(name), items(plan.get(name)), gone))
    carry(made, plan, gone)
    _put(made, "note", _notes(stored, plan, changed))
    _put(made, "instantiatesCanonical", _definitions(stored, plan))
    made["extension"] = _extensions(stored, plan)
    _put(made, "activity", _activities(stored, plan))
    return made


def _put(made: Json, name: str, value: list[object]) -> None:
    if value:
        made[name] = value
    else:
        made.pop(name, None)


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _authorship(made: Json, stored: Json, plan: Json) -> None:
    """The first author stays; who confirms a later version is named as a contributor."""
    author = plan.get("author")
    if author is not None and "author" not in stored:
        made["author"] = author
    elif author is not None and obj(author).get("reference") != obj(stored.get("author")).get("reference"):
        known = _listed(stored.get("contributor"))
        if all(obj(c).get("reference") != obj(author).get("reference") for c in known):
            made["contributor"] = [*known, author]
    if "contained" in stored:
        ours = next((c for c in items(plan.get("contained")) if c.get("id") == "app"), None)
        made["contained"] = [
            ours if ours is not None and obj(c).get("id") == "app" and obj(c).get("resourceType") == "Device" else c
            for c in _listed(stored.get("contained"))
        ]


def _united(stored: object, fresh: list[Json], gone: set[str]) -> list[object]:
    kept = [r for r in _listed(stored) if text(obj(r).get("reference")) not in gone]
    known = {text(obj(r).get("reference")) for r in kept}
    return [*kept, *(r for r in fresh if r["reference"] not in known)]


def _definitions(stored: Json, plan: Json) -> list[object]:
    """Ours renewed in its place, others' as they are."""
    ours = _listed(plan.get("instantiatesCanonical"))
    kept = _listed(stored.get("instantiatesCanonical"))
    at = next((n for n, one in enumerate(kept) if _is_ours(one)), len(kept))
    return [*(o for o in kept[:at] if not _is_ours(o)), *ours, *(o for o in kept[at:] if not _is_ours(o))]


def _is_ours(name: object) -> bool:
    return isinstance(name, str) and name.startswith(DEFINITION_URL)


def _notes(stored: Json, plan: Json, changed: tuple[str, ...]) -> list[object]:
    kept = _listed(stored.get("note"))
    fresh: list[Json] = []
    for name, what in (("description", "summary"), ("text", "text")):
        words = worded(stored, name)
        if name in changed and words:
            fresh.append({"text": f"Earlier {what} of this plan, as somebody changed it in the EHR: {words}"})
    fresh += items(plan.get("note"))
    known = {text(obj(n).get("text")) for n in kept}
    return [*kept, *(n for n in fresh if text(n.get("text")) not in known)]


def _extensions(stored: Json, plan: Json) -> list[object]:
    """Others' extensions stay, and so does a flag on which a decision is recorded: it closes those variants (R2)."""
    ours = items(plan.get("extension"))
    kept = [
        e
        for e in _listed(stored.get("extension"))
        if obj(e).get("url") != FLAG_URL or (_is_decided(e) and e not in ours)
    ]
    return [*kept, *ours]


def _is_decided(extension: object) -> bool:
    return any(p.get("url") == "decidedOn" for p in items(obj(extension).get("extension")))


def activity_kind(activity: object) -> str | None:
    """ "draw" or "review" for an activity of ours, None for another team's."""
    code = obj(obj(obj(activity).get("detail")).get("code"))
    coded = {text(c.get("code")) for c in items(code.get("coding")) if c.get("system") == ACTIVITY_SYSTEM}
    words = text(code.get("text"))
    if DRAW in coded or words == DRAW_TEXT:
        return "draw"
    return "review" if REVIEW in coded or words == REVIEW_TEXT else None


def is_open(activity: object) -> bool:
    return text(obj(obj(activity).get("detail")).get("status")) in _OPEN


def _activities(stored: Json, plan: Json) -> list[object]:
    """Ours that are still open are renewed in their place; finished ones and other teams' stay as they are."""
    fresh = {activity_kind(a): a for a in items(plan.get("activity"))}
    made: list[object] = []
    for activity in _listed(stored.get("activity")):
        kind = activity_kind(activity)
        if kind is None or not is_open(activity):
            made.append(activity)
        elif kind in fresh:
            made.append(_renewed(obj(activity), fresh.pop(kind)))
        elif "progress" in obj(activity):
            made.append({**obj(activity), "detail": {**obj(obj(activity).get("detail")), "status": "cancelled"}})
    return [*made, *fresh.values()]


def _renewed(old: Json, new: Json) -> Json:
    """What another team added (performer, progress, a booking) stays, as long as the days are the same."""
    before, after = obj(old.get("detail")), obj(new.get("detail"))
    detail = {**before, **after}
    same_days = before.get("scheduledPeriod") == after.get("scheduledPeriod")
    if same_days and before.get("status") in ("scheduled", "in-progress") and after.get("status") == "not-started":
        detail["status"] = before["status"]
    for name in ("reasonCode", "reasonReference"):
        if name not in after:
            detail.pop(name, None)
    progress = [*_listed(old.get("progress")), *_listed(new.get("progress"))]
    made = {**old, **new, "detail": detail}
    return {**made, "progress": progress} if progress else made


CLOSINGS = {"revoked": "revoked", "completed": "completed", "entered-in-error": "marked as entered in error"}


def closed(stored: Json, status: str, reason: str, today: date, signature: Json) -> Json:
    """The stored plan ended by a clinician: the reason stands in its text and as a note; nothing is deleted.

    ``status``: one of ``CLOSINGS``. ``signature``: ``authorReference`` or ``authorString`` of the note, or nothing.
    """
    name = text(signature.get("authorString")) or text(obj(signature.get("authorReference")).get("display"))
    by = f" by {name}" if name else ""
    said = f"This plan was {CLOSINGS[status]} on {day_words(today)}{by}: {reason}"
    made = noted({**stored, "status": status}, said, today, signature)
    if "activity" in stored:
        made["activity"] = [
            {**obj(a), "detail": {**obj(obj(a).get("detail")), "status": "cancelled"}}
            if activity_kind(a) is not None and is_open(a)
            else a
            for a in _listed(stored.get("activity"))
        ]
    return made


def noted(plan: Json, said: str, today: date, signature: Json) -> Json:
    """The same plan with a sentence at the top of its text and as a note."""
    made = dict(plan)
    div = text(obj(plan.get("text")).get("div"))
    if div is not None:
        shown = re.sub(r"^(<div[^>]*>)", lambda m: f"{m[1]}<p>{html.escape(said, quote=False)}</p>", div, count=1)
        made["text"] = {**obj(plan.get("text")), "div": shown}
    made["note"] = [*_listed(plan.get("note")), {**signature, "time": today.isoformat(), "text": said}]
    return made
