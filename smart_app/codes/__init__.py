"""Value sets as data: what a code, a prefix of codes or a name means. ``load_codebook`` is the way in."""

from smart_app.codes.book import Codebook
from smart_app.codes.load import load_codebook
from smart_app.codes.systems import Atc, Code, Hl7, Icd10, Local, Loinc, Ndc, RxNorm, Snomed, code_of

__all__ = [
    "Atc",
    "Code",
    "Codebook",
    "Hl7",
    "Icd10",
    "Local",
    "Loinc",
    "Ndc",
    "RxNorm",
    "Snomed",
    "code_of",
    "load_codebook",
]
