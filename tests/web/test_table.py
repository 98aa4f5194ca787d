"""The table twin and its CSV."""

from __future__ import annotations

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, Diagnosis, Visit, VisitKind
from smart_app.web.rows import as_csv, as_lines, rows_of
from tests.web import charts
from tests.web.charts import base, draw, src


def facts(chart: Chart) -> int:
    drawn = ("draws", "withdrawn", "ordered", "exposures")
    groups = (*drawn, "diagnoses", "spread", "receptors", "statuses", "ldh", "visits", "reviews")
    return sum(len(getattr(chart, name)) for name in groups)


def test_every_fact_of_the_chart_has_exactly_one_row() -> None:
    for make in charts.CHARTS.values():
        chart = make()
        rows = rows_of(chart)
        assert len(rows) == facts(chart)
        assert len({row.id for row in rows}) == len(rows)


def test_rows_stand_in_the_order_of_time_and_undated_ones_last() -> None:
    rows = rows_of(charts.everything())
    dated = [row.date.first for row in rows if row.date is not None]
    assert dated == sorted(dated)
    assert all(row.date is None for row in rows[len(dated) :])
    newest = rows_of(charts.everything(), "newest")
    assert [r.date.first for r in newest if r.date is not None] == sorted(dated, reverse=True)


def test_a_date_keeps_its_precision_and_says_what_is_missing() -> None:
    rows = rows_of(base(draws=(draw(-1, date=PartialDate(2026, 7)), draw(-1, date=None)), exposures=()))
    by_id = {row.id: row for row in rows}
    assert by_id["row-draw-0"].shown_date == "Jul 2026"
    assert by_id["row-draw-0"].precision == "day not recorded"
    assert by_id["row-draw-1"].shown_date == "date not recorded"


def test_fractions_keep_the_digits_that_were_reported() -> None:
    rows = rows_of(base(draws=(draw(-1, "detected", ("p.D538G", "0.10"), ("p.Y537S", "20.0")),)))
    amounts = next(row.amounts for row in rows if row.id == "row-draw-0")
    assert amounts == ("p.D538G 0.10 %", "p.Y537S 20.0 %")


def test_an_amount_without_unit_is_shown_as_it_stands_and_said_to_be_unused() -> None:
    rows = {row.id: row for row in rows_of(charts.everything())}
    assert rows["row-draw-6"].amounts == ("p.E380Q 0.8 (no unit, not used as a fraction)",)


@settings(max_examples=80)
@given(
    st.text(max_size=40)
    | st.sampled_from(
        [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            " =cmd|'/c calc'!A0",
            "\r\n=2",
            '"=1"',
            "\u200b=1",
            "\ufeff@x",
            "＝1+1",
            "\x1f+1",
        ]
    )
)
def test_no_cell_of_the_csv_is_a_formula_and_all_come_back(words: str) -> None:
    made = base(
        diagnoses=(Diagnosis(words, True, sources=src(words)),),
        visits=(Visit(VisitKind.VISIT, PartialDate(2026), text=words),),
    )
    text = as_csv(rows_of(made))
    table = list(csv.reader(io.StringIO(text)))
    assert len(table) == facts(made) + 1
    for line in table:
        assert len(line) == 9
        for cell in line:
            assert cell.lstrip("\u200b\ufeff\x1f \t")[:1] not in tuple("=+-@＝＋－＠")
            assert "\u202e" not in cell


def test_by_a_column_rows_stand_in_its_order_empty_cells_last_and_each_row_stays() -> None:
    chart = charts.everything()
    for sort, cell in (
        ("kind", lambda r: r.kind),
        ("what", lambda r: r.what),
        ("result", lambda r: r.result),
        ("vaf", lambda r: "; ".join(r.amounts)),
        ("place", lambda r: r.where),
        ("standing", lambda r: r.standing),
    ):
        rows = rows_of(chart, sort)
        cells = [cell(row) for row in rows]
        filled = [c.casefold() for c in cells if c]
        assert filled == sorted(filled), sort
        assert all(not c for c in cells[len(filled) :]), sort
        assert {r.id for r in rows} == {r.id for r in rows_of(chart)}


def test_the_note_has_a_line_for_each_row_and_each_line_is_one_line() -> None:
    rows = rows_of(charts.everything())
    lines = as_lines(rows)
    assert len(lines) == len(rows)
    assert not any("\n" in line for line in lines)
    for row, line in zip(rows, lines, strict=True):
        assert line.startswith(row.shown_date)
        assert all(amount in line for amount in row.amounts)
