"""The last line of a note: what the app wrote, for the app to read at the next launch.

    ESR1-PLAN-1 <base64url of canonical JSON> <checksum>

The checksum covers the version, the patient, the author, the JSON and every word above the line. So a line that was
edited, copied below other words, or copied to another patient is no memory: nothing of it is used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from smart_app.fhir.reading.record import Json, items, obj, reference_of, text
from smart_app.fhir.writing.identity import DRAW_TEXT, FLAG_URL, REVIEW_TEXT
from smart_app.fhir.writing.patching import activity_kind, mark_of

HEAD = "ESR1-PLAN-1"
_LINE = re.compile(rf"{HEAD} ([A-Za-z0-9_-]{{20,8000}}) ([0-9a-f]{{32}})\Z")


@dataclass(frozen=True, slots=True)
class Memory:
    """A plan as the last line holds it. Days as ``2026-11-21``; '' and () for what there was none of."""

    on: str
    author: str  # ``Practitioner/x``, or '' where nobody was signed in
    mark: str  # which build of the plan
    headline: str
    flag: str  # raised, not-raised, cannot-tell
    window: str
    policy: str
    inputs: str
    variants: tuple[str, ...] = ()
    draw: tuple[str, ...] = ()  # first day, last day, status of the activity
    review: str = ""  # status of the review activity
    decided: tuple[str, ...] = ()  # day, words, who
    replaces: str = ""  # what this plan takes the place of: ``DocumentReference/x``

    @classmethod
    def of(cls, plan: Json, author: str = "", replaces: str = "") -> Memory:
        """From the care plan as built (``build_plan``)."""
        flags = [e for e in items(plan.get("extension")) if e.get("url") == FLAG_URL]
        parts = items(flags[-1].get("extension")) if flags else []
        told = {p.get("url"): next((str(v) for k, v in p.items() if k.startswith("value")), "") for p in parts}
        open_to = {activity_kind(a): obj(a.get("detail")) for a in items(plan.get("activity"))}
        draw, period = open_to.get("draw", {}), obj(open_to.get("draw", {}).get("scheduledPeriod"))
        decided = (told["decidedOn"], told["decision"], told.get("decidedBy", "")) if told.get("decidedOn") else ()
        return cls(
            on=str(plan.get("created")),
            author=author,
            mark=short_mark(mark_of(plan)),
            headline=str(plan.get("description")),
            flag=told.get("flag", ""),
            window=told.get("window", ""),
            policy=told.get("policy", ""),
            inputs=told.get("inputDigest", ""),
            variants=tuple(str(p.get("valueString")) for p in parts if p.get("url") == "variant"),
            draw=(str(period["start"]), str(period["end"]), str(draw["status"])) if period else (),
            review=str(open_to.get("review", {}).get("status", "")),
            decided=decided,
            replaces=replaces,
        )

    def line(self, patient_id: str, above: str) -> str:
        """The line to put below ``above``."""
        payload = _encoded(asdict(self))
        return f"{HEAD} {payload} {_checksum(patient_id, payload, _one_line(above))}"

    def as_plan(self, kept: Json) -> Json:
        """In the shape of a care plan, with the identity of the resource that held it, for pages and ``read_reviews``.

        It is never written.
        """
        parts: list[Json] = [
            {"url": "flag", "valueCode": self.flag},
            {"url": "inputDigest", "valueString": self.inputs},
            {"url": "asOf", "valueDate": self.on},
            *({"url": "variant", "valueString": v} for v in self.variants),
        ]
        if self.decided:
            parts += [
                {"url": "decidedOn", "valueDate": self.decided[0]},
                {"url": "decision", "valueString": self.decided[1]},
                {"url": "decidedBy", "valueString": self.decided[2]},
            ]
        activity: list[Json] = []
        if self.draw:
            first, last, status = self.draw
            detail = {"code": {"text": DRAW_TEXT}, "status": status, "scheduledPeriod": {"start": first, "end": last}}
            activity.append({"detail": detail})
        if self.review:
            activity.append({"detail": {"code": {"text": REVIEW_TEXT}, "status": self.review}})
        kind, _, ident = reference_of(kept).partition("/")
        return {
            "resourceType": kind,
            "id": ident,
            "meta": obj(kept.get("meta")),
            "status": "active",
            "created": self.on,
            "description": self.headline,
            "extension": [{"url": FLAG_URL, "extension": parts}],
            "activity": activity,
        }


def short_mark(mark: str) -> str:
    return hashlib.sha256(mark.encode()).hexdigest()[:24]


def _one_line(words: str) -> str:
    """EHRs change line ends, indents and blank lines; words they keep."""
    return " ".join(words.split())


def _encoded(value: dict[str, Any]) -> str:
    raw = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _checksum(patient_id: str, payload: str, above: str) -> str:
    return hashlib.sha256("\n".join((HEAD, patient_id, payload, above)).encode("utf-8", "replace")).hexdigest()[:32]


def parse(words: str, patient_id: str) -> Memory | None:
    """The memory in a document's words, None where there is none that can be believed.

    Strict: one such line only, at the very end, unchanged, below the words it was written for, for this patient.
    """
    whole = _one_line(words)
    if whole.count(HEAD) != 1:
        return None
    above, _, rest = whole.partition(HEAD)
    found = _LINE.match(HEAD + rest)
    if found is None or not hmac.compare_digest(_checksum(patient_id, found[1], above.strip()), found[2]):
        return None
    try:
        value = json.loads(base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return _memory(value) if isinstance(value, dict) and _encoded(value) == found[1] else None


def _memory(value: dict[str, Any]) -> Memory | None:
    if set(value) != set(Memory.__slots__):
        return None
    lists = {"variants", "draw", "decided"}
    for name, given in value.items():
        right = isinstance(given, list) and all(isinstance(v, str) for v in given) if name in lists else None
        if right is False or (right is None and not isinstance(given, str)):
            return None
    fields: dict[str, Any] = {name: tuple(v) if name in lists else v for name, v in value.items()}
    made = Memory(**fields)
    days = [made.on, *made.draw[:2], *made.decided[:1]]
    sized = len(made.draw) in (0, 3) and len(made.decided) in (0, 3)
    return made if sized and text(made.mark) and all(_is_day(d) for d in days) else None


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
