"""Dated sources, for and against, as data: each says when it was checked and when that check expires."""

from smart_app.evidence.entries import (
    MARKS,
    REGIONS,
    STANCES,
    Evidence,
    by_id,
    load_evidence,
    marked,
    parse_evidence,
    regional,
    rests_on_stale,
    stale_sentence,
)

__all__ = [
    "MARKS",
    "REGIONS",
    "STANCES",
    "Evidence",
    "by_id",
    "load_evidence",
    "marked",
    "parse_evidence",
    "regional",
    "rests_on_stale",
    "stale_sentence",
]
