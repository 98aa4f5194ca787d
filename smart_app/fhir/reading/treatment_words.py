"""What the words and codes around an order say: adjuvant or advanced, why it ended, whether it is held."""

from __future__ import annotations

import re

from smart_app.codes import Codebook
from smart_app.codes.book import plain
from smart_app.domain.facts import Setting, StopReason
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, text, words

_NEO = re.compile(r"\bneo[- ]?adjuvan\w*|\bpre-?operativ\w*")
_ADJUVANT = re.compile(
    r"(?<!neo)(?<!neo-)(?<!neo )\badjuvan\w*|\bpost-?operativ\w*|\bearly(?:[- ]stage)? breast cancer\b"
)
_ADVANCED = re.compile(
    r"\bmetasta\w*|\badvanced\b|\bstage (?:iv|4)\b|\bpalliativ\w*|\bunresectable\b|"
    r"\b(?:first|second|third|1st|2nd|3rd)[- ]line\b|\bmbc\b"
)
_NOT_ADVANCED = re.compile(
    r"\b(?:non|not|no|without|no evidence of|no distant|negative for)[- ](?:evidence of )?(?:distant )?metasta\w*|"
    r"\blocally advanced\b|"
    r"\bprevent\w* (?:of )?metasta\w*|\badvanced (?:practice|directive|age)\b"
)
_UNRESECTABLE = re.compile(r"\b(?:unresectable|inoperable|not resectable|non-resectable)\b")
_TOXIC = re.compile(
    r"\btoxic\w*|\b\w*toxicity\b|\badverse|\bside[- ]effects?|\bintoleran\w*|\bnot tolerated|"
    r"\bpoorly tolerated|\bneutropeni\w*|\bcytopeni\w*|"
    r"\bthrombocytopeni\w*|\bpneumonitis|\binterstitial lung|\bild\b|\bqt(?:c|cf)?\b|"
    r"\bdiarrh\w*|\brash\b|\btransaminitis|\bhepatitis|"
    r"\b(?:alt|ast) (?:elevat|increas)\w*|\belevated (?:alt|ast|liver)|\barthralgi\w*|"
    r"\bmyalgi\w*|\ballerg\w*|\bhypersensitiv\w*|\bfatigue|\bnausea"
)
_PROGRESS = re.compile(
    r"\bprogress(?:ion|ive|ed|ing)\b|\btreatment failure|\bno response\b|\brelapse[d]?\b|\bworsening (?:of )?disease"
)
_NO_PROGRESS = re.compile(
    r"\b(?:no|not|without|absence of|no evidence of|no sign of|no signs of|before|"
    r"until|free of) (?:any )?(?:evidence of |disease |documented |radiographic )*"
    r"progress\w*|\bprogression[- ]free|\bnot progress\w*|\bhas not progress\w*"
)
_DONE = re.compile(r"\bcomplet\w*|\bend of (?:planned )?(?:course|treatment|therapy)|\bfinished\b|\bplanned course")
_HELD = re.compile(r"\b(?:on hold|held|holding|hold|paused|interrupted|interruption|drug holiday|withheld)\b")


def setting_of(record: Record, resource: Json, book: Codebook) -> Setting:
    """Adjuvant, neoadjuvant or advanced, where the record says so: first the intent code, then the reason, the
    category, the notes, then the plan or order it rests on. Curative intent is read as adjuvant (no line either way).
    """
    for source in (resource, *_behind(record, resource)):
        for concept in _intents(source):
            meant = book.meanings_of("intent", codings(concept))
            if meant:
                return Setting.ADJUVANT if meant[0] == "curative" else Setting(meant[0])
            found = _setting_in(words(concept))
            if found is not Setting.UNKNOWN:
                return found
        for part in (*_reasons(record, source, book), *_elsewhere(source)):
            found = _setting_in(part)
            if found is not Setting.UNKNOWN:
                return found
    return Setting.UNKNOWN


def is_other_use(resource: Json, book: Codebook, named: str) -> bool:
    """A drug of the list given for something that is no cancer, by the record's own words (transplant, fertility)."""
    concepts = [obj(resource.get("medicationCodeableConcept")), *items(resource.get("reasonCode"))]
    said = " | ".join([named, *(words(c) for c in items(resource.get("reasonCode")))])
    coded = [m for c in concepts for m in book.meanings_of("not_cancer", codings(c))]
    return (
        bool(coded or book.said("not_cancer", said))
        and re.search(r"cancer|carcinom|neoplas|tumou?r", plain(said)) is None
    )


