"""The chart: the facts of one patient, each with the resources it came from. Frozen, FHIR-free, clock-free."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from smart_app.domain.attestation import Attested
from smart_app.domain.dates import PartialDate


class Known(StrEnum):
    """What the record says of a yes/no fact. UNKNOWN is a state of its own, never a no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """The resource a fact came from: ``Observation/abc`` and the version read, and whether a clinician attested it."""

    reference: str
    version: str | None = None
    attested: bool = False


Sources = tuple[Source, ...]


# --- person -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    birth: PartialDate | None = None
    sex: str | None = None  # FHIR administrative-gender
    deceased: bool = False  # True only where the record says so
    deceased_on: PartialDate | None = None
    sources: Sources = ()


# --- ctDNA draws ------------------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """The five ESR1 results. A test that did not cover ESR1 is no draw at all."""

    DETECTED = "detected"
    NOT_DETECTED = "not_detected"
    INDETERMINATE = "indeterminate"
    FAILED = "failed"
    NOT_READABLE = "not_readable"


class Specimen(StrEnum):
    PLASMA = "plasma"
    TISSUE = "tissue"
    OTHER = "other"  # a fluid that is not blood: cerebrospinal fluid, effusion, urine
    UNKNOWN = "unknown"


NOT_BLOOD = (Specimen.TISSUE, Specimen.OTHER)


class Standing(StrEnum):
    FINAL = "final"
    PROVISIONAL = "provisional"
    CONFLICT = "conflict"  # results of one specimen that contradict each other


class DateBasis(StrEnum):
    COLLECTED = "collected"
    EFFECTIVE = "effective"
    REPORTED = "reported"
    ISSUED = "issued"


class Kind(StrEnum):
    SNV = "snv"
    INDEL = "indel"
    SYNONYMOUS = "synonymous"
    AMPLIFICATION = "amplification"
    FUSION = "fusion"
    OTHER = "other"


class Significance(StrEnum):
    """The laboratory's own call (LOINC 53037-8). UNKNOWN: the laboratory does not say."""

    PATHOGENIC = "pathogenic"
    LIKELY_PATHOGENIC = "likely_pathogenic"
    UNCERTAIN = "uncertain"
    LIKELY_BENIGN = "likely_benign"
    BENIGN = "benign"
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """Genomic source class (LOINC 48002-0)."""

    SOMATIC = "somatic"
    GERMLINE = "germline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One ESR1 alteration that a laboratory reported as detected."""

    protein_change: str | None = None  # one-letter HGVS, "p.D538G"
    dna_change: str | None = None  # "c.1613A>G"
    vaf: Decimal | None = None  # a fraction (0.008 is 0.8 %) with the digits reported
    vaf_comparator: str | None = None  # "<", "<=", ">", ">="
    vaf_text: str | None = None  # as reported, also where it cannot be read as a fraction
    kind: Kind = Kind.OTHER
    significance: Significance = Significance.UNKNOWN
    origin: Origin = Origin.UNKNOWN
    below_limit: bool = False  # reported below the assay's stated limit of detection
    gene: str = "ESR1"
    sources: Sources = ()


@dataclass(frozen=True, slots=True)
class Draw:
    """One blood (or tissue) sample with its ESR1 result."""

    outcome: Outcome
    date: PartialDate | None = None
    date_basis: DateBasis | None = None
    known_on: PartialDate | None = None  # when the result was reported; a failure is known from then on
    specimen: Specimen = Specimen.UNKNOWN
    standing: Standing = Standing.FINAL
    findings: tuple[Finding, ...] = ()
    uninformative: bool = False  # "no ctDNA detected", tumour fraction below the assay's limit (D8)
    laboratory: str | None = None
    assay: str | None = None
    accession: str | None = None  # specimen or accession identity, where the record has one
    limit: Decimal | None = None  # assay's stated limit of detection, a fraction
    covers: tuple[str, ...] | None = None  # "p.D538G", "codons 536-538" it says it covers; None: not stated
    document: str | None = None  # link of a report that a person can open
    note: str | None = None  # the record's own words, shortened, for display
    sources: Sources = ()


@dataclass(frozen=True, slots=True)
class WithdrawnResult:
    """A result that was corrected, cancelled or entered in error: no draw, but its withdrawal stays visible (R2)."""

    date: PartialDate | None
    why: str  # "entered-in-error" | "cancelled" | "corrected"
    findings: tuple[Finding, ...] = ()  # what it had said, where it still does
    sources: Sources = ()


@dataclass(frozen=True, slots=True)
class OrderedDraw:
    """A ctDNA draw already ordered or booked (D5)."""

    date: PartialDate | None
    sources: Sources = ()


# --- drugs ------------------------------------------------------------------------------------------------------------


class DrugClass(StrEnum):
    AI = "AI"
    CDK46 = "CDK4/6"
    SERD = "SERD"  # with the oral SERDs and degraders of clause W7
    SERM = "SERM"
    OVARIAN_SUPPRESSION = "ovarian suppression"
    TARGETED = "targeted"  # PI3K, AKT, mTOR
    CHEMOTHERAPY = "chemotherapy"
    HER2 = "HER2"
    BONE = "bone agent"
    OTHER = "other"


class Setting(StrEnum):
    ADJUVANT = "adjuvant"
    NEOADJUVANT = "neoadjuvant"
    ADVANCED = "advanced"
    UNKNOWN = "unknown"


