"""The evidence as a page for people: docs/evidence.md is made from the data and a test holds it current."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smart_app.evidence.entries import MARKS, REGIONS, Evidence

_CHAPTERS = (
    ("for", "What speaks for surveillance and an early switch"),
    ("against", "What speaks against it, or limits it"),
    ("neutral", "What is neither, and what is not known"),
)


def evidence_page(entries: Iterable[Evidence]) -> str:
    """Markdown: regulators by region, then for, against, neutral, then the references. Names no person and no day but
    those of the data."""
    listed = tuple(entries)
    return "\n".join(_lines(listed)).rstrip() + "\n"


def _lines(entries: tuple[Evidence, ...]) -> Iterator[str]:
    yield "# Evidence"
    yield ""
    yield "<!-- Made from smart_app/evidence/*.toml by `smart-app evidence --markdown`: change the data, not this. -->"
    yield ""
    yield "The evidence is contested and moves. Every entry has the day it was checked and the day by which it must be"
    yield "checked again; past that day the app marks it as out of date, and a clause that rests only on such entries"
    yield "says so. Nothing here was taken from whole papers or labels: “read” means an abstract, a report, an excerpt."
    yield "These sentences name no drug of the SERD class, because they stand beside a flag that names none; titles do."
    yield ""
    yield "How an entry was checked:"
    yield ""
    yield from (f"- *{mark}*: {words}" for mark, words in MARKS.items())
    yield ""
    yield "## Regulators, by region"
    yield ""
    yield "Unknown is not no."
    yield ""
    for code, name in REGIONS.items():
        yield f"### {name} (`{code}`)"
        yield ""
        for entry in (e for e in entries if e.region == code):
            yield from _entry(entry)
    for stance, title in _CHAPTERS:
        yield f"## {title}"
        yield ""
        for entry in (e for e in entries if e.region is None and e.stance == stance):
            yield from _entry(entry)
    yield "## The eight references"
    yield ""
    yield "Links only; the app fetches nothing."
    yield ""
    yield from (f"- [{e.source}]({e.url})" for e in entries if e.reference)


def _entry(e: Evidence) -> Iterator[str]:
    stance = f"**{e.stance}** · " if e.region is not None else ""
    yield f"- {stance}{e.claim}."
    for name, words in (("Number", e.number), ("In", e.population), ("Note", e.note)):
        if words:
            yield f"  {name}: {words.rstrip('.')}."
    source = f"[{e.source}]({e.url})" if e.url else e.source
    yield f"  Source: {', '.join(filter(None, (source, e.dated)))}; *{e.mark}*;"
    yield f"  checked on {e.checked_on}, again by {e.recheck_by}. `{e.id}`"
    yield ""
