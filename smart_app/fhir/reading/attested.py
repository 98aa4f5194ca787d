"""Attested facts read back from our own living plan of this very patient; what was changed since is not taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from smart_app.domain.attested import Attestation, Fact
from smart_app.domain.attested_words import words_of
from smart_app.domain.facts import Draw, Exposure
from smart_app.fhir import jsontext
from smart_app.fhir.factjson import decode
from smart_app.fhir.reading.record import Json, items, obj, text
from smart_app.fhir.writing.attested import ATTESTED_URL, KINDS, TELLING, contained, is_attested
from smart_app.fhir.writing.compare import lost

IDENT = re.compile(r"att-[0-9a-f]{16}\Z")
CLINICIAN = re.compile(r"(?:Practitioner|PractitionerRole)/[A-Za-z0-9._-]{1,64}\Z")
REPORT = re.compile(r"(?:DocumentReference|DiagnosticReport)/[A-Za-z0-9._-]{1,64}\Z")
_DEAD = ("entered-in-error", "superseded", "cancelled")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An attested entry of the plan that is not used, and why."""

    id: str
    why: str


def read_attested(plan: Json | None, patient_id: str) -> tuple[tuple[Attestation, ...], tuple[Unreadable, ...]]:
    """From our living plan (``stored.living``); None or another patient's plan gives nothing."""
    if plan is None or not _is_of(plan, patient_id):
        return (), ()
    good: list[Attestation] = []
    bad: list[Unreadable] = []
    for resource in items(plan.get("contained")):
        if not is_attested(resource):
            continue
        ident = text(resource.get("id")) or ""
        try:
            one = read_one(resource, patient_id)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            bad.append(Unreadable(ident, "it cannot be read"))
            continue
        told = {name: value for name, value in contained(one, patient_id).items() if name in TELLING}
        if lost(told, resource):
            bad.append(Unreadable(ident, "somebody has changed it in the EHR since it was attested"))
        elif ident not in {a.id for a in good}:
            good.append(one)
    return tuple(good), tuple(bad)


def _is_of(resource: Json, patient_id: str) -> bool:
    reference = (text(obj(resource.get("subject")).get("reference")) or "").split("/_history/")[0]
    return reference == f"Patient/{patient_id}" or reference.endswith(f"/Patient/{patient_id}")


def read_one(resource: Json, patient_id: str) -> Attestation:
    """ValueError or KeyError where it is none of ours, of another patient, or cannot be read exactly."""
    if not _is_of(resource, patient_id):
        raise ValueError("of another patient")
    extension = next(e for e in items(resource.get("extension")) if e.get("url") == ATTESTED_URL)
    parts = {text(p.get("url")) or "": p for p in items(extension.get("extension"))}
    kind: type[Fact] = KINDS[parts["kind"]["valueCode"]]
    report = text(obj(parts.get("report", {}).get("valueReference")).get("reference"))
    one = Attestation(
        id=_matching(IDENT, resource.get("id")),
        by=_matching(CLINICIAN, parts["by"]["valueString"]),
        name=text(parts.get("name", {}).get("valueString")),
        on=date.fromisoformat(parts["on"]["valueDate"]),
        basis=text(parts["basis"]["valueString"]) or _fail("no basis"),
        fact=decode(kind, jsontext.loads(parts["fact"]["valueString"])),
        first_line=parts.get("firstLine", {}).get("valueBoolean") is True,
        report=_matching(REPORT, report) if report is not None else None,
    )
    if isinstance(one.fact, Exposure) and one.fact.start and one.fact.end and one.fact.end.last < one.fact.start.first:
        raise ValueError("ends before it begins")
    if isinstance(one.fact, Draw) and one.report is None:
        raise ValueError("a result without its report")
    return one


def _matching(form: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and form.match(value) else _fail("not in the form that we write")


def _fail(why: str) -> str:
    raise ValueError(why)


def standing_reports(resources: dict[str, Json]) -> frozenset[str]:
    """References of the reports and documents that the record holds and has not withdrawn."""
    return frozenset(
        reference
        for reference, resource in resources.items()
        if REPORT.match(reference)
        and text(resource.get("status")) not in _DEAD
        and text(resource.get("docStatus")) not in _DEAD
    )


def attested_changes(stored: Json | None, renewed: Json) -> list[str]:
    """Which attested facts writing ``renewed`` over ``stored`` adds and takes out, in words."""
    before, after = ({_key(c): c for c in _attested(plan)} for plan in (stored or {}, renewed))
    said = [f"Attested fact added: {_words(c)}." for key, c in after.items() if key not in before]
    return said + [f"Attested fact withdrawn: {_words(c)}." for key, c in before.items() if key not in after]


def _attested(plan: Json) -> list[Json]:
    return [c for c in items(plan.get("contained")) if is_attested(c)]


def _key(resource: Json) -> str:
    return text(resource.get("id")) or ""


def _words(resource: Json) -> str:
    try:
        one = read_one(resource, (text(obj(resource.get("subject")).get("reference")) or "").rpartition("/")[2])
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return "one that cannot be read"
    return f"{words_of(one.fact, one.on, first_line=one.first_line)} (by {one.who})"
