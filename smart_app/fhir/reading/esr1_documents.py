"""DocumentReferences that are ctDNA or ESR1 reports: read where they are text, else shown as a report to be opened."""

from __future__ import annotations

import re

from smart_app.domain.facts import DateBasis, Draw, Outcome, Specimen, Standing, WithdrawnResult
from smart_app.fhir.reading.esr1_coverage import of_words
from smart_app.fhir.reading.esr1_reports import GENETIC, fetched, inline_texts, link_of, opaque
from smart_app.fhir.reading.labtext import ESR1, read_text
from smart_app.fhir.reading.record import Json, Record, items, obj, reference_of, source_of, text, words
from smart_app.fhir.reading.specimens import collected, identity, kind_of_specimen, names_liquid
from smart_app.fhir.reading.told import Told

_NO_REPORT = re.compile(
    r"\b(?:progress note|visit note|consult(?:ation)?|referral|discharge|h&p|history and physical|consent|education|"
    r"brochure|order(?: form)?|requisition|protocol|letter|care ?plan|plan of care|surveillance plan|insurance|"
    r"authori[sz]ation)\b",
    re.I,
)


def read_document(
    record: Record, document: Json, replaced: frozenset[str], withdrawn: list[WithdrawnResult]
) -> Told | None:
    """None where it is no such report. ``replaced``: references of documents that a newer one replaces."""
    attachments = fetched(record, [obj(c.get("attachment")) for c in items(document.get("content"))], document)
    titles = " ".join(text(a.get("title")) or "" for a in attachments)
    context = obj(document.get("context"))
    people = " ".join(
        text(p.get("display")) or "" for p in [*items(document.get("author")), obj(document.get("custodian"))]
    )
    kind = " ".join([words(document.get("type")), *(words(c) for c in items(document.get("category")))])
    codes = " ".join(text(c.get("code")) or "" for c in items(obj(document.get("type")).get("coding")))
    name = f"{kind} {text(document.get('description')) or ''} {titles}"
    inline = "\n".join(inline_texts(attachments))
    genetic = bool(GENETIC.search(f"{name} {codes}"))
    specimens = [
        s
        for r in items(context.get("related"))
        if (s := record.resolve(r, document)) is not None and s.get("resourceType") == "Specimen"
    ]
    plasma = kind_of_specimen(specimens, "") is Specimen.PLASMA
    named = bool(ESR1.search(name)) or names_liquid(name) or (genetic and (names_liquid(people) or plasma))
    if _NO_REPORT.search(name) and not re.search(r"\b(?:reports?|results?)\b", name, re.I):
        return None
    if not named and not (genetic and ESR1.search(inline)):
        return None
    status, doc_status = text(document.get("status")) or "", text(document.get("docStatus")) or ""
    source = source_of(document)
    began = record.when(obj(context.get("period")).get("start"))
    issued = record.when(document.get("date")) or next(
        (d for a in attachments if (d := record.when(a.get("creation")))), None
    )
    if "entered-in-error" in (status, doc_status):
        record.notes.aside("result.entered-in-error", "was entered in error and counts for nothing", document)
        withdrawn.append(WithdrawnResult(began or issued, "entered-in-error", (), (source,)))
        return None
    if status == "superseded" or reference_of(document) in replaced:
        record.notes.aside("result.superseded", "was replaced by a newer document", document)
        return None
    reading = read_text(inline, source, about_esr1=bool(ESR1.search(name))) if inline.strip() else None
    if reading is not None and reading.outcome is None:
        return None
    if reading is None and inline.strip() and not any(opaque(a) for a in attachments):
        return None  # the whole text was read, and it does not name ESR1
    taken = collected(record, specimens)
    basis = DateBasis.COLLECTED if taken else DateBasis.EFFECTIVE if began else DateBasis.ISSUED if issued else None
    provisional = doc_status == "preliminary" or bool(reading and reading.pending)
    outcome = reading.outcome if reading is not None and reading.outcome is not None else Outcome.NOT_READABLE
    draw = Draw(
        outcome=outcome,
        date=taken or began or issued,
        date_basis=basis,
        known_on=issued or began,
        specimen=kind_of_specimen(specimens, name, inline[:4000]),
        standing=Standing.CONFLICT
        if reading is not None and reading.conflict
        else Standing.PROVISIONAL
        if provisional
        else Standing.FINAL,
        findings=tuple(
            sorted(reading.findings, key=lambda f: f.protein_change or f.dna_change or f.kind.value) if reading else ()
        ),
        uninformative=bool(reading and reading.uninformative),
        laboratory=next((t for p in items(document.get("author")) if (t := text(p.get("display")))), None)
        or text(obj(document.get("custodian")).get("display")),
        accession=identity(specimens),
        covers=tuple(sorted(of_words([inline], negative=outcome is Outcome.NOT_DETECTED))) or None,
        document=link_of(document, attachments) or reference_of(document) or None,
        note="A report that a person can open; the app cannot read it."
        if outcome is Outcome.NOT_READABLE
        else inline[:300],
        sources=(source,),
    )
    related = frozenset(r for x in items(context.get("related")) if (r := text(x.get("reference")))) | frozenset(
        u for a in attachments if (u := text(a.get("url")))
    )
    return Told(draw, rank=2 if doc_status == "amended" else 0 if provisional else 1, keys=related, document=True)


def replaced_documents(record: Record) -> frozenset[str]:
    """The documents that a current one says it replaces."""
    return frozenset(
        "/".join(target.split("/_history/")[0].split("/")[-2:])
        for document in record.all("DocumentReference")
        if text(document.get("status")) == "current"
        for relation in items(document.get("relatesTo"))
        if text(relation.get("code")) == "replaces"
        and (target := text(obj(relation.get("target")).get("reference"))) is not None
    )
