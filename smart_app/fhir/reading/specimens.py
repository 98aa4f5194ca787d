"""Plasma or tissue, and when the sample was taken."""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import re

from smart_app.codes.genomics import genomic_codes
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Specimen
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, text, words

CTDNA = re.compile(
    r"\bct-?dna\b|\bcf-?dna\b|cell[- ]free|circulating tumou?r DNA|liquid biops|guardant ?360(?! ?tissue)|foundationone ?liquid|"
    r"\bf1 ?l(?:iquid)? ?cdx\b|tempus xf|blood[- ]based",
    re.I,
)
LIQUID = re.compile(
    rf"{CTDNA.pattern}|\bplasma\b|\bplas\.cfdna\b|\bstreck\b|caris assure|guardant ?omni|plasma ?select|resolution ctdx|invision ?first",
    re.I,
)
_TISSUE = re.compile(
    r"\btissue(?: ?next)?\b|\bbiops(?:y|ies)\b|\bFFPE\b|\btumou?r (?:block|specimen|sample|slides?)\b|paraffin|core needle|resection|formalin|"
    r"\bneedle aspirat\w*|360 ?tissue",
    re.I,
)
# what only a specimen is called; in a report's words they would speak of the disease
_TISSUE_NAME = re.compile(
    r"\bsurgical specimen\b|\blymph node\b|\b(?:metastatic|primary) tumou?r\b|\btumou?r\b(?! DNA)|\bexcision|mastectomy|lumpectomy",
    re.I,
)
_LIQUID_BIOPSY = re.compile(r"liquid biops(?:y|ies)", re.I)
# fluids that are not blood, in the languages of the app; tumour DNA in them is no plasma result
_FLUIDS = (
    r"(?:\bC\.?S\.?F\b|cerebro-?spinal|\bspinal fluid|\bliquor\b|\blumbar puncture|\bL\.?C\.?R\b|cefalorraqu[ií]deo|"
    r"\b(?:pleural|peritoneal|pericardial) (?:fluid|effusion|lavage|washing|tap|aspirat\w*)|\bthoracentesis|\bparacentesis|"
    r"\bpleura(?:erguss|punktat)\w*|\bl[ií]quido (?:pleural|asc[ií]tico|peritoneal)|\bascit\w*|\baszites\w*|\beffusions?\b|\bderrame\b|"
    r"\burine\b|\burin\b|\borina\b|\bsaliva\b|\bspeichel\b|\bsputum\b|\bvitreous\b|\blavage\b|\bbone marrow aspirate)"
)
_FLUID = re.compile(_FLUIDS, re.I)
_FLUID_DNA = re.compile(
    rf"(?:ct-?dna|cf-?dna|dna)\s+(?:was\s+)?(?:isolated\s+|extracted\s+)?(?:from|in|of)\s+(?:the\s+)?(?:malignant\s+)?{_FLUIDS}|"
    rf"{_FLUIDS}(?:\s+(?:fluid|effusion|supernatant|sample|specimen))*[\s-]+(?:ct-?dna|cf-?dna|cell[- ]free)",
    re.I,
)
_PLASMA_OR_BLOOD = re.compile(r"\bplasma\b|\bblood\b|\bstreck\b|\bsangre\b|\bblut\b", re.I)
_BLOOD = re.compile(r"\b(?:whole )?blood\b|venous|veni-?puncture|phlebotomy", re.I)
_EITHER = re.compile(r"\bbl(?:oo)?d\s*(?:or|/|and)\s*tissue|tissue\s*(?:or|/|and)\s*bl(?:oo)?d", re.I)
_STATED = re.compile(r"\b(?:specimen|sample)(?: ?(?:type|source))?\s*[:=]\s*([^.;\n]{2,80})", re.I)
_OTHER_TIME = re.compile(
    r"\b(?:recommend\w*|consider\w*|suggest\w*|may|might|should|would|could|can|if|prior|previous\w*|compar\w+|earlier|cannot|repeat)\b",
    re.I,
)


# tests of cell-free DNA that look at no gene of the tumour by name: residual disease, prenatal, transplant
_NO_GENES = re.compile(
    r"signatera|guardant ?(?:reveal|shield)|\bMRD\b|residual disease|navdx|\bradar\b|pre-?natal|f(?:o)?etal|aneuploid|trisom|\bNIPT\b|"
    r"donor[- ]derived|transplant|allosure|prospera",
    re.I,
)
_VENDOR = re.compile(
    r"guardant(?! ?(?:reveal|shield|360 ?tissue))|foundation ?one ?(?:liquid|® ?liquid)|f1 ?l ?cdx|tempus xf|resolution ctdx|inivata|"
    r"caris assure|therascreen esr1|plasma ?select|signal ?genetics ct",
    re.I,
)


def names_liquid(said: str) -> bool:
    """Whether words name a ctDNA test of tumour genes, or a laboratory that does nothing else."""
    return bool(CTDNA.search(said) or _VENDOR.search(said)) and not _NO_GENES.search(said)


