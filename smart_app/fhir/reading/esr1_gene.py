"""Which gene an Observation speaks of: codes, displays, HGVS transcripts, the ClinVar display, the test's name."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from smart_app.codes.genomics import genomic_codes
from smart_app.fhir.reading.labtext import ESR1, OTHER_GENE
from smart_app.fhir.reading.record import Json, codings, items, obj, text, words

CODES = genomic_codes()
LOINC = CODES.loinc
_NAMED = re.compile(r"\A[A-Z][A-Z0-9-]{1,11}\Z")
_NO_GENE = frozenset({"GENE", "GENES", "DNA", "AND", "OR", "ALPHA", "ER", "HGNC", "SYMBOL"})


class About(Enum):
    """Whether an entry speaks of ESR1. ODD: its code and its words name different genes."""

    ESR1 = "ESR1"
    OTHER = "other"
    UNSAID = "unsaid"
    ODD = "odd"


# names of components that carry no LOINC code; the first that fits is the role
_ROLES = (
    (r"\bVAF\b|\bMAF\b|\ballel\w+ (?:fraction|frequency)|variant fraction|mutant fraction", "vaf"),
    (r"\bgene(?: studied| symbol| name| id)?(?: \[ID\])?\W*\Z|\bHGNC\b", "gene"),
    (r"amino acid change(?! type)|\bprotein(?: change)?\b|p\.? ?HGVS|\bHGVS ?p\b", "protein_change"),
    (r"\b(?:c)?DNA change(?! type)|c\.? ?HGVS|\bHGVS ?c\b|coding change|nucleotide change", "dna_change"),
    (r"\A\W*(?:variant|mutation|alteration|change|hgvs)(?: name| detected| found)?\W*\Z", "protein_change"),
    (r"clinical significance|pathogenicity|classification", "significance"),
    (r"genomic source class|germline|somatic", "source_class"),
    (r"copy number", "copy_number"),
    (r"\btranscript\b", "transcript"),
)
_ROLE_PATTERNS = tuple((re.compile(pattern, re.I), LOINC[role]) for pattern, role in _ROLES)
_KNOWN = frozenset(LOINC.values())
_ANSWER = re.compile(
    r"\A\W*(?:(?:overall|test|assay|final)\s+)?(?:result|call|interpretation|finding|status|outcome)s?\W*\Z", re.I
)


def role_of(component: Json) -> list[str]:
    """The LOINC codes of a component, else the one that its name stands for."""
    coded = [code for _, code, _ in codings(component.get("code")) if code]
    if not _KNOWN.isdisjoint(coded):
        return coded if len(coded) == 1 else list(dict.fromkeys(coded))
    name = words(component.get("code"))
    if name and not OTHER_GENE.search(name):
        role = next((code for pattern, code in _ROLE_PATTERNS if pattern.search(name)), None)
        if role is not None:
            return [role]
    return list(dict.fromkeys(coded))


def is_answer(component: Json) -> bool:
    """A component named "Result": the answer of the whole entry."""
    return bool(_ANSWER.match(words(component.get("code"))))


def components(resource: Json) -> dict[str, list[Json]]:
    """The components by every code that names them; under "" those whose role is not known."""
    found: dict[str, list[Json]] = {}
    for component in items(resource.get("component")):
        codes = role_of(component)
        for code in codes:
            found.setdefault(code, []).append(component)
        if not _KNOWN.intersection(codes):
            found.setdefault("", []).append(component)
    return found


def values(parts: list[Json]) -> list[str]:
    """Everything the components' values say, as text."""
    said: list[str] = []
    for component in parts:
        concept = component.get("valueCodeableConcept")
        said += [v for _, code, display in codings(concept) for v in (code, display) if v]
        said += [v for v in (text(obj(concept).get("text")), text(component.get("valueString"))) if v]
    return said


def of(parts: dict[str, list[Json]], *roles: str) -> list[Json]:
    return [c for role in roles for c in parts.get(LOINC[role], [])]


def _authority(system: str) -> str | None:
    lower = system.lower()
    if "genenames" in lower or "hgnc" in lower or "2.16.840.1.113883.6.281" in lower:
        return "hgnc"
    if "ncbi" in lower or "entrez" in lower:
        return "ncbi"
    return "ensembl" if "ensembl" in lower else None


