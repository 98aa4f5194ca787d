"""What the timeline page says."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from smart_app.domain.facts import Chart, Gap, Part
from smart_app.fhir.receipt import SetAside
from smart_app.smart.launches import Launch
from smart_app.web.page import timeline_page
from tests.web import charts
from tests.web.charts import base, draw, view

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
