"""Contents of the sandbox patients, as the rungs below the care plan carry them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from smart_app.fhir.writing.careplan import PlanContext, build_plan, sentences
from smart_app.fhir.writing.ladder.content import Content
from tests.writing.support import chart_of

Json = dict[str, Any]
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
AUTHOR = "Practitioner/d1"


def content_of(ident: str, *, decided: str = "", note: str = "", **more: Any) -> Content:
    chart, decision = chart_of(ident)
    author = more.get("author", AUTHOR)
    context = PlanContext(
        ident, chart, user_reference=author or None, user_name="Dr Ada" if author else None, note=note, decided=decided
    )
    given = {"author": AUTHOR, "author_name": "Dr Ada", "encounter_id": "e1", **more}
    return Content(build_plan(decision, context), tuple(sentences(decision, context)), ident, NOW, **given)