@lru_cache(maxsize=4096)
def _by_code(system: str, code: str) -> bool | None:
    """True: ESR1's code; False: another gene's; None: no gene code."""
    authority = _authority(system)
    code = code.upper()
    if not system and code in CODES.genes["hgnc"]:
        return True  # LOINC 48018-6 asks for the HGNC number where nothing else is said
    if authority is not None:
        if ESR1.fullmatch(code):
            return True
        if authority == "hgnc" and not re.fullmatch(r"(?:HGNC:)?[0-9]+", code):
            return False if _NAMED.match(code) else None
        return code in CODES.genes[authority] if code else None
    if ESR1.fullmatch(code) or code == "HGNC:3467":
        return True
    return False if re.fullmatch(r"HGNC:[0-9]+", code) else None


@lru_cache(maxsize=4096)
def _by_name(name: str) -> bool | None:
    """True: names ESR1 (alone or among others); False: names another gene; None: no gene's name."""
    if ESR1.search(name):
        return True
    return False if OTHER_GENE.search(name) or _NAMED.match(name) else None


def genes_said(parts: list[Json]) -> tuple[About, int]:
    """From gene-studied components: ESR1 or not, and how many genes they name."""
    mine, count, odd, said = False, 0, False, False
    for component in parts:
        concept = component.get("valueCodeableConcept")
        seen: set[str] = set()
        for system, code, display in codings(concept):
            by_code, by_name = _by_code(system, code), _by_name(display) if display else None
            odd = odd or (None not in (by_code, by_name) and by_code is not by_name)
            answer = by_code if by_code is not None else by_name
            if answer is None:
                continue  # a local code that names nothing we know
            said = True
            mine = mine or answer
            seen.add("ESR1" if answer else display or code)
        free = [v for v in (text(obj(concept).get("text")), text(component.get("valueString"))) if v]
        for name in free:
            said = True
            if ESR1.search(name):
                odd = odd or (bool(seen) and "ESR1" not in seen)
                mine = True
            seen |= {m.group(0) if not ESR1.match(m.group(0)) else "ESR1" for m in OTHER_GENE.finditer(name)}
            seen |= {n for n in re.split(r"[,;/\s]+", ESR1.sub(" ", name)) if _NAMED.match(n) and n not in _NO_GENE}
        count += len(seen)
    if odd:
        return About.ODD, count
    return (About.ESR1 if mine else About.OTHER if said else About.UNSAID), count


_WORDED = ("note", "valueString", "hasMember", "contained", "extension")


def plainly_another_gene(resource: Json) -> bool:
    """A short cut for the many: a well-formed variant of another gene, with no words that could speak of ESR1."""
    if any(name in resource for name in _WORDED):
        return False
    named = False
    try:
        for component in resource["component"]:
            role = component["code"]["coding"][0]["code"]
            concept = component.get("valueCodeableConcept")
            if concept is None:
                if "valueString" in component or role == LOINC["gene"]:
                    return False
                continue
            if role == LOINC["gene"]:
                named = True
                for coding in concept["coding"]:
                    if _by_code(coding.get("system", ""), coding["code"]) is not False or _by_name(
                        coding.get("display", "")
                    ):
                        return False
            if "text" in concept or any("ESR" in c.get("display", "") or _NM in c["code"] for c in concept["coding"]):
                return False
    except (KeyError, TypeError, IndexError, AttributeError):
        return False
    return named


_NM = "NM_000125"


def hints(parts: dict[str, list[Json]]) -> str:
    """Everything in the variant's own notation that may name the gene."""
    return " ; ".join(values(of(parts, "clinvar", "protein_change", "dna_change", "genomic_change", "transcript")))


def gene_of(resource: Json, parts: dict[str, list[Json]]) -> tuple[About, int]:
    """Gene-studied components first, else the notation, else the test's name; and the number of genes named."""
    said, count = genes_said(of(parts, "gene"))
    notation = hints(parts)
    if said is About.ODD:
        return said, count
    if said is About.ESR1:
        other = [m.group(0) for m in OTHER_GENE.finditer(notation)]
        if other and not any(ESR1.match(name) for name in other) and count < 2:
            return About.ODD, count
        return said, count
    if said is About.OTHER:
        return (About.ODD if ESR1.search(notation) else said), count
    name = words(resource.get("code"))
    if ESR1.search(notation):
        return About.ESR1, 1
    if OTHER_GENE.search(notation):
        return About.OTHER, 1
    named = [m.group(0) for m in OTHER_GENE.finditer(name)]
    if any(ESR1.match(n) for n in named):
        return (About.ESR1 if all(ESR1.match(n) for n in named) else About.UNSAID), len(named)
    return (About.OTHER if named else About.UNSAID), len(named)
