"""The words of the pages: every state of a fact in plain clinical English, in one place."""

from __future__ import annotations

from datetime import date

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import (
    DateBasis,
    Draw,
    Exposure,
    Finding,
    Kind,
    Known,
    Origin,
    Outcome,
    Progress,
    Proof,
    Significance,
    Sources,
    Specimen,
    Standing,
    StopReason,
)
from smart_app.domain.variants import label
from smart_app.domain.wording import date_words, day_words, percent_words

OUTCOMES = {
    Outcome.DETECTED: "ESR1 mutation detected",
    Outcome.NOT_DETECTED: "no ESR1 mutation detected",
    Outcome.INDETERMINATE: "indeterminate",
    Outcome.FAILED: "test failed",
    Outcome.NOT_READABLE: "report not readable by the app",
}
STANDINGS = {
    Standing.FINAL: "final",
    Standing.PROVISIONAL: "preliminary",
    Standing.CONFLICT: "results of one sample contradict each other",
}
BASES = {
    DateBasis.COLLECTED: "sample taken",
    DateBasis.EFFECTIVE: "date of the result's sample or test",
    DateBasis.REPORTED: "date of the report, sample date not recorded",
    DateBasis.ISSUED: "date of release, sample date not recorded",
}
SPECIMENS = {Specimen.PLASMA: "plasma", Specimen.TISSUE: "tissue", Specimen.UNKNOWN: "specimen not stated"}
PROGRESS = {
    Progress.IMPROVED: "improved",
    Progress.STABLE: "stable",
    Progress.WORSENED: "worsened",
    Progress.UNDETERMINED: "could not be determined",
    Progress.EQUIVOCAL_IMAGING: "imaging equivocal",
}
KNOWN = {Known.YES: "yes", Known.NO: "no", Known.UNKNOWN: "not known"}
SIGNIFICANCES = {
    Significance.PATHOGENIC: "pathogenic",
    Significance.LIKELY_PATHOGENIC: "likely pathogenic",
    Significance.UNCERTAIN: "uncertain significance",
    Significance.LIKELY_BENIGN: "likely benign",
    Significance.BENIGN: "benign",
}
_STOPS = {
    StopReason.TOXICITY: "for toxicity",
    StopReason.PROGRESSION: "for progression",
    StopReason.COMPLETED: "as planned",
    StopReason.OTHER: "for another reason",
}

# what each clause of the rules asks, for the line under a reason
CLAUSES = {
    "W1": "Advanced or metastatic breast cancer",
    "W2": "Oestrogen receptor positive",
    "W3": "HER2 negative",
    "W4": "On an aromatase inhibitor now",
    "W5": "On a CDK4/6 inhibitor now, or on hold for a short time",
    "W6": "First line for advanced disease",
    "W7": "No SERD or other ER degrader in the advanced setting",
    "W8": "No progression on this line",
    "W9": "An adult who is alive",
    "D1": "When no draw is planned",
    "D2": "No date while the window cannot be told",
    "D3": "The first draw of a line",
    "D4": "The interval after a draw",
    "D5": "A draw already ordered is not doubled",
    "D6": "After a failed draw",
    "D7": "After an indeterminate or unreadable result",
    "D8": "Too little tumour DNA is no proof of absence",
    "D9": "Overdue counts from the latest acceptable day",
    "D10": "No draw sooner than the shortest interval",
    "D10b": "A preliminary positive is awaited",
    "D10c": "Two failures running",
    "D11": "A draw goes with a scan or visit inside its dates",
    "R1": "One qualifying plasma result raises the review",
    "R2": "It persists; a correction withdraws it",
    "R3": "Which variants count",
    "R4": "Several variants, one flag",
    "R5": "What never raises it",
    "R6": "Present before this line",
    "R7": "Progression already recorded",
    "R8": "Outside the window, or not known",
    "R9": "Something was not read",
    "R10": "The flag names no drug",
    "M": "Risk modifiers: shown, never scored",
}

MODIFIERS = (
    (
        "prior_adjuvant_ai",
        "Earlier (neo)adjuvant aromatase inhibitor",
        "More often a mutation before first-line treatment",
    ),
    ("bone", "Bone metastases", "Higher odds of a mutation (PADA-1)"),
    (
        "visceral",
        "Visceral metastases",
        "Higher odds, by the source document only; the largest cohort did not confirm it",
    ),
    ("multiple_sites", "Two or more organ systems", "Higher odds, by the source document only"),
    (
        "ai_6_months",
        "Aromatase inhibitor for 6 months or more",
        "Mutations are fewer before month 6 and after month 30",
    ),
    ("ldh_high", "High LDH", "Higher odds of a mutation (PADA-1)"),
)


def clause_words(clause: str) -> str:
    return CLAUSES.get(clause, "")