def stop_reason_of(resource: Json, book: Codebook, *, stopped: bool) -> StopReason:
    """From statusReason, the termination-reason extension, then (of a stopped drug only) reasons and notes."""
    concepts = [*items(resource.get("statusReason")), *items(resource.get("statusReasonCodeableConcept"))]
    concepts += [
        obj(ext.get("valueCodeableConcept"))
        for ext in items(resource.get("extension"))
        if "termination" in (text(ext.get("url")) or "") or "statusreason" in (text(ext.get("url")) or "").lower()
    ]
    for concept in concepts:
        meant = book.meanings_of("stop", codings(concept))
        if meant:
            return StopReason(meant[0])
    found = _stop_in(" | ".join(words(concept) for concept in concepts))
    if found is not StopReason.UNKNOWN or not stopped:
        return found
    if concepts and any(words(concept) for concept in concepts):
        return StopReason.OTHER
    said = [words(c) for c in items(resource.get("reasonCode"))] + _notes(resource)
    return _stop_in(
        " | ".join(part for part in said if re.search(r"stop|discontinu|ended|ceas|due to|because", plain(part)))
    )


def is_held(resource: Json) -> bool:
    """A status reason that says the drug is held, where the status itself does not."""
    return any(_HELD.search(plain(words(c))) for c in items(resource.get("statusReason")))


def held_since_words(resource: Json) -> str | None:
    """The day in "held since 2026-05-10" of a status reason or note, as written."""
    for said in (*(words(c) for c in items(resource.get("statusReason"))), *_notes(resource)):
        found = re.search(
            r"\b(?:hold|held|paused|interrupted)\b\D{0,30}\b([0-9]{4}-[0-9]{2}(?:-[0-9]{2})?)\b", plain(said)
        )
        if found:
            return found[1]
    return None


def _stop_in(said: str) -> StopReason:
    low = plain(said)
    if _PROGRESS.search(_NO_PROGRESS.sub(" ", low)):
        return StopReason.PROGRESSION
    if _TOXIC.search(low):
        return StopReason.TOXICITY
    return StopReason.COMPLETED if _DONE.search(low) else StopReason.UNKNOWN


def _setting_in(said: str) -> Setting:
    low = plain(said)
    neo, adjuvant = _NEO.search(low), _ADJUVANT.search(low)
    rest = _NOT_ADVANCED.sub(" ", low)
    advanced = _ADVANCED.search(rest) or _UNRESECTABLE.search(rest)
    found = [
        s for s, hit in ((Setting.NEOADJUVANT, neo), (Setting.ADJUVANT, adjuvant), (Setting.ADVANCED, advanced)) if hit
    ]
    return found[0] if len(found) == 1 else Setting.UNKNOWN


def _behind(record: Record, resource: Json) -> list[Json]:
    """The orders and plans an entry rests on: setting words often stand only there."""
    links = [resource.get("request"), *items(resource.get("authorizingPrescription")), *items(resource.get("basedOn"))]
    links += items(resource.get("supportingInformation"))
    found = (record.resolve(link, resource) for link in links if isinstance(link, dict))
    return [
        r
        for r in found
        if r is not None and r.get("resourceType") in {"MedicationRequest", "CarePlan", "ServiceRequest"}
    ]


def _intents(resource: Json) -> list[Json]:
    concepts = [
        obj(ext.get("valueCodeableConcept"))
        for ext in items(resource.get("extension"))
        if "intent" in (text(ext.get("url")) or "").lower()
    ]
    return [*concepts, *items(resource.get("category")), obj(resource.get("courseOfTherapyType"))]


def _reasons(record: Record, resource: Json, book: Codebook) -> list[str]:
    found: list[str] = []
    for concept in items(resource.get("reasonCode")):
        secondary = [s for s in book.meanings_of("site", codings(concept)) if s != "regional_node"]
        found.append("metastatic" if secondary else words(concept))
    for reference in items(resource.get("reasonReference")):
        reason = record.resolve(reference, resource)
        found.append(text(reference.get("display")) or "")
        if reason is not None and reason.get("resourceType") == "Condition":
            secondary = [s for s in book.meanings_of("site", codings(reason.get("code"))) if s != "regional_node"]
            found.append("metastatic" if secondary else words(reason.get("code")))
    return found


def _elsewhere(resource: Json) -> list[str]:
    doses = [text(d.get("text")) or "" for key in ("dosageInstruction", "dosage") for d in items(resource.get(key))]
    plan = [text(resource.get(key)) or "" for key in ("title", "description")]
    return [*plan, words(resource.get("medicationCodeableConcept")), *_notes(resource), *doses]


def _notes(resource: Json) -> list[str]:
    return [text(note.get("text")) or "" for note in items(resource.get("note"))]
