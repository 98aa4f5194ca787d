"""The resources that a page rests on: linked by an opaque handle, so that no URL says anything about a patient."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from smart_app.domain.facts import Source
from smart_app.fhir.reading.record import Json, codings, items, obj, text
from smart_app.web.i18n import _
from smart_app.web.words import any_date, shortened

_DATES = (
    "effectiveDateTime",
    "effectiveInstant",
    "performedDateTime",
    "occurrenceDateTime",
    "onsetDateTime",
    "authoredOn",
    "dateAsserted",
    "whenHandedOver",
    "start",
    "started",
    "recordedDate",
    "date",
    "issued",
    "created",
)
_PERIODS = ("effectivePeriod", "performedPeriod", "period", "onsetPeriod")
_NAMES = ("code", "medicationCodeableConcept", "type", "category", "description")
# what a browser may be handed as a file; anything else a record may hold is not passed on
REPORT_TYPES = {"application/pdf": "pdf", "text/plain": "txt", "image/jpeg": "jpg", "image/png": "png"}
LONGEST = 2000  # characters of one string on the resource page; attachments are longer


@dataclass(frozen=True, slots=True)
class Cited:
    """A resource as a link: what it is, its date, what it is about. ``handle`` None: not among what was read."""

    handle: str | None
    kind: str
    date: str
    about: str
    version: str | None = None
    attested: bool = False
    report: bool = False  # it holds a report that a person can open
    by: str = ""  # who says so, as far as the resource names somebody

    @property
    def plain(self) -> bool:
        """A link and nothing to be said beside it."""
        return self.handle is not None and not (self.report or self.attested)

    @property
    def words(self) -> str:
        return ", ".join(w for w in (self.kind, self.date) if w)


def handle_of(launch_id: str, reference: str) -> str:
    """The same for the whole launch, different in every other one, and not to be read backwards."""
    return hashlib.blake2b(reference.encode("utf-8", "replace"), key=launch_id.encode()[:64], digest_size=9).hexdigest()


def find(launch_id: str, handle: str, resources: dict[str, Json]) -> tuple[str, Json] | None:
    return next(((ref, one) for ref, one in resources.items() if handle_of(launch_id, ref) == handle), None)


def cited(
    launch_id: str, sources: Iterable[Source], resources: dict[str, Json], known: dict[Source, Cited] | None = None
) -> list[Cited]:
    """The resources of these sources, each once. ``known``: those already told on this page, to be told alike."""
    told = {} if known is None else known
    made = []
    for source in dict.fromkeys(sources):
        if source not in told:
            told[source] = _cited(launch_id, source, resources)
        made.append(told[source])
    return made


def _cited(launch_id: str, source: Source, resources: dict[str, Json]) -> Cited:
    reference = source.reference.split("/_history/")[0]
    kind = reference.split("/")[0] or "entry"
    found = resources.get(reference)
    if found is None:
        return Cited(None, kind, "", "", source.version, source.attested)
    return Cited(
        handle_of(launch_id, reference),
        kind,
        date_of(found),
        about(found),
        source.version,
        source.attested,
        report_of(found) is not None,
        said_by(found),
    )


def date_of(resource: Json) -> str:
    """The resource's own date in words, '' where it names none."""
    for name in _DATES:
        if (value := text(resource.get(name))) is not None:
            return any_date(value)
    for name in _PERIODS:
        if (value := text(obj(resource.get(name)).get("start"))) is not None:
            return _("from %(day)s", day=any_date(value))
    return ""


def about(resource: Json) -> str:
    """What the resource says it is about, in its own words."""
    for name in _NAMES:
        value = resource.get(name)
        if isinstance(value, str) and value.strip():
            return shortened(value.strip(), 60)
        for concept in items(value):
            said = text(concept.get("text")) or next((d for *_system, d in codings(concept) if d), None)
            if said:
                return shortened(said, 60)
    return ""


_SPEAKERS = ("performer", "informationSource", "requester", "asserter", "recorder", "author", "custodian")


def said_by(resource: Json) -> str:
    """The laboratory or person that stands behind the resource, by the name it gives; '' where it gives none."""
    for name in _SPEAKERS:
        for one in items(resource.get(name)):
            said = text(one.get("display")) or text(obj(one.get("actor")).get("display"))
            if said:
                return shortened(said, 60)
    return ""


def report_of(resource: Json) -> Json | None:
    """The first Attachment of a kind that is passed on: of a DiagnosticReport or a DocumentReference."""
    found = items(resource.get("presentedForm")) + [obj(c.get("attachment")) for c in items(resource.get("content"))]
    return next((a for a in found if _type(a) in REPORT_TYPES and (text(a.get("data")) or _binary(a))), None)


def _type(attachment: Json) -> str:
    return (text(attachment.get("contentType")) or "").split(";")[0].strip().lower()


def _binary(attachment: Json) -> str | None:
    """The id of the Binary that the attachment's relative address names; no other address is followed."""
    found = re.fullmatch(r"Binary/([A-Za-z0-9.-]{1,64})", text(attachment.get("url")) or "")
    return found.group(1) if found else None


def report_bytes(attachment: Json, binary: Callable[[str], Json]) -> tuple[bytes, str] | None:
    """(content, media type) of an attachment; ``binary`` reads a Binary by id. None where it cannot be decoded."""
    data, ident = text(attachment.get("data")), _binary(attachment)
    if data is None and ident is not None:
        data = text(binary(ident).get("data"))
    try:
        return base64.b64decode("".join((data or "").split()), validate=True), _type(attachment)
    except ValueError:
        return None


def for_display(value: object) -> object:
    """The JSON with strings shortened that no reader reads, such as an attached file."""
    if isinstance(value, dict):
        return {key: for_display(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [for_display(inner) for inner in value]
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST else f"{value[:80]}… ({len(value)} characters)"
        return cut.encode("utf-8", "replace").decode()  # JSON may hold half a character, text may not
    return value
