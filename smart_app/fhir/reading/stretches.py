"""One medication resource -> one stretch of time in which its drug was ordered, given, handed over or taken.

Written rules (issue "Drugs and lines of therapy"; clauses W4, W5 ask for "now" with evidence of taking):

- MedicationStatement (proof TAKEN): ``active`` without an end is ongoing, last seen on its ``dateAsserted`` (else its
  start); with an end it lasts until that end. ``completed``/``stopped`` have ended, the day only where it is written.
  ``unknown`` shows the drug on the days of its period alone: on its ``dateAsserted`` the use was not known.
- MedicationRequest (proof ORDERED; TAKEN where it is ``reported``): shows that it was ordered on that day, never that
  it is taken now, however long its status stays ``active``. ``completed``/``stopped`` have ended on their bounds' end.
  A plan, proposal or option is no order unless it is reported (US Core: ``intent=plan`` + ``reported``).
- MedicationAdministration (ADMINISTERED) and MedicationDispense (DISPENSED): happened on that day; a dose or a box is
  no end of treatment. A box lasts ``daysSupply``.
- Entered in error, not taken, not done, cancelled, declined, draft, intended, ``doNotPerform`` entries are set aside.
- A hold begins on the day its words give ("held since 2026-05-10"), else where a statement on hold ends, else on the
  day that statement was made (the first the record shows of it), or with an earlier stop of the same drug after which
  nothing was taken; an order on hold does not say since when: no sooner than the last box or dose (judgement).
- A period whose end lies before its start is used for neither date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from smart_app.codes import Codebook
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import DrugClass, Proof, Setting, Source, StopReason
from smart_app.fhir.reading.record import Json, Record, items, obj, source_of, text
from smart_app.fhir.reading.treatment_words import held_since_words, is_held, setting_of, stop_reason_of

DRUG_TYPES = ("MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense")
_DAYS = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7, "mo": 30, "month": 30, "months": 30, "a": 365}


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one resource says of one drug. ``state``: ongoing, ended, open (not said), until (ends on a written day)."""

    state: str
    proof: Proof
    source: Source
    start: PartialDate | None = None
    end: PartialDate | None = None
    seen: PartialDate | None = None
    asserted: bool = False  # ``seen`` is the day somebody said so, not merely the start
    covered: PartialDate | None = None
    supply: PartialDate | None = None  # what an order's supply with its repeats would last, for joining only
    firm: bool = False  # the end is a stop, not a prescription that ran out
    held: bool = False
    held_since: PartialDate | None = None
    reason: StopReason = StopReason.UNKNOWN
    setting: Setting = Setting.UNKNOWN
    drug: str = ""
    drug_class: DrugClass = DrugClass.OTHER


_OUT = {
    "entered-in-error": ("drug.entered_in_error", "was entered in error"),
    "not-taken": ("drug.not_taken", "says the drug is not taken"),
    "not-done": ("drug.not_given", "says the drug was not given"),
    "intended": ("drug.intended", "is only intended"),
    "cancelled": ("drug.cancelled", "was cancelled before anything was given"),
    "declined": ("drug.not_dispensed", "was declined"),
    "draft": ("drug.draft", "is a draft, not an order"),
    "preparation": ("drug.not_dispensed", "is not handed over yet"),
    "abandoned": ("drug.cancelled", "was abandoned"),
}


def stretch_of(record: Record, resource: Json, book: Codebook) -> Stretch | tuple[str, str]:
    """The stretch, or (code, why) where the entry shows no treatment."""
    status = (text(resource.get("status")) or "").lower()
    if status in _OUT:
        return _OUT[status]
    if resource.get("wasNotTaken") is True or resource.get("taken") == "n":  # older FHIR versions, seen in conversions
        return _OUT["not-taken"]
    if resource.get("doNotPerform") in (True, "true"):
        return "drug.do_not_perform", "orders that the drug is NOT given"
    kind = resource.get("resourceType")
    if kind == "MedicationRequest":
        found = _request(record, resource, status)
    elif kind == "MedicationStatement":
        found = _statement(record, resource, status)
    elif kind == "MedicationAdministration":
        found = _administration(record, resource, status)
    else:
        found = _dispense(record, resource, status)
    if isinstance(found, tuple):
        return found
    stopped = found["state"] in {"ended", "until"}
    held = status == "on-hold" or is_held(resource)
    since = record.when(held_since_words(resource)) or record.when(resource.get("statusChanged")) if held else None
    if since is not None:
        found["held_since"] = since
    return Stretch(
        **found,  # type: ignore[arg-type]
        source=source_of(resource),
        held=held and found["state"] != "ended",
        reason=stop_reason_of(resource, book, stopped=stopped),
        setting=setting_of(record, resource, book),
    )


Fields = dict[str, object]


def _period(record: Record, value: object, resource: Json) -> tuple[PartialDate | None, PartialDate | None]:
    start, end = record.when(obj(value).get("start")), record.when(obj(value).get("end"))
    if start is not None and end is not None and end.last < start.first:
        record.notes.aside("drug.period_reversed", "its period ends before it starts: neither date is used", resource)
        return None, None
    return start, end


def _bounds(record: Record, resource: Json) -> tuple[PartialDate | None, PartialDate | None]:
    """Earliest start and latest end over the dosage instructions (a missing end of one leaves the whole open)."""
    starts: list[PartialDate] = []
    ends: list[PartialDate | None] = []
    for dose in [d for key in ("dosageInstruction", "dosage") for d in items(resource.get(key))]:
        timing = obj(dose.get("timing"))
        repeat = obj(timing.get("repeat"))
        start, end = _period(record, repeat.get("boundsPeriod"), resource)
        if "boundsPeriod" in repeat:
            ends.append(end)
        events = timing.get("event")
        days = [d for d in map(record.when, events if isinstance(events, list) else [events]) if d is not None]
        start = start or min(days, key=lambda d: d.first, default=None)
        if start is not None:
            starts.append(start)
    last = None if None in ends else max((e for e in ends if e is not None), key=lambda e: e.last, default=None)
    return min(starts, key=lambda d: d.first, default=None), last


