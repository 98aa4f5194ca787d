"""Server profiles: what a real server lets an app write and in which shape, for the sandbox to play."""

from __future__ import annotations

import base64
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.sandbox.fhirsearch import Refused
from smart_app.sandbox.habits import PLAIN, VENDORS, Habits

_ALL = ("patient/*.rs", *(f"patient/{k}.cu" for k in ("CarePlan", "DocumentReference", "QuestionnaireResponse")))
Rule = Callable[[Json], None]


@dataclass(frozen=True)
class Profile:
    """One server. ``rung``: where the ladder ends there for a clinician with a visit and every scope granted."""

    name: str
    rung: str
    source: str
    habits: Habits
    scopes: tuple[str, ...] = ()  # what its discovery lists


@cache
def profiles() -> Mapping[str, Profile]:
    """By name."""
    raw = resources.files(__package__).joinpath("profiles.toml").read_text(encoding="utf-8")
    return {entry["name"]: _profile(entry) for entry in tomllib.loads(raw)["profile"]}


def _profile(entry: Json) -> Profile:
    base = VENDORS.get(entry.get("habits", ""), PLAIN)
    rules: list[Rule] = [RULES[name] for name in entry.get("rules", ())]
    if entry.get("refuses_extension"):
        rules.append(no_extension)
    habits = replace(
        base,
        software=entry.get("software", base.software),
        writable=True,
        writes=entry.get("writes"),
        refuses=entry.get("refuses", {}),
        conditional=entry.get("conditional", "writes" not in entry),
        rules=tuple(rules),
        terse=entry.get("terse", False),
        apart=entry.get("apart", False),
        search=entry.get("search", {}),
        next_link=entry.get("next_link", base.next_link),
        throttle=None,  # tests/sandbox/test_habits.py has them; here each refusal is about writing
    )
    return Profile(entry["name"], entry["rung"], entry["source"], habits, tuple(entry.get("scopes", _ALL)))


def _need(held: object, words: str) -> None:
    if not held:
        raise Refused(422, "required", words)


def _attachment(note: Json) -> Json:
    content = items(note.get("content"))
    _need(len(content) == 1, "Exactly one content is taken.")
    return obj(content[0].get("attachment"))


def _plain_note(note: Json) -> Json:
    known = {
        "resourceType",
        "status",
        "docStatus",
        "type",
        "category",
        "subject",
        "date",
        "author",
        "content",
        "context",
    }
    _need(not set(note) - known, "An element is not supported.")
    _need(note.get("status") == "current", "status must be current.")
    _need(items(obj(note.get("type")).get("coding")), "type is required.")
    attachment = _attachment(note)
    _need(set(attachment) == {"contentType", "data"}, "The attachment takes contentType and data.")
    try:
        base64.b64decode(text(attachment.get("data")) or "!", validate=True).decode("utf-8")
    except ValueError:
        raise Refused(422, "value", "data is not base64 of a text.") from None
    return attachment


def epic_note(note: Json) -> None:
    """Epic's Clinical Notes API: a visit, one plain text, a draft or a signed note."""
    if note.get("resourceType") != "DocumentReference":
        return
    attachment = _plain_note(note)
    _need(attachment.get("contentType") == "text/plain", "contentType must be text/plain.")
    _need(note.get("docStatus") in ("preliminary", "final"), "docStatus must be preliminary or final.")
    visits = items(obj(note.get("context")).get("encounter"))
    _need(len(visits) == 1 and text(visits[0].get("reference")), "context.encounter is required.")


def oracle_note(note: Json) -> None:
    """Oracle Health: one Practitioner as author, ``context.period.end`` with a time, charset, no modifierExtension."""
    if note.get("resourceType") != "DocumentReference":
        return
    attachment = _plain_note(note)
    kind = (text(attachment.get("contentType")) or "").replace(" ", "").lower()
    _need(
        re.match(r"(text/plain|application/xhtml\+xml);charset=utf-8\Z|application/pdf\Z", kind),
        "contentType needs a charset.",
    )
    _need(note.get("docStatus") == "final", "docStatus must be final.")
    authors = [text(a.get("reference")) or "" for a in items(note.get("author"))]
    _need(len(authors) == 1 and authors[0].startswith("Practitioner/"), "author must be one Practitioner.")
    end = text(obj(obj(note.get("context")).get("period")).get("end")) or ""
    _need(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", end), "context.period.end needs a time."
    )


def no_extension(resource: Json) -> None:
    """422 for any extension at the top of a resource."""
    if "extension" in resource:
        raise Refused(422, "extension", "Unknown extensions are not taken.")


RULES: Mapping[str, Rule] = {"epic.note": epic_note, "oracle.note": oracle_note}
