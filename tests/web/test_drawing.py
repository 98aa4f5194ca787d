"""The picture: nothing is joined that nobody measured, nothing is told by colour alone, nothing is left out unsaid."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, DrugClass, Outcome, Proof, Specimen, Standing
from smart_app.policies import load_policy
from smart_app.web.drawing import NARROW, SLIM, WIDE, draw_all, draw_timeline, left_out, legend
from smart_app.web.drawing.marks import outcome
from smart_app.web.drawing.picture import columns, fitted, spread_rows
from smart_app.web.drawing.scales import LogScale, TimeScale, axis_ticks
from smart_app.web.rows import rows_of
from tests.web import charts, hard
from tests.web.charts import TODAY, base, draw, drug, on
from tests.web.conftest import STATES

POLICY = load_policy("trial-strict")


def picture(chart: Chart, frame=WIDE) -> ET.Element:
    return ET.fromstring(str(draw_timeline(chart, decide(chart, POLICY, TODAY), TODAY, frame)))


def classes(chart: Chart, name: str) -> list[ET.Element]:
    return [e for e in picture(chart).iter() if name in (e.get("class") or "").split()]


@pytest.mark.parametrize("frame", [WIDE, NARROW, SLIM])
@pytest.mark.parametrize("name", list(STATES))
def test_the_picture_is_well_formed_named_and_stays_inside_its_frame(name: str, frame) -> None:
    svg = picture(STATES[name](), frame)
    assert svg.get("role") == "group"
    title = svg.find("title")
    assert title is not None
    assert svg.get("aria-labelledby") == title.get("id")
    width = float((svg.get("viewBox") or "").split()[2])
    for mark in svg.iter("rect"):
        x, wide = float(mark.get("x", "0")), float(mark.get("width", "0"))
        if mark.get("class") != "touch":
            assert x >= -8
            assert x + wide <= width + 8


@pytest.mark.parametrize("name", list(STATES))
def test_every_mark_has_a_name_and_leads_to_a_row(name: str) -> None:
    chart = STATES[name]()
    rows = {row.id for row in rows_of(chart)}
    rows |= {f"line-{line.number}" for line in decide(chart, POLICY, TODAY).lines}
    for mark in picture(chart).iter("a"):
        assert mark.get("aria-label")
        assert (mark.get("href") or "")[1:] in rows


def test_the_five_outcomes_are_five_shapes() -> None:
    shapes = {re.sub(r'class="[^"]*"', "", str(outcome(kind, 10, 10))) for kind in Outcome}
    assert len(shapes) == 5


def test_preliminary_conflicting_low_uninformative_and_tissue_differ_from_the_plain_mark() -> None:
    plain = draw(-2, "detected", ("p.D538G", "1"))
    low = tuple(replace(f, below_limit=True) for f in plain.findings)
    variants = [
        plain,
        replace(plain, standing=Standing.PROVISIONAL),
        replace(plain, standing=Standing.CONFLICT),
        replace(plain, findings=low),
        replace(plain, specimen=Specimen.TISSUE),
    ]
    drawn = set()
    for one in variants:
        svg = picture(base(draws=(one,)))
        links = [a for a in svg.iter("a") if a.get("href") == "#row-draw-0"]
        signs = [e.text for e in svg.iter("text") if e.get("class") == "m-note"]
        drawn.add((b"".join(ET.tostring(e) for e in links[0] if e.tag != "title"), *signs))
    assert len(drawn) == len(variants)
    assert str(outcome(Outcome.NOT_DETECTED, 5, 5)) != str(outcome(Outcome.NOT_DETECTED, 5, 5, weak=True))


def test_fractions_of_one_laboratory_and_assay_are_joined() -> None:
    assert (
        len(
            classes(
                base(draws=(draw(-4, "detected", ("p.D538G", "1")), draw(-1, "detected", ("p.D538G", "2")))), "trend"
            )
        )
        == 1
    )


@pytest.mark.parametrize(
    ("why", "second"),
    [
        ("another assay", {"assay": "ddPCR"}),
        ("another laboratory", {"laboratory": "West Genomics"}),
        ("no laboratory", {"laboratory": None}),
        ("no assay", {"assay": None}),
        ("preliminary", {"standing": Standing.PROVISIONAL}),
        ("conflict", {"standing": Standing.CONFLICT}),
        ("day not recorded", {"date": PartialDate(2026, 10)}),
        ("tissue", {"specimen": Specimen.TISSUE}),
        ("specimen not stated", {"specimen": Specimen.UNKNOWN}),
    ],
)
def test_points_that_cannot_be_compared_are_never_joined(why: str, second: dict[str, object]) -> None:
    pair = (draw(-4, "detected", ("p.D538G", "1")), draw(-1, "detected", ("p.D538G", "2"), **second))
    assert classes(base(draws=pair), "trend") == [], why


def test_two_points_without_assay_are_not_joined_even_where_neither_has_one() -> None:
    pair = tuple(draw(m, "detected", ("p.D538G", "1"), assay=None) for m in (-4, -1))
    assert classes(base(draws=pair), "trend") == []


@pytest.mark.parametrize("between", ["failed", "not_detected", "indeterminate", "not_readable"])
def test_a_line_is_not_drawn_through_a_draw_that_lies_between(between: str) -> None:
    three = (draw(-5, "detected", ("p.D538G", "1")), draw(-3, between), draw(-1, "detected", ("p.D538G", "2")))
    assert classes(base(draws=three), "trend") == []


def test_a_gap_of_more_than_half_a_year_is_not_bridged() -> None:
    pair = (draw(-9, "detected", ("p.D538G", "1")), draw(-1, "detected", ("p.D538G", "2")))
    assert classes(base(draws=pair), "trend") == []


def test_less_than_is_no_measured_point_of_a_trend() -> None:
    pair = (draw(-4, "detected", ("p.D538G", "1")), draw(-1, "detected", ("p.D538G", "<0.1")))
    assert classes(base(draws=pair), "trend") == []


def test_five_hundredths_and_twenty_per_cent_are_both_well_apart_on_the_scale() -> None:
    axis = LogScale(0, 134)
    low, limit, high = (axis.y(Decimal(v)) for v in ("0.0005", "0.001", "0.2"))
    assert low - limit > 8
    assert low - high > 70
    assert 134 - low > 15


def test_a_finding_without_an_amount_is_still_in_the_picture() -> None:
    chart = charts.everything()
    links = [a for a in picture(chart).iter("a") if "p.E380Q 0.8" in (a.get("aria-label") or "")]
    assert len(links) >= 2  # as a draw, and beside the scale


def test_the_limit_of_detection_is_drawn_where_the_assay_states_it() -> None:
    assert classes(charts.positive(), "limit")
    assert not classes(base(draws=(draw(0, "detected", ("p.D538G", "1"), days=-9, limit=None),)), "limit")


def test_an_ongoing_drug_has_an_arrow_an_ended_one_a_stop_and_an_unsure_one_fades() -> None:
    def one(**more: object) -> Chart:
        return Chart(exposures=(replace(drug("letrozole", DrugClass.AI, -12), **more),))

    assert classes(one(), "arrow")
    ended = one(end=on(-2), ongoing=False)
    assert classes(ended, "stop")
    assert not classes(ended, "arrow")
    assert classes(one(ongoing=None), "fade")
    assert not classes(one(ongoing=None), "arrow")
    assert classes(one(start=PartialDate(2026)), "fade")
    assert classes(one(proofs=frozenset({Proof.ORDERED})), "bar-order")
    assert classes(one(on_hold=True, on_hold_since=on(-1)), "hold")


def test_an_adjuvant_drug_of_long_ago_does_not_press_the_present_together() -> None:
    chart = charts.everything()
    assert any("anastrozole" in (a.get("aria-label") or "") for a in picture(chart).iter("a"))
    assert "21 Mar 2015 – 21 Mar 2020" in "".join(picture(chart).itertext())


def test_the_next_draw_window_and_today_are_drawn() -> None:
    chart = charts.due()
    assert len(classes(chart, "next-draw")) == 1
    words = "".join(picture(chart).itertext())
    assert "today, 21 Nov 2026" in words
    assert "next draw between 18 Nov and 18 Dec 2026" in words


def test_what_the_picture_cannot_show_is_counted() -> None:
    chart = base(draws=(draw(-2, date=None), draw(-2, date=PartialDate(1970, 1, 1)), draw(-2, date=PartialDate(2090))))
    told = left_out(chart, decide(chart, POLICY, TODAY), TODAY)
    assert (told.undated, told.outside) == (1, 2)


def test_the_legend_explains_the_marks_in_use_and_no_others() -> None:
    chart = charts.everything()
    said = {words for _, words in legend(chart, decide(chart, POLICY, TODAY), TODAY)}
    assert {"test failed", "indeterminate", "draw ordered", "result withdrawn", "on hold", "p.D538G"} <= said
    plain = charts.due()
    assert "test failed" not in {words for _, words in legend(plain, decide(plain, POLICY, TODAY), TODAY)}


def test_a_lane_that_was_not_read_does_not_say_none() -> None:
    from smart_app.domain.facts import Gap, Part

    words = "".join(picture(Chart(gaps=(Gap(Part.DRUGS, "x", "y"),))).itertext())
    assert "not read completely" in words


days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
partial = st.builds(
    lambda d, n: PartialDate(d.year, d.month if n > 0 else None, d.day if n > 1 else None), days, st.integers(0, 2)
)


@st.composite
def any_draw(pick):  # type: ignore[no-untyped-def]
    found = st.tuples(
        st.sampled_from(["p.D538G", "p.Y537S", "p.E380Q"]), st.sampled_from(["0.05", "1.00", "99", "<0.1", "0"])
    )
    return draw(
        -1, pick(st.sampled_from(list(Outcome))).value, *pick(st.lists(found, max_size=3, unique_by=lambda f: f[0])),
        date=pick(st.none() | partial), laboratory=pick(st.sampled_from([None, "A", "B"])),
        standing=pick(st.sampled_from(list(Standing))), specimen=pick(st.sampled_from(list(Specimen))),
        limit=pick(st.sampled_from([None, Decimal(0), Decimal("0.001")])),
    )  # fmt: skip


@st.composite
def any_drug(pick):  # type: ignore[no-untyped-def]
    return replace(
        drug(pick(st.sampled_from(["letrozole", "x" * 60, "<b>"])), pick(st.sampled_from(list(DrugClass))), -3),
        start=pick(st.none() | partial), end=pick(st.none() | partial), last_seen=pick(st.none() | partial),
        ongoing=pick(st.none() | st.booleans()), on_hold=pick(st.booleans()), on_hold_since=pick(st.none() | partial),
        proofs=frozenset(pick(st.sets(st.sampled_from(list(Proof))))),
    )  # fmt: skip


@settings(max_examples=60)
@given(st.lists(any_draw(), max_size=6), st.lists(any_drug(), max_size=4))
def test_any_chart_is_drawn_with_every_mark_leading_to_a_row(draws, drugs) -> None:  # type: ignore[no-untyped-def]
    chart = base(draws=tuple(draws), exposures=tuple(drugs))
    rows = {row.id for row in rows_of(chart)}
    rows |= {f"line-{line.number}" for line in decide(chart, POLICY, TODAY).lines}
    for frame in (WIDE, NARROW, SLIM):
        svg = picture(chart, frame)
        linked = {(a.get("href") or "")[1:] for a in svg.iter("a")}
        assert linked <= rows
        dated = [d for d in draws if d.date is not None]
        told = left_out(chart, decide(chart, POLICY, TODAY), TODAY)
        marks = {name for name in linked if name.startswith("row-draw")}
        assert len(marks) + told.outside >= len(dated)  # in the picture, or said to be in the table only
        for number in re.findall(r'\s(?:x|y|width|height|cx|cy|r)="([^"]*)"', ET.tostring(svg, "unicode")):
            assert float(number) == float(number)  # no NaN


@given(days, st.integers(1, 5000), days)
def test_every_day_falls_inside_the_frame_and_later_is_never_further_left(first: date, span: int, day: date) -> None:
    scale = TimeScale(first, min(date.max, first + timedelta(days=span)), 100, 900)
    assert 100 <= scale.x(day) <= 900
    if day < date.max:
        assert scale.x(day) <= scale.x(day + timedelta(days=1))


@given(days, st.integers(60, 5000))
def test_the_words_of_the_axis_do_not_touch(first: date, span: int) -> None:
    scale = TimeScale(first, first + timedelta(days=span), 0, 544)
    places = [scale.x(day) for day, _, _ in axis_ticks(scale, 544)]
    assert all(b - a >= 20 for a, b in pairwise(places))


def places(svg: ET.Element, name: str) -> list[tuple[float, float, str]]:
    """(x, y, words) of the texts of a class, from top to bottom."""
    found = [e for e in svg.iter("text") if name in (e.get("class") or "").split()]
    return sorted((float(e.get("x", 0)), float(e.get("y", 0)), "".join(e.itertext())) for e in found)


@pytest.mark.parametrize("frame", [WIDE, NARROW, SLIM])
@pytest.mark.parametrize("name", ["crossing", "polyclonal", "mixture", "laboratories", "scripts"])
def test_no_variants_name_covers_another_one_or_leaves_its_lane(name: str, frame) -> None:
    svg = picture(STATES[name](), frame)
    found = places(svg, "point-name")
    assert found
    ys = sorted(y for _, y, _ in found)
    assert all(b - a >= 12.9 for a, b in pairwise(ys)) or len({x for x, _, _ in found}) > 1
    lanes = {"".join(e.itertext()): float(e.get("y", 0)) for e in svg.iter("text")}
    top = next(y for words, y in lanes.items() for y in [y] if words.startswith("Plasma VAF"))
    bottom = next(y for words, y in lanes.items() for y in [y] if words.startswith("Disease"))
    assert all(top - 16 <= y <= bottom - 3 for y in ys)


def test_eight_variants_are_named_with_their_newest_amount_and_an_old_one_with_its_month() -> None:
    said = [words for _, _, words in places(picture(hard.crossing()), "point-name")]
    assert len(said) == 8
    assert [words for words in said if "(Jun 2026)" in words] == ["H D538G 0.02 % (Jun 2026)"]
    on_a_telephone = [words for _, _, words in places(picture(hard.crossing(), SLIM), "point-name")]
    assert "H D538G 0.02 %  21 Jun 2026" in on_a_telephone


def test_of_very_many_points_each_is_there_and_named_and_the_ends_of_a_line_have_their_letter() -> None:
    chart = hard.crossing()
    svg = picture(chart)
    names = [a.get("aria-label") or "" for a in svg.iter("a") if "row-draw" in (a.get("href") or "")]
    assert sum(len(d.findings) for d in chart.draws) + len(chart.draws) == len(names)
    assert len({n for n in names if n.startswith("p.D538G")}) == sum(
        f.protein_change == "p.D538G" for d in chart.draws for f in d.findings
    )


def test_five_draws_of_one_day_do_not_cover_each_other_and_the_flagged_one_stands_first() -> None:
    svg = picture(hard.mixture())
    moved = [
        tuple(map(float, re.findall(r"-?[\d.]+", a.get("transform") or "")))
        for a in svg.iter("a")
        if re.match("#row-(draw|gone)", a.get("href") or "") and a.find("circle[@class='p-open']") is None
    ]
    same_day = [y for x, y in moved if sum(abs(x - other) < 1 for other, _ in moved) >= 6]
    assert len(set(same_day)) == len(same_day) >= 6
    assert "switch review" in "".join(svg.itertext())


def test_visits_that_find_no_room_are_counted_in_one_mark_that_names_them_all() -> None:
    svg = picture(hard.busy())
    crowd = [a for a in svg.iter("a") if "".join(t.text or "" for t in a.iter("text")).startswith("+")]
    assert len(crowd) == 1
    assert (crowd[0].get("aria-label") or "").count("Oncology clinic") == 8


def test_a_drug_without_a_start_is_not_drawn_as_if_it_had_been_taken_all_the_time() -> None:
    chart = Chart(exposures=(drug("paclitaxel", DrugClass.CHEMOTHERAPY, None),), draws=(draw(-40),))
    assert classes(chart, "fade")
    solid = [float(e.get("width", 0)) for e in classes(chart, "bar")]
    assert sum(solid) < 60


def test_the_words_of_two_limits_stand_apart() -> None:
    found = [(x, y) for x, y, words in places(picture(hard.laboratories()), "tick") if words.startswith("limit")]
    assert len(found) == 3
    assert all(abs(a[1] - b[1]) >= 11 or abs(a[0] - b[0]) > 70 for a, b in pairwise(sorted(found, key=lambda p: p[1])))


def test_the_three_pictures_have_the_same_marks_and_names() -> None:
    chart = charts.everything()
    drawn = draw_all(chart, decide(chart, POLICY, TODAY), TODAY)
    names = [
        sorted({a.get("aria-label") or "" for a in ET.fromstring(str(svg)).iter("a")})
        for svg in drawn.pictures.values()
    ]
    assert names[0] == names[1] == names[2]
    assert list(drawn.pictures) == ["wide", "narrow", "slim"]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=25), st.integers(0, 24))
def test_marks_of_one_row_keep_apart_as_long_as_there_are_rows(found: list[int], first: int) -> None:
    places_ = sorted(float(x) for x in found)
    kept = first if first < len(places_) else None
    rows = spread_rows(places_, 10.0, 25, kept)
    for row in set(rows):
        held = [x for x, r in zip(places_, rows, strict=True) if r == row]
        assert all(b - a >= 10 for a, b in pairwise(held))
    assert kept is None or rows[kept] == 0


@given(st.text(max_size=80), st.integers(2, 30))
def test_cut_words_are_never_wider_than_their_room(words: str, room: int) -> None:
    assert columns(fitted(words, room)) <= room


def test_a_draw_of_another_fluid_is_marked_and_has_no_place_among_the_fractions_of_plasma() -> None:
    chart = base(draws=(draw(-2, "detected", ("p.D538G", "1"), specimen=Specimen.OTHER),))
    assert "F" in [e.text for e in classes(chart, "m-note")]
    assert not classes(chart, "p-full")
    assert "a fluid that is not blood" in {said for _, said in legend(chart, decide(chart, POLICY, TODAY), TODAY)}
