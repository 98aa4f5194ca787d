"""What a report says besides its members: conclusion, narrative, attachments, and the regions that were studied."""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterable

from smart_app.domain.facts import Outcome
from smart_app.fhir.reading.esr1_tree import Group, extension_values, status_of, value_of
from smart_app.fhir.reading.labtext import ESR1, OTHER_GENE, TextReading, plain, read_text
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, reference_of, source_of, text, words
from smart_app.fhir.reading.variants import Said, coded_outcomes, said_by_words

GENETIC = re.compile(
    r"genom|genetic|molecular|mutation|\bNGS\b|sequenc|guardant|foundation ?one|tempus|caris|ctdna|cfdna|liquid|51969-4",
    re.I,
)
_TEXT_KINDS = frozenset(
    {"text/plain", "text/html", "application/xhtml+xml", "text/markdown", "text/rtf", "application/rtf"}
    | {"text/xml", "application/xml"}
)


def inline_texts(attachments: object) -> list[str]:
    """Plain text, HTML and RTF that a report carries inside itself."""
    found: list[str] = []
    for attachment in items(attachments):
        kind = (text(attachment.get("contentType")) or "").split(";")[0].strip().lower()
        data = text(attachment.get("data"))
        if data is None or kind not in _TEXT_KINDS:
            continue
        try:
            raw = base64.b64decode("".join(data.split()), validate=True)[:400_000]
        except (binascii.Error, ValueError):
            continue
        said = _decoded(raw)
        if "html" in kind or "xml" in kind:
            said = plain(re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", said))
        elif "rtf" in kind:
            said = re.sub(r"\\'[0-9a-f]{2}|\\[a-z]+-?[0-9]* ?|[{}]", " ", said.replace("\\par", "\n"))
        found.append(said)
    return found


def _decoded(raw: bytes) -> str:
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def fetched(record: Record, attachments: Iterable[Json], within: Json) -> list[Json]:
    """The attachments; one that names a Binary which was read has that one's contents (and keeps its address)."""
    return [_with_binary(record, one, within) for one in attachments]


def _with_binary(record: Record, attachment: Json, within: Json) -> Json:
    if text(attachment.get("data")) or not text(attachment.get("url")):
        return attachment
    binary = record.resolve({"reference": attachment["url"]}, within)
    if binary is None or binary.get("resourceType") != "Binary" or not text(binary.get("data")):
        return attachment
    kind = text(binary.get("contentType")) or text(attachment.get("contentType"))
    return {**attachment, "data": binary["data"], "contentType": kind}


def opaque(attachment: Json) -> bool:
    """An attachment that was not read: a PDF, or one that stands elsewhere."""
    return bool(text(attachment.get("url")) or text(attachment.get("data"))) and not inline_texts([attachment])


def link_of(resource: Json, attachments: Iterable[Json]) -> str | None:
    """A link that a person can open: the attachment's address, else the resource that carries it."""
    found = [a for a in attachments if text(a.get("url")) or text(a.get("data"))]
    address = next((u for a in found if (u := text(a.get("url"))) and _safe(u)), None)
    return address or (reference_of(resource) or None if found else None)


def _safe(address: str) -> bool:
    """Relative, or http(s): nothing that a page could run."""
    return (
        not address.startswith(("//", "\\"))
        and re.match(r"(?i)\s*(?:https?:|[a-z0-9_./-]+(?:[?#]|\Z))", address) is not None
        and ":" not in re.sub(r"(?i)\Ahttps?:", "", address).split("/", 1)[0]
    )


def own_words(record: Record, group: Group, told: bool) -> Said | None:
    """The report's conclusion, codes and inline text; its narrative only where nothing else of it spoke of ESR1."""
    anchor = group.anchor
    if not group.report:
        return None
    source = source_of(anchor)
    about = about_esr1(anchor)
    conclusion = text(anchor.get("conclusion")) or ""
    coded = "; ".join(w for c in items(anchor.get("conclusionCode")) if (w := words(c)))
    notes = "\n".join(
        t
        for e in extension_values(anchor, "genomic-report-note")
        if (t := text(obj(e.get("valueAnnotation")).get("text")))
    )
    noted = "\n".join(t for n in items(anchor.get("note")) if (t := text(n.get("text"))))
    div = "" if told else plain(text(obj(anchor.get("text")).get("div")) or "")
    attached = "\n".join(inline_texts(fetched(record, items(anchor.get("presentedForm")), anchor)))
    covered = mentioned = False
    readings: list[tuple[str, TextReading]] = []
    name = words(anchor.get("code"))
    several = f"Genes tested: {name}.\n" if ESR1.search(name) and not about else ""
    if about and not coded:
        outcomes = {o for c in items(anchor.get("conclusionCode")) for o in coded_outcomes(c)}
        if len(outcomes) == 1:
            readings.append((name, TextReading(outcomes.pop(), plain=True)))
    for free in (conclusion, coded, f"{notes}\n{noted}", attached, div):
        if not free.strip() or (free is div and readings):
            continue
        reading = read_text(several + free, source, about_esr1=about)
        if reading is None:
            continue
        covered, mentioned = covered or reading.covers, True
        if reading.outcome is not None:
            readings.append((free, reading))
    if not readings:
        return Said(None, covers=covered) if mentioned else None
    clear = [r for r in readings if r[1].outcome is not Outcome.NOT_READABLE]
    free, reading = (clear or readings)[0]
    told_outcomes = {r.outcome for _, r in clear}
    clash = {Outcome.DETECTED, Outcome.NOT_DETECTED} <= told_outcomes
    if clash:
        free, reading = next(r for r in clear if r[1].outcome is Outcome.DETECTED)
    low = reading.outcome is Outcome.NOT_DETECTED and any(r.uninformative for _, r in readings)
    return Said(
        reading.outcome,
        reading.findings,
        True,
        low,
        " ".join(free.split())[:300],
        conflict=clash or any(r.conflict for _, r in readings),
        pending=reading.pending,
        denied=frozenset() if reading.plain else reading.denied,
    )


def about_esr1(resource: Json) -> bool:
    """The test's own name speaks of ESR1 and of no other gene."""
    name = words(resource.get("code"))
    return bool(ESR1.search(name)) and all(ESR1.match(m.group(0)) for m in OTHER_GENE.finditer(name))


def overall(group: Group, discrete: bool) -> Said | None:
    """What the panel's overall interpretation (51968-6) says against a negative that would be inferred."""
    for entry in group.entries:
        if any(code == "51968-6" for _, code, _ in codings(entry.resource.get("code"))):
            outcomes = coded_outcomes(entry.resource.get("valueCodeableConcept"))
            outcomes |= said_by_words(entry.resource)
            if Outcome.FAILED in outcomes or Outcome.INDETERMINATE in outcomes:
                failed = Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.INDETERMINATE
                return Said(failed, covers=True, note="the panel's overall interpretation says so")
            if Outcome.DETECTED in outcomes and not discrete:
                return Said(Outcome.NOT_READABLE, note="the panel is positive, and what was found is not said")
    return None


# --- genomic study (STU4) ---------------------------------------------------------------------------------------------


def study_coverage(record: Record, group: Group) -> tuple[Said | None, list[Json], list[Json]]:
    """ESR1's place in the studies a report names: covered or not callable; the specimens; the procedures read."""
    pending = [
        p
        for e in extension_values(group.anchor, "genomic-study-reference")
        if (p := record.resolve(value_of(e), group.anchor)) is not None
    ]
    procedures: list[Json] = []
    while pending and len(procedures) < 50:
        procedure = pending.pop()
        if any(p is procedure for p in procedures) or status_of(procedure) in ("entered-in-error", "not-done"):
            continue
        procedures.append(procedure)
        for extension in extension_values(procedure, "genomic-study-analysis-ext"):
            inner = record.resolve(value_of(extension), procedure)
            if inner is not None:
                pending.append(inner)
    said: Said | None = None
    specimens: list[Json] = []
    for procedure in procedures:
        for extension in extension_values(procedure, "genomic-study-analysis-specimen"):
            found = record.resolve(value_of(extension), procedure)
            if found is not None:
                specimens.append(found)
        for place, what in study_regions(record, procedure):
            if not ESR1.search(what):
                continue
            if place == "uncalled":
                whole = re.fullmatch(r"\W*(?:ESR-?1\W*)+", what.replace("|", " "), re.I)
                bad = Outcome.FAILED if whole else Outcome.INDETERMINATE
                said = Said(bad, covers=True, note="ESR1 lies, wholly or in part, in a region that could not be called")
            elif said is None:
                said = Said(None, covers=True)
        for note in items(procedure.get("note")):
            free = text(note.get("text")) or ""
            if ESR1.search(free) and re.search(
                r"un-?call|could not be|not (?:be )?(?:called|evaluable)|failed", free, re.I
            ):
                said = Said(Outcome.FAILED, covers=True, note=free[:300])
    return said, specimens, procedures


def study_regions(record: Record, procedure: Json) -> Iterable[tuple[str, str]]:
    """(studied | called | uncalled | description | focus, what it names)."""
    for region in extension_values(procedure, "genomic-study-analysis-regions"):
        for part in items(region.get("extension")):
            place = text(part.get("url")) or ""
            concept = obj(part.get("valueCodeableConcept"))
            what = " | ".join([words(concept), *(text(c.get("code")) or "" for c in items(concept.get("coding")))])
            what += f" | {text(part.get('valueString')) or ''} | {text(part.get('valueMarkdown')) or ''}"
            reference = obj(part.get("valueReference"))
            file = record.resolve(reference, procedure) if reference else None
            what += f" | {text(reference.get('display')) or ''}"
            if file is not None:
                contents = [obj(c.get("attachment")) for c in items(file.get("content"))]
                what += " | ".join(
                    [
                        text(file.get("description")) or "",
                        *(text(a.get("title")) or "" for a in contents),
                        *inline_texts(contents),
                    ]
                )
            yield place, what.replace("HGNC:3467", "ESR1")
    for gene in extension_values(procedure, "genomic-study-analysis-gene"):
        concept = value_of(gene)
        yield (
            "studied",
            f"{words(concept)} {' '.join(text(c.get('code')) or '' for c in items(concept.get('coding')))}".replace(
                "HGNC:3467", "ESR1"
            ),
        )
