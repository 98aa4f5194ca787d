"""From what a clinician typed to an attested fact. Nothing is taken that cannot be taken exactly as it was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from smart_app.domain.attested import Fact
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import (
    Biopsy,
    DateBasis,
    DiseaseStatus,
    Draw,
    DrugClass,
    Exposure,
    Extent,
    Finding,
    Marker,
    Outcome,
    Progress,
    Proof,
    Receptor,
    ReceptorStatus,
    Setting,
    Significance,
    Specimen,
    Spread,
    StopReason,
)
from smart_app.fhir.reading import hgvs
from smart_app.fhir.writing.wording import typed
from smart_app.web.i18n import _

KINDS = ("receptor", "advanced", "drug", "result", "status")
ROWS = 8  # variants of one result
LONGEST_BASIS = 2000
FIRST_LINE = "first"
SITES = ("bone", "liver", "lung", "pleura", "peritoneum", "brain", "lymph_node", "skin", "other")
_NUMBER = re.compile(r"(<=|>=|<|>)?\s*([0-9]{1,7}(?:[.,][0-9]{1,12})?)\Z")
E = TypeVar("E", bound=StrEnum)


@dataclass(slots=True)
class Typed:
    """One form: what was typed, as typed, and what is wrong with it, by field."""

    given: dict[str, str]
    today: date
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Mapping[str, str], today: date) -> Typed:
        return cls({name: value for name, value in form.items() if name != "csrf_token"}, today)

    def get(self, name: str) -> str:
        return typed(self.given.get(name, ""), LONGEST_BASIS)

    def wrong(self, name: str, why: str) -> None:
        self.errors.setdefault(name, why)

    def needed(self, name: str, why: str) -> str:
        value = self.get(name)
        if not value:
            self.wrong(name, why)
        return value

    def chosen(self, name: str, offered: tuple[E, ...], why: str) -> E | None:
        """One of those offered; an error in words where none was chosen."""
        value = self.get(name)
        found = next((one for one in offered if one.value == value), None)
        if found is None:
            self.wrong(name, why)
        return found

    def day(self, name: str, why: str, *, exact: bool = False, past: bool = True) -> PartialDate | None:
        """A year, month or day that has come; the error names the form in which it has to be written."""
        raw = self.get(name)
        if not raw:
            if why:
                self.wrong(name, why)
            return None
        try:
            found = PartialDate.parse(raw)
        except ValueError:
            self.wrong(name, _("This is no date. Write it as 2026-11-03, or 2026-11 or 2026 where no more is known."))
            return None
        if exact and found.exact is None:
            self.wrong(name, _("The day is needed. Write it as 2026-11-03."))
        elif past and found.first > self.today:
            self.wrong(name, _("This date lies in the future."))
        elif found.year < 1900:
            self.wrong(name, _("This date lies too far back."))
        return found


@dataclass(frozen=True, slots=True)
class Read:
    """A fact that could be taken."""

    fact: Fact
    basis: str
    first_line: bool = False
    report: str | None = None


def read_form(kind: str, form: Typed, drugs: Mapping[str, DrugClass], reports: Mapping[str, str]) -> Read | None:
    """None where something is wrong; ``form.errors`` says what. ``reports``: handle -> reference."""
    basis = form.needed("basis", _("Say on what basis you attest it, for example the letter or report you read."))
    if len(form.given.get("basis", "").strip()) > LONGEST_BASIS:
        form.wrong("basis", _("This is longer than %(num)s characters.", num=LONGEST_BASIS))
    report, first = None, False
    if kind == "receptor":
        fact: Fact | None = _receptor(form)
    elif kind == "advanced":
        fact = _spread(form)
    elif kind == "drug":
        fact, first = _exposure(form, drugs), form.get("setting") == FIRST_LINE
    elif kind == "status":
        fact = _status(form)
    else:
        report = reports.get(form.get("report"))
        if report is None:
            form.wrong("report", _("Choose the report that you read it from."))
        fact = _draw(form)
    return Read(fact, basis, first, report) if fact is not None and not form.errors else None


def _receptor(form: Typed) -> Receptor | None:
    marker = form.chosen("marker", tuple(Marker), _("Choose the receptor."))
    stated = (ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE)
    status = form.chosen("receptor_status", stated, _("Choose positive or negative."))
    day = form.day("date", _("Give the date of the biopsy or report, as far as it is known."))
    biopsy = form.chosen("biopsy", tuple(Biopsy), _("Choose what the biopsy was of, or “not known”."))
    method = form.get("method") or None
    if method not in (None, "ihc", "ish"):
        form.wrong("method", _("Choose one of the methods, or leave it open."))
    percent = _percent(form, marker, status)
    if marker is None or status is None or biopsy is None:
        return None
    low = percent is not None and 1 <= percent <= 10
    return Receptor(marker, status, low=low, percent=percent, method=method, biopsy=biopsy, date=day)


def _percent(form: Typed, marker: Marker | None, status: ReceptorStatus | None) -> Decimal | None:
    raw = form.get("percent")
    if not raw:
        return None
    found = _NUMBER.match(raw)
    value = Decimal(found.group(2).replace(",", ".")) if found and not found.group(1) else None
    if value is None or value > 100:
        form.wrong("percent", _("Write the per cent of stained cells as a number from 0 to 100."))
        return None
    if marker is Marker.HER2:
        form.wrong("percent", _("The per cent of stained cells is for the hormone receptors only."))
    elif (status is ReceptorStatus.NEGATIVE and value >= 1) or (status is ReceptorStatus.POSITIVE and value < 1):
        form.wrong("percent", _("The per cent does not fit the status: 1 % or more is positive."))
    return value


def _spread(form: Typed) -> Spread | None:
    offered = (Extent.METASTASIS, Extent.STAGE_IV, Extent.LOCALLY_ADVANCED)
    extent = form.chosen("extent", offered, _("Choose in which way the disease is advanced."))
    since = form.day("since", _("Give the date since when the advanced disease is known, as far as it is known."))
    site = form.get("site") or None
    if site is not None and site not in SITES:
        form.wrong("site", _("Choose one of the sites, or leave it open."))
    return Spread(extent, since, site) if extent is not None else None


def _exposure(form: Typed, drugs: Mapping[str, DrugClass]) -> Exposure | None:
    drug = form.get("drug")
    if drug not in drugs:
        form.wrong("drug", _("Choose the drug."))
    start = form.day("start", "")
    settings = {FIRST_LINE: Setting.ADVANCED, "": Setting.UNKNOWN, **{s.value: s for s in Setting}}
    setting = settings.get(form.get("setting"))
    if setting is None:
        form.wrong("setting", _("Choose what it was given for, or leave it open."))
    state = form.get("state")
    if state not in ("now", "held", "stopped"):
        form.wrong("state", _("Choose whether it is taken now, on hold or stopped."))
    end = form.day("end", _("Give the date of the stop, as far as it is known.")) if state == "stopped" else None
    held = (
        form.day("held", _("Give the date since when it is on hold, as far as it is known."))
        if state == "held"
        else None
    )
    why = StopReason(form.get("stop_reason") or "unknown") if form.get("stop_reason") in _STOPS else None
    if why is None:
        form.wrong("stop_reason", _("Choose one of the reasons, or leave it open."))
    for name, day in (("end", end), ("held", held)):
        if start is not None and day is not None and day.last < start.first:
            form.wrong(name, _("This lies before the start."))
    if form.errors or setting is None or why is None:
        return None
    return Exposure(
        drug,
        drugs[drug],
        start,
        end,
        last_seen=PartialDate.of(form.today) if state == "now" else None,
        on_hold=state == "held",
        on_hold_since=held,
        stop_reason=why if state == "stopped" else StopReason.UNKNOWN,
        setting=setting,
        proofs=frozenset({Proof.TAKEN}),
    )


_STOPS = ("", *(reason.value for reason in StopReason))


def _status(form: Typed) -> DiseaseStatus:
    day = form.day("scan", _("Give the day of the scan."), exact=True)
    if form.get("no_progression") != "yes":
        form.wrong(
            "no_progression", _("Tick the box if the scan shows no progression; otherwise there is nothing to attest.")
        )
    return DiseaseStatus(Progress.STABLE, day, imaging=True)


def _draw(form: Typed) -> Draw | None:
    offered = (Outcome.DETECTED, Outcome.NOT_DETECTED, Outcome.INDETERMINATE, Outcome.FAILED)
    outcome = form.chosen("outcome", offered, _("Choose what the report says of ESR1."))
    specimens = (Specimen.PLASMA, Specimen.TISSUE)
    specimen = form.chosen("specimen", specimens, _("Choose whether plasma or tissue was tested."))
    day = form.day("taken", _("Give the day the sample was taken, as far as the report says it."))
    findings = tuple(f for row in range(1, ROWS + 1) if (f := _finding(form, row)) is not None)
    named = [f.protein_change or f.dna_change for f in findings]
    if len(set(named)) < len(named):
        form.wrong("variant-1", _("A variant stands here twice."))
    if findings and outcome not in (None, Outcome.DETECTED):
        form.wrong("outcome", _("Variants are given below, so that the result must be “detected”."))
    low = form.get("uninformative") == "yes"
    if low and outcome is not Outcome.NOT_DETECTED:
        form.wrong("uninformative", _("This belongs to a result “not detected” only."))
    if outcome is None or specimen is None:
        return None
    return Draw(
        outcome,
        day,
        DateBasis.COLLECTED,
        specimen=specimen,
        findings=findings,
        uninformative=low,
        laboratory=form.get("laboratory")[:120] or None,
    )


def _finding(form: Typed, row: int) -> Finding | None:
    raw, amount, unit = (form.get(f"{name}-{row}") for name in ("variant", "vaf", "unit"))
    call = form.get(f"call-{row}")
    if not (raw or amount or call):
        return None
    proteins, dna = hgvs.proteins(raw), hgvs.dna(raw)
    if len(proteins) > 1 or not (proteins or dna):
        form.wrong(f"variant-{row}", _("Write one change, as p.D538G or %(dna)s.", dna="c.1613A>G"))
        return None
    if call and call not in {s.value for s in Significance}:
        form.wrong(f"call-{row}", _("Choose one of the calls, or leave it open."))
        return None
    protein = proteins[0] if proteins else hgvs.translated(dna)
    vaf, sign = _vaf(form, row, amount, unit)
    shown = f"{sign or ''}{amount.lstrip('<>= ')} {'%' if unit == '%' else '(fraction)'}" if vaf is not None else None
    return Finding(
        protein,
        dna,
        vaf,
        sign,
        shown,
        kind=hgvs.kind_of(protein, dna),
        significance=Significance(call) if call else Significance.UNKNOWN,
    )


def _vaf(form: Typed, row: int, amount: str, unit: str) -> tuple[Decimal | None, str | None]:
    """A fraction with the digits typed. Without a unit nothing is guessed."""
    if not amount:
        if unit:
            form.wrong(f"vaf-{row}", _("Give the allele fraction, or leave its unit open."))
        return None, None
    found = _NUMBER.match(amount.removesuffix("%").strip() if unit == "%" else amount)
    if unit not in ("%", "fraction"):
        form.wrong(f"unit-{row}", _("Choose the unit of the allele fraction: per cent or fraction."))
        return None, None
    number = Decimal(found.group(2).replace(",", ".")) if found else None
    value = number.scaleb(-2) if number is not None and unit == "%" else number
    if found is None or value is None or not 0 <= value <= 1:
        form.wrong(
            f"vaf-{row}", _("Write the allele fraction as a number, from 0 to 100 % or as a fraction from 0 to 1.")
        )
        return None, None
    return value, found.group(1)
