"""``smart-app decide`` and ``smart-app replay``: the documented JSON, the record, and the same decision again."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.dates import PartialDate
from smart_app.domain.digest import digest
from smart_app.domain.facts import Chart
from smart_app.domain.policy import Policy
from smart_app.fhir.decisionjson import decision_json
from smart_app.fhir.factjson import decode, encode
from smart_app.policies import load_policy
from tests.cli.command import DAY, PEOPLE, bundle, person, smart_app, write
from tests.cli.test_read import keys

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def positive(tmp_path: Path) -> Path:
    return write(tmp_path / "positive.json", bundle(*person("first-positive")))


def decided(file: Path, *more: str) -> Any:
    ran = smart_app("decide", "--bundle", file, "--today", "2026-11-21", "--json", *more)
    assert (ran.code, ran.err) == (0, "")
    return ran.json


def test_the_json_has_the_documented_shape(positive: Path) -> None:
    told = decided(positive)
    assert told["window"]["answer"] == "inside"
    assert told["window"]["clauses"] == told["window"]["settle"] == []
    assert told["next_draw"] is None
    assert told["switch_review"]["answer"] == "raised"
    assert told["switch_review"]["variants"] == ["p.D538G"]
    modifiers = {"prior_adjuvant_ai", "bone", "visceral", "multiple_sites", "ai_6_months", "ldh_high"}
    assert set(told["modifiers"]) == modifiers
    assert set(told["modifiers"].values()) <= {"yes", "no", "unknown"}
    assert told["reasons"]
    for reason in told["reasons"]:
        assert {"code", "clause", "sentence", "sources", "evidence"} <= set(reason)
        assert all(re.fullmatch(r"[A-Za-z]+/[A-Za-z0-9.-]+", source) for source in reason["sources"])
    assert told["policy"] == {
        "name": "trial-strict",
        "version": "2026-11-21",
        "basis": load_policy("trial-strict").basis,
    }
    assert re.fullmatch(r"[0-9a-f]{64}", told["input_digest"])
    assert (told["schema"], told["today"]) == (1, "2026-11-21")


def test_a_planned_draw_has_its_dates(tmp_path: Path) -> None:
    told = decided(write(tmp_path / "a.json", bundle(*person("overdue"))))
    assert {"earliest", "due", "latest", "aligned_to", "overdue_days"} <= set(told["next_draw"])
    assert told["next_draw"]["overdue_days"] == 92
    assert told["next_draw"]["earliest"] <= told["next_draw"]["due"] <= told["next_draw"]["latest"]


def test_every_key_of_the_json_stands_in_its_document(tmp_path: Path) -> None:
    page = (ROOT / "docs/decision-json.md").read_text("utf-8") + (ROOT / "docs/chart-json.md").read_text("utf-8")
    documented = set(re.findall(r"`([a-z_0-9]+)`", page))
    for name in PEOPLE:
        told = decided(write(tmp_path / "a.json", bundle(*PEOPLE[name].resources)))
        del told["inputs"]["chart"], told["inputs"]["policy"]
        assert set(keys(told)) <= documented, set(keys(told)) - documented


def test_the_policy_changes_the_answer_and_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", bundle(*person("early")))
    strict, practical = decided(file), decided(file, "--policy", "practical")
    assert strict["next_draw"] != practical["next_draw"]
    assert practical["policy"]["name"] == "practical"
    own = write(tmp_path / "ours.toml", b'name = "ours"\nversion = "7"\nbasis = "ours"\nfirst_draw_by_months = 12\n')
    assert decided(file, "--policy", str(own))["policy"]["name"] == "ours"


def test_the_text_gives_the_answer_first_and_names_policy_day_and_inputs(positive: Path) -> None:
    ran = smart_app("decide", "--bundle", positive, "--today", "2026-11-21")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "ESR1 p.D538G (0.84 %) first detected 3 Nov 2026: switch review due."
    assert any(line.startswith("policy") and "trial-strict 2026-11-21" in line for line in lines)
    assert any(line.startswith("inputs") and decided(positive)["input_digest"] in line for line in lines)
    for reason in decided(positive)["reasons"]:
        assert any(line.startswith(f"{reason['clause']:4} {reason['sentence']}") for line in lines)


def test_a_clause_that_rests_only_on_stale_sources_says_so(positive: Path) -> None:
    ran = smart_app("decide", "--bundle", positive, "--today", "2027-12-01")
    assert "out of date: last checked on 2026-11-21" in ran.out
    told = smart_app("decide", "--bundle", positive, "--today", "2027-12-01", "--json").json
    assert any(reason["stale"] for reason in told["reasons"])
    assert not any(reason["stale"] for reason in decided(positive)["reasons"])


def test_without_a_day_it_is_today_and_says_which(positive: Path) -> None:
    told = smart_app("decide", "--bundle", positive, "--timezone", "Asia/Tokyo", "--json").json
    assert date.fromisoformat(told["today"])


# --- replay -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def record(positive: Path, tmp_path: Path) -> Any:
    return decided(positive)


def replayed(record: Any, tmp_path: Path) -> Any:
    return smart_app("replay", "--record", write(tmp_path / "record.json", json.dumps(record).encode()))


@pytest.mark.parametrize("policy", ["trial-strict", "practical"])
@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_a_saved_decision_replays_to_itself(name: str, policy: str, tmp_path: Path) -> None:
    told = decided(write(tmp_path / "a.json", bundle(*PEOPLE[name].resources)), "--policy", policy)
    ran = replayed(told, tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == f"inputs sha256 {told['input_digest']}"


def test_a_changed_input_is_found_by_its_digest(record: Any, tmp_path: Path) -> None:
    record["inputs"]["chart"]["draws"][0]["laboratory"] = "another"
    ran = replayed(record, tmp_path)
    assert ran.code == 1
    assert "digest differs" in ran.out


def test_a_changed_answer_is_shown_with_its_place(record: Any, tmp_path: Path) -> None:
    record["window"]["answer"] = "outside"
    record["reasons"][0]["sentence"] = "Something else."
    ran = replayed(record, tmp_path)
    assert ran.code == 1
    assert 'window.answer: recorded "outside", now "inside"' in ran.out
    assert "reasons[0].sentence" in ran.out


def test_another_version_of_the_code_is_said(record: Any, tmp_path: Path) -> None:
    record["code_version"] = "0.0.0-other"
    ran = replayed(record, tmp_path)
    assert ran.code == 0
    assert "recorded by version 0.0.0-other" in ran.out


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list) and value:
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*path, key))
    else:
        yield path


def test_no_word_of_the_decision_can_be_changed_unseen(record: Any, tmp_path: Path) -> None:
    free = {"inputs", "receipt", "set_aside", "code_version"}
    for path in list(leaves({k: v for k, v in record.items() if k not in free})):
        if path in (("policy", "basis"),):
            continue  # the policy's words stand in the inputs, too
        changed = copy.deepcopy(record)
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = "other"
        assert replayed(changed, tmp_path).code in (1, 2), path


WRONG = [
    b"",
    b"{",
    b"[]",
    b"{}",
    b'{"schema": 1, "inputs": null}',
    b'{"schema": 1, "inputs": {}}',
    b'{"schema": 2, "inputs": {}}',
    b'{"schema": 1, "inputs": {"chart": {}, "policy": {"name": 1}, "today": "2026-11-21"}}',
    b'{"schema": 1, "inputs": {"chart": {"odd": 1}, "policy": {}, "today": "2026-11-21"}}',
    b'{"schema": 1, "inputs": {"chart": {}, "policy": {"name": "a", "version": "b", "basis": "c"}, "today": 5}}',
    b"\xff",
    b"[" * 100_000,
]


@pytest.mark.parametrize("raw", WRONG, ids=range(len(WRONG)))
def test_what_is_no_record_is_refused(raw: bytes, tmp_path: Path) -> None:
    ran = smart_app("replay", "--record", write(tmp_path / "r.json", raw))
    assert (ran.code, "[record.invalid]" in ran.err) == (2, True)


def test_a_record_that_is_not_there_is_refused(tmp_path: Path) -> None:
    ran = smart_app("replay", "--record", tmp_path / "nowhere")
    assert (ran.code, "[record.unreadable]" in ran.err) == (2, True)


# --- any chart, there and back ----------------------------------------------------------------------------------------


def a(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the facts, built from the type itself."""
    arguments = get_args(kind)
    if get_origin(kind) is tuple:
        return st.lists(a(arguments[0]), max_size=2).map(tuple)
    if get_origin(kind) is frozenset:
        return st.frozensets(a(arguments[0]), max_size=2)
    if arguments:
        return st.one_of(*(st.none() if k is type(None) else a(k) for k in arguments))
    if kind is PartialDate:
        return st.one_of(
            st.dates().map(PartialDate.of),
            st.builds(PartialDate, st.integers(1, 9999)),
            st.builds(PartialDate, st.integers(1, 9999), st.integers(1, 12)),
        )
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field.name: st.deferred(lambda n=field.name: a(hints[n])) for field in fields(kind)})  # type: ignore[misc]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=6),
        bool: st.booleans(),
        int: st.integers(),
        Decimal: st.decimals(allow_nan=False, allow_infinity=False),
        date: st.dates(),
    }
    return plain[kind]


