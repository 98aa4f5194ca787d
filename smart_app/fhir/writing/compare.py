"""What the server keeps, element by element, against what was sent; and what changes between two plans, in words."""

from __future__ import annotations

from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.careplan import DRAW_TEXT, REVIEW_TEXT

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
        return "".join(sent.split()) == "".join(stored.split())
    return sent == stored


def _draw(plan: Json) -> str:
    for activity in items(plan.get("activity")):
        detail = obj(activity.get("detail"))
        if obj(detail.get("code")).get("text") == DRAW_TEXT:
            period = obj(detail.get("scheduledPeriod"))
            return f"{text(period.get('start')) or '?'} to {text(period.get('end')) or '?'}"
    return "none"


def _review(plan: Json) -> str:
    for activity in items(plan.get("activity")):
        detail = obj(activity.get("detail"))
        if obj(detail.get("code")).get("text") == REVIEW_TEXT:
            return "reviewed" if detail.get("status") == "completed" else "due"
    return "not due"


def differences(stored: Json, plan: Json) -> list[str]:
    """What the new plan changes, for the preview; empty where nothing of substance changes."""
    said: list[str] = []
    for what, find in (("Next draw", _draw), ("Switch review", _review)):
        old, new = find(stored), find(plan)
        if old != new:
            said.append(f"{what}: {old} becomes {new}.")
    for name, what in (("status", "Status"), ("description", "Summary"), ("note", "Note")):
        if stored.get(name) != plan.get(name) and (stored.get(name) or plan.get(name)):
            said.append(f"{what} changes.")
    known = {json_reference for r in items(stored.get("supportingInfo")) if (json_reference := r.get("reference"))}
    fresh = {r["reference"] for r in items(plan.get("supportingInfo"))}
    if known != fresh:
        said.append("The results it rests on change.")
    return said
