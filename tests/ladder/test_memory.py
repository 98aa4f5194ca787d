"""The last line of a note: read back exactly, and believed only where nothing about it was changed."""

from __future__ import annotations

import base64
import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app.fhir.writing.ladder.memory import HEAD, Memory, parse
from smart_app.fhir.writing.stored import read_reviews
from smart_app.sandbox.patients import everybody
from tests.ladder.support import content_of
from tests.writing.support import DAY, PATIENT

CONTENT = content_of(PATIENT, decided="Discussed; treatment goes on.")
OTHER_WORDS = "Progress note\nThe patient feels well.\n"


@pytest.mark.parametrize("ident", [p.id for p in everybody(DAY)])
def test_every_plan_is_read_back_as_it_was_written(ident: str) -> None:
    content = content_of(ident)
    assert parse(content.document, ident) == content.memory


def test_a_decision_is_read_back_with_day_words_and_name() -> None:
    memory = parse(CONTENT.document, PATIENT)
    assert memory is not None
    reviews = read_reviews([memory.as_plan({"resourceType": "DocumentReference", "id": "n1"})], UTC)
    assert [(str(r.date), r.text, r.by, r.sources[0].reference) for r in reviews] == [
        ("2026-11-21", "Discussed; treatment goes on.", "Dr Ada", "DocumentReference/n1")
    ]
    assert reviews[0].variants == memory.variants != ()


def test_the_line_of_another_patient_is_no_memory() -> None:
    assert parse(CONTENT.document, "somebody-else") is None


def test_a_line_copied_below_other_words_is_no_memory() -> None:
    line = CONTENT.document.strip().splitlines()[-1]
    assert parse(OTHER_WORDS + line, PATIENT) is None
    assert parse(OTHER_WORDS + CONTENT.document, PATIENT) is None
    assert parse(CONTENT.document + OTHER_WORDS, PATIENT) is None
    assert parse(CONTENT.document + CONTENT.document, PATIENT) is None


def test_another_version_of_the_line_is_no_memory() -> None:
    assert parse(CONTENT.document.replace(HEAD, "ESR1-PLAN-2"), PATIENT) is None


@given(st.integers(0, len(CONTENT.document) - 1), st.characters(exclude_categories=["Cs", "Z", "C"]))
def test_no_single_changed_letter_leaves_a_memory(place: int, letter: str) -> None:
    document = CONTENT.document
    changed = document[:place] + letter + document[place + 1 :]
    if " ".join(changed.split()) != " ".join(document.split()):
        assert parse(changed, PATIENT) is None


@given(st.sampled_from(["\r\n", "\n\n", "\n   ", " \n", "\x0c"]))
def test_line_ends_and_blank_lines_that_an_ehr_changes_do_no_harm(ending: str) -> None:
    assert parse(CONTENT.document.replace("\n", ending), PATIENT) == CONTENT.memory


@given(st.text(max_size=300))
def test_no_text_stops_the_reader(words: str) -> None:
    assert parse(words, PATIENT) is None
    assert parse(f"{words}{HEAD} {words}", PATIENT) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(Memory.__slots__)), inner),
    max_leaves=20,
)


@given(_JSON)
def test_a_well_sealed_line_with_other_content_is_no_memory(value: object) -> None:
    """Somebody who can compute the checksum still cannot make the reader fail, or take half a memory."""
    from smart_app.fhir.writing.ladder import memory as module

    raw = base64.urlsafe_b64encode(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).decode()
    payload = raw.rstrip("=").ljust(20, "A")
    line = f"{HEAD} {payload} {module._checksum(PATIENT, payload, 'x')}"
    assert parse(f"x\n{line}", PATIENT) is None


@given(note=st.text(max_size=200), decided=st.text(max_size=200))
def test_whatever_the_clinician_typed_is_read_back(note: str, decided: str) -> None:
    from smart_app.fhir.writing.wording import typed

    content = content_of(PATIENT, note=typed(note), decided=typed(decided))
    memory = parse(content.document, PATIENT)
    assert memory == content.memory
    assert memory is not None
    assert (memory.decided[1] if memory.decided else "") == typed(decided)
