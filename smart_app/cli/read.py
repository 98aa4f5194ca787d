"""``smart-app read``: what a record says, and the receipt, without a browser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from smart_app.cli.show import say, say_json
from smart_app.cli.sources import add_source, read_source
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, Draw, Exposure, Finding, Receptor
from smart_app.domain.lines import as_line, courses
from smart_app.domain.policy import Policy
from smart_app.domain.variants import label, qualifies
from smart_app.domain.wording import percent_words
from smart_app.fhir.chartjson import chart_json
from smart_app.fhir.receipt import Receipt, SearchRecord
from smart_app.policies import DEFAULT, load_policy


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("read", help="what a record says about ESR1, drugs and disease")
    add_source(parser, server=True)
    parser.add_argument("--policy", default=DEFAULT, help="whose variant list says what qualifies")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/chart-json.md)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    policy = load_policy(arguments.policy)
    chart, receipt, _ = read_source(arguments)
    if arguments.json:
        say_json(chart_json(chart, receipt, lambda finding: qualifies(finding, policy)))
    else:
        say(lines_of(chart, receipt, policy))
    return 0


def _row(name: str, words: str) -> str:
    return f"{name:10} {words}"


def _day(day: PartialDate | None) -> str:
    """ISO with its precision, so that lines can be sorted and compared."""
    return str(day) if day is not None else "no date"


def lines_of(chart: Chart, receipt: Receipt, policy: Policy) -> Iterator[str]:
    """One fact a line, then the receipt."""
    who = chart.person
    gone = f", died {_day(who.deceased_on)}" if who.deceased else ""
    yield _row("person", f"born {_day(who.birth)}, {who.sex or 'sex not recorded'}{gone}")
    for d in chart.draws:
        yield _row("draw", _draw_words(d, policy))
    for w in chart.withdrawn:
        yield _row("withdrawn", f"{_day(w.date)} {w.why}")
    for o in chart.ordered:
        yield _row("ordered", f"{_day(o.date)} ctDNA draw")
    for e in chart.exposures:
        yield _row("drug", _drug_words(e))
    for unclear in chart.unclear_drugs:
        yield _row("unclear", unclear)
    for n in map(as_line, courses(chart)):
        end = f" to {n.end}" if n.end else ""
        yield _row("line", f"{n.number} {n.start or 'no date'}{end}: {', '.join(n.drugs)}")
    for g in chart.diagnoses:
        yield _row("diagnosis", f"{_day(g.onset)} {g.text}{'' if g.breast else ' (another cancer)'}")
    for s in chart.spread:
        site = f" {s.site.replace('_', ' ')}" if s.site else ""
        yield _row("extent", f"{_day(s.known_on)} {s.extent.value.replace('_', ' ')}{site}")
    for r in chart.receptors:
        yield _row("receptor", _receptor_words(r))
    for t in chart.statuses:
        yield _row("status", f"{_day(t.date)} {t.status.value.replace('_', ' ')}")
    for v in chart.ldh:
        level = {True: "high", False: "not high", None: "not rated"}[v.high]
        yield _row("LDH", f"{_day(v.date)} {level} {v.text}".rstrip())
    for visit in chart.visits:
        state = " (cancelled)" if visit.cancelled else " (done)" if visit.done else ""
        yield _row(visit.kind.value, f"{_day(visit.date)} {visit.text}{state}".rstrip())
    for review in chart.reviews:
        yield _row("decided", f"{_day(review.date)} {', '.join(review.variants)} {review.text}".rstrip())
    for gap in chart.gaps:
        yield _row("not read", f"{gap.part.value}: {gap.why}")
    yield from receipt_lines(receipt)


def _draw_words(d: Draw, policy: Policy) -> str:
    found = ", ".join(_finding_words(f, policy) for f in d.findings)
    marks = [d.specimen.value, d.standing.value, *(["uninformative"] if d.uninformative else [])]
    marks += [d.laboratory] if d.laboratory else []
    basis = f" ({d.date_basis.value})" if d.date_basis is not None else ""
    what = f"{d.outcome.value.replace('_', ' ')} {found}".strip()
    return f"{_day(d.date)}{basis} {what}; {', '.join(marks)}"


def _finding_words(finding: Finding, policy: Policy) -> str:
    amount = finding.vaf_text or ""
    if finding.vaf is not None:
        amount = percent_words(finding.vaf, finding.vaf_comparator)
    counts = "" if qualifies(finding, policy) else ", does not count"
    return f"{label(finding)}{f' {amount}' if amount else ''}{counts}"


def _drug_words(e: Exposure) -> str:
    end = _day(e.end) if e.end is not None else "goes on" if e.ongoing else "no end recorded"
    hold = f", on hold since {_day(e.on_hold_since)}" if e.on_hold else ""
    setting = "" if e.setting.value == "unknown" else f", {e.setting.value}"
    return f"{_day(e.start)} to {end}: {e.drug} ({e.drug_class.value}{setting}{hold})"


def _receptor_words(r: Receptor) -> str:
    parts = [r.marker.value.upper(), r.status.value]
    parts += [f"{r.percent} %"] if r.percent is not None else []
    parts += [f"IHC {r.score}"] if r.score is not None else []
    parts += ["low"] if r.low else []
    parts += [] if r.biopsy.value == "unknown" else [r.biopsy.value]
    return f"{_day(r.date)} {' '.join(parts)}"


def _search_words(search: SearchRecord) -> str:
    """``Observation (category=laboratory): 2 pages, 31 of 31 entries``."""
    what = f"{search.resource_type} ({search.query[:80] or 'all of the patient'})"
    if not search.offered:
        return f"{what}: not offered by this server"
    announced = "" if search.total is None else f" of {search.total}"
    pages = f"{search.pages} page{'' if search.pages == 1 else 's'}"
    return f"{what}: {pages}, {search.entries}{announced} entries{'' if search.complete else ', incomplete'}"


def receipt_lines(receipt: Receipt) -> Iterator[str]:
    """What was read and what was not; another patient's entries last and loudest."""
    for search in receipt.searches:
        yield _row("searched", _search_words(search))
        for warning in search.warnings:
            yield _row("warning", f"{search.resource_type}: {warning}")
        if search.error is not None:
            yield _row("not read", f"{search.resource_type}: {search.error} [{search.error_code}]")
    for note in receipt.set_aside:
        yield _row("set aside", f"{note.source or 'an entry'}: {note.why} [{note.code}]")
    yield _row(
        "read", f"{receipt.resources_used} of {receipt.resources_read} resources; {len(receipt.set_aside)} set aside"
    )
    for note in receipt.foreign:
        yield _row("REFUSED", f"{note.source or 'an entry'}: {note.why} [{note.code}]")
