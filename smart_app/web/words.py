"""The words of the pages: every state of a fact in plain clinical English, in one place."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import (
    DateBasis,
    Draw,
    DrugClass,
    Exposure,
    Extent,
    Finding,
    Kind,
    Known,
    Origin,
    Outcome,
    Progress,
    Proof,
    Setting,
    Significance,
    Sources,
    Specimen,
    Standing,
    StopReason,
)
from smart_app.domain.variants import label
from smart_app.domain.wording import percent_words
from smart_app.web.i18n import N_, _, date_words, day_words

OUTCOMES = {
    Outcome.DETECTED: N_("ESR1 mutation detected"),
    Outcome.NOT_DETECTED: N_("no ESR1 mutation detected"),
    Outcome.INDETERMINATE: N_("indeterminate"),
    Outcome.FAILED: N_("test failed"),
    Outcome.NOT_READABLE: N_("report not readable by the app"),
}
STANDINGS = {
    Standing.FINAL: N_("final"),
    Standing.PROVISIONAL: N_("preliminary"),
    Standing.CONFLICT: N_("results of one sample contradict each other"),
}
BASES = {
    DateBasis.COLLECTED: N_("sample taken"),
    DateBasis.EFFECTIVE: N_("date of the result's sample or test"),
    DateBasis.REPORTED: N_("date of the report, sample date not recorded"),
    DateBasis.ISSUED: N_("date of release, sample date not recorded"),
}
SPECIMENS = {
    Specimen.PLASMA: N_("plasma"),
    Specimen.TISSUE: N_("tissue"),
    Specimen.OTHER: N_("a fluid that is not blood"),
    Specimen.UNKNOWN: N_("specimen not stated"),
}
PROGRESS = {
    Progress.IMPROVED: N_("improved"),
    Progress.STABLE: N_("stable"),
    Progress.WORSENED: N_("worsened"),
    Progress.UNDETERMINED: N_("could not be determined"),
    Progress.EQUIVOCAL_IMAGING: N_("imaging equivocal"),
}
KNOWN = {Known.YES: N_("yes"), Known.NO: N_("no"), Known.UNKNOWN: N_("not known")}
SIGNIFICANCES = {
    Significance.PATHOGENIC: N_("pathogenic"),
    Significance.LIKELY_PATHOGENIC: N_("likely pathogenic"),
    Significance.UNCERTAIN: N_("uncertain significance"),
    Significance.LIKELY_BENIGN: N_("likely benign"),
    Significance.BENIGN: N_("benign"),
}
_STOPS = {
    StopReason.TOXICITY: N_("for toxicity"),
    StopReason.PROGRESSION: N_("for progression"),
    StopReason.COMPLETED: N_("as planned"),
    StopReason.OTHER: N_("for another reason"),
}

KINDS = {
    Kind.SYNONYMOUS: N_("synonymous"),
    Kind.AMPLIFICATION: N_("amplification"),
    Kind.FUSION: N_("fusion"),
}
PROOFS = {Proof.TAKEN: N_("taken"), Proof.ADMINISTERED: N_("administered"), Proof.DISPENSED: N_("dispensed")}
SETTINGS = {
    Setting.ADJUVANT: N_("adjuvant"),
    Setting.NEOADJUVANT: N_("neoadjuvant"),
    Setting.ADVANCED: N_("advanced"),
}
DRUG_CLASSES = {
    DrugClass.AI: N_("AI"),
    DrugClass.CDK46: N_("CDK4/6"),
    DrugClass.SERD: N_("SERD"),
    DrugClass.SERM: N_("SERM"),
    DrugClass.OVARIAN_SUPPRESSION: N_("ovarian suppression"),
    DrugClass.TARGETED: N_("targeted"),
    DrugClass.CHEMOTHERAPY: N_("chemotherapy"),
    DrugClass.HER2: N_("HER2"),
    DrugClass.BONE: N_("bone agent"),
    DrugClass.OTHER: N_("other"),
}
SITES = {
    "bone": N_("bone"),
    "liver": N_("liver"),
    "lung": N_("lung"),
    "pleura": N_("pleura"),
    "peritoneum": N_("peritoneum"),
    "brain": N_("brain"),
    "lymph_node": N_("lymph node"),
    "skin": N_("skin"),
    "other": N_("other"),
}
EXTENTS = {
    Extent.METASTASIS: N_("metastasis"),
    Extent.STAGE_IV: N_("stage IV"),
    Extent.LOCALLY_ADVANCED: N_("locally advanced, not resectable"),
    Extent.EARLY: N_("early disease"),
}

# what each clause of the rules asks, for the line under a reason
CLAUSES = {
    "W1": N_("Advanced or metastatic breast cancer"),
    "W2": N_("Oestrogen receptor positive"),
    "W3": N_("HER2 negative"),
    "W4": N_("On an aromatase inhibitor now"),
    "W5": N_("On a CDK4/6 inhibitor now, or on hold for a short time"),
    "W6": N_("First line for advanced disease"),
    "W7": N_("No SERD or other ER degrader in the advanced setting"),
    "W8": N_("No progression on this line"),
    "W9": N_("An adult who is alive"),
    "D1": N_("When no draw is planned"),
    "D2": N_("No date while the window cannot be told"),
    "D3": N_("The first draw of a line"),
    "D4": N_("The interval after a draw"),
    "D5": N_("A draw already ordered is not doubled"),
    "D6": N_("After a failed draw"),
    "D7": N_("After an indeterminate or unreadable result"),
    "D8": N_("Too little tumour DNA is no proof of absence"),
    "D9": N_("Overdue counts from the latest acceptable day"),
    "D10": N_("No draw sooner than the shortest interval"),
    "D10b": N_("A preliminary positive is awaited"),
    "D10c": N_("Two failures running"),
    "D11": N_("A draw goes with a scan or visit inside its dates"),
    "R1": N_("One qualifying plasma result raises the review"),
    "R2": N_("It persists; a correction withdraws it"),
    "R3": N_("Which variants count"),
    "R4": N_("Several variants, one flag"),
    "R5": N_("What never raises it"),
    "R6": N_("Present before this line"),
    "R7": N_("Progression already recorded"),
    "R8": N_("Outside the window, or not known"),
    "R9": N_("Something was not read"),
    "R10": N_("The flag names no drug"),
    "M": N_("Risk modifiers: shown, never scored"),
}

MODIFIERS = (
    (
        "prior_adjuvant_ai",
        N_("Earlier (neo)adjuvant aromatase inhibitor"),
        N_("More often a mutation before first-line treatment"),
    ),
    ("bone", N_("Bone metastases"), N_("Higher odds of a mutation (PADA-1)")),
    (
        "visceral",
        N_("Visceral metastases"),
        N_("Higher odds, by the source document only; the largest cohort did not confirm it"),
    ),
    ("multiple_sites", N_("Two or more organ systems"), N_("Higher odds, by the source document only")),
    (
        "ai_6_months",
        N_("Aromatase inhibitor for 6 months or more"),
        N_("Mutations are fewer before month 6 and after month 30"),
    ),
    ("ldh_high", N_("High LDH"), N_("Higher odds of a mutation (PADA-1)")),
)


def clause_words(clause: str) -> str:
    return _(CLAUSES[clause]) if clause in CLAUSES else ""


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


def moment_words(value: object, zone: tzinfo) -> str:
    """A FHIR instant in the site's time: "21 Nov 2026, 14:05"; a date without a time as ``any_date``."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return any_date(value)
    if at.tzinfo is None:
        return any_date(value)
    local = at.astimezone(zone)
    return f"{day_words(local.date())}, {local:%H:%M}"


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
        return _("%(told)s (no unit, not used as a fraction)", told=told) if told else _("amount not stated")
    shown = percent_words(finding.vaf, finding.vaf_comparator)
    return shown if not told or "%" in told else f"{told} ({shown})"


