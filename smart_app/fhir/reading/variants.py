"""One Observation -> what it says about ESR1: component-coded variants, region-studied, interpretation, flat text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from smart_app.domain.facts import Finding, Outcome, Source
from smart_app.fhir.reading.esr1_findings import changes_of, findings_of, has_notation, odd_notation
from smart_app.fhir.reading.esr1_gene import (
    CODES,
    LOINC,
    About,
    components,
    gene_of,
    is_answer,
    of,
    plainly_another_gene,
    values,
)
from smart_app.fhir.reading.labtext import ESR1, OTHER_GENE, TextReading, plain, read_text
from smart_app.fhir.reading.labwords import MUTATION, RECEPTOR
from smart_app.fhir.reading.record import Json, codings, items, obj, text, words
from smart_app.fhir.reading.vaf import from_quantity

_YES_NO = {Outcome.DETECTED, Outcome.NOT_DETECTED}


@dataclass(frozen=True, slots=True)
class Said:
    """What one resource says about ESR1. ``outcome`` None with ``covers``: ESR1 was tested, the answer is elsewhere."""

    outcome: Outcome | None
    findings: tuple[Finding, ...] = ()
    covers: bool = False
    uninformative: bool = False
    note: str | None = None
    conflict: bool = False  # it contradicts itself
    denied: frozenset[str] = frozenset()  # not detected of these changes alone; empty: of the gene
    pending: bool = False
    discrete: bool = False  # a coded answer about some gene, not about ESR1


_WHICH = "several genes are named, and which one is mutated is not said"
_ANOTHER = Said(None, discrete=True)


def is_implication(resource: Json) -> bool:
    """Therapeutic implications and recommendations are never results."""
    profiles = obj(resource.get("meta")).get("profile")
    named = isinstance(profiles, list) and any(isinstance(p, str) and "implication" in p for p in profiles)
    name = words(resource.get("code")).lower()
    codes = {code for _, code, _ in codings(resource.get("code"))}
    return named or bool(codes & CODES.not_results) or "implication" in name or "recommend" in name


def _codes(resource: Json) -> set[str]:
    return {code for _, code, _ in codings(resource.get("code"))}


def read_observation(resource: Json, source: Source, above: tuple[Json, ...] = ()) -> Said | None:
    """None where the Observation says nothing about ESR1. ``above``: its panels and reports, whose name it inherits."""
    if plainly_another_gene(resource):
        return _ANOTHER
    if is_implication(resource):
        return None
    codes, parts = _codes(resource), components(resource)
    if "" in parts:
        resource = _with_answer(resource, parts[""])
    about, genes = gene_of(resource, parts)
    if about is About.UNSAID and any(_of_esr1(words(r.get("code"))) for r in above):
        about = About.ESR1
    free = _free_text(resource)
    name = f"{words(resource.get('code'))} {words(resource.get('method'))}"
    if RECEPTOR.search(name) and not has_notation(parts) and not MUTATION.search(name):
        return None
    if about is About.UNSAID and LOINC["variant"] in codes and _of_esr1(_value_words(resource)):
        about = About.ESR1  # "ESR1 p.D538G" is the value of a variant assessment
    if about is About.ODD:
        return Said(Outcome.NOT_READABLE, note="the gene's code and its name contradict each other")
    if LOINC["region"] in codes and about is not About.ESR1 and ESR1.search(" ; ".join(values(_parts(parts)))):
        about = About.ESR1  # "Exons 4-8 of ESR1" in the description of the regions
    if LOINC["region"] in codes:
        return _region(parts) if about is About.ESR1 else None
    if LOINC["tested"] in codes:
        return Said(None, covers=about is About.ESR1 or bool(ESR1.search(free)))
    inner = _inner(parts.get("", []), source, about) if "" in parts else None
    called = text(obj(resource.get("code")).get("text")) or ""
    if about is About.UNSAID and ESR1.search(name) and not ESR1.search(free.removeprefix(f"{called}: ")):
        return _of_several(resource, source, parts, free)
    if about is not About.ESR1:
        said = _from_text(read_text(free, source, whole_report=about is About.UNSAID), free) if free else None
        if said is None and inner is None and about is About.OTHER:
            return _ANOTHER
        return inner if said is None else said if inner is None else _both(inner, said)
    if inner is not None and not _own_value(resource):
        return inner
    said = _direct(resource, source, parts, free, genes)
    return said if inner is None else _both(inner, said)


def _parts(parts: dict[str, list[Json]]) -> list[Json]:
    return [component for group in parts.values() for component in group]


def _of_several(resource: Json, source: Source, parts: dict[str, list[Json]], free: str) -> Said:
    """A test named after ESR1 and other genes with one answer: negative for all, or positive and not said for which."""
    said = _direct(resource, source, parts, free, 1)
    if said.outcome is Outcome.DETECTED:
        return Said(Outcome.NOT_READABLE, covers=True, note=_WHICH)
    return said


def _of_esr1(name: str) -> bool:
    """A panel's or report's name that speaks of ESR1 and of no other gene."""
    return bool(ESR1.search(name)) and all(ESR1.match(m.group(0)) for m in OTHER_GENE.finditer(name))


def _value_words(resource: Json) -> str:
    return f"{words(resource.get('valueCodeableConcept'))} {text(resource.get('valueString')) or ''}"


def _own_value(resource: Json) -> bool:
    return any(key.startswith("value") for key in resource) or bool(
        resource.get("interpretation") or resource.get("dataAbsentReason")
    )


# --- values -----------------------------------------------------------------------------------------------------------


def coded_outcomes(concept: object) -> set[Outcome]:
    """Every outcome that the codings of a concept say; a display that says the opposite of its code counts, too."""
    found: set[Outcome] = set()
    for _, code, display in codings(concept):
        known = CODES.outcome.get(code)
        if known is not None:
            found.add(known)
        spoken = _spoken(display) if display else None
        if spoken in _YES_NO:
            found.add(spoken)
    return found


@lru_cache(maxsize=4096)
def _spoken(display: str) -> Outcome | None:
    """What a short answer such as "Present" says of ESR1."""
    reading = read_text(display, Source(""), about_esr1=True)
    return reading.outcome if reading is not None else None


def _direct(resource: Json, source: Source, parts: dict[str, list[Json]], free: str, genes: int) -> Said:
    name = words(resource.get("code"))
    denied = frozenset(changes_of(parts, name))
    spoken: list[Outcome] = []
    concept = resource.get("valueCodeableConcept")
    coded = coded_outcomes(concept)
    if coded >= _YES_NO:
        return Said(Outcome.NOT_READABLE, covers=True, note="the value says both detected and not detected")
    spoken += sorted(coded, key=lambda o: o.value)[:1]
    if not coded and MUTATION.search(name) and (answer := _yes_no(resource)) is not None:
        spoken.append(answer)
    if isinstance(resource.get("valueBoolean"), bool):
        spoken.append(Outcome.DETECTED if resource["valueBoolean"] else Outcome.NOT_DETECTED)
    value_words = " ; ".join(
        v for v in (text(resource.get("valueString")), text(obj(concept).get("text")) if not coded else None) if v
    )
    if not coded and not value_words:
        value_words = " ; ".join(display for _, _, display in codings(concept) if display)
    reading = read_text(value_words, source, about_esr1=True) if value_words else None
    if (
        reading is not None
        and _only_changes(value_words)
        and not re.search(r"tested|covered|analy[sz]ed|assessed", name, re.I)
    ):
        reading = read_text(f"Detected: {value_words}", source, about_esr1=True)
    if reading is not None:
        spoken.append(reading.outcome or Outcome.NOT_READABLE)
    interpreted: set[Outcome] = set()
    for one in items(resource.get("interpretation")):
        interpreted |= coded_outcomes(one) or _word_outcome(text(one.get("text")), source)
    noted = read_text(free, source, about_esr1=True) if free and free != value_words else None
    absent = {code for _, code, _ in codings(resource.get("dataAbsentReason"))}
    pending = "temp-unknown" in absent or bool(reading and reading.pending)
    outcome: Outcome | None = next((o for o in spoken if o is not Outcome.NOT_READABLE), None)
    if outcome is None and interpreted:
        outcome = next(iter(interpreted)) if len(interpreted) == 1 else Outcome.NOT_READABLE
    if outcome is None and items(resource.get("valueQuantity")):
        vaf = from_quantity(resource["valueQuantity"])
        found = vaf is not None and vaf.fraction is not None and vaf.fraction > 0 and vaf.comparator not in ("<", "<=")
        outcome = Outcome.DETECTED if found else Outcome.NOT_READABLE
        parts = {**parts, LOINC["vaf"]: [*of(parts, "vaf"), {"valueQuantity": resource["valueQuantity"]}]}
    if outcome is None and not spoken and not absent and (noted is None or noted.outcome is None):
        outcome = _flagged(resource)
    if outcome is None and not spoken:
        outcome = _without_value(absent, noted, resource)
        pending = pending or bool(noted and noted.pending)
    outcome = outcome or Outcome.NOT_READABLE
    if outcome is Outcome.DETECTED and genes > 1 and not _settled(resource, parts):
        return Said(Outcome.NOT_READABLE, covers=True, note=_WHICH)
    told = {o for o in (*spoken, *interpreted, outcome) if o in _YES_NO}
    said_in_notes = noted.outcome if noted is not None else None
    if said_in_notes is Outcome.DETECTED and has_change(noted):
        told.add(Outcome.DETECTED)
    elif said_in_notes is Outcome.NOT_DETECTED and outcome is Outcome.DETECTED and noted is not None and noted.plain:
        told.add(Outcome.NOT_DETECTED)
    conflict = told == _YES_NO or any(r is not None and r.conflict for r in (reading, noted))
    if told == _YES_NO:
        outcome = Outcome.DETECTED
    findings: tuple[Finding, ...] = ()
    odd = odd_notation(parts) if outcome is Outcome.DETECTED else None
    if outcome is Outcome.DETECTED:
        findings = _found(resource, parts, free, source, reading, noted)
    failed_words = said_in_notes is Outcome.FAILED and outcome is Outcome.NOT_READABLE
    return Said(
        Outcome.FAILED if failed_words else outcome,
        findings,
        covers=True,
        uninformative=outcome is Outcome.NOT_DETECTED
        and any(r is not None and r.uninformative for r in (reading, noted)),
        note=odd or free[:300] or None,
        conflict=conflict or odd is not None,
        denied=denied if outcome is Outcome.NOT_DETECTED else frozenset(),
        pending=pending,
    )


_YES = {"yes": Outcome.DETECTED, "no": Outcome.NOT_DETECTED, "true": Outcome.DETECTED, "false": Outcome.NOT_DETECTED}
_YES |= {"y": Outcome.DETECTED, "n": Outcome.NOT_DETECTED}
_YES_CODES = {"373066001": Outcome.DETECTED, "373067005": Outcome.NOT_DETECTED}  # SNOMED CT Yes, No


def _yes_no(resource: Json) -> Outcome | None:
    """Yes or no to "ESR1 mutation"."""
    concept = resource.get("valueCodeableConcept")
    said = {text(resource.get("valueString")), text(obj(concept).get("text"))}
    for system, code, display in codings(concept):
        said |= {display, code if "0136" in system or "0532" in system else None}
        if code in _YES_CODES:
            said.add("yes" if _YES_CODES[code] is Outcome.DETECTED else "no")
    found = {_YES[word.lower().rstrip(".")] for word in said if word and word.lower().rstrip(".") in _YES}
    return found.pop() if len(found) == 1 else None


def has_change(reading: TextReading | None) -> bool:
    return reading is not None and any(f.protein_change or f.dna_change for f in reading.findings)


_CHANGE_LIST = re.compile(
    r"(?:ESR-?1[\s:]*)?(?:[\s,;/()]*(?:and\s+)?(?:p\.)?\(?[A-Z*][A-Za-z]{0,2}[0-9]{2,4}[A-Za-z*=_0-9]+\)?)+[\s,;.]*\Z"
)


def _only_changes(value: str) -> bool:
    return bool(_CHANGE_LIST.match(value)) and bool(re.search(r"[0-9]", value))


# abnormal and normal: laboratories' systems set these flags by default, so that they count where nothing else is said
_FLAGS = {"A": Outcome.DETECTED, "AA": Outcome.DETECTED, "N": Outcome.NOT_DETECTED}


def _flagged(resource: Json) -> Outcome | None:
    if any(key.startswith("value") for key in resource):  # an answer that cannot be read is an answer
        return None
    codes = {code for one in items(resource.get("interpretation")) for _, code, _ in codings(one)}
    found = {_FLAGS[code] for code in codes if code in _FLAGS}
    return found.pop() if len(found) == 1 else None


def said_by_words(resource: Json) -> set[Outcome]:
    """The outcome that the text of a value says."""
    said = text(resource.get("valueString")) or text(obj(resource.get("valueCodeableConcept")).get("text"))
    return _word_outcome(said, Source(""))


def _word_outcome(value: str | None, source: Source) -> set[Outcome]:
    reading = read_text(value, source, about_esr1=True) if value else None
    return {reading.outcome} if reading is not None and reading.outcome is not None else set()


def _settled(resource: Json, parts: dict[str, list[Json]]) -> bool:
    """Of several genes named: the notation or the type says that ESR1 is the one (or a partner)."""
    said = " ".join(
        [
            words(resource.get("code")),
            *values(of(parts, "dna_change_type", "clinvar", "transcript", "dna_change", "protein_change")),
        ]
    )
    return bool(ESR1.search(said)) or bool(re.search(r"fusion|rearrang|translocation|so:0001565", said, re.I))


def _found(
    resource: Json,
    parts: dict[str, list[Json]],
    free: str,
    source: Source,
    reading: TextReading | None,
    noted: TextReading | None,
) -> tuple[Finding, ...]:
    """From the notation where there is one, else from the words; the words may add the amount."""
    spoken = next((r.findings for r in (reading, noted) if has_change(r) and r is not None), ())
    made = findings_of(resource, parts, free, source)
    named = [f for f in made if f.protein_change or f.dna_change or f.kind.value in ("amplification", "fusion")]
    if has_notation(parts) or not spoken:
        if len(named) == 1 and named[0].vaf is None and named[0].vaf_text is None and len(spoken) == 1:
            other = spoken[0]
            return (replace(named[0], vaf=other.vaf, vaf_comparator=other.vaf_comparator, vaf_text=other.vaf_text),)
        if not named and spoken:
            return spoken
        texts = [r.findings for r in (reading, noted) if r is not None and r.findings]
        return tuple(named) or (
            tuple(texts[0]) if texts and not has_notation(parts) and made[0].vaf is None else tuple(made)
        )
    return spoken


def _without_value(absent: set[str], noted: TextReading | None, resource: Json) -> Outcome:
    if noted is not None and noted.outcome is not None:
        return noted.outcome
    if any(CODES.absent.get(code) == "failed" for code in absent):
        return Outcome.FAILED
    reason = text(obj(resource.get("dataAbsentReason")).get("text"))
    if reason is not None:
        reading = read_text(reason, Source(""), about_esr1=True)
        if reading is not None and reading.outcome in (Outcome.FAILED, Outcome.INDETERMINATE):
            return reading.outcome
    return Outcome.NOT_READABLE


# --- words ------------------------------------------------------------------------------------------------------------


def _free_text(resource: Json) -> str:
    """Value, notes and, only where these are missing, the narrative. A coded value only where its words name ESR1."""
    name = text(obj(resource.get("code")).get("text")) or ""
    concept = words(resource.get("valueCodeableConcept"))
    parts = [
        text(resource.get("valueString")),
        concept if ESR1.search(concept) else None,
        *(text(n.get("text")) for n in items(resource.get("note"))),
    ]
    said = ". ".join(p for p in parts if p)
    if not said and not resource.get("component") and not resource.get("valueCodeableConcept"):
        said = plain(text(obj(resource.get("text")).get("div")) or "").strip()
    return f"{name}: {said}" if said and ESR1.search(name) and not ESR1.search(said) else said


def _from_text(reading: TextReading | None, free: str) -> Said | None:
    if reading is None:
        return None
    return Said(
        reading.outcome,
        reading.findings,
        reading.covers,
        reading.uninformative,
        free[:300],
        conflict=reading.conflict,
        pending=reading.pending,
        denied=frozenset() if reading.plain else reading.denied,
    )


# --- components that are answers, region-studied ----------------------------------------------------------------------


def _inner(loose: list[Json], source: Source, about: About) -> Said | None:
    """Components that are results by themselves: "ESR1 D538G" = Negative, "Y537S" = Detected."""
    found: Said | None = None
    unclear = False
    for component in loose:
        if is_answer(component):
            continue
        name = words(component.get("code"))
        own = _of_esr1(name)
        if own or (about is About.ESR1 and changes_of({}, name)):
            pseudo = {"resourceType": "Observation", **component}
            said = _direct(pseudo, source, {}, _free_text(pseudo), 1)
            found = said if found is None else _both(found, said)
        elif about is About.ESR1 and not OTHER_GENE.search(name):
            unclear = unclear or Outcome.DETECTED in _said_by(component)
    if unclear and found is not None and found.outcome is Outcome.NOT_DETECTED:
        return Said(Outcome.NOT_READABLE, covers=True, note="a part that was detected does not say what it is")
    return found


def _said_by(component: Json) -> set[Outcome]:
    return coded_outcomes(component.get("valueCodeableConcept")) | said_by_words(component)


def _with_answer(resource: Json, loose: list[Json]) -> Json:
    """The entry with the value of its "Result" component where it has none of its own."""
    if _own_value(resource):
        return resource
    answers = [c for c in loose if is_answer(c)]
    if len(answers) != 1:
        return resource
    return {**resource, **{k: v for k, v in answers[0].items() if k.startswith("value") or k in _ANSWERS}}


_ANSWERS = ("interpretation", "dataAbsentReason")


def _both(one: Said, other: Said) -> Said:
    """Two answers of one entry about different changes, or the same."""
    outcomes = [s.outcome for s in (one, other) if s.outcome is not None]
    outcome = combined(outcomes) if outcomes else None
    findings = {(f.protein_change, f.dna_change, f.kind): f for f in (*other.findings, *one.findings)}
    whole = any(s.outcome is Outcome.NOT_DETECTED and not s.denied for s in (one, other))
    clash = outcome is Outcome.DETECTED and any(
        s.outcome is Outcome.NOT_DETECTED
        and (not s.denied or s.denied & {f.protein_change for f in findings.values() if f.protein_change})
        for s in (one, other)
    )
    return Said(
        outcome,
        tuple(findings.values()),
        one.covers or other.covers,
        outcome is Outcome.NOT_DETECTED and (one.uninformative or other.uninformative),
        one.note or other.note,
        conflict=one.conflict or other.conflict or clash,
        denied=frozenset() if whole else one.denied | other.denied,
        pending=one.pending or other.pending,
    )


def combined(outcomes: list[Outcome]) -> Outcome:
    """Of one sample: any detection counts; a failure beside a negative is no clean negative."""
    found = set(outcomes)
    for first in (Outcome.DETECTED, Outcome.NOT_READABLE, Outcome.INDETERMINATE):
        if first in found:
            return first
    if found == {Outcome.NOT_DETECTED, Outcome.FAILED}:
        return Outcome.INDETERMINATE
    return Outcome.FAILED if Outcome.FAILED in found else Outcome.NOT_DETECTED


def _region(parts: dict[str, list[Json]]) -> Said:
    """ESR1 was studied. Where its region could not be called, that is the answer."""
    bad = [
        v
        for group in parts.values()
        for c in group
        if re.search(
            r"un-?call", f"{words(c.get('code'))} {' '.join(code for _, code, _ in codings(c.get('code')))}", re.I
        )
        for v in values([c])
    ]
    if not bad:
        return Said(None, covers=True)
    _, genes = gene_of({}, parts)
    named = [v for v in bad if ESR1.search(v)]
    if named:
        whole = any(re.fullmatch(r"\W*ESR-?1(?: gene)?\W*", v, re.I) for v in named)
        outcome = Outcome.FAILED if whole else Outcome.INDETERMINATE
    elif genes == 1 and not any(OTHER_GENE.search(v) for v in bad):
        outcome = Outcome.INDETERMINATE
    else:
        return Said(None, covers=True)
    return Said(outcome, covers=True, note="ESR1 lies, wholly or in part, in a region that could not be called")
