"""The table twin: every fact as a row with its sources; also as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, Draw, Exposure, Receptor, ReceptorStatus, Sources, Specimen, VisitKind
from smart_app.domain.variants import label
from smart_app.web import words
from smart_app.web.i18n import N_, _, day_words

SORTS = ("oldest", "newest", "kind", "what", "result", "vaf", "place", "standing")
HEADINGS = (
    N_("Date"), N_("Kind"), N_("What"), N_("Result"), N_("VAF as reported"), N_("Laboratory, assay"), N_("Standing")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One fact in words. ``id`` is what the marks of the picture link to; ``basis`` says what the date is."""

    id: str
    date: PartialDate | None
    kind: str
    what: str
    result: str = ""
    amounts: tuple[str, ...] = ()
    where: str = ""
    standing: str = ""
    basis: str = ""
    sources: Sources = ()
    document: bool = False

    @property
    def shown_date(self) -> str:
        return words.any_date(self.date) if self.date is not None else _("date not recorded")

    @property
    def precision(self) -> str:
        """Said where the record does not name the day."""
        if self.date is None or self.date.day is not None:
            return ""
        return _("day not recorded") if self.date.month is not None else _("month not recorded")

    @property
    def attested(self) -> bool:
        return any(source.attested for source in self.sources)


def row_id(group: str, number: int) -> str:
    """The id of the row of the ``number``-th fact of a group of the chart."""
    return f"row-{group}-{number}"


def rows_of(chart: Chart, sort: str = "oldest") -> list[Row]:
    """All rows. By a column they stand in its order, empty cells last, and in it by date; undated rows stand last."""
    made = [
        *(_draw(d, row_id("draw", n)) for n, d in enumerate(chart.draws)),
        *_withdrawn_and_ordered(chart),
        *(_drug(e, row_id("drug", n)) for n, e in enumerate(chart.exposures)),
        *_disease(chart),
        *_visits_and_reviews(chart),
    ]
    made = [attested_row(row, chart) for row in made]
    dated = sorted((r for r in made if r.date is not None), key=_by_date, reverse=sort == "newest")
    undated = sorted((r for r in made if r.date is None), key=lambda r: r.id)
    if sort in _COLUMNS:
        column = _COLUMNS[sort]
        return sorted([*dated, *undated], key=lambda r: (not column(r), column(r).casefold()))
    return [*dated, *undated]


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "kind": lambda row: row.kind,
    "what": lambda row: row.what,
    "result": lambda row: row.result,
    "vaf": lambda row: "; ".join(row.amounts),
    "place": lambda row: row.where,
    "standing": lambda row: row.standing,
}


def attested_row(row: Row, chart: Chart) -> Row:
    """What a clinician attested says so in the row's standing, with who and when."""
    known = {source.reference for source in row.sources if source.attested}
    mine = [a for a in chart.attested if a.reference in known]
    who = [_("attested by %(who)s on %(day)s", who=a.by, day=day_words(a.on)) for a in mine]
    return replace(row, standing="; ".join(filter(None, (row.standing, *who)))) if who else row


def _by_date(row: Row) -> tuple[date, date, str]:
    assert row.date is not None  # noqa: S101 - the caller sifted
    return (row.date.first, row.date.last, row.id)


_TESTS = {
    Specimen.PLASMA: (N_("ctDNA draw"), N_("ESR1 in plasma")),
    Specimen.TISSUE: (N_("tissue test"), N_("ESR1 in tissue")),
    Specimen.OTHER: (N_("ESR1 test"), N_("ESR1 in a fluid that is not blood")),
    Specimen.UNKNOWN: (N_("ESR1 test"), N_("ESR1, specimen not stated")),
}
_STATUSES = {
    ReceptorStatus.POSITIVE: N_("positive"),
    ReceptorStatus.NEGATIVE: N_("negative"),
    ReceptorStatus.EQUIVOCAL: N_("equivocal"),
    ReceptorStatus.UNREADABLE: N_("unreadable"),
}
_WHY = {"entered-in-error": N_("entered in error"), "cancelled": N_("cancelled"), "corrected": N_("corrected")}


def _draw(draw: Draw, ident: str) -> Row:
    kind, what = _TESTS[draw.specimen]
    return Row(
        ident,
        draw.date,
        _(kind),
        _(what),
        words.draw_result(draw),
        tuple(f"{label(f)} {words.amount(f)}" for f in draw.findings),
        words.place(draw),
        _(words.STANDINGS[draw.standing]),
        _(words.BASES[draw.date_basis]) if draw.date_basis else "",
        draw.sources,
        draw.document is not None,
    )


def _drug(e: Exposure, ident: str) -> Row:
    setting = _(words.SETTINGS[e.setting]) if e.setting in words.SETTINGS else ""
    result = "; ".join(p for p in (words.exposure_end(e), setting) if p)
    what = f"{e.drug} ({words.class_words(e)})"
    basis = _("start") if e.start is not None else _("start not recorded")
    return Row(
        ident, e.start, _("drug"), what, result, standing=words.exposure_proof(e), basis=basis, sources=e.sources
    )


