"""The catalogue: every word of the pages has a German and a Spanish one, with the same parts; the rest is marked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.errors import ConfigError
from smart_app.smart.issuers import Issuers
from smart_app.web.app import create_app
from smart_app.web.i18n import LANGUAGES, catalogue, day_words, speaking
from smart_app.web.page import timeline_page
from smart_app.web.rows import as_csv, rows_of
from smart_app.web.said import said, said_markup
from smart_app.web.settings import Settings
from tests.support.rule_charts import POLICIES, chart_of, day
from tests.web import charts
from tests.web.charts import view

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = [*(ROOT / "templates").rglob("*.html")]
OTHERS = [code for code in LANGUAGES if code != "en"]
NAMES = {"ESR1 – ctDNA ESR1", "MRN", "ctDNA ESR1", "CarePlan"}  # the same in every language
SETTLED = tomllib.loads((ROOT / "tests" / "spec" / "rules.toml").read_text("utf-8"))["row"]


def messages() -> Iterator[str]:
    """Every message that the code and the templates of the pages name."""
    keywords = {"_": None, "N_": None, "ngettext": (1, 2)}
    for root, method in (
        (ROOT / "smart_app" / "web", [("**.py", "python")]),
        (ROOT / "templates", [("**.html", "jinja2")]),
    ):
        for _file, _line, found, _comments, _context in extract_from_dir(root, method, keywords=keywords):
            yield found if isinstance(found, str) else found[0]


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_and_no_translation_is_left_over(code: str) -> None:
    wanted = {m for m in messages() if m}
    have = {m.id if isinstance(m.id, str) else m.id[0] for m in catalogue(code) if m.id and m.string and not m.fuzzy}
    assert wanted - have == set()
    assert have - wanted == set()


@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_has_the_parts_of_its_message_and_no_markup(code: str) -> None:
    parts = re.compile(r"%\(\w+\)s|\{\w\}")
    for message in catalogue(code):
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert len(ids) == len(strings), message.id
        for english, other in zip(ids, strings, strict=True):
            assert sorted(parts.findall(english)) == sorted(parts.findall(other)), english
            assert not re.search(r'[<>"&]', other), other
            assert "!" not in english + other, "no exclamation marks"
            assert not re.sub(r"%\(\w+\)s", "", other).count("%") or "%(" not in english, other


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: f"{f.parent.name}/{f.name}")
def test_no_words_of_a_template_stand_outside_the_catalogue(file: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", file.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"<(script|style|code)\b.*?</\1>", "", text, flags=re.S)
    named = re.findall(r'(?:aria-label|data-label|title|placeholder|alt)="([^"]*)"', text)
    bare = re.sub(r'\b[a-z-]+="[^"]*"', "", re.sub(r"<[^>]*>", "\n", text))  # a macro may hold attributes alone
    for words in [*bare.split("\n"), *named]:
        left = words.strip(' \t·–:;,.()“”/"')
        assert left in NAMES or not re.search(r"[A-Za-z]{2}", left), left


def sentences() -> set[str]:
    """What the rules say of the charts of these tests and of every row of the rule table."""
    decisions = [view(make()).decision for name, make in charts.CHARTS.items() if name != "hostile"]
    for row in SETTLED:
        chart = chart_of(row["chart"])
        decisions.append(
            decide(chart, POLICIES[row.get("policy", "trial-strict")], day(row.get("today", "2026-11-21")))
        )
    found = {s for d in decisions for s in (d.headline, *(r.sentence for r in d.reasons), *d.window.settle)}
    return {s for s in found if s}


@pytest.mark.parametrize("code", OTHERS)
def test_nine_of_ten_sentences_of_the_rules_are_said_in_the_language_and_the_rest_is_marked(code: str) -> None:
    asked = sentences()
    with speaking(code):
        english = sorted(s for s in asked if 'lang="en"' in said_markup(s))
        assert len(english) <= len(asked) // 10, english
        for sentence in english:
            assert said(sentence) == sentence


@pytest.mark.parametrize("code", OTHERS)
def test_a_sentence_is_said_wholly_in_the_language_or_wholly_in_english(code: str) -> None:
    english = re.compile(r"\b(the|whether|recorded|from|found|first|detected|not|of|which|until|cannot|told|read)\b")
    with speaking(code):
        for sentence in sentences():
            told = said(sentence)
            assert told == sentence or not english.search(told), (sentence, told)


@pytest.mark.parametrize("code", OTHERS)
def test_names_amounts_and_years_of_a_sentence_are_all_kept(code: str) -> None:
    kept = re.compile(r"p\.\w+|\d+(?:\.\d+)? %|\b\d{4}\b|\b\w+(?:ciclib|rozole)\b|\bW\d\b")
    with speaking(code):
        for sentence in sentences():
            assert set(kept.findall(said(sentence))) == set(kept.findall(sentence)), sentence


@given(st.text(max_size=80))
def test_any_words_at_all_come_back_whole_or_as_they_are(words: str) -> None:
    with speaking("de"):
        assert said(f"Another cancer is on record: {words}.") != ""
        assert "<" not in said_markup(words).replace('<span lang="en">', "").replace("</span>", "")


def test_a_date_has_its_month_in_letters_in_every_language() -> None:
    shown = {}
    for code in LANGUAGES:
        with speaking(code):
            shown[code] = day_words(charts.TODAY)
    assert shown == {"en": "21 Nov 2026", "de": "21. Nov. 2026", "es": "21 nov 2026"}


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_of_every_state_is_made_in_every_language_and_says_which(render, code: str) -> None:
    for make in charts.CHARTS.values():
        with speaking(code):
            html = render(view(make()))
        assert f'<html lang="{code}">' in html
        assert "%(" not in html


def test_the_answer_is_said_in_the_language_and_its_english_wording_stays_on_the_page(render) -> None:
    seen = view(charts.positive())
    with speaking("de"):
        html = render(seen)
        headline = timeline_page(seen).headline
    assert headline == "ESR1 p.D538G (0.84 %) erstmals nachgewiesen 3. Nov. 2026: Überprüfung der Behandlung fällig."
    assert headline in html
    assert f'<span lang="en">{seen.decision.reasons[0].sentence}</span>' in html
    assert 'class="flag"' in html


def test_the_facts_of_the_table_are_the_same_in_every_language() -> None:
    chart = charts.everything()
    ids = [row.id for row in rows_of(chart)]
    for code in OTHERS:
        with speaking(code):
            rows = rows_of(chart)
            assert [row.id for row in rows] == ids
            assert as_csv(rows).count("\r\n") == len(ids) + 1
            assert [row.amounts[0] for row in rows if row.amounts][-1].startswith("p.D538G 2.25 %")


@pytest.fixture
def make(tmp_path: Path):  # type: ignore[no-untyped-def]
    def app(language: str | None) -> Flask:
        return create_app(Settings(Issuers((charts.issuer(),)), tmp_path, "http://127.0.0.1:1", language=language))

    return app


def test_the_browser_chooses_among_the_three_unless_a_setting_does(make) -> None:
    for asked, found in {
        None: "en",
        "de-AT,de;q=0.9,en;q=0.5": "de",
        "es-MX": "es",
        "fr,pt;q=0.8": "en",
        "en-GB,de;q=0.9": "en",
        "*": "en",
        "x" * 500: "en",
    }.items():
        answer = make(None).test_client().get("/about", headers={"Accept-Language": asked} if asked else {})
        assert f'<html lang="{found}">' in answer.get_data(as_text=True), asked
    fixed = make("es").test_client().get("/about", headers={"Accept-Language": "de"})
    assert '<html lang="es">' in fixed.get_data(as_text=True)


def test_one_request_does_not_speak_the_language_of_the_one_before(make) -> None:
    client = make(None).test_client()
    client.get("/about", headers={"Accept-Language": "de"})
    assert '<html lang="en">' in client.get("/about").get_data(as_text=True)


def test_a_language_that_there_is_not_stops_the_start(make) -> None:
    with pytest.raises(ConfigError):
        make("fr")


def test_what_servers_and_sources_say_is_marked_as_english(make) -> None:
    page = make("de").test_client().get("/about").get_data(as_text=True)
    assert '<main id="main" tabindex="-1">' in page
    assert '<span lang="en"><a href=' in page
