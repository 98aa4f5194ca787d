"""Reports that a person can open and the app cannot read: they exist, and are shown with a link, never ignored."""

from __future__ import annotations

import re

from smart_app.domain.facts import Outcome
from smart_app.fhir.reading.esr1_reports import GENETIC, about_esr1, fetched, inline_texts, opaque
from smart_app.fhir.reading.esr1_tree import Group
from smart_app.fhir.reading.labtext import ESR1, OTHER_GENE, plain
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, text, words
from smart_app.fhir.reading.specimens import kind_of_specimen, names_liquid, specimens_of
from smart_app.fhir.reading.variants import Said, is_implication

_NOTE = "A report that a person can open; the app cannot read it."


def to_be_opened(record: Record, group: Group, discrete: bool, own: Said | None) -> Said | None:
    """*Not readable* for a report of ESR1 or ctDNA that says nothing of ESR1. ``discrete``: it tells of other genes."""
    report = group.anchor
    if not group.report or is_implication(report):
        return None
    unopened = any(opaque(a) for a in fetched(record, items(report.get("presentedForm")), report))
    named = _named(record, report)
    unread = about_esr1(report) and (group.missing > 0 or not group.entries) and own is None
    empty = named and not group.entries and own is None and not _tells(report)
    # beside other genes' results the attachment may still hold ESR1, unless the report lists what was studied
    silent = not discrete or (unopened and not any(_lists_genes(e.resource) for e in group.entries))
    if silent and ((unopened and named) or unread or empty or (group.missing and named)):
        return Said(Outcome.NOT_READABLE, note=_NOTE)
    return None


def _tells(report: Json) -> bool:
    """Whether the report has words of its own, though none about ESR1."""
    if (
        text(report.get("conclusion"))
        or items(report.get("conclusionCode"))
        or inline_texts(report.get("presentedForm"))
    ):
        return True
    return bool(plain(text(obj(report.get("text")).get("div")) or "").strip())


def _lists_genes(resource: Json) -> bool:
    return not {"53041-0", "36908-2"}.isdisjoint(code for _, code, _ in codings(resource.get("code")))


_ELSEWHERE = re.compile(r"\b(?:see|refer to|attached|scanned|separate report|pdf|media tab|in media|paper)\b", re.I)


def elsewhere(observation: Json) -> Said | None:
    """An Observation of a ctDNA test that only says where its report is."""
    said = " ".join(
        [
            text(observation.get("valueString")) or "",
            *(text(n.get("text")) or "" for n in items(observation.get("note"))),
        ]
    )
    if _ELSEWHERE.search(said) and names_liquid(words(observation.get("code"))) and not OTHER_GENE.search(said):
        return Said(Outcome.NOT_READABLE, note=said.strip()[:300])
    return None


def _named(record: Record, report: Json) -> bool:
    """The report's name, attachments or specimen say ctDNA, liquid biopsy or ESR1."""
    forms = items(report.get("presentedForm"))
    titles = " ".join(text(a.get("title")) or "" for a in forms)
    codes = " ".join(code for _, code, _ in codings(report.get("code")))
    said = f"{words(report.get('code'))} {titles} {text(report.get('conclusion')) or ''}"
    people = " ".join(text(p.get("display")) or "" for p in items(report.get("performer")))
    kinds = " ".join(f"{words(c)} {' '.join(code for _, code, _ in codings(c))}" for c in items(report.get("category")))
    genetic = bool(GENETIC.search(f"{said} {codes} {kinds}")) or " GE" in f" {kinds}"
    specimens = specimens_of(record, report)
    plasma = kind_of_specimen(specimens, "").value == "plasma"
    return bool(ESR1.search(said)) or names_liquid(said) or (genetic and (names_liquid(people) or plasma))
