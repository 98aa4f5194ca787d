"""Disease status and LDH. A status is read where it is coded or said unmistakably; a hedge is not a progression."""

from __future__ import annotations

import re
from decimal import Decimal

from smart_app.codes import Codebook
from smart_app.codes.book import plain
from smart_app.domain.facts import DiseaseStatus, Ldh, Progress
from smart_app.fhir.reading.conditions import observed_on
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, source_of, text, words

_WORSE = re.compile(
    r"\bprogressive (?:metastatic )?disease\b|"
    r"\b(?:disease|tumou?r|cancer|interval|radiographic|radiologic(?:al)?|metastatic|clinical) progression\b|"
    r"\bprogression of (?:(?!of\b|in\b)[\w-]+ ){0,3}(?:disease|cancer|metasta\w*|tumou?rs?)\b|"
    r"\b(?:disease|cancer) has progressed\b"
)
_STABLE = re.compile(r"\bstable (?:metastatic )?disease\b|\bdisease (?:is |remains )?stable\b|\bno change in disease\b")
_BETTER = re.compile(
    r"\b(?:partial|complete|near[- ]complete|favou?rable) (?:metabolic )?(?:treatment )?(?:response|remission)\b|"
    r"\bdisease (?:has )?improved\b|\bimproving disease\b"
)
_LESION = r"(?:lesion|nodule|focus|foci|uptake|opacity|opacities|deposit)s?"
_UNSURE = r"(?:indeterminate|equivocal|suspicious|concerning)"
_DOUBT = re.compile(
    rf"\bnew\b[^.;]{{0,60}}\b{_LESION}\b[^.;]{{0,60}}\b{_UNSURE}\b|\bnew\b[^.;]{{0,60}}\b{_UNSURE}\b[^.;]{{0,40}}\b{_LESION}\b|"
    rf"\b{_UNSURE}\b (?:\w+ ){{0,2}}new\b[^.;]{{0,40}}\b{_LESION}\b|\b{_UNSURE} for (?:\w+ ){{0,2}}progression\b"
)
_NEGATED = re.compile(
    r"\b(?:no|not|without|absence of|negative for|never|nor|free of|history of|if|until|before|risk of|rule out|r/o|"
    r"monitor\w* for|assess\w* for|evaluat\w* for)\b[^.;,]*$|\b(?:prior|previous)(?:ly)?\s+(?:\w+\s+)?$"
)
_NOT_CANCER = re.compile(
    r"\bdegenerat\w*|\barthr\w*|\bdis[ck]\b|\bcoronary\b|\bemphysem\w*|\bvascular\b|\bsmall vessel\b"
)
_HEDGE = re.compile(
    r"\b(?:possibl\w*|probabl\w*|suspicious|suspect\w*|concern\w*|question\w*|equivocal|"
    r"cannot (?:be )?exclude\w*|may represent|likely|suggest\w*|"
    r"indeterminate|versus|vs|mixed response|pseudoprogression|differential)\b"
)
_CODED_WORDS = (
    (
        re.compile(r"\bprogress(?:ive|ion|ed|ing)\b|\bprogredien\w*|\bworse\w*|\bpd\b|\brelapse\w*|\brecurren\w*"),
        Progress.WORSENED,
    ),
    (re.compile(r"\bstable\b|\bsd\b|\bunchanged\b"), Progress.STABLE),
    (
        re.compile(
            r"\bimprov\w*|\b(?:partial|complete) (?:response|remission)|\b(?:pr|cr)\b|\bremission\b|\bresponding\b"
        ),
        Progress.IMPROVED,
    ),
    (
        re.compile(
            r"\bundetermined\b|\bnot evaluable\b|\binevaluable\b|\bindeterminate\b|\bcannot be (?:determined|"
            r"assessed)|\bne\b"
        ),
        Progress.UNDETERMINED,
    ),
    (re.compile(r"\bequivocal\b"), Progress.EQUIVOCAL_IMAGING),
)
_DENIED = re.compile(
    r"\b(?:no|not|non|without|absence of|negative for|never|free of|history of|rule out|r/o|risk of|until)"
    r"\b(?:[- ]\w+){0,4}?[- ](?:progress|worse|relapse|recurren)\w*|"
    r"\b(?:progress|relapse|recurrence)\w*[- ](?:free|(?:is |was |has been )?(?:ruled out|excluded|denied|unlikely))\b"
)
_FINAL = {"", "final", "amended", "corrected", "appended", "modified"}
_IMAGING_CATEGORY = {"rad", "imaging", "ct", "mr", "nuc", "nmr", "nms", "pt", "rx", "xrc", "lp29684-5", "cus", "rus"}


