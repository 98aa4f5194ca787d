"""Conditions and staging -> diagnoses and spread (clause W1).

Only what is established counts: refuted, unconfirmed, differential and provisional entries, personal or family history,
in-situ and benign disease say nothing of spread. Axillary nodes (C77.3) are regional disease, not a metastasis; a
"secondary malignant neoplasm of breast" (C79.81) names neither a primary nor a distant site.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from smart_app.codes import Codebook
from smart_app.codes.book import plain
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Diagnosis, Extent, Spread
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, source_of, text, words

_CANCER = re.compile(
    r"\b(?:cancer|carcinoma|adenocarcinoma|malignan\w*|neoplasm malignant|karzinom|ca|krebs|cancro|tumou?r malign\w*)\b"
    r"|karzinom|\bcancer (?:de|du) |\bcancer de mama"
)
_BREAST = re.compile(r"\bbreast\b|\bmamma|\bmammary\b|\bmama\b|\bdu sein\b|\bnipple\b|mammakarzinom|brustkrebs")
_NOT_NOW = re.compile(
    r"\bhistory of\b|\bh/o\b|\bhx\b|\bfhx?\b|\bfamily (?:history|hx|member)\b|\bscreening\b|"
    r"\brisk (?:of|for)\b|\bat (?:\w+ )?risk\b|"
    r"\bsusceptib\w*|\bfear of\b|\bsuspect\w*|\bsuspicious\b|\brule out\b|\br/o\b|\bpossible\b|\bprobable\b|"
    r"\bquestion of\b|\bencounter for\b|\bcounsel\w*|\bprophyla\w*|\bconcern for\b|\bno evidence of\b|\bexposure\b|"
    r"\blymphedema\b|\breconstruct\w*|\badverse effect\b"
)
_NOT_INVASIVE = re.compile(
    r"\bbenign\b|\bin situ\b|\bin-situ\b|\bdcis\b|\blcis\b|\bfibroadenoma\b|\bskin of\b|"
    r"\bpapilloma\b|\bcyst\b|\bmastitis\b"
)
_SECONDARY = re.compile(
    r"metasta\w*|\bsecondary\b|\bmets?\b|\bmbc\b|\bcarcinomatosis\b|"
    r"\bmalignant (?:pleural |pericardial )?effusion\b|\bmalignant ascites\b"
)
_NO_SECONDARY = re.compile(
    r"\b(?:no|not|non|without|negative for|no evidence of|no distant)[- ](?:evidence of |"
    r"known |distant )*metasta\w*|\bnon-?metasta\w*"
)
_STAGE = re.compile(r"\bstage(?: group)?[: ]*(iv|iii|ii|i|[0-4])\s?(?:[abc][0-9]?)?\b")
_BARE_STAGE = re.compile(
    r"(?:clinical |pathologic(?:al)? |anatomic |prognostic )?(?:stage )?(iv|iii|ii|i|[0-4])\s?[abc]?[0-9]?\b"
)
_M = re.compile(r"(?:\b[cpyar]*|n[0-3x][a-c]?)m([01])[a-d]?(?:\b|\()")
_UNRESECTABLE = re.compile(r"\bunresectable\b|\binoperable\b|\bnot resectable\b|\bnon-?resectable\b")
_IN_BREAST = re.compile(r"^(?!.*\bfrom\b).*\b(?:secondary|metasta\w*)\b.*\b(?:of|to|in)\b.*\bbreast$")
_OTHER_PRIMARY = re.compile(
    r"\b(?:lung|colon|colorectal|rectal|rectum|prostate|kidney|renal cell|pancrea\w*|"
    r"ovarian|gastric|stomach|thyroid|bladder|"
    r"(?:o?esophag|hepatocellul|cervical|endometri|uterine)\w*)\s+(?:cell )?(?:cancer|"
    r"carcinoma|adenocarcinoma)|\bmelanoma\b|"
    r"\blymphoma\b|\bsarcoma\b|\bfrom (?:the )?(?:lung|colon|kidney|prostate|thyroid|rectum|ovary|pancreas|stomach)\b"
)
_DEAD_STATUS = {"entered-in-error": "was entered in error", "refuted": "was refuted"}
_OPEN_STATUS = {"unconfirmed", "provisional", "differential"}


@dataclass(frozen=True, slots=True)
class Read:
    """What one Condition says."""

    diagnosis: Diagnosis | None = None
    spread: tuple[Spread, ...] = ()


def read_condition(record: Record, condition: Json, book: Codebook) -> Read:
    """The diagnosis and spread of one Condition; what is not established is set aside where it is about cancer."""
    code = obj(condition.get("code"))
    said = plain(words(code))
    coded = book.meanings_of("cancer", codings(code))
    sites = book.meanings_of("site", codings(code))
    about_cancer = bool(coded or sites or (_CANCER.search(said) or _SECONDARY.search(said)))
    if not about_cancer:
        return Read()
    verification = _first_code(condition.get("verificationStatus"))
    if verification in _DEAD_STATUS or verification in _OPEN_STATUS:
        why = _DEAD_STATUS.get(verification, f"is only {verification}: it counts for nothing")
        record.notes.aside(f"condition.{verification.replace('-', '_')}", f"{words(code)[:80]}: {why}", condition)
        return Read()
    if "history" in coded or "not_invasive" in coded or (not coded and not sites and _NOT_NOW.search(said)):
        if "history" in coded or _NOT_NOW.search(said):
            record.notes.aside("condition.not_current", f"{words(code)[:80]}: no cancer of today", condition)
        return Read()
    if "secondary_of_breast" in coded or ("breast" not in coded and _IN_BREAST.search(said)):
        record.notes.aside(
            "condition.secondary_of_breast",
            f"{words(code)[:80]}: a metastasis in the breast names neither its primary nor a distant site",
            condition,
        )
        return Read()
    if "breast" in coded:
        primary = _primary(record, condition, book, coded, said)
        return Read(
            primary.diagnosis,
            (*primary.spread, *_secondary(record, condition, book, sites, said).spread) if sites else primary.spread,
        )
    if sites or "secondary" in coded or (not coded and _is_secondary_only(said)):
        return _secondary(record, condition, book, sites, said)
    return _primary(record, condition, book, coded, said)


def label(concept: object) -> str:
    """What a person reads: the text, else a display, else the code."""
    found = codings(concept)
    shown = text(obj(concept).get("text")) or next((display for _, _, display in found if display), None)
    return shown or next((code for _, code, _ in found if code), "")


def _first_code(concept: object) -> str:
    return next((code.lower() for _, code, _ in codings(concept) if code), plain(text(obj(concept).get("text")) or ""))


def _active(condition: Json) -> bool | None:
    status = _first_code(condition.get("clinicalStatus"))
    if status in {"active", "recurrence", "relapse"}:
        return True
    return False if status in {"inactive", "remission", "resolved"} else None


def known_on(record: Record, condition: Json) -> PartialDate | None:
    """Onset, else the day it was asserted or recorded."""
    asserted = next(
        (
            e.get("valueDateTime")
            for e in items(condition.get("extension"))
            if (text(e.get("url")) or "").endswith("condition-assertedDate")
        ),
        None,
    )
    days = (
        condition.get("onsetDateTime"),
        obj(condition.get("onsetPeriod")).get("start"),
        asserted,
        condition.get("recordedDate"),
        condition.get("assertedDate"),
    )
    return next((day for raw in days if (day := record.when(raw)) is not None), None)


def _is_secondary_only(said: str) -> bool:
    """A text about a metastasis that is not itself the diagnosis of the breast cancer."""
    return bool(_SECONDARY.search(_NO_SECONDARY.sub(" ", said))) and not (_BREAST.search(said) and _CANCER.search(said))


def _body_sites(book: Codebook, condition: Json) -> list[str]:
    found: list[str] = []
    for site in items(condition.get("bodySite")):
        found += book.meanings_of("body_site", codings(site)) or book.said("site", words(site))
    return list(dict.fromkeys(found))


def _of_other_primary(record: Record, condition: Json, book: Codebook) -> str | None:
    """The text of a related primary that is another cancer, where the metastasis names one."""
    links = [
        e.get("valueReference")
        for e in items(condition.get("extension"))
        if "primary-cancer" in (text(e.get("url")) or "")
        or "relatedcondition" in (text(e.get("url")) or "").lower()
        or "occurredFollowing" in (text(e.get("url")) or "")
        or "condition-dueTo" in (text(e.get("url")) or "")
    ]
    for link in links:
        primary = record.resolve(link, condition)
        if primary is not None and primary.get("resourceType") == "Condition":
            code = obj(primary.get("code"))
            coded = book.meanings_of("cancer", codings(code))
            if "breast" not in coded and not _BREAST.search(plain(words(code))):
                return words(code)
    return None


def _secondary(record: Record, condition: Json, book: Codebook, sites: list[str], said: str) -> Read:
    other = _of_other_primary(record, condition, book)
    if other is not None or (_OTHER_PRIMARY.search(said) and not _BREAST.search(said)):
        return Read(
            Diagnosis(
                label(condition.get("code")),
                False,
                _active(condition),
                known_on(record, condition),
                (source_of(condition),),
            )
        )
    found = (
        [s for s in sites if s != "other"]
        or book.said("site", _NO_SECONDARY.sub(" ", said))
        or _body_sites(book, condition)
        or sites
        or [""]
    )
    if found == ["lymph_node"] and "regional_node" in book.said("site", said):
        found = ["regional_node"]
    if "regional_node" in found:
        record.notes.aside(
            "condition.regional_nodes", f"{said[:80]}: axillary nodes alone are no distant metastasis", condition
        )
        found = [s for s in found if s not in {"regional_node", "lymph_node"}]
    day = known_on(record, condition)
    return Read(
        spread=tuple(
            Spread(Extent.METASTASIS, day, site or None, (source_of(condition),)) for site in dict.fromkeys(found)
        )
    )


def _primary(record: Record, condition: Json, book: Codebook, coded: list[str], said: str) -> Read:
    generic = not coded or set(coded) <= {"generic"}
    site = " | ".join(words(s) for s in items(condition.get("bodySite")))
    site_codes = [m for s in items(condition.get("bodySite")) for m in book.meanings_of("place", codings(s))]
    named = bool(_BREAST.search(said) or _BREAST.search(plain(site)) or "primary" in site_codes)
    breast = "breast" in coded or (generic and named and not _NOT_INVASIVE.search(said))
    day, source = known_on(record, condition), (source_of(condition),)
    if not breast:
        if (coded and not generic) or (generic and _CANCER.search(said) and not _NOT_INVASIVE.search(said)):
            return Read(Diagnosis(label(condition.get("code")), False, _active(condition), day, source))
        return Read()
    diagnosis = Diagnosis(label(condition.get("code")), True, _active(condition), day, source)
    return Read(diagnosis, tuple(_spread_of_primary(record, condition, book, said, day)))


def _spread_of_primary(
    record: Record, condition: Json, book: Codebook, said: str, day: PartialDate | None
) -> list[Spread]:
    source, found = (source_of(condition),), []
    for stage in items(condition.get("stage")):
        on = next((d for ref in items(stage.get("assessment")) if (d := _assessed(record, ref, condition))), day)
        extent = extent_of(book, obj(stage.get("summary")), bare=True)
        if extent is not None:
            found.append(Spread(extent, on, None, source))
    positive = _NO_SECONDARY.sub(" ", said)
    if _SECONDARY.search(positive):
        sites = [s for s in book.said("site", positive) if s not in {"skin"}]
        if sites and set(sites) <= {"regional_node", "lymph_node"} and "regional_node" in sites:
            sites = []
        elif not sites:
            sites = [""]
        found += [Spread(Extent.METASTASIS, day, s or None, source) for s in sites if s != "regional_node"]
    extent = extent_of(book, {"text": said}, bare=False)
    if extent is not None:
        found.append(Spread(extent, day, None, source))
    elif re.search(r"\blocally advanced\b", said) and _UNRESECTABLE.search(said):
        found.append(Spread(Extent.LOCALLY_ADVANCED, day, None, source))
    return found


def _assessed(record: Record, reference: Json, condition: Json) -> PartialDate | None:
    observation = record.resolve(reference, condition)
    return observed_on(record, observation) if observation is not None else None


def observed_on(record: Record, resource: Json) -> PartialDate | None:
    """Effective day or start of the effective period, else the day of issue."""
    days = (
        resource.get("effectiveDateTime"),
        obj(resource.get("effectivePeriod")).get("start"),
        resource.get("effectiveInstant"),
        resource.get("issued"),
    )
    return next((day for raw in days if (day := record.when(raw)) is not None), None)


def extent_of(book: Codebook, concept: Json, *, bare: bool) -> Extent | None:
    """The extent a stage concept says. ``bare``: the whole text may be just "IV" or "2A"."""
    meant = book.meanings_of("stage", codings(concept))
    said = [plain(part) for part in (text(concept.get("text")), *(d for _, _, d in codings(concept))) if part]
    if bare:
        said += [
            plain(code) for system, code, _ in codings(concept) if "snomed" not in system and "loinc" not in system
        ]
    found = {"iv": Extent.STAGE_IV, "m1": Extent.STAGE_IV, "m0": Extent.EARLY, "early": Extent.EARLY}
    extents = {found[m] for m in meant}
    for part in said:
        stages = [hit[1] for hit in _STAGE.finditer(part)]
        alone = _BARE_STAGE.fullmatch(part.strip()) if bare and not stages else None
        stages += [alone[1]] if alone else []
        extents |= {Extent.STAGE_IV if stage in {"iv", "4"} else Extent.EARLY for stage in stages}
        if not stages:
            extents |= {Extent.STAGE_IV if m[1] == "1" else Extent.EARLY for m in _M.finditer(part)}
    if not bare and Extent.STAGE_IV in extents:
        return Extent.STAGE_IV  # "stage II at diagnosis, now stage IV"
    return extents.pop() if len(extents) == 1 else None


def stage_tests(book: Codebook, code: object) -> list[str]:
    """group, m or metastatic_site, by code; by name where no standard code is given."""
    tests = book.meanings_of("stage_test", codings(code))
    if not tests and not any("loinc" in system or "snomed" in system for system, _, _ in codings(code)):
        tests = book.said("stage_test", words(code))
    return tests


def read_staging(record: Record, observation: Json, book: Codebook) -> list[Spread]:
    """Stage group, M category and site of distant metastasis."""
    tests = stage_tests(book, observation.get("code"))
    if not tests:
        return []
    value = obj(observation.get("valueCodeableConcept")) or {"text": observation.get("valueString")}
    source, day = (source_of(observation),), observed_on(record, observation)
    if tests[0] == "metastatic_site":
        sites = book.meanings_of("site", codings(value)) or book.said("site", words(value))
        return [Spread(Extent.METASTASIS, day, s, source) for s in sites if s != "regional_node"]
    extent = extent_of(book, value, bare=True)
    return [Spread(extent, day, None, source)] if extent is not None else []


def about_other_cancer(record: Record, resource: Json, book: Codebook) -> bool:
    """Whether the focus of an Observation is a diagnosis of another cancer."""
    for link in items(resource.get("focus")):
        condition = record.resolve(link, resource)
        if condition is not None and condition.get("resourceType") == "Condition":
            coded = book.meanings_of("cancer", codings(condition.get("code")))
            if coded and "breast" not in coded and "generic" not in coded:
                return True
    return False
