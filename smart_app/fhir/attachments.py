"""Report texts that stand in a Binary of their own: which are worth reading, how they are read, where they are put.

Most vendors give a send-out result as a document: ``presentedForm`` or an attachment whose ``url`` names a Binary.
Plain text, HTML and RTF are read through the gate and put into the attachment as inline data, where the reader of
results finds them; anything else stays what it is, a report to be opened by a person.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from smart_app.errors import FhirError
from smart_app.fhir.client import Entry, FhirClient, failure
from smart_app.fhir.gate import under
from smart_app.fhir.reading.esr1_reports import GENETIC
from smart_app.fhir.reading.labtext import ESR1
from smart_app.fhir.reading.record import Json, codings, items, obj, text, words
from smart_app.fhir.reading.specimens import names_liquid

KINDS = frozenset(
    {"text/plain", "text/html", "application/xhtml+xml", "text/markdown", "text/rtf", "application/rtf", ""}
)
MAX_BYTES = 400_000  # decoded; the reader of results looks no further
MAX_BINARIES = 40
_IMAGES = re.compile(r"\A(?:RAD|RUS|CUS|OUS|VUS|CT|CTH|NMR|NMS|XRC|EC|EN|PF|imaging|LP29684-5|LP29708-2)\Z", re.I)


@dataclass(frozen=True, slots=True)
class Form:
    """An attachment's text: its media type and bytes (UTF-8)."""

    kind: str
    content: bytes


def binaries_of(resource: Json, base: str) -> dict[str, bool]:
    """Ids of the Binaries worth reading for this resource; True where it is a genetic report by its name."""
    genetic = _is_genetic(resource)
    if not genetic and not _may_be_a_result(resource):
        return {}
    found = (_binary_id(a, base) for a in _attachments(resource))
    return dict.fromkeys((ident for ident in found if ident is not None), genetic)


def read_form(client: FhirClient, ident: str) -> Form:
    """One Binary, as FHIR JSON or as the bytes themselves; FhirError where it is no text that can be read."""
    response = client.send("GET", f"Binary/{ident}", max_bytes=2 * MAX_BYTES)
    sent = response.headers.get("Content-Type") or ""
    body = response.body
    if not 200 <= response.status < 300 or (body is not None and body.get("resourceType") != "Binary"):
        raise failure(response)
    if body is not None:
        sent = text(body.get("contentType")) or ""
        try:
            content = base64.b64decode("".join((text(body.get("data")) or "").split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise FhirError("The report's text is damaged.", code="attachment.damaged") from error
    else:
        content = response.content
    kind = sent.split(";")[0].strip().lower()
    if not kind or kind not in KINDS:
        raise FhirError("The report is no text; a person can open it.", code="attachment.not_text")
    if len(content) > MAX_BYTES:
        raise FhirError("The report's text is longer than the app reads.", code="attachment.too_large")
    return Form(kind, _utf8(content, sent))


def with_forms(entries: Iterable[Entry], forms: Mapping[str, Form], base: str) -> Iterator[Entry]:
    """The entries, with the texts that were read put into their attachments as inline data (the link stays)."""
    for full_url, resource in entries:
        if forms and resource.get("resourceType") in ("DiagnosticReport", "DocumentReference"):
            yield full_url, _filled(resource, forms, base)
        else:
            yield full_url, resource


def _attachments(resource: Json) -> list[Json]:
    if resource.get("resourceType") == "DiagnosticReport":
        return items(resource.get("presentedForm"))
    return [obj(c.get("attachment")) for c in items(resource.get("content"))]


def _filled(resource: Json, forms: Mapping[str, Form], base: str) -> Json:
    if not any(_binary_id(a, base) in forms for a in _attachments(resource)):
        return resource  # as it was read, malformed or not

    def fill(attachment: Any) -> Any:
        form = forms.get(_binary_id(obj(attachment), base) or "")
        if form is None:
            return attachment
        return {**attachment, "contentType": form.kind, "data": base64.b64encode(form.content).decode("ascii")}

    def fill_content(content: Any) -> Any:
        return {**content, "attachment": fill(content.get("attachment"))} if isinstance(content, dict) else content

    name, each = (
        ("presentedForm", fill) if resource["resourceType"] == "DiagnosticReport" else ("content", fill_content)
    )
    value = resource[name]
    return {**resource, name: [each(v) for v in value] if isinstance(value, list) else each(value)}


def _binary_id(attachment: Json, base: str) -> str | None:
    """The id of a Binary below the same FHIR base that holds text, by what the attachment says; else None."""
    address, kind = text(attachment.get("url")), (text(attachment.get("contentType")) or "").split(";")[0]
    if address is None or text(attachment.get("data")) is not None or kind.strip().lower() not in KINDS:
        return None
    try:
        url = urljoin(f"{base}/", address)
    except ValueError:
        return None
    if not under(url, base):
        return None
    parts = urlsplit(url)
    found = re.fullmatch(r"/Binary/([A-Za-z0-9.\-]{1,128})", parts.path.removeprefix(urlsplit(base).path.rstrip("/")))
    return found[1] if found is not None and not parts.query else None


def _is_genetic(resource: Json) -> bool:
    named = [resource.get("code"), resource.get("type"), *items(resource.get("category"))]
    said = " ".join(
        [
            *(words(concept) for concept in named),
            *(code for concept in named for _, code, _ in codings(concept)),
            text(resource.get("description")) or "",
            *(text(a.get("title")) or "" for a in _attachments(resource)),
            *(text(p.get("display")) or "" for p in items(resource.get("performer")) + items(resource.get("author"))),
        ]
    )
    return bool(GENETIC.search(said) or ESR1.search(said) or names_liquid(said))


def _may_be_a_result(resource: Json) -> bool:
    """A report without members that is no imaging: a send-out test often says no more of itself."""
    if resource.get("resourceType") != "DiagnosticReport" or items(resource.get("result")):
        return False
    return not any(_IMAGES.match(code) for c in items(resource.get("category")) for _, code, _ in codings(c))


def _utf8(content: bytes, media_type: str) -> bytes:
    said = re.search(r"charset\s*=\s*\"?([A-Za-z0-9_\-]+)", media_type)
    if said is None or said[1].lower() in ("utf-8", "us-ascii"):
        return content
    try:
        return content.decode(said[1]).encode("utf-8")
    except (LookupError, UnicodeDecodeError):
        return content
