"""The alterations that a component-coded variant Observation tells of."""

from __future__ import annotations

import re
from dataclasses import replace

from smart_app.domain.facts import Finding, Kind, Origin, Significance, Source
from smart_app.fhir.reading.esr1_gene import CODES, of, values
from smart_app.fhir.reading.hgvs import dna, kind_of, protein, proteins, translated
from smart_app.fhir.reading.labtext import origin_of, significance_of
from smart_app.fhir.reading.record import Json, obj, text, words
from smart_app.fhir.reading.vaf import Vaf, from_quantity, from_ratio, from_text, unreadable

NOTATION = ("protein_change", "dna_change", "genomic_change", "clinvar", "copy_number")


def has_notation(parts: dict[str, list[Json]]) -> bool:
    return bool(of(parts, *NOTATION))


def changes_of(parts: dict[str, list[Json]], name: str) -> list[str]:
    """The protein changes named, each once: by pHGVS components, else the ClinVar display, else the test's name."""
    for said in (*(" ; ".join(values(of(parts, role))) for role in ("protein_change", "clinvar")), name):
        found = list(dict.fromkeys(proteins(said)))
        if found:
            return found
    base = base_of(parts)
    known = translated(base)
    return [known] if known else []


def base_of(parts: dict[str, list[Json]]) -> str | None:
    return dna(" ; ".join(values(of(parts, "dna_change", "genomic_change", "clinvar", "protein_change"))))


def odd_notation(parts: dict[str, list[Json]]) -> str | None:
    """Words for a contradiction in the notation: two proteins in one concept, or protein and DNA that do not fit."""
    for component in of(parts, "protein_change"):
        either = re.search(r"[0-9]{2,4}[A-Z]/[A-Z](?![A-Za-z0-9])", " ; ".join(values([component])))
        if either is not None:
            return f"which of two changes was found is not said ({values([component])[0][:40]})"
        found = set(proteins(" ; ".join(values([component]))))
        if len(found) > 1:
            return f"one protein change is written as {' and '.join(sorted(found))}"
    base, named = base_of(parts), changes_of(parts, "")
    known = translated(base)
    if known is not None and len(named) == 1 and named[0] != known:
        return f"{base} is {known}, and the protein change says {named[0]}"
    return None


def findings_of(resource: Json, parts: dict[str, list[Json]], free: str, source: Source) -> list[Finding]:
    """One finding, or one for each protein change where several components name different ones."""
    name = f"{words(resource.get('code'))} {words(resource.get('valueCodeableConcept'))}"
    changes = changes_of(parts, name)
    base = base_of(parts)
    if not changes and not has_notation(parts):
        changes = [c for c in (protein(free),) if c]
        base = base or dna(free)
    amounts = [v for c in of(parts, "vaf") if (v := _amount(c)) is not None]
    amount = amounts[0] if len(amounts) == 1 else None
    if amount is None and not amounts and len(changes) < 2:
        amount = from_text(free)
    if len(changes) > 1 and amounts:
        amount = Vaf(None, None, ", ".join(a.shown or "" for a in amounts))
    amount = amount or (Vaf(None, None, ", ".join(a.shown or "" for a in amounts)) if amounts else Vaf())
    fractions = {(a.fraction, a.comparator) for a in amounts}
    if len({a.shown for a in amounts}) == 1 or (len(fractions) == 1 and (None, None) not in fractions):
        amount = amounts[0] if len(changes) < 2 else amount
    first = Finding(
        protein_change=changes[0] if changes else None,
        dna_change=base if len(changes) < 2 else None,
        vaf=amount.fraction,
        vaf_comparator=amount.comparator,
        vaf_text=amount.shown,
        kind=_kind(changes[0] if changes else None, base, parts, name),
        significance=_significance(parts, free),
        origin=_origin(parts, free),
        sources=(source,),
    )
    return [first, *(replace(first, protein_change=c, kind=kind_of(c)) for c in changes[1:])]


def _kind(change: str | None, base: str | None, parts: dict[str, list[Json]], name: str) -> Kind:
    types = " ".join(values(of(parts, "protein_change_type", "dna_change_type"))).lower()
    said = f"{name} {types} {' '.join(values(of(parts, 'clinvar')))}".lower()
    if re.search(r"fusion|rearrang|translocation|so:0001565", said):
        return Kind.FUSION
    if change is None and (re.search(r"amplif|copy[_ -]?number[_ -]?gain|so:0001742", said) or _gained(parts)):
        return Kind.AMPLIFICATION
    if re.search(r"synonymous|silent|so:0001819", types) and not re.search(r"non-?_?synonymous", types):
        return Kind.SYNONYMOUS
    return kind_of(change, base)


def _gained(parts: dict[str, list[Json]]) -> bool:
    for component in of(parts, "copy_number"):
        raw = obj(component.get("valueQuantity")).get("value", component.get("valueInteger"))
        if isinstance(raw, bool) or raw is None:
            continue
        try:
            if float(raw) > 2:
                return True
        except (TypeError, ValueError):
            continue
    return False


def _amount(component: Json) -> Vaf | None:
    found = from_quantity(component.get("valueQuantity"))
    if found is not None:
        return found
    ratio = obj(component.get("valueRatio"))
    if ratio:
        return from_ratio(ratio)
    said = text(component.get("valueString")) or text(obj(component.get("valueCodeableConcept")).get("text"))
    if said is None:
        return unreadable(component)
    return from_text(said) or Vaf(None, None, said[:60])


def _origin(parts: dict[str, list[Json]], free: str) -> Origin:
    said = values(of(parts, "source_class"))
    coded = {CODES.origin[v] for v in said if v in CODES.origin}
    if not said:
        return origin_of(free)
    if not coded:
        joined = " ".join(said).lower()
        coded = {o for o in (Origin.GERMLINE, Origin.SOMATIC) if o.value in joined}
    return coded.pop() if len(coded) == 1 else Origin.UNKNOWN


def _significance(parts: dict[str, list[Json]], free: str) -> Significance:
    said = values(of(parts, "significance"))
    coded = {CODES.significance[v] for v in said if v in CODES.significance}
    if len(coded) == 1:
        return coded.pop()
    if coded:
        return Significance.UNKNOWN
    return significance_of(" ".join(said) or free)