class Proof(StrEnum):
    """What shows that the drug was taken; an order alone does not."""

    TAKEN = "taken"  # MedicationStatement, or reported in a MedicationRequest
    ADMINISTERED = "administered"
    DISPENSED = "dispensed"
    ORDERED = "ordered"


class StopReason(StrEnum):
    TOXICITY = "toxicity"
    PROGRESSION = "progression"
    COMPLETED = "completed"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Exposure:
    """One drug over one stretch of time. A missing date is missing: ``None`` is never "today" or "forever"."""

    drug: str  # INN, lower case
    drug_class: DrugClass
    start: PartialDate | None = None
    end: PartialDate | None = None
    ongoing: bool | None = None  # None: the record does not say
    last_seen: PartialDate | None = None  # latest date the record shows it ordered, given, taken or dispensed
    covered_until: PartialDate | None = None  # the supply handed over lasts until then (dispense + days' supply)
    on_hold_since: PartialDate | None = None
    on_hold: bool = False
    stop_reason: StopReason = StopReason.UNKNOWN
    setting: Setting = Setting.UNKNOWN
    proofs: frozenset[Proof] = frozenset()
    sources: Sources = ()


# --- disease ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cancer diagnosis. ``breast`` False: another cancer, shown and never mixed with this one."""

    text: str
    breast: bool
    active: bool | None = None
    onset: PartialDate | None = None
    sources: Sources = ()


class Extent(StrEnum):
    METASTASIS = "metastasis"  # a metastatic site
    STAGE_IV = "stage_iv"
    LOCALLY_ADVANCED = "locally_advanced_unresectable"
    EARLY = "early"  # stage 0-III, M0


@dataclass(frozen=True, slots=True)
class Spread:
    """One statement on how far the breast cancer has spread."""

    extent: Extent
    known_on: PartialDate | None = None
    site: str | None = None  # bone, liver, lung, pleura, peritoneum, brain, lymph_node, skin, other
    sources: Sources = ()


class Marker(StrEnum):
    ER = "er"
    PR = "pr"
    HER2 = "her2"


class ReceptorStatus(StrEnum):
    POSITIVE = "positive"
    NEGATIVE = "negative"
    EQUIVOCAL = "equivocal"  # HER2 IHC 2+ without in-situ hybridisation
    UNREADABLE = "unreadable"


class Biopsy(StrEnum):
    PRIMARY = "primary"
    METASTASIS = "metastasis"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Receptor:
    marker: Marker
    status: ReceptorStatus
    low: bool = False  # ER 1-10 %, HER2-low
    percent: Decimal | None = None
    method: str | None = None  # "ihc", "ish", "diagnosis" (from a Condition code)
    score: str | None = None  # HER2 IHC "0", "1+", "2+", "3+"
    biopsy: Biopsy = Biopsy.UNKNOWN
    specimen: str | None = None  # identity of the biopsy, so that IHC and ISH of one specimen can be joined
    date: PartialDate | None = None
    provisional: bool = False
    sources: Sources = ()


class Progress(StrEnum):
    IMPROVED = "improved"
    STABLE = "stable"
    WORSENED = "worsened"
    UNDETERMINED = "undetermined"
    EQUIVOCAL_IMAGING = "equivocal_imaging"


@dataclass(frozen=True, slots=True)
class DiseaseStatus:
    status: Progress
    date: PartialDate | None = None
    imaging: bool | None = None
    sources: Sources = ()


@dataclass(frozen=True, slots=True)
class Ldh:
    """Lactate dehydrogenase. ``high`` only where the laboratory flags it or gives its own reference range."""

    date: PartialDate | None
    high: bool | None
    text: str = ""
    sources: Sources = ()


# --- visits -----------------------------------------------------------------------------------------------------------


class VisitKind(StrEnum):
    SCAN = "scan"
    VISIT = "visit"


@dataclass(frozen=True, slots=True)
class Visit:
    kind: VisitKind
    date: PartialDate
    cancelled: bool = False
    done: bool = False
    text: str = ""
    sources: Sources = ()


# --- earlier decisions, gaps, the chart -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """A clinician's recorded decision on a switch review: closes those variants' flag (R2)."""

    date: PartialDate
    variants: tuple[str, ...]
    text: str = ""
    by: str | None = None
    sources: Sources = ()


class Part(StrEnum):
    """The parts of a chart that can be missing because something was not read."""

    PERSON = "person"
    RESULTS = "results"
    DRUGS = "drugs"
    DISEASE = "disease"
    RECEPTORS = "receptors"
    STATUS = "disease status"
    VISITS = "visits"
    LABS = "laboratory values"


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Something was not read (receipt), so that "not found" in this part may not be said."""

    part: Part
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Chart:
    person: Person = Person()
    draws: tuple[Draw, ...] = ()
    withdrawn: tuple[WithdrawnResult, ...] = ()
    ordered: tuple[OrderedDraw, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    unclear_drugs: tuple[str, ...] = ()  # entries whose code and text name different drugs: shown, used as neither
    diagnoses: tuple[Diagnosis, ...] = ()
    spread: tuple[Spread, ...] = ()
    receptors: tuple[Receptor, ...] = ()
    statuses: tuple[DiseaseStatus, ...] = ()
    ldh: tuple[Ldh, ...] = ()
    visits: tuple[Visit, ...] = ()
    reviews: tuple[ReviewDecision, ...] = ()
    gaps: tuple[Gap, ...] = ()
    attested: tuple[Attested, ...] = ()  # facts that a clinician attested, those that gave way included