def from_words(said: str) -> Specimen:
    """Words of a test's or specimen's name. "Liquid biopsy" is plasma, "biopsy" is tissue; both is neither.

    A fluid that is named and is not blood is that fluid, "ctDNA" and "liquid biopsy" beside it or not.
    """
    if _FLUID.search(said):
        return Specimen.UNKNOWN if _PLASMA_OR_BLOOD.search(said) or _solid(said) else Specimen.OTHER
    return _solid_or_liquid(said)


def _solid(said: str) -> bool:
    return bool(_TISSUE.search(_LIQUID_BIOPSY.sub(" ", said)))


def _solid_or_liquid(said: str) -> Specimen:
    liquid, tissue = LIQUID.search(said), _TISSUE.search(_LIQUID_BIOPSY.sub(" ", said))
    if tissue and (liquid or _EITHER.search(said)):
        return Specimen.UNKNOWN
    return Specimen.PLASMA if liquid else Specimen.TISSUE if tissue else Specimen.UNKNOWN


def from_report_words(said: str) -> Specimen:
    """Words of a report: what it states as its specimen, else what its sentences about this sample name."""
    stated = {kind for m in _STATED.finditer(said) if (kind := from_words(m.group(1))) is not Specimen.UNKNOWN}
    if stated:
        return stated.pop() if len(stated) == 1 else Specimen.UNKNOWN
    of_now = ". ".join(s for s in re.split(r"[.;\n]", said) if not _OTHER_TIME.search(s))
    if _FLUID_DNA.search(of_now):
        return Specimen.UNKNOWN if _PLASMA_OR_BLOOD.search(of_now) else Specimen.OTHER
    return _solid_or_liquid(of_now)  # an effusion in a report's words is more often the disease than the sample


def specimens_of(record: Record, *resources: Json) -> list[Json]:
    """The Specimen resources (or bare references, for their display) of the nearest resource that names one."""
    for resource in resources:
        named = items(resource.get("specimen"))
        if named:
            return [
                record.resolve(reference, resource) or {"_display": reference.get("display"), **reference}
                for reference in named
            ]
    return []


def kind_of_specimen(found: list[Json], name: str, report: str = "") -> Specimen:
    """``name``: of the test; ``report``: its free words, asked last.

    Blood counts as plasma: a ctDNA test's whole-blood tube.
    """
    kinds = {kind for specimen in found if (kind := _of_one(specimen)) is not Specimen.UNKNOWN}
    if kinds:
        return kinds.pop() if len(kinds) == 1 else Specimen.UNKNOWN
    named = from_words(name)
    if report and named is Specimen.PLASMA and from_report_words(report) is Specimen.OTHER:
        return Specimen.UNKNOWN if _PLASMA_OR_BLOOD.search(name) else Specimen.OTHER
    if named is not Specimen.UNKNOWN or (LIQUID.search(name) and _TISSUE.search(name)):
        return named
    return from_report_words(report) if report else named


def _of_one(specimen: Json) -> Specimen:
    known = {genomic_codes().specimen.get(code) for _, code, _ in codings(specimen.get("type"))} - {None}
    collection = obj(specimen.get("collection"))
    tubes = " ".join(
        f"{words(c.get('type'))} {text(c.get('description')) or ''}" for c in items(specimen.get("container"))
    )
    said = f"{words(specimen.get('type'))} {text(specimen.get('_display')) or ''} {words(collection.get('method'))} {tubes}"
    tissue = _solid(said)
    if Specimen.OTHER in known or _FLUID.search(said):
        blood = Specimen.PLASMA in known or _PLASMA_OR_BLOOD.search(said)
        return Specimen.UNKNOWN if blood or tissue or Specimen.TISSUE in known else Specimen.OTHER
    if LIQUID.search(said) or Specimen.PLASMA in known:
        return Specimen.UNKNOWN if tissue or Specimen.TISSUE in known else Specimen.PLASMA
    if Specimen.TISSUE in known or tissue:
        return Specimen.TISSUE
    if _BLOOD.search(said):
        return Specimen.PLASMA
    return Specimen.TISSUE if _TISSUE_NAME.search(said) else Specimen.UNKNOWN


def collected(record: Record, found: list[Json]) -> PartialDate | None:
    for specimen in found:
        collection = obj(specimen.get("collection"))
        day = record.when(collection.get("collectedDateTime"))
        period = obj(collection.get("collectedPeriod"))
        day = day or record.when(period.get("start")) or record.when(period.get("end"))
        if day is not None:
            return day
    return None


def identity(found: list[Json]) -> str | None:
    """An accession or the specimen's own identity."""
    for specimen in found:
        accession = text(obj(specimen.get("accessionIdentifier")).get("value"))
        if accession is not None:
            return f"accession:{accession}"
        for identifier in items(specimen.get("identifier")):
            value = text(identifier.get("value"))
            if value is not None:
                return f"accession:{value}"
        ident = text(specimen.get("id")) or text(specimen.get("reference"))
        if ident is not None:
            return f"specimen:{ident.rsplit('/', 1)[-1]}"
    return None
