"""``docs/reading.md`` is made from the spec tables."""

from __future__ import annotations

from tests.spec import render


def test_the_document_of_the_tables_is_up_to_date():
    assert render.TARGET.read_text("utf-8") == render.render(), "run: make docs"


def test_the_tables_of_shapes_are_long_enough():
    rows = render.render().count("\n| ")
    assert rows >= 80