def finding_notes(finding: Finding) -> list[str]:
    """What a reader must know of a finding beside its name and amount."""
    said = []
    if finding.below_limit:
        said.append(_("below the assay's limit of detection"))
    if finding.origin is Origin.GERMLINE:
        said.append(_("germline"))
    if finding.kind in (Kind.SYNONYMOUS, Kind.AMPLIFICATION, Kind.FUSION) and finding.kind.value not in label(finding):
        said.append(_(KINDS[finding.kind]))
    if finding.significance in SIGNIFICANCES:
        said.append(_(SIGNIFICANCES[finding.significance]))
    return said


def draw_result(draw: Draw) -> str:
    """The result of a draw in words, without amounts."""
    said = [_(OUTCOMES[draw.outcome])]
    for finding in draw.findings:
        notes = finding_notes(finding)
        said.append(label(finding) + (f" ({', '.join(notes)})" if notes else ""))
    if draw.uninformative:
        said.append(_("uninformative: too little tumour DNA in the blood"))
    return "; ".join(said)


def draw_name(draw: Draw) -> str:
    """One sentence that names a draw for a screen reader and a tooltip."""
    parts = [f"{date_words(draw.date)}: {_(OUTCOMES[draw.outcome])}"]
    parts += [", ".join([f"{label(f)} {amount(f)}", *finding_notes(f)]) for f in draw.findings]
    if draw.uninformative:
        parts.append(_("uninformative, too little tumour DNA"))
    if draw.standing is not Standing.FINAL:
        parts.append(_(STANDINGS[draw.standing]))
    if draw.specimen is not Specimen.PLASMA:
        parts.append(_(SPECIMENS[draw.specimen]))
    if place(draw):
        parts.append(place(draw))
    return "; ".join(parts) + attested_words(draw.sources)