def may_be_status(book: Codebook, code: object) -> bool:
    return bool(book.meanings_of("status_test", codings(code)) or book.said("status_test", words(code)))


def is_status_test(book: Codebook, observation: Json) -> bool:
    """By code; by name where its LOINC code is not one of ours, and then only with an answer that is understood."""
    code = observation.get("code")
    if book.meanings_of("status_test", codings(code)):
        return True
    if not book.said("status_test", words(code)):
        return False
    foreign = any(system.startswith("http://loinc.org") and value for system, value, _ in codings(code))
    return not foreign or _coded_progress(book, _value(observation)) is not None


def _value(observation: Json) -> Json:
    return obj(observation.get("valueCodeableConcept")) or {"text": observation.get("valueString")}


def read_status(record: Record, observation: Json, book: Codebook) -> DiseaseStatus | None:
    """The status an Observation states, or None (set aside where it is withdrawn, provisional or not understood)."""
    status = (text(observation.get("status")) or "").lower()
    if status == "preliminary" and _coded_progress(book, _value(observation)) is Progress.WORSENED:
        # a progression that is not final yet closes nothing, and is not passed over
        when = observed_on(record, observation)
        return DiseaseStatus(Progress.UNDETERMINED, when, _imaging(observation), (source_of(observation),))
    if status not in _FINAL:
        record.notes.aside("status.not_final", f"disease status is {status}", observation)
        return None
    value = _value(observation)
    progress = _coded_progress(book, value)
    if progress is None:
        record.notes.aside(
            "status.not_readable", f"disease status “{words(value)[:60]}” is not understood", observation
        )
        if not plain(words(value)).strip() or _DENIED.search(plain(words(value))):
            return None
        progress = Progress.UNDETERMINED  # it may say a progression: not passed over
    return DiseaseStatus(progress, observed_on(record, observation), _imaging(observation), (source_of(observation),))


def _coded_progress(book: Codebook, concept: Json) -> Progress | None:
    meant = {Progress(m) for m in book.meanings_of("progress", codings(concept))}
    if not meant:
        low = _DENIED.sub(" ", plain(words(concept)))
        said = next((p for pattern, p in _CODED_WORDS if pattern.search(low)), None)
        doubt = said is Progress.WORSENED and (_HEDGE.search(low) is not None or "?" in low)
        return Progress.UNDETERMINED if doubt else said
    return meant.pop() if len(meant) == 1 else None


def _imaging(observation: Json) -> bool | None:
    for extension in items(observation.get("extension")):
        if "evidence-type" in (text(extension.get("url")) or ""):
            concept = obj(extension.get("valueCodeableConcept"))
            return any(code == "363679005" for _, code, _ in codings(concept)) or "imaging" in plain(words(concept))
    method = plain(words(observation.get("method")))
    return True if re.search(r"\bct\b|\bmri\b|\bpet\b|imaging|recist|scan", method) else None


def is_imaging(resource: Json, book: Codebook) -> bool:
    """An imaging report by category, else by what its code says."""
    for category in items(resource.get("category")):
        if any(code.lower() in _IMAGING_CATEGORY or code == "363679005" for _, code, _ in codings(category)):
            return True
        if re.search(r"\bradiolog|\bimaging\b", plain(words(category))):
            return True
    said = words(resource.get("code"))
    return bool(book.said("scan", said)) and not book.said("no_scan", said)