@settings(max_examples=60)
@given(chart=a(Chart))
def test_any_chart_survives_the_record_bit_for_bit(chart: Chart) -> None:
    policy = load_policy("trial-strict")
    again = decode(Chart, json.loads(json.dumps(encode(chart))))
    assert again == chart
    # the digest is over the texts: Decimal("0.10") is not Decimal("0.1"); a set's order is no part of it
    assert digest(again, policy, DAY) == digest(chart, policy, DAY)


@given(st.sampled_from(["trial-strict", "practical"]))
def test_a_policy_survives_the_record(name: str) -> None:
    policy = load_policy(name)
    assert decode(Policy, json.loads(json.dumps(encode(policy)))) == policy


@settings(max_examples=60)
@given(st.sampled_from(sorted(PEOPLE)), st.data())
def test_a_damaged_record_replays_or_is_refused(name: str, data: st.DataObject) -> None:
    """In memory, so that many can be tried: whatever stands in the chart's place is a chart or a ValueError."""
    value = encode(Chart())
    key = data.draw(st.sampled_from(sorted(value)))
    value[key] = data.draw(
        st.one_of(st.none(), st.integers(), st.lists(st.none() | st.just({}), max_size=2), st.just({}))
    )
    outcome = chart_or_refusal(value)
    if isinstance(outcome, ValueError):
        assert str(outcome).startswith("Chart")
    else:
        json.dumps(decision_json(decide(outcome, load_policy("trial-strict"), DAY)))


def chart_or_refusal(value: Any) -> Chart | ValueError:
    try:
        return decode(Chart, value)
    except ValueError as error:
        return error