def place(draw: Draw) -> str:
    """Laboratory and assay; '' where neither is named."""
    return ", ".join(w for w in (draw.laboratory, draw.assay) if w)


def exposure_end(exposure: Exposure) -> str:
    """Until when, as far as the record says."""
    why = _(_STOPS[exposure.stop_reason]) if exposure.stop_reason in _STOPS else ""
    if exposure.end is not None:
        said = _("until %(day)s", day=date_words(exposure.end)) + (_(", stopped %(why)s", why=why) if why else "")
    elif exposure.ongoing is True:
        said = _("goes on")
    elif exposure.ongoing is False:
        said = _("stopped %(why)s, date not recorded", why=why) if why else _("stopped, date not recorded")
    elif exposure.last_seen:
        said = _("end not recorded, last seen %(day)s", day=date_words(exposure.last_seen))
    else:
        said = _("end not recorded")
    if exposure.on_hold:
        said += _("; on hold since %(day)s", day=date_words(exposure.on_hold_since))
    return said


def exposure_proof(exposure: Exposure) -> str:
    """Whether the record shows that the drug was taken, or only that it was ordered."""
    if not exposure.proofs:
        return _("no evidence of taking")
    if exposure.proofs == {Proof.ORDERED}:
        return _("ordered only")
    order = (Proof.TAKEN, Proof.ADMINISTERED, Proof.DISPENSED)
    return next(_(PROOFS[p]) for p in order if p in exposure.proofs)


def exposure_name(exposure: Exposure) -> str:
    start = _("from %(day)s", day=date_words(exposure.start)) if exposure.start else _("start not recorded")
    said = f"{exposure.drug} ({class_words(exposure)}): {start}, {exposure_end(exposure)}"
    return said + attested_words(exposure.sources)


def attested_sign(sources: Sources) -> str:
    """Beside a mark of the picture; the legend explains it."""
    return _(" att.") if any(source.attested for source in sources) else ""


def attested_words(sources: Sources) -> str:
    """For the end of a mark's name."""
    return _("; attested by a clinician") if any(source.attested for source in sources) else ""


def class_words(exposure: Exposure) -> str:
    return drug_class_words(exposure.drug_class)


def drug_class_words(kind: DrugClass) -> str:
    return _(DRUG_CLASSES[kind])


def site_words(site: str | None) -> str:
    """A metastatic site; one that the list does not know stands as the record has it."""
    return _(SITES[site]) if site in SITES else (site or "").replace("_", " ")


SEXES = {"female": N_("female"), "male": N_("male"), "other": N_("other"), "unknown": N_("not known")}
UNNAMED = N_("Name not recorded")
STATUSES = {
    "draft": N_("draft"),
    "active": N_("active"),
    "on-hold": N_("on hold"),
    "revoked": N_("revoked"),
    "completed": N_("completed"),
    "entered-in-error": N_("entered in error"),
    "unknown": N_("unknown"),
    "not-started": N_("not started"),
    "scheduled": N_("scheduled"),
    "in-progress": N_("in progress"),
    "cancelled": N_("cancelled"),
    "stopped": N_("stopped"),
}
MARKS = {
    "read": N_("read"),
    "second-hand": N_("second-hand"),
    "source document only": N_("source document only"),
    "untraced": N_("untraced"),
    "not read": N_("not read"),
    "judgement": N_("judgement"),
}


def sex_words(sex: str | None) -> str:
    """Administrative sex; what the list does not know stands as the record has it."""
    return _(SEXES[sex]) if sex in SEXES else sex or _("not recorded")


def name_words(name: str) -> str:
    """The patient's name as the record has it, or that it has none."""
    return _(UNNAMED) if name == UNNAMED else name


def plan_status(status: object) -> str:
    """Of a care plan or an activity of it; a status that FHIR does not have stands as it is."""
    return _(STATUSES[status]) if status in STATUSES else str(status or "") or _("status not stated")


def mark_words(mark: str) -> str:
    """How an entry of evidence was checked."""
    return _(MARKS.get(mark, mark))


_TURNS = tuple("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def straight(words: str) -> str:
    """Without the characters that turn the direction of all that follows, so that no name rewrites the answer.

    The letters of a script know their own direction; ``<bdi>`` keeps each name by itself.
    """
    for turn in _TURNS:
        if turn in words:  # a whole page is looked through nine times faster than by a pattern
            words = words.replace(turn, "")
    return words


def shortened(words: str, length: int) -> str:
    """With an ellipsis where it is longer; the full text stands in the table and in the mark's name."""
    return words if len(words) <= length else words[: length - 1].rstrip() + "…"
