"""The page of behaviours says what the tests show, and every behaviour is shown."""

from __future__ import annotations

from tests.smart.render import OUT, rendered


def test_the_conformance_page_is_what_the_tests_say_and_nothing_is_unshown() -> None:
    page = rendered()
    assert "not shown yet" not in page
    assert OUT.read_text(encoding="utf-8") == page, "run: python -m tests.smart.render"
