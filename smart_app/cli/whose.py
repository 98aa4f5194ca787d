"""Which patient of a file is meant: the one asked for, else the only one there is. Never a guess among several."""

from __future__ import annotations

import json
from dataclasses import dataclass

from smart_app.cli.bundlefile import Entry
from smart_app.errors import AppError
from smart_app.fhir.reading.record import Json, items, text

_UUID = "urn:uuid:"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The patient's id, the server base under which the file names the patient (if any), and the file's entries."""

    id: str
    base: str | None
    entries: list[Entry]


def choose_patient(entries: list[Entry], asked: str | None) -> Chosen:
    """AppError ``input.patient`` names the ids where there are several, or where the one asked for is not there."""
    entries = [_with_id(full_url, resource) for full_url, resource in entries]
    patients = {text(r.get("id")) or "": url for url, r in entries if r.get("resourceType") == "Patient"}
    named = _named(entries)
    ids = sorted(patients) or sorted({_ident(name) for name in named})
    wanted = asked.removeprefix("Patient/") if asked is not None else None
    if wanted is not None and wanted not in patients and all(_ident(name) != wanted for name in named):
        raise AppError(f"The file holds no patient {_shown(wanted)}{_there(ids)}.", code="input.patient")
    if wanted is None and len(ids) > 1:
        advice = "Say which with --patient ID."
        raise AppError(f"The file holds several patients{_there(ids)}.", code="input.patient", advice=advice)
    chosen = wanted if wanted is not None else ids[0] if ids else ""
    if not ids and wanted is None:
        return Chosen("", None, _unnamed(entries))
    stub = f"{_UUID}{chosen}"
    if chosen not in patients and stub in named:
        entries.append((stub, {"resourceType": "Patient", "id": chosen}))
    return Chosen(chosen, _base(chosen, patients.get(chosen, ""), named), entries)


def _with_id(full_url: str, resource: Json) -> Entry:
    """A Patient that has only its address in the Bundle gets its id from there (transaction Bundles do this)."""
    if resource.get("resourceType") == "Patient" and not text(resource.get("id")) and full_url:
        return full_url, {**resource, "id": full_url.removeprefix(_UUID).rstrip("/").split("/")[-1]}
    return full_url, resource


def _named(entries: list[Entry]) -> set[str]:
    """The references by which entries name their patient, without versions."""
    found = set()
    for _, resource in entries:
        for reference in (*items(resource.get("subject")), *items(resource.get("patient"))):
            name = (text(reference.get("reference")) or "").split("/_history/")[0]
            if name.startswith(_UUID) or name.split("/")[-2:-1] == ["Patient"]:
                found.add(name)
    return found


def _unnamed(entries: list[Entry]) -> list[Entry]:
    """A file that gives its patient no id at all (a name only, a contained Patient): one such patient is the patient of
    the file; of several, none can be told apart by an id, and the file is refused."""
    seen: set[str] = set()
    kept: list[Entry] = []
    for full_url, resource in entries:
        for subject in (*items(resource.get("subject")), *items(resource.get("patient"))):
            inside = (text(subject.get("reference")) or "").removeprefix("#")
            contained = next((c for c in items(resource.get("contained")) if inside and c.get("id") == inside), subject)
            seen.add(json.dumps({k: v for k, v in contained.items() if k != "id"}, default=str, sort_keys=True))
        kept.append((full_url, {k: v for k, v in resource.items() if k not in ("subject", "patient")}))
    if len(seen) > 1:
        raise AppError("The file names several patients, and none by an id.", code="input.patient")
    return kept


def _ident(name: str) -> str:
    return name.removeprefix(_UUID).split("/")[-1]


def _base(chosen: str, full_url: str, named: set[str]) -> str | None:
    tail = f"/Patient/{chosen}"
    own = {name for name in {full_url} if name.startswith("http") and name.endswith(tail)}
    others = {name for name in named if name.startswith("http") and name.endswith(tail)}
    found = own or others
    return next(iter(found)).removesuffix(tail) if len(found) == 1 else None


def _there(ids: list[str]) -> str:
    shown = [_shown(ident) for ident in ids if ident]
    more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
    return f": {', '.join(shown[:20])}{more}" if shown else ""


def _shown(ident: str) -> str:
    return ident[:64] if ident.isprintable() else "(not printable)"
