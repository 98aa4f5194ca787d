"""A policy is data that a site may write: what is right loads, everything else is refused with its file and line."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.facts import Chart
from smart_app.domain.policy import DEFAULT_HOTSPOTS, Policy
from smart_app.errors import ConfigError
from smart_app.policies import DEFAULT, SETTINGS, SHIPPED, as_toml, load_policy, parse_policy, settings_table

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
STRICT = (Path(__file__).resolve().parent.parent.parent / "smart_app/policies/trial-strict.toml").read_text("utf-8")


def site(**changes: str) -> str:
    """The strict policy's text under a name of its own, with the lines of these settings replaced."""
    kept = {"name": '"ours"', **changes}
    lines, skipping = [], False
    for line in STRICT.splitlines():
        key = line.split("=")[0].strip()
        if skipping:
            skipping = line.strip() != "]"
        elif key in kept:
            skipping = line.rstrip().endswith("[") and not kept[key].endswith("[")
            lines.append(f"{key} = {kept.pop(key)}")
        else:
            lines.append(line)
    return "\n".join(lines + [f"{key} = {value}" for key, value in kept.items()])


def refusal(raw: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_policy("site.toml", raw)
    assert caught.value.code == "config.policy"
    return caught.value.message


def line_of(raw: str, key: str) -> int:
    return next(n for n, line in enumerate(raw.splitlines(), 1) if line.startswith(key))


def test_the_default_policy_is_the_strict_one() -> None:
    assert DEFAULT == "trial-strict"
    assert load_policy(DEFAULT).name == "trial-strict"


def test_the_two_shipped_policies_differ_where_the_sources_differ() -> None:
    strict, practical = (load_policy(name) for name in SHIPPED)
    differing = {f.name for f in fields(Policy) if getattr(strict, f.name) != getattr(practical, f.name)}
    assert differing == {
        "name",
        "basis",
        "first_draw_from_months",
        "first_draw_by_months",
        "exemestane_inside",
        "earlier_chemotherapy_inside",
    }
    assert (strict.first_draw_from_months, strict.first_draw_by_months) == (6, 7)
    assert (practical.first_draw_from_months, practical.first_draw_by_months) == (2, 3)
    assert (strict.interval_from_months, strict.interval_to_months) == (2, 3)
    assert not strict.exemestane_inside
    assert not strict.earlier_chemotherapy_inside
    assert practical.exemestane_inside
    assert practical.earlier_chemotherapy_inside


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_names_its_basis_and_every_setting(name: str) -> None:
    policy = load_policy(name)
    assert "wording" in policy.basis
    raw = (Path(__file__).resolve().parent.parent.parent / f"smart_app/policies/{name}.toml").read_text("utf-8")
    assert all(f"\n{field.name} = " in raw for field in fields(Policy))
    assert policy.hotspots == DEFAULT_HOTSPOTS


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_that_is_shown_can_be_saved_and_loaded_again(name: str, tmp_path: Path) -> None:
    policy = load_policy(name)
    saved = tmp_path / "copy.toml"
    saved.write_text(as_toml(policy), encoding="utf-8")
    assert load_policy(saved) == policy
    assert load_policy(str(saved)) == policy


def test_every_setting_has_a_clause_a_meaning_and_a_place_in_the_table() -> None:
    assert list(SETTINGS) == [field.name for field in fields(Policy)]
    page = (DOCS / "policies.md").read_text("utf-8")
    assert settings_table([load_policy(name) for name in SHIPPED]) in page, "docs/policies.md is not current"


def test_a_site_writes_its_own_policy() -> None:
    policy = parse_policy("site.toml", site(interval_to_months="4", ai_alone_inside="true", hotspots='["p.D538G"]'))
    expected = replace(load_policy(DEFAULT), name="ours", interval_to_months=4, ai_alone_inside=True)
    assert policy == replace(expected, hotspots=("p.D538G",))


def test_settings_that_are_left_out_keep_their_documented_value() -> None:
    policy = parse_policy("site.toml", 'name = "short"\nversion = "1"\nbasis = "practical"\n')
    assert policy == Policy("short", "1", "practical")


def test_a_changed_copy_cannot_pass_as_the_shipped_policy() -> None:
    changed = parse_policy("site.toml", site(name='"trial-strict"', second_tier="false"))
    assert changed.name == "trial-strict (changed)"
    assert parse_policy("site.toml", STRICT).name == "trial-strict"
    own_version = site(name='"trial-strict"', version='"2027-01"', second_tier="false")
    assert parse_policy("site.toml", own_version).name == "trial-strict"


WRONG = [
    ("an unknown key", {"intervall_to_months": "3"}, "intervall_to_months", "unknown setting"),
    ("a text for a number", {"floor_days": '"42"'}, "floor_days", "must be a whole number from 0 to 3650"),
    ("a fraction for a number", {"floor_days": "42.0"}, "floor_days", "must be a whole number"),
    ("a truth value for a number", {"hold_days": "true"}, "hold_days", "must be a whole number"),
    ("a negative number", {"hold_days": "-1"}, "hold_days", "must be a whole number from 0"),
    ("a month beyond any calendar", {"interval_to_months": "99999999"}, "interval_to_months", "from 1 to 120"),
    ("a number for a truth value", {"second_tier": "1"}, "second_tier", "must be true or false"),
    ("a date for a text", {"version": "2026-11-21"}, "version", "must be a text in quotes"),
    ("an empty name", {"name": '" "'}, "name", "must be a text in quotes"),
    ("a name of two lines", {"name": '"a\\nb"'}, "name", "must be one line"),
    ("a text for a list", {"hotspots": '"p.D538G"'}, "hotspots", "must be a list"),
    ("a number for a list", {"indel_codons": "537"}, "indel_codons", "must be a list"),
    ("a variant without its p.", {"hotspots": '["D538G"]'}, "hotspots", "must be protein changes"),
    ("a three-letter variant", {"hotspots": '["p.Asp538Gly"]'}, "hotspots", "one-letter"),
    ("a codon outside the protein", {"indel_codons": "[5380]"}, "indel_codons", "from 1 to 595"),
    ("a variant named twice", {"hotspots": '["p.D538G", "p.D538G"]'}, "hotspots", "twice"),
    ("first draw ends before it begins", {"first_draw_by_months": "5"}, "first_draw_by_months", "smaller than"),
    ("interval ends before it begins", {"interval_to_months": "1"}, "interval_to_months", "smaller than"),
    ("a floor beyond the interval", {"floor_days": "120"}, "floor_days", "longer than"),
    ("a second tier turned round", {"second_tier_to": "300"}, "second_tier_to", "smaller than"),
    ("nothing that could raise", {"hotspots": "[]", "second_tier": "false"}, "hotspots", "hardly any result"),
]


@pytest.mark.parametrize(("changes", "key", "why"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_setting_is_refused_with_its_line(changes: dict[str, str], key: str, why: str) -> None:
    raw = site(**changes)
    message = refusal(raw)
    assert message.startswith(f"site.toml, line {line_of(raw, key)}: {key}: "), message
    assert why in message


def test_the_line_is_that_of_the_setting_and_not_of_a_look_alike_inside_a_text() -> None:
    raw = 'name = "x"\nversion = "1"\nbasis = """a\nfloor_days = 3\n"""\nfloor_days = "x"\n'
    assert "must be one line" in refusal(raw)  # a basis of several lines is refused first, with its own line
    raw = 'hotspots = [\n  "p.D538G", # \n]\nname = "x"\nversion = "1"\nbasis = "b"\n\nfloor_days = -3\n'
    assert refusal(raw).startswith("site.toml, line 8: floor_days: ")


@pytest.mark.parametrize("key", ["name", "version", "basis"])
def test_name_version_and_basis_are_needed(key: str) -> None:
    raw = "\n".join(line for line in STRICT.splitlines() if not line.startswith(f"{key} ="))
    assert refusal(raw) == f"site.toml: {key} is missing."


def test_a_table_is_no_setting() -> None:
    assert refusal(STRICT + '\n[regions]\nus = "x"\n').endswith("regions: unknown setting.")
    assert refusal('name.first = "x"\n') == "site.toml, line 1: name: must be a text in quotes."


def test_what_is_not_toml_is_refused_with_its_line() -> None:
    assert refusal('name = "x"\nversion = \n') == "site.toml, line 2: is not TOML."
    assert refusal("x = " + "[" * 5000).endswith("is not TOML.")
    assert refusal("x = " + "9" * 5000).endswith("is not TOML.")


def test_a_policy_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    for name, words in (
        ("nope", "There is no policy 'nope'; shipped: trial-strict, practical."),
        (str(tmp_path / "nope.toml"), "The policy file nope.toml could not be read."),
        (str(tmp_path), f"The policy file {tmp_path.name} could not be read."),
    ):
        with pytest.raises(ConfigError) as caught:
            load_policy(name)
        assert (caught.value.code, caught.value.message) == ("config.policy", words)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe4"')
    with pytest.raises(ConfigError):
        load_policy(tmp_path / "latin.toml")


VALUES = st.one_of(
    st.integers(-10, 5000).map(str),
    st.integers().map(str),
    st.booleans().map(lambda b: str(b).lower()),
    st.floats().map(str),
    st.sampled_from(['"p.D538G"', "[]", '["p.D538G"]', "[[]]", "{}", "2026-11-21", '""', "[536, 537]", "07:00:00"]),
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    lines = STRICT.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["value", "delete", "double", "swap", "characters", "key"]))
        if kind == "value":
            lines[at] = f"{lines[at].split('=')[0]}= {draw(VALUES)}"
        elif kind == "key":
            lines[at] = f"{draw(st.sampled_from(list(SETTINGS)))} = {draw(VALUES)}"
        elif kind == "delete" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "swap":
            lines[at], lines[0] = lines[0], lines[at]
        else:
            cut = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:cut] + draw(st.text(max_size=4)) + lines[at][cut:]
    return "\n".join(lines)


@given(st.one_of(mutated(), st.text(max_size=60)))
@example("\x00")
@example("'' = 1")
def test_any_text_is_a_policy_that_decides_or_a_refusal_that_names_the_file(raw: str) -> None:
    outcome = policy_or_refusal(raw)
    if isinstance(outcome, ConfigError):
        assert outcome.code == "config.policy"
        assert outcome.message.startswith("site.toml")
        assert outcome.message.isprintable()
    else:
        assert parse_policy("again.toml", as_toml(outcome)) == outcome
        decide(Chart(), outcome, date(2026, 11, 21))


def policy_or_refusal(raw: str) -> Policy | ConfigError:
    try:
        return parse_policy("site.toml", raw)
    except ConfigError as error:
        return error
