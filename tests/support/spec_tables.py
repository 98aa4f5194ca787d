"""Spec tables: rows of resources (JSON, one a line) and the facts they must give, in ``tests/spec``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from smart_app.domain.facts import (
    Diagnosis,
    DiseaseStatus,
    Exposure,
    Ldh,
    Proof,
    Receptor,
    Setting,
    Spread,
    StopReason,
    Visit,
)
from smart_app.fhir.jsontext import loads
from smart_app.fhir.reading.record import Notes, Record

HERE = Path(__file__).parent.parent / "spec"


def rows(name: str) -> list[dict[str, Any]]:
    return tomllib.loads((HERE / name).read_text("utf-8"))["row"]


def record_of(resources: list[Any]) -> Record:
    return Record.of([("", r) for r in resources], ZoneInfo("America/New_York"), Notes())


def given(row: dict[str, Any]) -> Record:
    return record_of([loads(line) for line in row["given"].strip().splitlines()])


def asides(record: Record) -> list[str]:
    return sorted(entry.code for entry in record.notes.set_aside)


def _known(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[value]


def drug_line(e: Exposure) -> str:
    more = [e.stop_reason.value] if e.stop_reason is not StopReason.UNKNOWN else []
    more += ["on hold" + (f" since {e.on_hold_since}" if e.on_hold_since else "")] if e.on_hold else []
    more += [f"supply to {e.covered_until}"] if e.covered_until else []
    parts = [
        f"{e.drug} {e.drug_class.value}",
        f"{e.start or '?'} to {e.end or '?'}",
        f"ongoing {_known(e.ongoing)}",
        f"seen {e.last_seen or '?'}",
        e.setting.value,
        " ".join(sorted(e.proofs)),
        *more,
    ]
    return " | ".join(parts)


def diagnosis_line(d: Diagnosis) -> str:
    return f"{'breast' if d.breast else 'other cancer'} | {d.text} | active {_known(d.active)} | {d.onset or '?'}"


def spread_line(s: Spread) -> str:
    return f"{s.extent.value} | {s.site or '-'} | {s.known_on or '?'}"


def receptor_line(r: Receptor) -> str:
    more = [x for x in ("low" if r.low else "", f"{r.percent} %" if r.percent is not None else "", r.score or "") if x]
    more += ["provisional"] if r.provisional else []
    return " | ".join([r.marker.value, r.status.value, r.method or "-", r.biopsy.value, str(r.date or "?"), *more])


def status_line(s: DiseaseStatus) -> str:
    return f"{s.status.value} | {s.date or '?'} | imaging {_known(s.imaging)}"


def ldh_line(value: Ldh) -> str:
    return f"{value.text} | high {_known(value.high)} | {value.date or '?'}"


def visit_line(v: Visit) -> str:
    return f"{v.kind.value} | {v.date}" + (" | cancelled" if v.cancelled else "") + (" | done" if v.done else "")


__all__ = ["Proof", "Setting", "asides", "drug_line", "given", "record_of", "rows"]
