"""A patient's record in a file: a Bundle, one resource, a list of resources, or NDJSON. What cannot be read is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from smart_app.errors import AppError
from smart_app.fhir import jsontext
from smart_app.fhir.reading.record import Json, items, obj, reference_of, text
from smart_app.fhir.receipt import SetAside

Entry = tuple[str, Json]
_DEPTH = 5


@dataclass(slots=True)
class FileRecord:
    """``entries``: (fullUrl or '', resource). ``unread``: sentences on what the file should hold and could not be read:
    each of them may hide a result. ``aside``: entries that are not used and hide nothing."""

    entries: list[Entry] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def load_file(file: Path, stdin: bytes | None = None) -> FileRecord:
    """AppError ``input.unreadable``, ``input.not_json``, ``input.not_fhir`` or ``input.empty``."""
    name = file.name if file.name.isprintable() else "The file"
    try:
        raw = stdin if stdin is not None else file.read_bytes()
        document = raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8 text"
        raise AppError(f"{name} could not be read: {why}.", code="input.unreadable") from error
    if not document.strip():
        raise AppError(f"{name} is empty.", code="input.empty")
    record = FileRecord()
    try:
        parsed = jsontext.loads(document)
    except ValueError as error:
        if not _lines(document, record):
            raise AppError(f"{name} is not JSON.", code="input.not_json") from error
    else:
        if (isinstance(parsed, dict) and not text(parsed.get("resourceType"))) or not isinstance(parsed, dict | list):
            raise AppError(f"{name} is JSON, and no FHIR resource.", code="input.not_fhir")
        _collect(parsed, "", record, 0)
    record.entries = _newest(record)
    if not record.entries:
        raise AppError(f"{name} holds no resource.", code="input.empty")
    return record


def _lines(document: str, record: FileRecord) -> bool:
    """NDJSON: whether the first line is a resource; a broken line costs that line and is said."""
    first = True
    for number, line in enumerate(document.split("\n"), 1):
        if not line.strip():
            continue
        try:
            parsed = jsontext.loads(line)
        except ValueError:
            parsed = None
        if first and not (isinstance(parsed, dict) and text(parsed.get("resourceType"))):
            return False
        first = False
        if isinstance(parsed, dict):
            _collect(parsed, "", record, 0)
        else:
            record.unread.append(f"Line {number} of the file could not be read.")
    return True


def _collect(document: Any, full_url: str, record: FileRecord, depth: int) -> None:
    if depth > _DEPTH:
        record.unread.append("The file nests resources too deep to be read.")
    elif isinstance(document, list):
        for one in document:
            _collect(one, "", record, depth + 1)
    elif not isinstance(document, dict):
        record.unread.append("The file holds an entry that is no resource.")
    elif document.get("resourceType") == "Bundle":
        _bundle(document, record, depth)
    elif document.get("resourceType") == "OperationOutcome":
        _outcome(document, record)
    else:
        if not text(document.get("resourceType")):
            record.unread.append("The file holds an entry that does not say what it is.")
        record.entries.append((full_url, document))


def _bundle(bundle: Json, record: FileRecord, depth: int) -> None:
    listed = bundle.get("entry", [])
    if not isinstance(listed, list):
        record.unread.append("The entries of the Bundle could not be read.")
        listed = items(listed)
    if any(link.get("relation") == "next" for link in items(bundle.get("link"))):
        record.unread.append("The Bundle is one page of several: it names a next page.")
    total = bundle.get("total")
    matches = [e for e in items(listed) if obj(e.get("search")).get("mode") not in ("include", "outcome")]
    searched = bundle.get("type") == "searchset"
    if searched and isinstance(total, int) and not isinstance(total, bool) and total > len(matches):
        record.unread.append(f"The Bundle holds {len(matches)} of {total} entries that the server found.")
    past: set[str] = set()
    for entry in listed:
        if not isinstance(entry, dict):
            record.unread.append("An entry of the Bundle could not be read.")
            continue
        resource, full_url = entry.get("resource"), text(entry.get("fullUrl")) or ""
        if bundle.get("type") == "history" and _superseded(entry, past, record):
            continue
        if resource is None and ("request" in entry or "response" in entry):
            continue  # a deletion, or the answer to a transaction: nothing of the patient stands here
        if not isinstance(resource, dict):
            record.unread.append("An entry of the Bundle has no resource that could be read.")
            continue
        _collect(resource, full_url, record, depth + 1)


def _superseded(entry: Json, past: set[str], record: FileRecord) -> bool:
    """Whether a history entry is an older version or a deletion. A history lists the newest version first."""
    resource, request = obj(entry.get("resource")), obj(entry.get("request"))
    address = text(request.get("url")) or text(entry.get("fullUrl")) or ""
    key = reference_of(resource) if resource else "/".join(address.split("/_history/")[0].split("/")[-2:])
    if key in past:
        record.aside.append(SetAside("entry.older_version", "is an older version of an entry", key))
        return True
    past.add(key)
    if text(request.get("method")) == "DELETE":
        record.aside.append(SetAside("entry.deleted", "was deleted", key))
        return True
    return False


def _outcome(outcome: Json, record: FileRecord) -> None:
    for issue in items(outcome.get("issue")):
        said = text(issue.get("diagnostics")) or text(obj(issue.get("details")).get("text")) or "no words"
        if issue.get("severity") in ("error", "fatal"):
            record.unread.append(f"The file holds a server's error: {said[:200]}")
        else:
            record.warnings.append(said[:200])


def _newest(record: FileRecord) -> list[Entry]:
    """Each resource once: the newest version where versions tell, every one where they do not."""
    groups: dict[str, list[Entry]] = {}
    for number, (full_url, resource) in enumerate(record.entries):
        reference = reference_of(resource)
        key = full_url or (reference if "/" in reference else f"#{number}")
        group = groups.setdefault(key, [])
        if all(other != resource for _, other in group):
            group.append((full_url, resource))
    kept: list[Entry] = []
    for group in groups.values():
        newest = _latest(group) if len(group) > 1 else None
        if newest is None:
            kept.extend(group)
            continue
        kept.append(newest)
        older = SetAside("entry.older_version", "is an older version of an entry", reference_of(newest[1]))
        record.aside.extend([older] * (len(group) - 1))
    return kept


def _latest(group: list[Entry]) -> Entry | None:
    for rank in (_updated, _version):
        ranks = [rank(resource) for _, resource in group]
        known = [r for r in ranks if r is not None]
        if len(known) == len(group) and len(set(known)) == len(group):
            return group[ranks.index(max(known))]
    return None


def _updated(resource: Json) -> float | None:
    try:
        moment = datetime.fromisoformat(text(obj(resource.get("meta")).get("lastUpdated")) or "")
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def _version(resource: Json) -> float | None:
    version = text(obj(resource.get("meta")).get("versionId")) or ""
    return float(version) if version.isascii() and version.isdigit() and len(version) < 12 else None
