"""The tables ``results.toml`` and ``results-words.toml``: resources, and words, and the draws they must give."""

from __future__ import annotations

import base64
from html import escape

import pytest

from smart_app.fhir.jsontext import loads
from smart_app.fhir.reading.results import read_results
from tests.support import results_lines as lines
from tests.support import spec_tables as spec

ROWS = spec.rows("results.toml")
WORDS = spec.rows("results-words.toml")


@pytest.mark.parametrize("order", [1, -1], ids=["as given", "reversed"])
@pytest.mark.parametrize("row", ROWS, ids=[row["title"] for row in ROWS])
def test_resources_give_these_draws_in_any_order(row, order):
    record = spec.record_of([loads(line) for line in row["given"].strip().splitlines()][::order])
    results = read_results(record, None)
    assert [lines.draw_line(d) for d in results.draws] == row["draws"]
    assert [lines.withdrawn_line(w) for w in results.withdrawn] == row.get("withdrawn", [])
    assert [lines.ordered_line(o) for o in results.ordered] == row.get("ordered", [])
    assert spec.asides(record) == sorted(row["aside"])


def _observation(**more):
    return {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "ctDNA"}, **more}


def _report(**more):
    return {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": {"text": "ctDNA"}, **more}


def _div(words):
    return {"div": f"<div>{'<br/>'.join(escape(words).splitlines())}</div>"}


PLACES = {
    "value": lambda words: _observation(valueString=words),
    "note": lambda words: _observation(note=[{"text": words}]),
    "narrative of an Observation": lambda words: _observation(text=_div(words)),
    "conclusion": lambda words: _report(conclusion=words),
    "narrative of a report": lambda words: _report(text=_div(words)),
    "attached text": lambda words: _report(
        presentedForm=[{"contentType": "text/plain", "data": base64.b64encode(words.encode()).decode()}]
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("row", WORDS, ids=[row["title"] for row in WORDS])
def test_words_say_the_same_wherever_they_stand(row, place):
    draws = read_results(spec.record_of([PLACES[place](row["words"])]), None).draws
    assert "; ".join(lines.says(d) for d in draws) == row["says"]
