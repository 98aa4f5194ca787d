"""``smart-app evidence``: the dated sources, for and against."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date

from smart_app.cli.show import say, say_json
from smart_app.cli.sources import day_of, zone_of
from smart_app.errors import ConfigError
from smart_app.evidence import REGIONS, Evidence, load_evidence, regional
from smart_app.evidence.page import evidence_page
from smart_app.fhir.factjson import encode

SCHEMA = 1


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("evidence", help="sources for and against, with the day each was checked")
    parser.add_argument("--region", help=f"whose regulators come first: {', '.join(REGIONS)}")
    parser.add_argument("--today", metavar="YYYY-MM-DD", help="the day by which a check may be out of date")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--markdown", action="store_true", help="as docs/evidence.md")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    today = day_of(arguments.today, zone_of("UTC"))
    region: str | None = arguments.region.lower() if arguments.region is not None else None
    if region is not None and region not in REGIONS:
        raise ConfigError(f"{region!r} is not a region; known: {', '.join(REGIONS)}.", code="input.region")
    entries = regional(load_evidence(), region)
    if arguments.json:
        listed = [{**{k: encode(v) for k, v in asdict(e).items()}, "stale": e.is_stale(today)} for e in entries]
        say_json({"schema": SCHEMA, "today": today.isoformat(), "region": region, "entries": listed})
    elif arguments.markdown:
        print(evidence_page(load_evidence()), end="")
    else:
        say(lines_of(entries, today))
    return 0


def lines_of(entries: tuple[Evidence, ...], today: date) -> Iterator[str]:
    for e in entries:
        where = f" ({e.region})" if e.region is not None else ""
        yield f"[{e.stance}]{where} {e.claim}{': ' + e.number if e.number else ''}"
        if e.population:
            yield f"    in: {e.population}"
        if e.note:
            yield f"    note: {e.note}"
        yield f"    source: {', '.join(filter(None, (e.source, e.dated)))} ({e.id}; {e.mark})"
        if e.url:
            yield f"    {e.url}"
        stale = "; OUT OF DATE" if e.is_stale(today) else ""
        yield f"    checked on {e.checked_on}, check again by {e.recheck_by}{stale}"