def _duration_end(resource: Json, start: PartialDate | None) -> PartialDate | None:
    """Start plus ``boundsDuration``, where one dosage has one and the start is a day."""
    doses = items(resource.get("dosageInstruction"))
    length = obj(obj(obj(doses[0].get("timing")).get("repeat")).get("boundsDuration")) if len(doses) == 1 else {}
    return _after(start, length)


def _after(start: PartialDate | None, quantity: Json) -> PartialDate | None:
    value, unit = quantity.get("value"), text(quantity.get("code")) or text(quantity.get("unit")) or "d"
    day = start.exact if start is not None else None
    if day is None or isinstance(value, bool) or not isinstance(value, int | Decimal) or unit.lower() not in _DAYS:
        return None
    if not 0 < value <= 4000:
        return None
    return PartialDate.of(day + timedelta(days=int(value) * _DAYS[unit.lower()]))


def _latest(*days: PartialDate | None) -> PartialDate | None:
    return max((d for d in days if d is not None), key=lambda d: d.last, default=None)


def _statement(record: Record, resource: Json, status: str) -> Fields:
    start, end = _period(record, resource.get("effectivePeriod"), resource)
    start = start or record.when(resource.get("effectiveDateTime"))
    if start is None and end is None:
        start, end = _bounds(record, resource)
    asserted = record.when(resource.get("dateAsserted"))
    ended = status in {"completed", "stopped"}
    if ended:
        state = "ended"
    elif end is not None:
        state = "until"
    else:
        state = "ongoing" if status in {"active", "on-hold"} else "open"
    return {
        "state": state,
        "proof": Proof.TAKEN,
        "start": start,
        "end": end if status != "on-hold" else None,
        # "unknown" says of the day it was stated only that nobody knew
        "seen": _latest(end, start) if (ended or status == "unknown") and (end or start) else (asserted or start),
        "asserted": asserted is not None,
        "firm": ended,
        "held_since": (end or asserted) if status == "on-hold" else None,
    }


def _request(record: Record, resource: Json, status: str) -> Fields | tuple[str, str]:
    intent = (text(resource.get("intent")) or "").lower()
    reported = resource.get("reportedBoolean") is True or bool(obj(resource.get("reportedReference")))
    if intent in {"proposal", "plan", "option"} and not reported:
        return "drug.not_ordered", f"is {'an' if intent == 'option' else 'a'} {intent}, not an order"
    written = record.when(resource.get("authoredOn"))
    bounded, end = _bounds(record, resource)
    validity = obj(obj(resource.get("dispenseRequest")).get("validityPeriod"))
    valid_from, valid_to = _period(record, validity, resource)
    start = bounded or written or valid_from
    end = end or _duration_end(resource, start) or valid_to
    if start is not None and end is not None and end.last < start.first:
        end = None
    if status in {"completed", "stopped", "ended"}:
        state = "ended"
    elif status == "active" or not status:
        state = ("ongoing" if reported else "open") if end is None else "until"
    else:
        state = "open"
    return {
        "state": state,
        "proof": Proof.TAKEN if reported else Proof.ORDERED,
        "start": start,
        "end": end if status != "on-hold" else None,
        "seen": (end if state == "ended" and end else None) or _latest(written, None if written else start) or start,
        "asserted": written is not None,
        "firm": status == "stopped",
        "held_since": None,
        "supply": _supply(obj(resource.get("dispenseRequest")), start),
    }


def _supply(request: Json, start: PartialDate | None) -> PartialDate | None:
    length, repeats = obj(request.get("expectedSupplyDuration")), request.get("numberOfRepeatsAllowed")
    end = _after(start, length)
    times = repeats if isinstance(repeats, int) and not isinstance(repeats, bool) and 0 <= repeats <= 24 else 0
    if start is None or start.exact is None or end is None or end.exact is None:
        return None
    return PartialDate.of(start.exact + (end.exact - start.exact) * (times + 1))


def _administration(record: Record, resource: Json, status: str) -> Fields:
    start, end = _period(record, resource.get("effectivePeriod"), resource)
    start = start or record.when(resource.get("effectiveDateTime"))
    # a course of weeks written as one administration has the end it says; a dose or an infusion has none
    course = start is not None and end is not None and (end.first - start.last).days > 7
    if status in {"in-progress"} and end is None:
        state = "ongoing"
    else:
        state = "ended" if course and status in {"completed", "stopped"} else "open"
    return {
        "state": state,
        "proof": Proof.ADMINISTERED,
        "start": start or end,
        "end": end if course else None,
        "seen": _latest(start, end),
        "asserted": True,
        "firm": status == "stopped",
    }


def _dispense(record: Record, resource: Json, status: str) -> Fields | tuple[str, str]:
    handed = record.when(resource.get("whenHandedOver"))
    day = handed or (record.when(resource.get("whenPrepared")) if status == "completed" else None)
    if day is None and status != "completed":
        return "drug.not_dispensed", "does not say that the drug was handed over"
    return {
        "state": "open",
        "proof": Proof.DISPENSED,
        "start": day,
        "seen": day,
        "asserted": True,
        "covered": _after(day, obj(resource.get("daysSupply"))),
    }
