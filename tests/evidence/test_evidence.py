"""The evidence is data: complete, dated, for and against, and out of date when its day has passed."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app.domain import decide
from smart_app.domain.reasons import EVIDENCE_IDS
from smart_app.errors import ConfigError
from smart_app.evidence import (
    MARKS,
    REGIONS,
    STANCES,
    Evidence,
    by_id,
    load_evidence,
    marked,
    parse_evidence,
    regional,
    rests_on_stale,
    stale_sentence,
)
from smart_app.evidence.page import evidence_page
from tests.support.rule_charts import STRICT, chart_of

ROOT = Path(__file__).resolve().parent.parent.parent
ENTRIES = load_evidence()
TODAY = date(2026, 11, 21)

REFERENCES = {
    "First-line camizestrant for emerging ESR1-mutated advanced breast cancer": "pubmed.ncbi.nlm.nih.gov/40454637",
    "Plasma ESR1 mutations and the treatment of estrogen receptor-positive advanced breast cancer": (
        "pmc.ncbi.nlm.nih.gov/articles/PMC4998737"
    ),
    "Risk of early progression according to circulating ESR1 mutation, tumor burden and prior treatment": (
        "pmc.ncbi.nlm.nih.gov/articles/PMC7254698"
    ),
    "The genomic landscape of endocrine-resistant advanced breast cancers": (
        "sciencedirect.com/science/article/pii/S1936523319303948"
    ),
    "ESR1 gene mutation in HR+ HER2- metastatic breast cancer": (
        "frontiersin.org/journals/oncology/articles/10.3389/fonc.2021.625636"
    ),
    "Assessing the clinical readiness of the SERENA-6 strategy": "pmc.ncbi.nlm.nih.gov/articles/PMC12422312",
    "Clinical value of circulating ESR1 mutations for patients with metastatic breast cancer": (
        "pmc.ncbi.nlm.nih.gov/articles/PMC6097501"
    ),
    "Patient-reported outcomes in the SERENA-6 trial of camizestrant": "pubmed.ncbi.nlm.nih.gov/41125211",
}

# entry: what its number must say
NUMBERS = {
    "serena-6-pfs": ["16.0 v 9.2", "16.8 v 9.2", "0.44", "0.45"],
    "serena-6-pfs2": ["25.7", "19.1", "0.63"],
    "serena-6-qol": ["21.0 v 6.4", "23.0", "0.53", "0.54"],
    "serena-6-os": ["34.3 %", "source document"],
    "serena-6-first-test": ["51 %"],
    "serena-6-funnel": ["3,256", "548", "315"],
    "pada-1": ["11.9 v 5.7"],
    "pada-1-baseline": ["3.2 %", "7.1 %"],
    "pada-1-clearance": ["78 %", "56 %"],
    "pada-1-kinetics": ["2.67", "2.08", "1.58"],
    "serena-6-ctdna": ["1.9 %"],
    "lead-time": ["110 days"],
    "lead-time-2018": ["6.7 months"],
    "lead-time-cdk46": ["5.7", "9.2"],
    "odac-vote": ["6 to 3"],
    "persevera": ["33.1 v 28.2", "0.89"],
    "serena-6-cost": ["3,256", "315"],
    "fda-accelerated-approval": ["2026-09-04"],
    "chmp-opinion": ["2026-05-21"],
    "emerald": ["3.8 v 1.9"],
    "ember-3": ["5.5 v 3.8"],
}

STANCE = {
    "for": ["serena-6-pfs", "serena-6-pfs2", "serena-6-qol", "pada-1", "fda-accelerated-approval", "chmp-opinion"],
    "against": [
        "odac-vote",
        "guidelines",
        "asco-monitoring",
        "persevera",
        "serena-4",
        "serena-6-control",
        "serena-6-cost",
    ],
    "neutral": [
        "serena-6-os",
        "ec-decision",
        "uk-decision",
        "japan-decision",
        "china-decision",
        "switzerland-decision",
    ],
}


def test_every_id_that_a_rule_names_is_an_entry() -> None:
    assert set(EVIDENCE_IDS) <= set(by_id())


def test_every_id_in_the_text_of_the_rules_is_an_entry() -> None:
    slug = re.compile(r'"([a-z]+(?:-[a-z0-9]+)+)"')
    families = (
        "serena-",
        "pada-",
        "fda-",
        "chmp-",
        "odac-",
        "ember-",
        "emerald",
        "paloma",
        "esmo-",
        "policy-",
        "asco-",
    )
    for file in (ROOT / "smart_app/domain").glob("*.py"):
        named = {word for word in slug.findall(file.read_text("utf-8")) if word.startswith(families)}
        assert named <= set(by_id()), file.name


@pytest.mark.parametrize(("ident", "parts"), NUMBERS.items(), ids=list(NUMBERS))
def test_an_entry_carries_its_numbers(ident: str, parts: list[str]) -> None:
    assert [part for part in parts if part not in by_id()[ident].number] == []


@pytest.mark.parametrize(("stance", "ids"), STANCE.items(), ids=list(STANCE))
def test_an_entry_stands_on_its_side(stance: str, ids: list[str]) -> None:
    assert [ident for ident in ids if by_id()[ident].stance != stance] == []


def test_quality_of_life_is_called_nominal_and_never_significant() -> None:
    entry = by_id()["serena-6-qol"]
    assert "nominal" in entry.claim
    assert not any("significant" in words for e in ENTRIES for words in (e.claim, e.number, e.note))


def test_survival_is_immature_and_its_figure_untraced() -> None:
    entry = by_id()["serena-6-os"]
    assert "immature" in entry.claim
    assert entry.mark == "untraced"
    assert entry.url == ""


def test_the_approval_came_after_the_vote_and_both_stay() -> None:
    assert by_id()["odac-vote"].dated == "2026-04-30"
    assert by_id()["fda-accelerated-approval"].dated == "2026-09-04"
    assert "accelerated" in by_id()["fda-accelerated-approval"].number


@pytest.mark.parametrize("region", ["eu", "uk", "jp", "cn", "ch"])
def test_where_no_decision_was_found_it_says_unknown(region: str) -> None:
    entries = [e for e in ENTRIES if e.region == region and e.number == "unknown"]
    assert len(entries) == 1
    assert entries[0].note.startswith("Unknown is not no.")


def test_the_eight_references_stand_with_title_and_address() -> None:
    found = {e.source: e.url for e in ENTRIES if e.reference}
    assert {title: url.removeprefix("https://").removeprefix("www.") for title, url in found.items()} == REFERENCES


def test_every_entry_was_checked_and_will_be_checked_again() -> None:
    for entry in ENTRIES:
        assert entry.checked_on == TODAY
        days = (entry.recheck_by - entry.checked_on).days
        soon = entry.region is not None and entry.id not in ("emerald", "ember-3", "veritac-2", "evera", "odac-reasons")
        guideline = entry.id.startswith(("guidelines", "asco", "esmo", "nccn"))
        assert days == (90 if soon or guideline else 180), entry.id


def test_no_claim_number_or_note_names_a_drug_of_the_class_that_the_flag_must_not_name() -> None:
    drugs = (
        "camizestrant",
        "elacestrant",
        "imlunestrant",
        "giredestrant",
        "vepdegestrant",
        "palazestrant",
        "fulvestrant",
    )
    brands = ("etcamah", "orserdu", "veppanu", "faslodex")
    for entry in ENTRIES:
        said = f"{entry.claim} {entry.number} {entry.note} {entry.population}".lower()
        assert [name for name in drugs + brands if name in said] == [], entry.id


def test_the_page_in_the_docs_is_made_from_the_data() -> None:
    made = evidence_page(ENTRIES)
    assert (ROOT / "docs/evidence.md").read_text("utf-8") == made, (
        "run: smart-app evidence --markdown > docs/evidence.md"
    )
    assert all(f"`{entry.id}`" in made for entry in ENTRIES)


def test_an_entry_holds_on_its_last_day_and_is_stale_the_day_after() -> None:
    entry = by_id()["odac-vote"]
    assert not entry.is_stale(entry.recheck_by)
    assert entry.is_stale(entry.recheck_by + timedelta(days=1))


def test_a_clause_is_stale_only_when_all_its_sources_are() -> None:
    winter = date(2027, 3, 1)  # regulators are past their day, trials are not
    assert rests_on_stale(("odac-vote", "chmp-opinion"), winter)
    assert not rests_on_stale(("odac-vote", "serena-6-pfs"), winter)
    assert not rests_on_stale((), winter)
    assert not rests_on_stale(("odac-vote",), TODAY)
    assert stale_sentence(("odac-vote",), TODAY) is None
    assert stale_sentence(("odac-vote",), winter) == (
        "The sources behind this clause are out of date: last checked on 2026-11-21."
    )


def test_the_chosen_region_comes_first_and_nothing_is_lost() -> None:
    for region in REGIONS:
        ordered = regional(ENTRIES, region)
        assert sorted(ordered, key=lambda e: e.id) == sorted(ENTRIES, key=lambda e: e.id)
        assert [e.region == region for e in ordered] == sorted((e.region == region for e in ordered), reverse=True)
    assert regional(ENTRIES, None)[0].region is None


# --- the loader -------------------------------------------------------------------------------------------------------

GOOD = {
    "id": '"a-b"',
    "claim": '"c"',
    "population": '"p"',
    "number": '"n"',
    "stance": '"for"',
    "source": '"s"',
    "url": '"https://example.org"',
    "dated": '"2026"',
    "mark": '"read"',
    "checked_on": "2026-11-21",
    "recheck_by": "2027-02-19",
}


def entry_text(**changes: str) -> str:
    return "# head\n[[evidence]]\n" + "\n".join(f"{k} = {v}" for k, v in {**GOOD, **changes}.items() if v)


def test_a_file_is_read_with_its_defaults() -> None:
    one, two = parse_evidence(
        "x.toml", '[defaults]\nmark = "read"\n' + entry_text(mark="") + "\n" + entry_text(id='"z"')
    )
    assert (one.mark, two.id) == ("read", "z")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"stance": '"maybe"'}, "stance"),
        ({"mark": '"sure"'}, "mark"),
        ({"region": '"moon"'}, "region"),
        ({"id": '"A b"'}, "id"),
        ({"url": '"http://example.org"'}, "url"),
        ({"recheck_by": "2026-11-21"}, "recheck_by"),
        ({"checked_on": '"2026-11-21"'}, "checked_on"),
        ({"checked_on": "2026-11-21T00:00:00"}, "checked_on"),
        ({"claim": '" "'}, "claim"),
        ({"number": "3"}, "number"),
        ({"source": ""}, "source is missing"),
        ({"reference": "1"}, "reference"),
        ({"extra": "1"}, "extra: unknown"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_line(changes: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=rf"x\.toml, line 2: .*{why}") as caught:
        parse_evidence("x.toml", entry_text(**changes))
    assert caught.value.code == "config.evidence"


@pytest.mark.parametrize(
    "raw", ["[[evidence", "x = 1", "evidence = 1", "evidence = [1]", "[[evidence]]\n[[evidence]]", entry_text() * 2]
)
def test_a_wrong_file_is_refused(raw: str) -> None:
    with pytest.raises(ConfigError, match=r"^x\.toml"):
        parse_evidence("x.toml", raw)


VALUES = st.sampled_from(['"x"', "1", "true", "[]", "{}", "2026-11-21", "2030-01-01", '""', '"us"', '"for"', ""])


@given(st.dictionaries(st.sampled_from([*GOOD, "region", "note", "reference", "odd"]), VALUES, max_size=4))
def test_any_entry_is_evidence_or_a_refusal(changes: dict[str, str]) -> None:
    outcome = entries_or_refusal(entry_text(**changes))
    if isinstance(outcome, ConfigError):
        assert outcome.message.startswith("x.toml")
    else:
        assert all(isinstance(e, Evidence) and e.stance in STANCES and e.mark in MARKS for e in outcome)


def entries_or_refusal(raw: str) -> tuple[Evidence, ...] | ConfigError:
    try:
        return parse_evidence("x.toml", raw)
    except ConfigError as error:
        return error


def test_a_decision_says_of_each_reason_that_rests_only_on_stale_sources_that_it_does() -> None:
    chart = chart_of(["draw detected 2026-09-01 plasma p.D538G"])
    fresh = decide(chart, STRICT, TODAY)
    assert marked(fresh) is fresh
    assert not any(r.stale for r in marked(fresh).reasons)
    late = marked(decide(chart, STRICT, date(2029, 1, 1)))
    assert {r.code for r in late.reasons if r.stale} == {r.code for r in late.reasons if r.evidence}
    assert {r.stale for r in late.reasons if r.evidence} == {
        "The sources behind this clause are out of date: last checked on 2026-11-21."
    }
    assert not any(r.stale for r in late.reasons if not r.evidence)
    assert late.headline == decide(chart, STRICT, date(2029, 1, 1)).headline


def test_a_reason_with_one_source_in_date_is_not_marked() -> None:
    """The regulators' entries expire first; the clause of the flag rests on the trial as well."""
    first = min(e.recheck_by for e in ENTRIES)
    day = first + timedelta(days=1)
    chart = chart_of(["draw detected 2026-09-01 plasma p.D538G"])
    for reason in marked(decide(chart, STRICT, day)).reasons:
        stale = [by_id()[e].is_stale(day) for e in reason.evidence]
        assert bool(reason.stale) is (bool(stale) and all(stale)), reason


@pytest.mark.parametrize("region", [*REGIONS, None])
def test_the_sites_region_comes_first_and_nothing_is_lost(region: str | None) -> None:
    shown = regional(ENTRIES, region)
    assert sorted(shown, key=lambda e: e.id) == sorted(ENTRIES, key=lambda e: e.id)
    regions = [e.region for e in shown]
    if region is not None:
        assert set(regions[: regions.count(region)]) == {region}
    others = [r for r in regions if r not in (None, region)]
    assert regions[len(regions) - len(others) :] == others
