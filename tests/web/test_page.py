"""What the timeline page says."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart, Gap, Part
from smart_app.fhir.receipt import SetAside
from smart_app.smart.launches import Launch
from smart_app.web.page import timeline_page
from smart_app.web.rows import rows_of
from tests.web import charts, hard
from tests.web.charts import base, draw, view
from tests.web.conftest import STATES

STATIC = Path(__file__).resolve().parents[2] / "static"


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_answer_is_the_first_heading_of_the_page(render) -> None:
    html = render(view(charts.due()))
    first = re.search(r"<h([1-6])[^>]*>(.*?)</h", html, re.S)
    assert first is not None
    assert first.group(1) == "1"
    assert first.group(2) == view(charts.due()).decision.headline


@pytest.mark.parametrize("name", list(charts.CHARTS))
def test_there_is_one_first_level_heading_and_no_level_is_skipped(render, name: str) -> None:
    levels = [int(n) for n in re.findall(r"<h([1-6])", render(view(charts.CHARTS[name]())))]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_alarm_is_said_in_words_and_only_where_the_review_is_raised(render) -> None:
    for name, make in charts.CHARTS.items():
        seen = view(make())
        html = render(seen)
        raised = seen.decision.switch_review.answer.value == "raised"
        assert ('class="flag"' in html) is raised, name
        assert ("flag-cloth" in html) is raised, name
        assert ("Switch review due" in text_of(html)) is raised, name


def test_no_drug_is_named_in_what_the_app_says_of_the_review() -> None:
    for box in timeline_page(view(charts.positive())).boxes:
        assert not re.search(r"\w+(strant|ciclib|trozole|mestane)", box.sentence + box.state)


def test_cannot_tell_names_what_would_settle_it(render) -> None:
    seen = view(base(receptors=(), draws=(draw(-2),)))
    assert seen.decision.window.settle
    words = text_of(render(seen))
    assert "What would settle it" in words
    for fact in seen.decision.window.settle:
        assert fact[1:] in words


def test_a_record_without_esr1_says_so_and_what_was_read(render) -> None:
    words = text_of(render(view(Chart())))
    assert "Nothing about ESR1" in words
    assert "Here is what was read" in words
    assert "Observation: 140 entries" in words
    assert "Appointment: not offered by this server" in words


def test_nothing_found_is_not_said_of_the_whole_record_where_a_part_was_not_read(render) -> None:
    gap = Gap(Part.RESULTS, "search.failed", "Results could not be read: the server answered 500.")
    words = text_of(render(view(Chart(gaps=(gap,)))))
    assert "in the part of the record that could be read" in words
    assert gap.why in words


def test_another_patients_entries_are_refused_loudly_and_not_shown(render) -> None:
    alarm = SetAside("patient.other", "belongs to another patient", "Observation/secret-of-another")
    html = render(view(charts.due(), receipt=charts.receipt(foreign=[alarm])))
    assert "Entries of another patient were refused" in html
    assert "secret-of-another" not in html


def test_every_reason_shows_its_sentence_its_clause_its_sources_and_its_evidence(render) -> None:
    seen = view(charts.positive())
    html = render(seen)
    words = text_of(html)
    page = timeline_page(seen)
    shown = [t.reason for _, group in page.reasons for t in group]
    assert set(shown) == {r for r in seen.decision.reasons if not r.code.startswith("modifier.")}
    for _, group in page.reasons:
        for told in group:
            assert told.clause, told.reason.clause
            assert len(told.resources) == len(set(told.reason.sources))
            assert {e.id for e in told.evidence} == set(told.reason.evidence)
            assert told.reason.code in words
            assert all(f"checked on {e.checked_on.day} " in words for e in told.evidence)


def test_no_url_of_the_page_holds_anything_of_the_patient(render) -> None:
    html = render(view(charts.everything()))
    for url in re.findall(r'(?:href|src|action)="([^"]*)"', html):
        assert not re.search(r"Observation|Medication|Brook|MRN|d-?\d+-\d", url.split("#")[0]), url


def test_the_banner_names_the_patient_unless_the_ehr_shows_its_own(render) -> None:
    html = render(view(charts.due()))
    assert "Amelia Brook" in html
    assert "2 Apr 1961 (65 years)" in text_of(html)
    assert "MRN-104-11" in html
    quiet = view(charts.due(), launch=charts.launch(need_patient_banner=False))
    assert 'class="patient"' not in render(quiet)


def test_an_open_server_is_marked_and_always_has_the_banner(render) -> None:
    open_launch = charts.launch(issuer=charts.issuer(open_server=True), need_patient_banner=False)
    html = render(view(charts.due(), launch=open_launch))
    assert "Open test server" in html
    assert "Amelia Brook" in html


def test_who_is_signed_in_the_policy_its_basis_and_the_receipt_are_on_the_page(render) -> None:
    seen = view(charts.due())
    words = text_of(render(seen))
    assert "signed in as Dr. Ada Adeyemi" in words
    assert seen.policy.basis in words
    assert f"{seen.policy.name} {seen.policy.version}" in words
    assert "Read 146 of 147; 1 set aside" in words


def test_markup_in_every_string_of_the_record_stays_text(render) -> None:
    html = render(view(charts.hostile()))
    assert "<script>alert" not in html
    assert "<img" not in html
    assert html.count("<script") == 1  # our own
    assert "javascript:" not in re.sub(r">[^<]*<", "><", html)


@pytest.mark.parametrize("name", list(charts.CHARTS))
def test_the_page_has_no_inline_style_script_or_handler(render, name: str) -> None:
    html = render(view(charts.CHARTS[name]()))
    tags = " ".join(re.findall(r"<[a-zA-Z][^>]*>", html))
    assert not re.search(r'\s(style|on[a-z]+)="', tags.replace("onerror=alert", ""))
    assert not re.search(r"<script(?![^>]*src=)|<style", html)


@pytest.mark.parametrize("name", list(charts.CHARTS))
def test_every_mark_leads_to_a_row_and_no_id_stands_twice(render, name: str) -> None:
    html = render(view(charts.CHARTS[name]()))
    ids = re.findall(r'\sid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    targets = re.findall(r'href="#([^"]*)"', html)
    assert targets
    assert set(targets) <= set(ids)


def test_half_a_character_in_the_record_does_not_break_the_page(render) -> None:
    seen = view(base(draws=(draw(-2, laboratory="North \ud800 Laboratory"),)))
    assert "North ? Laboratory" in render(seen)


def test_stale_evidence_is_marked_on_the_page(render) -> None:
    seen = replace(view(charts.positive()), today=date(2028, 1, 1))
    words = text_of(render(seen))
    assert "Evidence not checked in time" in words
    assert "this check is out of date" in words


def test_the_stored_plan_is_told(render) -> None:
    plan = {"resourceType": "CarePlan", "id": "c", "status": "active", "meta": {"lastUpdated": "2026-11-01T09:00:00Z"}}
    words = text_of(render(view(charts.due(), own_plans=[plan])))
    assert "A plan of this app is in the EHR (active), last written 1 Nov 2026." in words
    assert "Since the plan was last written (1 Nov 2026)" in words


def test_a_modifier_that_is_not_known_is_not_said_to_be_absent() -> None:
    states = {m.heading: m.state for m in timeline_page(view(charts.due())).modifiers}
    assert states["Bone metastases"] == "yes"
    assert states["Visceral metastases"] == "not known"


def test_thirty_draws_weigh_no_more_than_sixty_kilobytes_with_all_assets(render) -> None:
    parts = [render(view(charts.thirty())).encode(), *(f.read_bytes() for f in STATIC.iterdir())]
    assert sum(len(gzip.compress(part)) for part in parts) < 60_000


def test_the_launch_of_the_view_is_the_launch_of_every_link(render) -> None:
    seen = view(charts.due())
    assert isinstance(seen.launch, Launch)
    assert set(re.findall(r'"/s/([^/"]*)/', render(seen))) == {seen.launch.id}


PLAN = {"resourceType": "CarePlan", "id": "c", "status": "active", "meta": {"lastUpdated": "2026-11-05T09:00:00Z"}}


def test_a_result_that_came_into_the_record_after_the_plan_is_new_since_the_plan_whatever_its_date() -> None:
    chart = charts.positive()
    found = charts.resources(chart)
    reference = chart.draws[3].sources[0].reference
    for stamp, fresh in (("2026-11-06T10:00:00+02:00", True), ("2026-11-05T08:59:59Z", False), ("Thursday", False)):
        entered = {**found, reference: {**found[reference], "meta": {"lastUpdated": stamp}}}
        news = timeline_page(view(chart, resources=entered, own_plans=[PLAN])).since_plan
        assert news is not None
        assert ("row-draw-3" in {row.id for row in news.rows}) is fresh, stamp


def test_a_plan_that_says_another_answer_than_the_page_is_quoted(render) -> None:
    seen = view(charts.positive())
    old = {**PLAN, "description": "Draw ctDNA between 1 and 30 Nov 2026."}
    same = {**PLAN, "description": seen.decision.headline}
    assert "“<bdi>Draw ctDNA between 1 and 30 Nov 2026.</bdi>”" in render(replace(seen, own_plans=[old]))
    assert "The plan says something else" not in render(replace(seen, own_plans=[same]))


def test_a_clause_whose_sources_are_all_out_of_date_says_so_and_one_of_two_does_not(render) -> None:
    now = text_of(render(view(charts.positive())))
    assert "The sources behind this clause are out of date" not in now
    late = text_of(render(replace(view(charts.positive()), today=date(2028, 1, 1))))
    assert "The sources behind this clause are out of date: last checked on 21 Nov 2026." in late
    assert "It was to be checked again by" in late


def test_the_evidence_of_the_sites_region_stands_first() -> None:
    for region in ("us", "eu"):
        seen = view(charts.positive(), launch=charts.launch(issuer=charts.issuer(region=region)))
        page = timeline_page(seen)
        assert page.beside[0].region == region
        for _, group in page.reasons:
            for told in group:
                order = [e.region for e in told.evidence if e.region is not None]
                assert region not in order or order[0] == region


def test_many_reasons_of_one_kind_fold_and_none_is_lost(render) -> None:
    seen = view(charts.thirty())
    told = [t for _, group in timeline_page(seen).reasons for t in group]
    assert {t.reason for t in told} == {r for r in seen.decision.reasons if not r.code.startswith("modifier.")}
    open_ones = [t for t in told if not t.folded and t.reason.code == "review.qualifies"]
    assert len(open_ones) == 3
    html = render(seen)
    assert html.count('class="reason') == len(told)
    assert f"{sum(t.folded for t in told)} more that say the same of other samples" in html
    assert not any(t.folded for _, group in timeline_page(view(charts.positive())).reasons for t in group)


def test_a_source_names_who_said_it_where_the_record_does(render) -> None:
    chart = charts.positive()
    found = charts.resources(chart)
    reference = chart.draws[3].sources[0].reference
    found[reference] = {**found[reference], "performer": [{"display": "North Laboratory <b>"}]}
    assert "by <bdi>North Laboratory &lt;b&gt;</bdi>" in render(view(chart, resources=found))


def test_the_note_to_copy_names_the_patient_the_answer_and_every_fact(render) -> None:
    seen = view(charts.everything())
    html = render(seen)
    note = html.split('<textarea id="note-text" readonly rows="12">')[1].split("</textarea>")[0]
    lines = note.splitlines()
    assert lines[0] == "Amelia Brook, born 2 Apr 1961, MRN MRN-104-11"
    assert seen.decision.headline in lines
    assert len(lines) == 4 + len(seen.decision.window.settle) + len(timeline_page(seen).rows)


def test_the_sorted_column_is_marked_and_each_heading_is_a_link_without_anything_of_the_patient(render) -> None:
    html = render(view(charts.due()), "standing")
    assert re.findall(r'aria-sort="(\w+)"', html) == ["ascending"]
    assert set(re.findall(r'href="[^"?]*\?([^"#]*)#table"', html)) == {
        f"sort={name}" for name in ("oldest", "newest", "kind", "what", "result", "vaf", "place", "standing")
    }


TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_no_name_of_the_record_turns_the_direction_of_what_stands_after_it(render) -> None:
    html = render(view(hard.evil()))
    assert "{{7*7}}${7*7}%s%(name)sabc" in html.replace("&lt;", "<")
    assert not set(TURNS) & set(html)


@pytest.mark.parametrize("name", list(hard.HARD))
def test_a_record_that_is_hard_to_show_is_shown_with_every_fact(render, name: str) -> None:
    seen = view(hard.HARD[name]())
    html = render(seen)
    assert "<script>alert" not in html
    for row in rows_of(seen.chart):
        assert f'<tr id="{row.id}"' in html


def test_the_last_draw_has_the_precision_of_the_record(render) -> None:
    seen = view(charts.base(draws=(draw(-9), draw(-6, date=PartialDate(2026, 5)))))
    assert "Since the last draw (May 2026)" in render(seen)


def test_each_line_of_therapy_and_each_decision_opens_to_its_entries(render) -> None:
    html = render(view(charts.everything()))
    line = re.search(r'<li id="line-1".*?</li>', html, re.S)
    assert line is not None
    assert "/resource/" in line.group(0)
    decided = re.search(r'<h2 id="decided">.*?</section>', html, re.S)
    assert decided is not None
    assert "CarePlan" in decided.group(0)


@pytest.mark.parametrize("name", ["everything", "crossing", "busy", "evil"])
def test_every_link_inside_the_page_leads_to_something_that_is_there(render, name: str) -> None:
    html = render(view(STATES[name]()))
    ids = set(re.findall(r' id="([^"]*)"', html))
    assert set(re.findall(r'href="#([^"]*)"', html)) <= ids
