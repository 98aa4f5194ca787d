"""Every synthetic patient again, with something nasty behind every word of the record: as a browser gets the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smart_app.codes import load_codebook
from smart_app.domain import decide
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.receipt import Receipt
from smart_app.policies import load_policy
from smart_app.sandbox.patients import everybody
from smart_app.web.chart import banner_of
from smart_app.web.rows import as_csv, rows_of
from tests.web import hard
from tests.web.charts import TODAY, view

PEOPLE = {one.id: one for one in everybody(TODAY)}
BOOK, POLICY = load_codebook(), load_policy("trial-strict")
WORDS = {"display", "text", "family", "given", "value", "valueString", "title", "description", "note", "name"}
POISONS = {
    "markup": f" {hard.EVIL}",
    "svg": "<svg onload=alert(1)><a xlink:href=javascript:alert(1)>&#x3c;b&lt;",
    "hebrew": " \u202e\u05de\u05e2\u05d1\u05d3\u05d4 \u0645\u062e\u062a\u0628\u0631 \u2067",
    "thai and emoji": " \u0e2b\u0e49\u0e2d\u0e07 \U0001f9ec\U0001f3fd e\u0301\u0336\u0327 \u4e2d\u6587",
    "long": f" {hard.WORDS * 3}",
    "format": " %s %(name)s {0} {{7*7}} {% if %} ${x} \\N{DASH} \\u003c",
}


def poisoned(value: Any, poison: str, *, word: bool = False) -> Any:
    """The resource with the poison behind each string that is said to a reader; codes, dates and references stay."""
    if isinstance(value, dict):
        return {key: poisoned(one, poison, word=key in WORDS) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, poison, word=word) for one in value]
    return value + poison if word and isinstance(value, str) else value


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.scripts: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(attrs)
        if tag == "script":
            self.scripts.append(None if dict(attrs).get("src", "").startswith("/static/") else self.get_starttag_text())


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("ident", PEOPLE)
def test_what_is_nasty_in_the_record_is_words_on_the_page(render, ident: str, poison: str) -> None:
    resources = [poisoned(one, POISONS[poison]) for one in PEOPLE[ident].resources]
    chart = read_chart(
        [("", one) for one in resources],
        patient_id=ident,
        zone=ZoneInfo("Europe/Berlin"),
        codebook=BOOK,
        receipt=Receipt(resources_read=len(resources)),
    )
    by_reference = {f"{one['resourceType']}/{one['id']}": one for one in resources}
    patient = banner_of(by_reference[f"Patient/{ident}"], ident)
    html = render(view(chart, decision=decide(chart, POLICY, TODAY), patient=patient, resources=by_reference))
    seen = Seen()
    seen.feed(html)
    assert not seen.tags & {"img", "iframe", "style", "object", "embed", "base", "foreignobject", "animate", "use"}
    assert seen.scripts == [None]
    assert not {
        name for name, _ in seen.attributes if name.startswith("on") or name in ("style", "srcdoc", "xlink:href")
    }
    links = [value or "" for name, value in seen.attributes if name in ("href", "src", "action")]
    assert all(value.startswith(("/", "#", "https://")) for value in links)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html)
    assert html.count("<h1") == 1
    assert len(as_csv(rows_of(chart)).splitlines()) == len(rows_of(chart)) + 1
