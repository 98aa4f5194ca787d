"""ER, PR and HER2 from Observations, diagnosis codes and pathology conclusions (clauses W2, W3).

Every biopsy is kept with its date; which one counts is decided in the domain. A HER2 IHC 2+ is resolved here by the
in-situ hybridisation of the same specimen (or, where no specimen is named, of the same day or at most 30 days later).
"""

from __future__ import annotations

import re

from smart_app.codes import Codebook
from smart_app.codes.book import plain
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Biopsy, Marker, Receptor, ReceptorStatus
from smart_app.fhir.reading.conditions import known_on, observed_on
from smart_app.fhir.reading.marker_words import Said, summary
from smart_app.fhir.reading.observation_kinds import ISH, Kinds
from smart_app.fhir.reading.receptor_joining import merge, percents, resolve
from smart_app.fhir.reading.receptor_values import has_value, said_of, value_text
from smart_app.fhir.reading.record import Json, Record, codings, items, obj, reference_of, source_of, text, words

_MARKERS = {"er": Marker.ER, "pr": Marker.PR, "her2": Marker.HER2}
_WITHDRAWN = {"entered-in-error", "cancelled"}
_PROVISIONAL = {"registered", "preliminary"}


def read_receptors(record: Record, book: Codebook, kinds: Kinds | None = None) -> tuple[Receptor, ...]:
    """All statements, by date; UNREADABLE where a result stands that is not understood (``receptor.not_readable``)."""
    found: list[Receptor] = []
    kinds = kinds or Kinds(book)
    for observation in record.all("Observation"):
        with record.notes.guard(observation):
            found += _of_observation(record, observation, book, kinds)
    for condition in record.all("Condition"):
        with record.notes.guard(condition):
            found += _of_condition(record, condition, book)
    for report in record.all("DiagnosticReport"):
        with record.notes.guard(report):
            found += _of_report(record, report, found)
    found = resolve(percents(merge(found)))
    return tuple(
        sorted(found, key=lambda r: (r.date is None, r.date.first if r.date else None, r.marker, r.method or ""))
    )


# --- Observations -----------------------------------------------------------------------------------------------------


def _of_observation(record: Record, observation: Json, book: Codebook, kinds: Kinds) -> list[Receptor]:
    test = kinds.of(observation.get("code")).receptor
    if test == "none":
        return []
    parts = [
        (component, part)
        for component in items(observation.get("component"))
        if (part := kinds.of(component.get("code")).receptor) not in {None, "none", "panel", "er_other"}
    ]
    if test is None and not parts:
        return []
    status = (text(observation.get("status")) or "").lower()
    if status in _WITHDRAWN:
        record.notes.aside(f"receptor.{status.replace('-', '_')}", "a receptor result was withdrawn", observation)
        return []
    found: list[Receptor] = []
    if test == "panel":
        for name, said in summary(value_text(observation)):
            found.append(_receptor(record, observation, name, None, said))
    elif test == "er_other":
        # intensity, fmol/mg: says something only where it says positive or negative
        found += _read(record, observation, observation, "er", book, quiet=True)
    elif test is not None and has_value(observation):
        found += _read(record, observation, observation, test, book)
    for component, part in parts:
        found += _read(record, observation, component, part or "", book)
    if test not in {None, "panel", "er_other"} and not parts and not has_value(observation):
        record.notes.aside("receptor.no_value", "a receptor test without a result", observation)
    return found


def _read(
    record: Record, observation: Json, holder: Json, test: str, book: Codebook, *, quiet: bool = False
) -> list[Receptor]:
    marker, _, method = test.partition("_")
    said = said_of(holder, test, book)
    if quiet and said.status not in {ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE}:
        return []
    if said.status is None and not said.pending:
        record.notes.aside("receptor.not_done", "a receptor test was not done", observation)
        return []
    if said.status is ReceptorStatus.UNREADABLE and not said.pending:
        record.notes.aside("receptor.not_readable", f"“{value_text(holder)[:60]}” is not understood", observation)
    if test == "er_pr":
        if said.status is not ReceptorStatus.NEGATIVE:
            record.notes.aside("receptor.combined", "one answer for ER and PR: it does not say which", observation)
            return []
        return [_receptor(record, observation, name, "ihc", said) for name in ("er", "pr")]
    ways = {"percent": "ihc", "ihc": "ihc", "ish": "ish", "copies": "ish"}
    how = ways.get(method)
    if how is None:
        method_text = plain(words(observation.get("method")))
        if ISH.search(method_text):
            how = "ish"
        elif marker != "her2" or "immun" in method_text or "ihc" in method_text or said.score is not None:
            how = "ihc"
    return [_receptor(record, observation, marker, how, said)]


# --- identity of the biopsy -------------------------------------------------------------------------------------------


def _receptor(record: Record, resource: Json, marker: str, method: str | None, said: Said) -> Receptor:
    status = (text(resource.get("status")) or "").lower()
    specimen = record.resolve(resource.get("specimen"), resource)
    named = text(obj(resource.get("specimen")).get("reference"))
    return Receptor(
        marker=_MARKERS[marker],
        status=said.status or ReceptorStatus.UNREADABLE,
        low=said.low,
        percent=said.percent,
        method=method,
        score=said.score,
        biopsy=_biopsy(record, resource, specimen),
        specimen=(reference_of(specimen) if specimen is not None else None) or named,
        date=_collected(record, specimen) or observed_on(record, resource),
        provisional=said.pending or status in _PROVISIONAL,
        sources=(source_of(resource),),
    )


