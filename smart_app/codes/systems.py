"""One type per coding system, so that a number of one system can never be taken for the same number of another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Code:
    """A code of one system. Two codes are equal only where their systems are."""

    value: str
    form: ClassVar[str] = r"\S+"
    key: ClassVar[str] = "local"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Loinc(Code):
    form: ClassVar[str] = r"(?:[0-9]{1,7}-[0-9]|L[APL]{1,2}[0-9]+-[0-9])"
    key: ClassVar[str] = "loinc"


@dataclass(frozen=True, slots=True)
class RxNorm(Code):
    form: ClassVar[str] = r"[0-9]{1,8}"
    key: ClassVar[str] = "rxnorm"


@dataclass(frozen=True, slots=True)
class Snomed(Code):
    form: ClassVar[str] = r"[0-9]{6,18}"
    key: ClassVar[str] = "snomed"


@dataclass(frozen=True, slots=True)
class Icd10(Code):
    """ICD-10-CM, -GM, -WHO without the dot's variations: upper case, one dot after three characters."""

    form: ClassVar[str] = r"[A-Z][0-9][0-9A-Z](?:\.[0-9A-Z]{1,4})?"
    key: ClassVar[str] = "icd10"


@dataclass(frozen=True, slots=True)
class Atc(Code):
    form: ClassVar[str] = r"[A-Z](?:[0-9]{2}(?:[A-Z](?:[A-Z](?:[0-9]{2})?)?)?)?"
    key: ClassVar[str] = "atc"


@dataclass(frozen=True, slots=True)
class Ndc(Code):
    """National Drug Code as 11 digits (5-4-2), however it was hyphenated."""

    form: ClassVar[str] = r"[0-9]{9,11}"
    key: ClassVar[str] = "ndc"


@dataclass(frozen=True, slots=True)
class Hl7(Code):
    """A code of an HL7 terminology (v2 tables, v3 code systems, terminology.hl7.org)."""

    key: ClassVar[str] = "hl7"


@dataclass(frozen=True, slots=True)
class Local(Code):
    """A code of a system that this app does not know; the system is part of its identity."""

    system: str = ""
    key: ClassVar[str] = "local"


SYSTEMS: dict[str, type[Code]] = {
    "http://loinc.org": Loinc,
    "urn:oid:2.16.840.1.113883.6.1": Loinc,
    "http://www.nlm.nih.gov/research/umls/rxnorm": RxNorm,
    "urn:oid:2.16.840.1.113883.6.88": RxNorm,
    "http://snomed.info/sct": Snomed,
    "urn:oid:2.16.840.1.113883.6.96": Snomed,
    "http://hl7.org/fhir/sid/icd-10-cm": Icd10,
    "http://hl7.org/fhir/sid/icd-10": Icd10,
    "http://hl7.org/fhir/sid/icd-10-us": Icd10,
    "http://hl7.org/fhir/sid/icd-10-de": Icd10,
    "http://fhir.de/codesystem/bfarm/icd-10-gm": Icd10,
    "http://fhir.de/codesystem/dimdi/icd-10-gm": Icd10,
    "urn:oid:2.16.840.1.113883.6.90": Icd10,
    "urn:oid:2.16.840.1.113883.6.3": Icd10,
    "http://www.whocc.no/atc": Atc,
    "http://whocc.no/atc": Atc,
    "http://fhir.de/codesystem/bfarm/atc": Atc,
    "http://fhir.de/codesystem/dimdi/atc": Atc,
    "urn:oid:2.16.840.1.113883.6.73": Atc,
    "http://hl7.org/fhir/sid/ndc": Ndc,
    "urn:oid:2.16.840.1.113883.6.69": Ndc,
}

BY_KEY: dict[str, type[Code]] = {kind.key: kind for kind in (Loinc, RxNorm, Snomed, Icd10, Atc, Ndc, Hl7)}


def _ndc(value: str) -> str:
    parts = value.split("-")
    if len(parts) == 3 and all(part.isdigit() for part in parts):
        return f"{parts[0]:0>5}{parts[1]:0>4}{parts[2]:0>2}"
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return f"{parts[0]:0>5}{parts[1]:0>4}"
    return value.replace("-", "")


def _icd10(value: str) -> str:
    value = value.upper().rstrip("-").rstrip(".")  # German "C79.-", dagger and cross are left as they are
    bare = re.sub(r"[^A-Z0-9]", "", value)
    return f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare


def code_of(system: str, value: str) -> Code:
    """The code in its own type; an unknown system gives ``Local``. Known aliases of a system are one system."""
    system = re.sub(r"^https:", "http:", system.strip().lower()).split("|")[0].rstrip("/")
    kind = SYSTEMS.get(system)
    value = value.strip()
    if kind is None and system.startswith("http://snomed.info/sct"):
        kind = Snomed
    if kind is None and (system.startswith("http://terminology.hl7.org/") or system.startswith("http://hl7.org/fhir/")):
        kind = Hl7
    if kind is None:
        return Local(value, system)
    if kind is Ndc:
        return Ndc(_ndc(value))
    if kind is Icd10:
        return Icd10(_icd10(value))
    if kind is Atc:
        return Atc(value.upper())
    return kind(value)
