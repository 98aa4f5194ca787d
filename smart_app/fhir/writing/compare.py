"""What the server keeps, element by element, against what was sent; and what changes between two plans, in words."""

from __future__ import annotations

from smart_app.domain.dates import PartialDate
from smart_app.domain.wording import date_words
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.definitions import URL as DEFINITION_URL
from smart_app.fhir.writing.identity import DECLINED_TEXT
from smart_app.fhir.writing.patching import activity_kind, is_open, touched
from smart_app.fhir.writing.wording import plain

_SERVER = {"id", "meta"}


def lost(sent: Json, stored: Json) -> list[str]:
    """Names of elements that the server dropped or changed; its own ``id`` and ``meta`` do not count."""
    return [name for name in sent if name not in _SERVER and not _kept(sent[name], stored.get(name))]


def _kept(sent: object, stored: object) -> bool:
    """Equal, or the same with additions (a server may add ids or displays)."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        return all(_kept(value, stored.get(key)) for key, value in sent.items())
    if isinstance(sent, list) and isinstance(stored, list):
        return len(sent) == len(stored) and all(_kept(a, b) for a, b in zip(sent, stored, strict=True))
    if isinstance(sent, str) and isinstance(stored, str) and sent.startswith("<div"):
        return plain(sent) == plain(stored)
    return sent == stored


def _day(value: object) -> str:
    try:
        return date_words(PartialDate.parse(text(value) or ""))
    except ValueError:
        return "an unreadable date"


def _draw(plan: Json) -> str:
    for activity in items(plan.get("activity")):
        if activity_kind(activity) == "draw" and is_open(activity):
            detail = obj(activity.get("detail"))
            period = obj(detail.get("scheduledPeriod"))
            return f"{_day(period.get('start'))} to {_day(period.get('end'))} ({detail.get('status')})"
    return "none"


def _review(plan: Json) -> str:
    found = [a for a in items(plan.get("activity")) if activity_kind(a) == "review"]
    if any(is_open(a) for a in found):
        return "due"
    if any(obj(obj(a.get("detail")).get("statusReason")).get("text") == DECLINED_TEXT for a in found):
        return "declined"
    return "reviewed" if any(obj(a.get("detail")).get("status") == "completed" for a in found) else "not due"


def _policy(plan: Json) -> str:
    named = plan.get("instantiatesCanonical")
    ours = [n for n in named if isinstance(n, str) and n.startswith(DEFINITION_URL)] if isinstance(named, list) else []
    return ours[0].removeprefix(DEFINITION_URL).replace("|", ", version ") if ours else "none named"


def _references(plan: Json, name: str) -> set[str]:
    return {text(r.get("reference")) or "" for r in items(plan.get(name))}


_NAMED = {"title": "title", "description": "summary", "text": "text"}
_SAID = {
    *("activity", "status", "description", "title", "supportingInfo", "addresses", "note", "text", "extension"),
    "instantiatesCanonical",
}


def ended_by(stored: Json, following: Json, drawn: PartialDate) -> list[str]:
    """What it means that ``following`` replaces ``stored`` because of the draw of that day, in words."""
    said = [f"The stored plan is completed, because the result of the draw of {date_words(drawn)} is there."]
    said.append("A new plan follows it. The stored one stays in the record with everything in it.")
    for what, find in (("Next draw", _draw), ("Switch review", _review)):
        old, new = find(stored), find(following)
        if old != new:
            said.append(f"{what}: {old} becomes {new}.")
    return said


def differences(stored: Json, renewed: Json) -> list[str]:
    """What writing ``renewed`` over ``stored`` changes, in words; empty where they are the same."""
    if stored == renewed:
        return []
    said: list[str] = []
    for what, find in (("Next draw", _draw), ("Switch review", _review)):
        old, new = find(stored), find(renewed)
        if old != new:
            said.append(f"{what}: {old} becomes {new}.")
    for name, what in (("status", "Status"), ("title", "Title"), ("description", "Summary")):
        if stored.get(name) != renewed.get(name):
            said.append(f"{what}: “{stored.get(name) or 'none'}” becomes “{renewed.get(name) or 'none'}”.")
    old_policy, new_policy = _policy(stored), _policy(renewed)
    if old_policy != new_policy:
        said.append(f"Policy: {old_policy} becomes {new_policy}.")
    for name, what in (("supportingInfo", "Results it rests on"), ("addresses", "Conditions it addresses")):
        added = len(_references(renewed, name) - _references(stored, name))
        removed = len(_references(stored, name) - _references(renewed, name))
        if added or removed:
            said.append(f"{what}: {added} added, {removed} removed.")
    known = [text(n.get("text")) for n in items(stored.get("note"))]
    said += [f"Note added: {n.get('text')}" for n in items(renewed.get("note")) if text(n.get("text")) not in known]
    for name in touched(stored):
        kept = "It stays." if name == "title" else "Those words are kept as a note."
        said.append(f"Somebody has changed the {_NAMED[name]} in the EHR since this app wrote it. {kept}")
    names = [n for n in dict.fromkeys([*stored, *renewed]) if stored.get(n) != renewed.get(n) and n not in _SAID]
    if names:
        said.append(f"Also renewed: {', '.join(names)}.")
    if not said:
        said.append("Only the day, the text and what the plan was computed from are renewed.")
    return said