def read_report(record: Record, report: Json, book: Codebook) -> DiseaseStatus | None:
    """An imaging report's conclusion: its codes, else unmistakable sentences. No understood sentence: nothing."""
    status = (text(report.get("status")) or "").lower()
    if (status not in _FINAL and status != "preliminary") or not is_imaging(report, book):
        return None
    coded = {p for concept in items(report.get("conclusionCode")) if (p := _coded_progress(book, concept)) is not None}
    found = coded or _said_progress(text(report.get("conclusion")) or "")
    if not found:
        return None
    progress = found.pop() if len(found) == 1 else Progress.EQUIVOCAL_IMAGING
    if status == "preliminary":
        if progress is not Progress.WORSENED:
            return None
        progress = Progress.UNDETERMINED
    return DiseaseStatus(progress, observed_on(record, report), True, (source_of(report),))


def _said_progress(conclusion: str) -> set[Progress]:
    found: set[Progress] = set()
    unclear = False
    for sentence in re.split(r"(?<=[.;!?])\s+|\n+", plain(conclusion)):
        for pattern, progress in (
            (_WORSE, Progress.WORSENED),
            (_STABLE, Progress.STABLE),
            (_BETTER, Progress.IMPROVED),
        ):
            hit = pattern.search(sentence)
            if hit is None or _NOT_CANCER.search(sentence) or _NEGATED.search(sentence[: hit.start()]):
                continue
            found.add(Progress.EQUIVOCAL_IMAGING if _HEDGE.search(sentence) or "?" in sentence else progress)
        doubt = _DOUBT.search(sentence)
        unclear = unclear or (doubt is not None and _NEGATED.search(sentence[: doubt.start()]) is None)
    # a progression said plainly stands beside another finding that is unclear
    return found | {Progress.EQUIVOCAL_IMAGING} if unclear and Progress.WORSENED not in found else found


# --- LDH --------------------------------------------------------------------------------------------------------------


def is_ldh(book: Codebook, code: object) -> bool:
    if "ldh" in book.meanings_of("test", codings(code)):
        return True
    if any(system.startswith("http://loinc.org") and c for system, c, _ in codings(code)):
        return False
    said = words(code)
    return (
        "ldh" in book.said("test", said)
        and re.search(r"fluid|csf|urine|pleural|ascit|isoenzyme|ratio", plain(said)) is None
    )


def read_ldh(record: Record, observation: Json) -> Ldh | None:
    """``high`` by the laboratory's flag, else by its own reference range in the same unit; else not known."""
    status = (text(observation.get("status")) or "").lower()
    quantity = obj(observation.get("valueQuantity"))
    value, unit = quantity.get("value"), text(quantity.get("unit")) or text(quantity.get("code")) or ""
    if status not in _FINAL or (value is None and not text(observation.get("valueString"))):
        return None
    comparator = text(quantity.get("comparator")) or ""
    said = f"{comparator}{value} {unit}".strip() if value is not None else text(observation.get("valueString")) or ""
    return Ldh(
        observed_on(record, observation), _high(observation, value, comparator, unit), said, (source_of(observation),)
    )


def _high(observation: Json, value: object, comparator: str, unit: str) -> bool | None:
    flags = {code.upper() for c in items(observation.get("interpretation")) for _, code, _ in codings(c)}
    flags |= {plain(words(c)).upper() for c in items(observation.get("interpretation"))}
    if flags & {"H", "HH", "HU", "HIGH", "CRITICAL HIGH", "ABOVE HIGH NORMAL"}:
        return True
    if flags & {"N", "L", "LL", "LU", "NORMAL", "LOW"}:
        return False
    ranges = [
        r
        for r in items(observation.get("referenceRange"))
        if not words(r.get("type")) or "normal" in plain(words(r.get("type")))
    ]
    if len(ranges) != 1 or isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    limit = obj(ranges[0].get("high"))
    top, top_unit = limit.get("value"), text(limit.get("unit")) or text(limit.get("code")) or unit
    if isinstance(top, bool) or not isinstance(top, int | Decimal) or top_unit.lower() != unit.lower():
        return None
    if comparator.startswith("<"):
        return False if value <= top else None
    if comparator.startswith(">"):
        return True if value >= top else None
    return value > top