def any_date(value: object) -> str:
    """A date in words, from a day, a partial date or FHIR text; text that is no date is shown as it stands."""
    if isinstance(value, PartialDate):
        return date_words(value)
    if isinstance(value, date):
        return day_words(value)
    words = str(value or "").strip()
    try:
        return date_words(PartialDate.parse(words[:10])) if words else ""
    except ValueError:
        return words[:40]


def age(birth: str | None, today: date) -> int | None:
    """Whole years, only where the birth date is a full day."""
    try:
        born = PartialDate.parse(birth or "").exact
    except ValueError:
        return None
    if born is None or born > today:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def amount(finding: Finding) -> str:
    """The fraction as reported; where it was not reported in per cent, the per cent beside it."""
    told = finding.vaf_text
    if finding.vaf is None:
        return f"{told} (no unit, not used as a fraction)" if told else "amount not stated"
    shown = percent_words(finding.vaf, finding.vaf_comparator)
    return shown if not told or "%" in told else f"{told} ({shown})"


def finding_notes(finding: Finding) -> list[str]:
    """What a reader must know of a finding beside its name and amount."""
    said = []
    if finding.below_limit:
        said.append("below the assay's limit of detection")
    if finding.origin is Origin.GERMLINE:
        said.append("germline")
    if finding.kind in (Kind.SYNONYMOUS, Kind.AMPLIFICATION, Kind.FUSION) and finding.kind.value not in label(finding):
        said.append(finding.kind.value)
    if finding.significance in SIGNIFICANCES:
        said.append(SIGNIFICANCES[finding.significance])
    return said


def draw_result(draw: Draw) -> str:
    """The result of a draw in words, without amounts."""
    said = [OUTCOMES[draw.outcome]]
    for finding in draw.findings:
        notes = finding_notes(finding)
        said.append(label(finding) + (f" ({', '.join(notes)})" if notes else ""))
    if draw.uninformative:
        said.append("uninformative: too little tumour DNA in the blood")
    return "; ".join(said)


def draw_name(draw: Draw) -> str:
    """One sentence that names a draw for a screen reader and a tooltip."""
    parts = [f"{date_words(draw.date)}: {OUTCOMES[draw.outcome]}"]
    parts += [", ".join([f"{label(f)} {amount(f)}", *finding_notes(f)]) for f in draw.findings]
    if draw.uninformative:
        parts.append("uninformative, too little tumour DNA")
    if draw.standing is not Standing.FINAL:
        parts.append(STANDINGS[draw.standing])
    if draw.specimen is not Specimen.PLASMA:
        parts.append(SPECIMENS[draw.specimen])
    if place(draw):
        parts.append(place(draw))
    return "; ".join(parts) + attested_words(draw.sources)


def place(draw: Draw) -> str:
    """Laboratory and assay; '' where neither is named."""
    return ", ".join(w for w in (draw.laboratory, draw.assay) if w)


def exposure_end(exposure: Exposure) -> str:
    """Until when, as far as the record says."""
    why = _STOPS.get(exposure.stop_reason)
    if exposure.end is not None:
        said = f"until {date_words(exposure.end)}" + (f", stopped {why}" if why else "")
    elif exposure.ongoing is True:
        said = "goes on"
    elif exposure.ongoing is False:
        said = f"stopped{f' {why}' if why else ''}, date not recorded"
    else:
        seen = f", last seen {date_words(exposure.last_seen)}" if exposure.last_seen else ""
        said = f"end not recorded{seen}"
    if exposure.on_hold:
        said += f"; on hold since {date_words(exposure.on_hold_since)}"
    return said


def exposure_proof(exposure: Exposure) -> str:
    """Whether the record shows that the drug was taken, or only that it was ordered."""
    if not exposure.proofs:
        return "no evidence of taking"
    if exposure.proofs == {Proof.ORDERED}:
        return "ordered only"
    order = (Proof.TAKEN, Proof.ADMINISTERED, Proof.DISPENSED)
    return next(p.value for p in order if p in exposure.proofs)


def exposure_name(exposure: Exposure) -> str:
    start = f"from {date_words(exposure.start)}" if exposure.start else "start not recorded"
    said = f"{exposure.drug} ({exposure.drug_class.value}): {start}, {exposure_end(exposure)}"
    return said + attested_words(exposure.sources)


def attested_sign(sources: Sources) -> str:
    """Beside a mark of the picture; the legend explains it."""
    return " att." if any(source.attested for source in sources) else ""


def attested_words(sources: Sources) -> str:
    """For the end of a mark's name."""
    return "; attested by a clinician" if any(source.attested for source in sources) else ""


def shortened(words: str, length: int) -> str:
    """With an ellipsis where it is longer; the full text stands in the table and in the mark's name."""
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"
