"""The chart and its receipt as JSON: a stable, versioned shape (docs/chart-json.md). Decimal and dates as text."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from smart_app.domain import subtype
from smart_app.domain.facts import (
    Biopsy,
    Chart,
    Draw,
    Exposure,
    Extent,
    Finding,
    Known,
    Marker,
    Person,
    Receptor,
    ReceptorStatus,
    Sources,
    Specimen,
)
from smart_app.domain.lines import advanced_since, as_line, courses, is_advanced
from smart_app.domain.reasons import Clause
from smart_app.fhir.receipt import Receipt, SetAside

SCHEMA = 1
Json = dict[str, Any]
Qualifies = Callable[[Finding], bool]


def chart_json(chart: Chart, receipt: Receipt, qualifies: Qualifies) -> Json:
    """``qualifies``: whether a finding counts under the policy's variant list."""
    return {
        "schema": SCHEMA,
        "person": _person(chart.person),
        "draws": [_draw(d, qualifies) for d in chart.draws],
        "withdrawn": [
            {
                "date": _text(w.date),
                "why": w.why,
                "findings": [_finding(f, qualifies) for f in w.findings],
                "sources": references(w.sources),
            }
            for w in chart.withdrawn
        ],
        "ordered": [{"date": _text(o.date), "sources": references(o.sources)} for o in chart.ordered],
        "drugs": [_drug(e) for e in chart.exposures],
        "unclear_drugs": list(chart.unclear_drugs),
        "lines": [
            {
                "number": n.number,
                "drugs": list(n.drugs),
                "start": n.start,
                "end": n.end,
                "sources": references(n.sources),
            }
            for n in map(as_line, courses(chart))
        ],
        "receptors": _receptors(chart),
        "disease": _disease(chart),
        "ldh": [
            {"date": _text(v.date), "high": v.high, "text": v.text, "sources": references(v.sources)} for v in chart.ldh
        ],
        "visits": [
            {
                "kind": v.kind.value,
                "date": _text(v.date),
                "cancelled": v.cancelled,
                "done": v.done,
                "text": v.text,
                "sources": references(v.sources),
            }
            for v in chart.visits
        ],
        "reviews": [
            {"date": _text(r.date), "variants": list(r.variants), "decision": r.text, "sources": references(r.sources)}
            for r in chart.reviews
        ],
        "gaps": [{"part": g.part.value, "code": g.code, "why": g.why} for g in chart.gaps],
        "set_aside": set_aside_json(receipt.set_aside),
        "receipt": receipt_json(receipt),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _digits(value: Decimal | None) -> str | None:
    """Every digit, and never an exponent."""
    return None if value is None else format(value, "f")


def references(sources: Sources) -> list[str]:
    """``Type/id`` of each resource, once, in order."""
    return list(dict.fromkeys(s.reference for s in sources))


def _person(person: Person) -> Json:
    return {
        "birth": _text(person.birth),
        "sex": person.sex,
        "deceased": person.deceased,
        "deceased_on": _text(person.deceased_on),
        "sources": references(person.sources),
    }


def _finding(finding: Finding, qualifies: Qualifies) -> Json:
    return {
        "gene": finding.gene,
        "protein_change": finding.protein_change,
        "dna_change": finding.dna_change,
        "vaf": _digits(finding.vaf),
        "vaf_comparator": finding.vaf_comparator,
        "vaf_text": finding.vaf_text,
        "kind": finding.kind.value,
        "significance": finding.significance.value,
        "origin": finding.origin.value,
        "below_limit": finding.below_limit,
        "qualifies": qualifies(finding),
        "sources": references(finding.sources),
    }


def _draw(draw: Draw, qualifies: Qualifies) -> Json:
    return {
        "date": _text(draw.date),
        "date_basis": draw.date_basis.value if draw.date_basis else None,
        "known_on": _text(draw.known_on),
        "outcome": draw.outcome.value,
        "specimen": Specimen.UNKNOWN.value if draw.specimen is Specimen.OTHER else draw.specimen.value,
        "other_fluid": draw.specimen is Specimen.OTHER,
        "standing": draw.standing.value,
        "uninformative": draw.uninformative,
        "findings": [_finding(f, qualifies) for f in draw.findings],
        "laboratory": draw.laboratory,
        "assay": draw.assay,
        "accession": draw.accession,
        "limit": _digits(draw.limit),
        "covers": None if draw.covers is None else list(draw.covers),
        "document": draw.document,
        "note": draw.note,
        "sources": references(draw.sources),
    }


def _drug(e: Exposure) -> Json:
    return {
        "name": e.drug,
        "class": e.drug_class.value,
        "start": _text(e.start),
        "end": _text(e.end),
        "ongoing": e.ongoing,
        "last_seen": _text(e.last_seen),
        "covered_until": _text(e.covered_until),
        "on_hold": e.on_hold,
        "on_hold_since": _text(e.on_hold_since),
        "stop_reason": e.stop_reason.value,
        "setting": e.setting.value,
        "proofs": sorted(p.value for p in e.proofs),
        "sources": references(e.sources),
    }


def _receptors(chart: Chart) -> Json:
    """The status that the decision uses for each marker, and every result."""
    return {
        "er": _clause_status(subtype.hormone_receptor(chart)),
        "pr": _newest_status([r for r in chart.receptors if r.marker is Marker.PR]),
        "her2": _clause_status(subtype.her2(chart)),
        "results": [
            {
                "marker": r.marker.value,
                "status": r.status.value,
                "low": r.low,
                "percent": _digits(r.percent),
                "score": r.score,
                "method": r.method,
                "biopsy": r.biopsy.value,
                "specimen": r.specimen,
                "date": _text(r.date),
                "provisional": r.provisional,
                "sources": references(r.sources),
            }
            for r in chart.receptors
        ],
    }


def _clause_status(clause: Clause) -> str | None:
    """positive, negative, equivocal or conflict, as the window's clause saw it; None where nothing was found."""
    status = clause.reasons[0].code.rpartition(".")[2]
    return status if status in ("positive", "negative", "equivocal", "conflict") else None


def _newest_status(results: list[Receptor]) -> str | None:
    """The latest metastatic biopsy wins, else the latest dated one; results of one day that differ are a conflict."""
    readable = [r for r in results if r.status is not ReceptorStatus.UNREADABLE and not r.provisional]
    pool = [r for r in readable if r.biopsy is Biopsy.METASTASIS] or readable
    dated = [r for r in pool if r.date is not None]
    latest = max((r.date.first for r in dated if r.date is not None), default=None)
    current = [r for r in dated if r.date is not None and latest is not None and r.date.last >= latest] or pool
    states = {r.status.value for r in current}
    return next(iter(states)) if len(states) == 1 else "conflict" if states else None


def _disease(chart: Chart) -> Json:
    since = advanced_since(chart)
    early = any(s.extent is Extent.EARLY for s in chart.spread)
    advanced = Known.YES if is_advanced(chart) else Known.NO if early else Known.UNKNOWN
    return {
        "breast_cancer": Known.YES.value if any(d.breast for d in chart.diagnoses) else Known.UNKNOWN.value,
        "advanced": advanced.value,
        "advanced_since": _text(since),
        "sites": sorted({s.site for s in chart.spread if s.site and s.extent is not Extent.EARLY}),
        "diagnoses": [
            {
                "text": d.text,
                "breast": d.breast,
                "active": d.active,
                "onset": _text(d.onset),
                "sources": references(d.sources),
            }
            for d in chart.diagnoses
        ],
        "spread": [
            {"extent": s.extent.value, "site": s.site, "known_on": _text(s.known_on), "sources": references(s.sources)}
            for s in chart.spread
        ],
        "statuses": [
            {"status": s.status.value, "date": _text(s.date), "imaging": s.imaging, "sources": references(s.sources)}
            for s in chart.statuses
        ],
    }


def set_aside_json(notes: list[SetAside]) -> list[Json]:
    """What was read and not used: code, sentence, resource."""
    return [{"code": note.code, "why": note.why, "source": note.source} for note in notes]


def receipt_json(receipt: Receipt) -> Json:
    """What was asked for and what came."""
    return {
        "complete": receipt.complete,
        "read_at": receipt.read_at or None,
        "resources_read": receipt.resources_read,
        "resources_used": receipt.resources_used,
        "scopes_asked": list(receipt.scopes_asked),
        "scopes_granted": None if receipt.scopes_granted is None else list(receipt.scopes_granted),
        "foreign": set_aside_json(receipt.foreign),
        "searches": [
            {
                "type": s.resource_type,
                "query": s.query,
                "parts": list(s.parts),
                "pages": s.pages,
                "entries": s.entries,
                "total": s.total,
                "complete": s.complete,
                "needed": s.needed,
                "offered": s.offered,
                "error": s.error_code,
                "why": s.error,
                "warnings": list(s.warnings),
            }
            for s in receipt.searches
        ],
    }