def _collected(record: Record, specimen: Json | None) -> PartialDate | None:
    collection = obj(obj(specimen).get("collection"))
    return record.when(collection.get("collectedDateTime")) or record.when(
        obj(collection.get("collectedPeriod")).get("start")
    )


_METASTASIS = re.compile(
    r"\bmetast\w*|\bsecondary\b|\bliver\b|\bhepatic\b|\blung\b|\bpulmonary\b|\bpleura\w*|\bbones?\b|\bosseous\b|\biliac\b|\bvertebra\w*|"
    r"\bspine\b|\bbrain\b|\bperitone\w*|\bascit\w*|\boment\w*|\bsupraclavicular\b|\bmediastin\w*|\bovar\w*|\badrenal\b"
)
_PRIMARY = re.compile(r"\bbreast\b|\bmamma\w*|\bprimary\b|\blumpectomy\b|\bmastectomy\b")
_PLACES = {
    "10200004": "liver",
    "39607008": "lung",
    "3120008": "pleura",
    "12738006": "brain",
    "272673000": "bone",
    "76752008": "breast",
    "80248007": "breast",
    "73056007": "breast",
}


def _biopsy(record: Record, resource: Json, specimen: Json | None) -> Biopsy:
    """Primary or metastasis by body site, specimen or focus; the name of the test itself says neither."""
    sites = [
        obj(resource.get("bodySite")),
        obj(obj(obj(specimen).get("collection")).get("bodySite")),
        obj(obj(specimen).get("type")),
    ]
    said = [plain(words(site)) for site in sites]
    said += [_PLACES.get(code, "") for site in sites for _, code, _ in codings(site)]
    said += [plain(text(note.get("text")) or "") for note in items(obj(specimen).get("note"))]
    said.append(plain(text(obj(resource.get("specimen")).get("display")) or ""))
    for link in items(resource.get("focus")):
        target = record.resolve(link, resource)
        said.append(plain(words(obj(target).get("code")) + " " + words(obj(target).get("location"))))
        said.append(plain(text(link.get("display")) or ""))
    joined = " | ".join(part for part in said if part)
    if not joined:
        joined = plain(" | ".join(text(note.get("text")) or "" for note in items(resource.get("note"))))
    metastasis = _METASTASIS.search(re.sub(r"\bnon-?metast\w*|\bno metast\w*", " ", joined))
    if metastasis:
        return Biopsy.METASTASIS
    return Biopsy.PRIMARY if _PRIMARY.search(joined) else Biopsy.UNKNOWN


# --- diagnosis codes, pathology reports -------------------------------------------------------------------------------


def _of_condition(record: Record, condition: Json, book: Codebook) -> list[Receptor]:
    verification = " ".join(code for _, code, _ in codings(condition.get("verificationStatus")))
    if re.search(r"entered-in-error|refuted|unconfirmed|provisional|differential", verification):
        return []
    code = condition.get("code")
    said: list[tuple[str, ReceptorStatus]] = []
    for meant in book.meanings_of("receptor_condition", codings(code)):
        said += [
            (part[:-1], ReceptorStatus.POSITIVE if part[-1] == "+" else ReceptorStatus.NEGATIVE)
            for part in meant.split()
        ]
    shown = plain(words(code))
    if re.search(r"breast|mamma|receptor|carcinom|cancer", shown) and not re.search(
        r"\bhistory\b|\bfamily\b|\brisk\b", shown
    ):
        said += [(name, found.status) for name, found in summary(shown) if found.status is not None]
    readings: dict[str, set[ReceptorStatus]] = {}
    for name, status in said:
        readings.setdefault(name, set()).add(status)
    found = []
    for name, statuses in readings.items():
        if len(statuses) > 1:
            record.notes.aside("receptor.conflict", f"its code and text differ on {name.upper()}", condition)
        status = statuses.pop() if len(statuses) == 1 else ReceptorStatus.UNREADABLE
        found.append(
            Receptor(
                _MARKERS[name],
                status,
                method="diagnosis",
                date=known_on(record, condition),
                sources=(source_of(condition),),
            )
        )
    return found


def _of_report(record: Record, report: Json, known: list[Receptor]) -> list[Receptor]:
    """A pathology conclusion that sums up the receptors; not where its own results were read already."""
    status = (text(report.get("status")) or "").lower()
    conclusion = text(report.get("conclusion")) or ""
    if (
        status in _WITHDRAWN
        or not conclusion
        or not re.search(r"receptor|\ber\b|her-?2|\bhr\b|triple[- ]negative", plain(conclusion))
    ):
        return []
    members = {"/".join((text(r.get("reference")) or "").split("/")[-2:]) for r in items(report.get("result"))}
    if any(source.reference in members for receptor in known for source in receptor.sources):
        return []
    statements: dict[str, list[Said]] = {}
    for name, said in summary(conclusion):
        statements.setdefault(name, []).append(said)
    found = []
    for name, readings in statements.items():
        if len({reading.status for reading in readings}) == 1 and readings[0].status is not None:
            found.append(_receptor(record, report, name, None, readings[0]))
        else:
            record.notes.aside("receptor.conflict", f"the conclusion says two things of {name.upper()}", report)
    return found