def _withdrawn_and_ordered(chart: Chart) -> list[Row]:
    made = []
    for n, gone in enumerate(chart.withdrawn):
        said = ", ".join(label(f) for f in gone.findings)
        result = _("had said: %(what)s", what=said) if said else ""
        standing = _("withdrawn: %(why)s", why=_(_WHY.get(gone.why, gone.why)))
        made.append(
            Row(
                row_id("gone", n),
                gone.date,
                _("withdrawn result"),
                _("ESR1, counts for nothing"),
                result,
                standing=standing,
                sources=gone.sources,
            )
        )
    for n, order in enumerate(chart.ordered):
        ident = row_id("order", n)
        made.append(
            Row(ident, order.date, _("draw ordered"), _("ctDNA draw"), standing=_("ordered"), sources=order.sources)
        )
    return made


def _receptor(receptor: Receptor, ident: str) -> Row:
    said = [_(_STATUSES[receptor.status]) + (_(" (low)") if receptor.low else "")]
    if receptor.percent is not None:
        said.append(f"{receptor.percent:f} %")
    if receptor.score is not None:
        said.append(f"IHC {receptor.score}")
    if receptor.method is not None:
        said.append(
            {"ihc": _("immunohistochemistry"), "ish": _("in-situ hybridisation")}.get(
                receptor.method, _("diagnosis code")
            )
        )
    biopsy = {"primary": _("primary tumour"), "metastasis": _("metastasis")}.get(receptor.biopsy.value, "")
    what = receptor.marker.value.upper() + (f", {biopsy}" if biopsy else "")
    standing = _("preliminary") if receptor.provisional else _("final")
    return Row(ident, receptor.date, _("receptor"), what, ", ".join(said), standing=standing, sources=receptor.sources)


def _disease(chart: Chart) -> list[Row]:
    made = [_receptor(r, row_id("receptor", n)) for n, r in enumerate(chart.receptors)]
    for n, found in enumerate(chart.diagnoses):
        kind = _("diagnosis") if found.breast else _("other cancer")
        state = "" if found.active is None else _("active") if found.active else _("not active")
        made.append(Row(row_id("diagnosis", n), found.onset, kind, found.text, standing=state, sources=found.sources))
    for n, spread in enumerate(chart.spread):
        site = words.site_words(spread.site)
        made.append(
            Row(
                row_id("spread", n),
                spread.known_on,
                _("extent"),
                _(words.EXTENTS[spread.extent]),
                site,
                sources=spread.sources,
            )
        )
    for n, status in enumerate(chart.statuses):
        how = "" if status.imaging is None else _("by imaging") if status.imaging else _("clinical")
        made.append(
            Row(
                row_id("status", n),
                status.date,
                _("disease status"),
                _("disease %(status)s", status=_(words.PROGRESS[status.status])),
                how,
                sources=status.sources,
            )
        )
    for n, ldh in enumerate(chart.ldh):
        said = _("high or not: not stated") if ldh.high is None else _("high") if ldh.high else _("not high")
        result = ", ".join(w for w in (said, ldh.text) if w)
        made.append(Row(row_id("ldh", n), ldh.date, _("laboratory value"), _("LDH"), result, sources=ldh.sources))
    return made


def _visits_and_reviews(chart: Chart) -> list[Row]:
    made = []
    for n, visit in enumerate(chart.visits):
        state = _("cancelled") if visit.cancelled else _("done") if visit.done else _("planned")
        kind = _("scan") if visit.kind is VisitKind.SCAN else _("visit")
        made.append(
            Row(row_id("visit", n), visit.date, kind, visit.text or kind, standing=state, sources=visit.sources)
        )
    for n, review in enumerate(chart.reviews):
        named = ", ".join(review.variants)
        what = _("switch review of %(variants)s", variants=named) if named else _("switch review")
        result = review.text + (_(" (by %(name)s)", name=review.by) if review.by else "")
        made.append(
            Row(
                row_id("review", n),
                review.date,
                _("decision"),
                what,
                result,
                standing=_("decided"),
                sources=review.sources,
            )
        )
    return made


def as_lines(rows: list[Row]) -> list[str]:
    """A line of plain text for each row, to be copied into a note."""
    made = []
    for row in rows:
        day = f"{row.shown_date} ({row.basis})" if row.basis else row.shown_date
        cells = [day, row.what, row.result, "; ".join(row.amounts), row.where, row.standing]
        made.append(" | ".join(" ".join(cell.split()) for cell in cells if cell))
    return made


def as_csv(rows: list[Row]) -> str:
    """A spreadsheet's CSV (RFC 4180); a cell that a spreadsheet could take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    head = [_(name) for name in HEADINGS]
    writer.writerow([head[0], _("Date is"), *head[1:], _("Sources")])
    for row in rows:
        cells = [
            str(row.date or ""),
            row.basis,
            row.kind,
            row.what,
            row.result,
            "; ".join(row.amounts),
            row.where,
            row.standing,
            " ".join(s.reference for s in row.sources),
        ]
        writer.writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


_UNSEEN = re.compile(
    r"[\W_]*?(?=[=+\-@|%＝＋－＠])"
)  # nothing but blanks and signs stands before a formula's first one


def _harmless(cell: str) -> str:
    flat = words.straight(cell).replace("\r", " ").replace("\n", " ").replace("\x00", "")
    return f"'{flat}" if _UNSEEN.match(flat) else flat
