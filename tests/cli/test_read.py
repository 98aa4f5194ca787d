"""``smart-app read``: the chart and the receipt of a file or a server, as text and in the documented JSON."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_app.fhir import jsontext
from tests.cli.command import PEOPLE, bundle, person, smart_app, write
from tests.support.fake_server import Answer, FakeServer, Request, fake_server

ROOT = Path(__file__).resolve().parent.parent.parent
POSITIVE = person("first-positive")


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def read(file: Path, *more: str) -> Any:
    ran = smart_app("read", "--bundle", file, "--json", *more)
    assert (ran.code, ran.err) == (0, "")
    return ran.json


def test_the_json_has_the_documented_shape(tmp_path: Path) -> None:
    told = read(write(tmp_path / "b.json", bundle(*POSITIVE)))
    assert told["schema"] == 1
    needed = {"draws", "drugs", "lines", "receptors", "disease", "visits", "set_aside", "receipt"}
    assert needed <= set(told)
    draw = told["draws"][-1]
    wanted = {"date", "date_basis", "outcome", "specimen", "standing", "findings", "laboratory", "assay", "sources"}
    assert wanted <= set(draw)
    finding = draw["findings"][0]
    assert {k: finding[k] for k in ("gene", "protein_change", "vaf", "vaf_comparator", "kind", "qualifies")} == {
        "gene": "ESR1",
        "protein_change": "p.D538G",
        "vaf": "0.0084",
        "vaf_comparator": None,
        "kind": "snv",
        "qualifies": True,
    }
    assert "dna_change" in finding
    drug = told["drugs"][0]
    assert {"name", "class", "start", "end", "ongoing", "setting", "sources"} <= set(drug)
    assert (drug["name"], drug["class"], drug["ongoing"]) == ("letrozole", "AI", True)
    assert {told["receptors"][m] for m in ("er", "pr")} == {"positive"}
    assert told["receptors"]["her2"] == "negative"
    assert told["disease"]["advanced"] == "yes"
    assert told["disease"]["sites"] == ["bone"]


def test_a_tiny_fraction_keeps_its_digits_and_has_no_exponent(tmp_path: Path) -> None:
    draw = copy.deepcopy(next(r for r in POSITIVE if r["id"].endswith("-15")))
    amount = next(c["valueQuantity"] for c in draw["component"] if "valueQuantity" in c)
    amount["value"] = Decimal("0.000010")
    told = read(write(tmp_path / "a.json", draw))
    assert told["draws"][0]["findings"][0]["vaf"] == "0.00000010"


def test_every_key_of_the_json_stands_in_its_document(tmp_path: Path) -> None:
    documented = set(re.findall(r"`([a-z_0-9]+)`", (ROOT / "docs/chart-json.md").read_text("utf-8")))
    for name in PEOPLE:
        told = read(write(tmp_path / "b.json", bundle(*PEOPLE[name].resources)))
        assert set(keys(told)) <= documented, set(keys(told)) - documented


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_the_text_says_one_fact_a_line(name: str, tmp_path: Path) -> None:
    ran = smart_app("read", "--bundle", write(tmp_path / "b.json", bundle(*PEOPLE[name].resources)))
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("person ")
    assert any(re.match(r"read +[0-9]+ of [0-9]+ resources; [0-9]+ set aside", line) for line in lines)
    told = read(tmp_path / "b.json")
    for kind, listed in (("draw", "draws"), ("drug", "drugs"), ("receptor", "results")):
        facts = told["receptors"][listed] if listed == "results" else told[listed]
        assert sum(line.startswith(f"{kind} ") for line in lines) == len(facts)


def test_a_record_cannot_steer_the_terminal(tmp_path: Path) -> None:
    sly = json.loads(jsontext.dumps(bundle(*POSITIVE)).decode())
    for entry in sly["entry"]:
        if entry["resource"]["resourceType"] in ("Condition", "Observation", "DiagnosticReport"):
            entry["resource"]["code"]["text"] = "Malignant neoplasm of breast\u001b[31m\nread 0 of 0\ud800\u009b"
    file = write(tmp_path / "b.json", json.dumps(sly).encode())
    ran = smart_app("read", "--bundle", file)
    assert ran.code == 0
    assert all(line.isprintable() for line in ran.out.split("\n"))
    assert not any(line.startswith("read 0 of 0") for line in ran.out.splitlines())
    assert smart_app("read", "--bundle", file, "--json").json["schema"] == 1


# --- the shapes of a file ---------------------------------------------------------------------------------------------


def test_a_bundle_a_list_and_ndjson_say_the_same(tmp_path: Path) -> None:
    as_bundle = read(write(tmp_path / "a.json", bundle(*POSITIVE)))
    as_list = read(write(tmp_path / "b.json", POSITIVE))
    lines = b"\n".join(jsontext.dumps(r) for r in POSITIVE) + b"\n\n"
    as_lines = read(write(tmp_path / "c.ndjson", lines))
    with_mark = read(write(tmp_path / "d.json", b"\xef\xbb\xbf" + jsontext.dumps(bundle(*POSITIVE))))
    nested = read(write(tmp_path / "e.json", bundle(bundle(*POSITIVE))))
    assert as_bundle == as_list == as_lines == with_mark == nested


def test_a_single_resource_is_a_record(tmp_path: Path) -> None:
    draw = next(r for r in POSITIVE if r["id"].endswith("-15"))
    told = read(write(tmp_path / "a.json", draw))
    assert [d["outcome"] for d in told["draws"]] == ["detected"]


def test_the_order_of_a_bundle_makes_no_difference(tmp_path: Path) -> None:
    expected = read(write(tmp_path / "a.json", bundle(*POSITIVE)))
    for seed in range(5):
        shuffled = random.Random(seed).sample(POSITIVE, len(POSITIVE))
        told = read(write(tmp_path / "a.json", bundle(*shuffled)))
        assert told["draws"] == expected["draws"]
        assert told["lines"] == expected["lines"]


def test_references_by_full_url_are_this_patient(tmp_path: Path) -> None:
    moved = json.loads(
        jsontext.dumps(bundle(*POSITIVE)).decode().replace("Patient/sandbox-first-positive", "urn:uuid:7")
    )
    for entry in moved["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["fullUrl"] = "urn:uuid:7"
    told = read(write(tmp_path / "a.json", moved))
    assert told["receipt"]["foreign"] == []
    assert len(told["draws"]) == 3
    for entry in moved["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            del entry["resource"]["id"]
    assert len(read(write(tmp_path / "a.json", moved))["draws"]) == 3
    moved["entry"] = [e for e in moved["entry"] if e["resource"]["resourceType"] != "Patient"]
    assert len(read(write(tmp_path / "a.json", moved))["draws"]) == 3


def test_absolute_references_without_addresses_are_this_patient(tmp_path: Path) -> None:
    raw = jsontext.dumps(bundle(*POSITIVE)).replace(b'"Patient/sandbox', b'"https://ehr.example.org/r4/Patient/sandbox')
    assert len(read(write(tmp_path / "a.json", raw))["draws"]) == 3


def test_of_two_versions_of_a_resource_the_newest_counts(tmp_path: Path) -> None:
    draw = next(r for r in POSITIVE if r["id"].endswith("-15"))
    wrong = {**draw, "status": "entered-in-error", "meta": {"versionId": "3"}}
    right = {**draw, "meta": {"versionId": "2"}}
    others = [r for r in POSITIVE if r is not draw and r["resourceType"] != "DiagnosticReport"]
    for pair in ((wrong, right), (right, wrong)):
        told = read(write(tmp_path / "a.json", bundle(*others, *pair)))
        assert [d["outcome"] for d in told["draws"]] == ["not_detected", "not_detected"]
        assert "entry.older_version" in [note["code"] for note in told["set_aside"]]
    history = bundle(*others, wrong, right)
    history["type"] = "history"
    told = read(write(tmp_path / "a.json", history))
    assert [d["outcome"] for d in told["draws"]] == ["not_detected", "not_detected"]


def test_a_deletion_in_a_history_takes_the_older_versions_with_it(tmp_path: Path) -> None:
    draw = next(r for r in POSITIVE if r["id"].endswith("-15"))
    others = [r for r in POSITIVE if r is not draw and r["resourceType"] != "DiagnosticReport"]
    history = bundle(*others, type="history")
    history["entry"].insert(0, {"request": {"method": "DELETE", "url": f"Observation/{draw['id']}"}})
    history["entry"].append({"resource": draw, "request": {"method": "POST", "url": "Observation"}})
    history["type"] = "history"
    told = read(write(tmp_path / "a.json", history))
    assert len(told["draws"]) == 2


INCOMPLETE = [
    (
        "a next page",
        {"link": [{"relation": "next", "url": "https://ehr.example.org/r4?page=2"}]},
        "one page of several",
    ),
    ("a larger total", {"type": "searchset", "total": 999}, "of 999 entries"),
]


@pytest.mark.parametrize(("more", "words"), [r[1:] for r in INCOMPLETE], ids=[r[0] for r in INCOMPLETE])
def test_a_part_of_a_record_is_not_taken_for_the_whole(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    told = read(write(tmp_path / "a.json", {**bundle(*person("due")), **more}))
    assert not told["receipt"]["complete"]
    assert words in told["gaps"][0]["why"]
    ran = smart_app("decide", "--bundle", tmp_path / "a.json", "--today", "2026-11-21", "--json")
    assert ran.json["switch_review"]["answer"] == "cannot_tell"


def test_a_broken_line_or_entry_costs_itself_and_is_said(tmp_path: Path) -> None:
    due = person("due")
    whole = read(write(tmp_path / "a.json", bundle(*due)))
    broken = b"\n".join(jsontext.dumps(r) for r in due) + b'\n{"resourceType": "Observation", "id": '
    odd = bundle(*due)
    odd["entry"] += [None, {"fullUrl": "urn:uuid:1"}, {"resource": "x"}, {"resource": {"id": "nameless"}}]
    for file in (write(tmp_path / "b.ndjson", broken), write(tmp_path / "c.json", odd)):
        told = read(file)
        assert told["draws"] == whole["draws"]
        assert not told["receipt"]["complete"]
        assert {gap["part"] for gap in told["gaps"]} >= {"results", "drugs"}


def test_a_servers_words_in_the_file_are_passed_on(tmp_path: Path) -> None:
    def outcome(severity: str) -> dict[str, Any]:
        return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "diagnostics": "so it is"}]}

    told = read(write(tmp_path / "a.json", bundle(*POSITIVE, outcome("warning"))))
    assert told["receipt"]["searches"][0]["warnings"] == ["so it is"]
    assert told["receipt"]["complete"]
    told = read(write(tmp_path / "a.json", bundle(*POSITIVE, outcome("error"))))
    assert not told["receipt"]["complete"]


# --- whose record -----------------------------------------------------------------------------------------------------


def test_of_several_patients_one_must_be_chosen_and_only_hers_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", bundle(*POSITIVE, *person("due")))
    ran = smart_app("read", "--bundle", file)
    assert ran.code == 2
    assert ran.err.splitlines()[0] == (
        "smart-app: The file holds several patients: sandbox-due, sandbox-first-positive. [input.patient]"
    )
    told = read(file, "--patient", "sandbox-first-positive")
    alone = read(write(tmp_path / "b.json", bundle(*POSITIVE)))
    assert told["draws"] == alone["draws"]
    assert told["drugs"] == alone["drugs"]
    assert len(told["receipt"]["foreign"]) == len(person("due"))
    assert read(file, "--patient", "Patient/sandbox-due")["draws"] != told["draws"]


def test_results_of_several_patients_without_their_patients_are_not_mixed(tmp_path: Path) -> None:
    both = [r for r in (*POSITIVE, *person("due")) if r["resourceType"] != "Patient"]
    ran = smart_app("read", "--bundle", write(tmp_path / "a.json", bundle(*both)))
    assert (ran.code, "sandbox-due, sandbox-first-positive" in ran.err) == (2, True)


def test_a_result_that_gives_its_patient_no_id_is_read_alone_and_never_mixed(tmp_path: Path) -> None:
    draw = next(r for r in POSITIVE if r["id"].endswith("-15"))
    inside = {"contained": [{"resourceType": "Patient", "id": "p"}], "subject": {"reference": "#p"}}
    for subject in ({"subject": {"display": "One"}}, inside, {"subject": {"identifier": {"value": "1"}}}):
        assert len(read(write(tmp_path / "a.json", {**draw, **subject}))["draws"]) == 1
    nobodys = {key: value for key, value in draw.items() if key != "subject"}
    assert len(read(write(tmp_path / "a.json", nobodys))["draws"]) == 1
    two = [{**draw, "id": name, "subject": {"display": name}} for name in ("One", "Other")]
    ran = smart_app("read", "--bundle", write(tmp_path / "a.json", two))
    assert (ran.code, "[input.patient]" in ran.err, "Other" in ran.err) == (2, True, False)


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED = [
    ("no JSON", b"{", "input.not_json"),
    ("text", b"hello", "input.not_json"),
    ("no text", b"\xff\xfe\x00", "input.unreadable"),
    ("nothing", b"", "input.empty"),
    ("blanks", b" \n ", "input.empty"),
    ("an empty bundle", b'{"resourceType": "Bundle"}', "input.empty"),
    ("an empty list", b"[]", "input.empty"),
    ("JSON of another kind", b'{"a": 1}', "input.not_fhir"),
    ("a number", b"1", "input.not_fhir"),
    ("null", b"null", "input.not_fhir"),
    ("nesting", b"[" * 100_000, "input.not_json"),
    ("deep lists", b"[" * 300 + b"]" * 300, "input.empty"),
    ("not a number", b'{"resourceType": "Observation", "x": NaN}', "input.not_json"),
]


@pytest.mark.parametrize("command", ["read", "decide"])
@pytest.mark.parametrize(("raw", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_file_that_is_no_record_is_refused_with_a_code(raw: bytes, code: str, command: str, tmp_path: Path) -> None:
    ran = smart_app(command, "--bundle", write(tmp_path / "a.json", raw))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.rstrip().endswith(f"[{code}]")
    assert len(ran.err.splitlines()) == 1


def test_what_is_asked_for_wrongly_is_refused_with_a_code(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", bundle(*POSITIVE))
    for code, *words in (
        ("input.unreadable", "read", "--bundle", tmp_path / "nowhere.json"),
        ("input.unreadable", "read", "--bundle", tmp_path),
        ("input.patient", "read", "--bundle", file, "--patient", "nobody"),
        ("input.source", "read"),
        ("input.source", "read", "--bundle", file, "--fhir", "http://127.0.0.1:1/fhir", "--patient", "x"),
        ("input.patient", "read", "--fhir", "http://127.0.0.1:1/fhir"),
        ("input.patient", "read", "--fhir", "http://127.0.0.1:1/fhir", "--patient", "../x?y=z"),
        ("net.origin", "read", "--fhir", "ftp://127.0.0.1/fhir", "--patient", "x"),
        ("net.origin", "read", "--fhir", "http://ehr.example.org/fhir", "--patient", "x"),
        ("config.policy", "read", "--bundle", file, "--policy", "nope"),
        ("config.policy", "decide", "--bundle", file, "--policy", "nope"),
        ("input.timezone", "read", "--bundle", file, "--timezone", "Mars/Olympus"),
        ("input.timezone", "read", "--bundle", file, "--timezone", "../../x"),
        ("input.timezone", "read", "--bundle", file, "--timezone", "America"),
        ("input.date", "decide", "--bundle", file, "--today", "tomorrow"),
        ("input.date", "decide", "--bundle", file, "--today", "2026-11"),
        ("input.date", "decide", "--bundle", file, "--today", "20261121"),
        ("input.region", "evidence", "--region", "moon"),
        ("input.date", "evidence", "--today", "x"),
    ):
        ran = smart_app(*words)
        assert (ran.code, f"[{code}]" in ran.err, "Traceback" in ran.err) == (2, True, False), (words, ran.err)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_to_a_file_ends_in_an_answer_or_a_refusal(data: st.DataObject, tmp_path: Path) -> None:
    damaged = json.loads(jsontext.dumps(bundle(*data.draw(st.sampled_from([POSITIVE, person("polyclonal")])))))
    for _ in range(data.draw(st.integers(1, 4))):
        node: Any = damaged
        while data.draw(st.integers(0, 5)) and isinstance(node, dict | list) and node:
            key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
            if not isinstance(node[key], dict | list) or not data.draw(st.integers(0, 4)):
                node[key] = data.draw(JSON)
                break
            node = node[key]
    file = write(tmp_path / "a.json", json.dumps(damaged).encode())
    for command in (["read"], ["read", "--json"], ["decide", "--today", "2026-11-21", "--json"]):
        ran = smart_app(*command, "--bundle", file)
        assert ran.code in (0, 2)
        assert ran.code == 0 or re.search(r"\[[a-z_.]+\]", ran.err)


# --- a server ---------------------------------------------------------------------------------------------------------


def serve(server: FakeServer, resources: list[dict[str, Any]]) -> None:
    kinds = {r["resourceType"] for r in resources}

    def search(kind: str) -> Any:
        def answer(request: Request) -> Answer:
            found = [r for r in resources if r["resourceType"] == kind]
            if "/" in request.path.removeprefix(f"/fhir/{kind}"):
                one = [r for r in found if request.path.endswith(f"/{r['id']}")]
                return Answer(200, one[0]) if one else Answer(404)
            return Answer(200, json.loads(jsontext.dumps({**bundle(*found), "type": "searchset"})))

        return answer

    for kind in kinds | {"CarePlan", "MedicationRequest", "MedicationAdministration", "MedicationDispense"}:
        server.on(f"/fhir/{kind}", search(kind))


def test_a_server_is_read_without_a_browser(tmp_path: Path) -> None:
    plain = json.loads(jsontext.dumps(POSITIVE))
    with fake_server() as server:
        serve(server, plain)
        ran = smart_app("read", "--fhir", server.base, "--patient", "sandbox-first-positive", "--json")
        assert (ran.code, ran.err) == (0, "")
        told = ran.json
        assert [d["outcome"] for d in told["draws"]] == ["not_detected", "not_detected", "detected"]
        assert told["receipt"]["searches"]
        assert told["receipt"]["read_at"]
        text = smart_app("read", "--fhir", server.base, "--patient", "sandbox-first-positive")
        assert "detected p.D538G 0.84 %" in text.out
        decided = smart_app(
            "decide", "--fhir", server.base, "--patient", "sandbox-first-positive", "--today", "2026-11-21"
        )
        assert decided.code == 0
        gone = smart_app("read", "--fhir", server.base, "--patient", "nobody")
        assert gone.code == 2
        assert re.search(r"\[fhir\.[a-z_]+\]", gone.err)
