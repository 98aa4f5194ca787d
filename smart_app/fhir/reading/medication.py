"""Which drugs a medication resource names: by code, by display, by text, through a reference, as a pack.

A drug is believed only where everything the entry says agrees. Code and text that name different drugs are used as
neither (public RxNorm lists are often wrong: 1873984, the brand of ribociclib, is seen labelled palbociclib).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from smart_app.codes import Codebook
from smart_app.codes.book import plain
from smart_app.codes.systems import Atc, code_of
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, text

Drugs = frozenset[str]


@dataclass(frozen=True, slots=True)
class Naming:
    """The drugs an entry names, or why it cannot be told. ``code`` is stable; ``why`` is a sentence for people."""

    drugs: Drugs = frozenset()
    code: str = ""
    why: str = ""
    words: str = ""


def name_drugs(record: Record, resource: Json, book: Codebook) -> Naming:
    """No drug of the code book: an empty naming without a code."""
    concepts, texts, resolved = _concepts(record, resource)
    by_code: list[tuple[str, Drugs]] = []
    for concept in concepts:
        for system, code, _ in codings(concept):
            found = book.drugs_of(system, code) if code else frozenset()
            if found:
                by_code.append((code, found))
    texts += [part for concept in concepts for part in _texts(concept)]
    by_text = [(part, found) for part in texts if (found := book.drugs_in(part))]
    parts = _ingredients(record, resource, book)
    said = [drugs for _, drugs in (*by_code, *by_text)] + ([parts] if parts else [])
    words = " | ".join(dict.fromkeys(texts))
    if not said:
        if not resolved and not texts:
            return Naming(code="drug.unresolved", why="names a medicine that was not read and has no text", words=words)
        if not texts and not _ingredient_texts(record, resource) and _foreign_codes(concepts):
            why = f"names a medicine by a code alone ({_foreign_codes(concepts)[0]}) that the app does not know"
            return Naming(code="drug.unresolved", why=why, words=words)
        return Naming(words=words)
    every = frozenset[str]().union(*said)
    if any(book.is_blinded(part) for part in texts):
        return Naming(code="drug.blinded", why=f"may be placebo: {_join(every)}", words=words)
    if every not in said:
        what = "; ".join(
            dict.fromkeys(
                [f"code {code} is {_join(d)}" for code, d in by_code]
                + [f"the text “{part[:60]}” names {_join(d)}" for part, d in by_text]
            )
        )
        return Naming(code="drug.conflict", why=f"names different drugs, so it is used as neither: {what}", words=words)
    if by_code and not by_text and texts and not any(_may_name(part, every, book) for part in texts):
        what = f"code {by_code[0][0]} is {_join(every)}; the text says “{texts[0][:60]}”"
        return Naming(code="drug.conflict", why=f"names different drugs, so it is used as neither: {what}", words=words)
    return Naming(drugs=every, words=words)


def medication_of(record: Record, resource: Json) -> Json:
    """The Medication a resource points to (included or contained), or an empty object."""
    reference = resource.get("medicationReference") or obj(resource.get("medication")).get("reference")
    found = record.resolve(reference, resource)
    target = text(obj(reference).get("reference")) or ""
    if found is None and target.startswith("urn:uuid:"):  # exports that keep the id and lose the fullUrl
        found = record.resolve({"reference": f"Medication/{target.removeprefix('urn:uuid:')}"}, resource)
    return found if found is not None and found.get("resourceType") == "Medication" else {}


def _concepts(record: Record, resource: Json) -> tuple[list[Json], list[str], bool]:
    medication = medication_of(record, resource)
    reference = obj(resource.get("medicationReference"))
    concepts = [
        obj(resource.get("medicationCodeableConcept")),
        obj(obj(resource.get("medication")).get("concept")),
        obj(medication.get("code")),
    ]
    shown = text(reference.get("display"))
    return [c for c in concepts if c], [shown] if shown else [], bool(medication) or any(concepts)


def _texts(concept: Json) -> list[str]:
    return [part for part in (text(concept.get("text")), *(display for _, _, display in codings(concept))) if part]


def _ingredients(record: Record, resource: Json, book: Codebook) -> Drugs:
    """The drugs of a Medication's ingredients together; what the book does not know (lactose, …) is left out."""
    medication, found = medication_of(record, resource), set[str]()
    for ingredient in items(medication.get("ingredient")):
        if ingredient.get("isActive") is False:
            continue
        concept = obj(ingredient.get("itemCodeableConcept"))
        inner = record.resolve(ingredient.get("itemReference"), medication) or record.resolve(
            ingredient.get("itemReference"), resource
        )
        for part in (concept, obj(obj(inner).get("code"))):
            for system, code, display in codings(part):
                found |= (book.drugs_of(system, code) if code else set()) or book.drugs_in(display)
            found |= book.drugs_in(text(part.get("text")) or "")
    return frozenset(found)


def _foreign_codes(concepts: list[Json]) -> list[str]:
    """Codes that could be any drug. ATC tells its group: outside L (antineoplastic) it is none of ours."""
    found = [(system, code) for concept in concepts for system, code, _ in codings(concept) if code]
    if any(type(code_of(system, code)) is Atc and not code.upper().startswith("L") for system, code in found):
        return []
    return [code for _, code in found]


def _ingredient_texts(record: Record, resource: Json) -> list[str]:
    ingredients = items(medication_of(record, resource).get("ingredient"))
    return [part for one in ingredients for part in _texts(obj(one.get("itemCodeableConcept")))]


def _may_name(part: str, drugs: Drugs, book: Codebook) -> bool:
    """Whether a text without a known name may still mean these drugs: no other name in it, or a shortened one."""
    names = [name for name, meant in book.names.items() if meant & drugs]
    plain_words = {phrase for phrase, _ in book.phrases.get("order_word", ())}
    for word in re.findall(r"[a-z][a-z0-9]{3,}", plain(part)):
        if any(name.startswith(word[:5]) for name in names):
            return True
        if word not in plain_words:
            return False
    return True


def _join(drugs: Drugs) -> str:
    return " + ".join(sorted(drugs))
