"""``smart-app evidence`` and ``smart-app policy``."""

from __future__ import annotations

from pathlib import Path

from smart_app.evidence import load_evidence
from smart_app.policies import load_policy
from tests.cli.command import smart_app, write


def test_evidence_lists_every_entry_with_its_source_and_its_days() -> None:
    ran = smart_app("evidence", "--today", "2026-11-21")
    assert ran.code == 0
    for entry in load_evidence():
        assert f"({entry.id}; {entry.mark})" in ran.out
        assert entry.claim in ran.out
    assert ran.out.count("checked on 2026-11-21, check again by ") == len(load_evidence())
    assert "OUT OF DATE" not in ran.out


def test_evidence_marks_what_is_out_of_date() -> None:
    ran = smart_app("evidence", "--today", "2030-01-01")
    assert ran.out.count("OUT OF DATE") == len(load_evidence())
    told = smart_app("evidence", "--today", "2027-02-20", "--json").json
    stale = {e["id"] for e in told["entries"] if e["stale"]}
    assert "odac-vote" in stale
    assert "serena-6-pfs" not in stale


def test_the_sites_region_comes_first_and_the_others_stay() -> None:
    told = smart_app("evidence", "--region", "EU", "--json").json
    assert told["region"] == "eu"
    assert told["entries"][0]["region"] == "eu"
    assert len(told["entries"]) == len(load_evidence())
    assert set(told["entries"][0]) >= {"id", "claim", "population", "number", "stance", "source", "url", "checked_on"}


def test_a_policy_is_shown_as_a_file_that_can_be_used(tmp_path: Path) -> None:
    for name in ("trial-strict", "practical"):
        ran = smart_app("policy", "show", name)
        assert ran.code == 0
        saved = write(tmp_path / "copy.toml", ran.out.encode())
        assert load_policy(saved) == load_policy(name)
        checked = smart_app("policy", "check", saved)
        assert (checked.code, checked.out.splitlines()[0]) == (0, f"{name} 2026-11-21 is a policy.")
    assert smart_app("policy", "show", "--json").json["name"] == "trial-strict"
    assert "trial-strict 2026-11-21 (default)" in smart_app("policy", "list").out


def test_a_wrong_policy_file_is_refused_with_its_line(tmp_path: Path) -> None:
    wrong = write(tmp_path / "ours.toml", b'name = "a"\nversion = "1"\nbasis = "b"\nintervall = 3\n')
    for words in (("policy", "check", wrong), ("policy", "show", wrong)):
        ran = smart_app(*words)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == "smart-app: ours.toml, line 4: intervall: unknown setting. [config.policy]\n"
