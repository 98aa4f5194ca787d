"""Draws written in every shape are read back the same; a damaged record never stops the reader nor turns a result."""

from __future__ import annotations

import base64
import copy
import os
from decimal import Decimal
from html import escape

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from smart_app.domain.facts import Outcome, Specimen, Standing
from smart_app.fhir.jsontext import loads
from smart_app.fhir.reading.hgvs import _TRANSLATED, one_letter
from smart_app.fhir.reading.results import read_results
from tests.support import spec_tables as spec

MANY = settings(
    max_examples=100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SOME = settings(MANY, max_examples=100_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 500)

LOINC = "http://loinc.org"
THREE = {"p.D538G": "p.Asp538Gly", "p.Y537S": "p.Tyr537Ser", "p.Y537N": "p.Tyr537Asn", "p.E380Q": "p.Glu380Gln"}
DNA = {"p.D538G": "c.1613A>G", "p.Y537S": "c.1610A>C", "p.Y537N": "c.1609T>A", "p.E380Q": "c.1138G>C"}


# --- facts, and every way to write them -------------------------------------------------------------------------------


def fractions():
    return st.one_of(st.none(), st.integers(1, 9999).map(lambda n: Decimal(n).scaleb(-4)))


facts = st.lists(
    st.tuples(
        st.sampled_from([Outcome.DETECTED, Outcome.NOT_DETECTED, Outcome.FAILED, Outcome.INDETERMINATE]),
        st.dictionaries(st.sampled_from(sorted(THREE)), fractions(), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def _concept(*codings, text=None):
    found = {"coding": [{k: v for k, v in zip(("system", "code", "display"), c, strict=True) if v} for c in codings]}
    return {**found, "text": text} if text else found


def _component(code, **value):
    return {"code": _concept((LOINC, code, None)), **value}


ANSWER = {
    Outcome.DETECTED: "LA9633-4",
    Outcome.NOT_DETECTED: "LA9634-2",
    Outcome.FAILED: "LA18198-4",
    Outcome.INDETERMINATE: "LA11884-6",
}
WORD = {
    Outcome.NOT_DETECTED: "No ESR1 mutation detected.",
    Outcome.FAILED: "ESR1: quantity not sufficient",
    Outcome.INDETERMINATE: "ESR1: indeterminate",
}


def _amount(fraction, style):
    if style == "percent":
        value, unit = fraction.scaleb(2), {"unit": "%", "code": "%", "system": "http://unitsofmeasure.org"}
    elif style == "one":
        value, unit = fraction, {"code": "1", "system": "http://unitsofmeasure.org"}
    else:
        value, unit = fraction, {"unit": "decimal"}
    return _component("81258-6", valueQuantity={"value": value, **unit})


GENES = (
    _component("48018-6", valueCodeableConcept=_concept(("http://www.genenames.org/geneId", "HGNC:3467", "ESR1"))),
    _component("48018-6", valueCodeableConcept=_concept(("http://www.genenames.org", "3467", None))),
    _component("48018-6", valueCodeableConcept={"text": "ESR1"}),
    _component(
        "48018-6", valueCodeableConcept=_concept(("urn:x", "1", None), ("http://www.genenames.org", "HGNC:3467", None))
    ),
)


def coded(ident, day, outcome, change, fraction, draw):
    parts = [draw(st.sampled_from(GENES))]
    if outcome is Outcome.DETECTED:
        style = draw(st.sampled_from(["one", "three", "dna", "clinvar"]))
        if style == "clinvar":
            name = f"NM_000125.4(ESR1):{DNA[change]} ({THREE[change]})"
            parts.append(_component("81252-9", valueCodeableConcept=_concept(("urn:clinvar", "1", name))))
        elif style == "dna":
            parts.append(
                _component("48004-6", valueCodeableConcept=_concept(("http://varnomen.hgvs.org", DNA[change], None)))
            )
        else:
            said = change if style == "one" else THREE[change]
            parts.append(_component("48005-3", valueCodeableConcept=_concept(("http://varnomen.hgvs.org", said, None))))
        if fraction is not None:
            parts.append(_amount(fraction, draw(st.sampled_from(["percent", "one", "decimal"]))))
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": "final",
        "code": _concept((LOINC, "69548-6", None)),
        "valueCodeableConcept": _concept((LOINC, ANSWER[outcome], None)),
        "component": draw(st.permutations(parts)),
        **({"effectiveDateTime": day} if day else {}),
    }


def words(outcome, changes, draw):
    if outcome is not Outcome.DETECTED:
        return WORD[outcome]
    comma = draw(st.booleans())
    said = []
    for change, fraction in changes.items():
        name = draw(st.sampled_from([change, change[2:], THREE[change], f"{THREE[change]} ({change[2:]})"]))
        amount = "" if fraction is None else f", VAF {fraction.scaleb(2)} %"
        said.append(f"ESR1 {name} detected{amount.replace('.', ',') if comma else amount}")
    return draw(st.sampled_from(["; ", ". ", "\n"])).join(said)


SHAPES = (
    *("alone", "report", "contained", "panel", "text", "note", "conclusion", "attached"),
    *(
        "html",
        "rtf",
        "narrative",
        "document",
        "flat",
        "interpretation",
        "region",
        "study",
        "twice",
        "collected",
        "binary",
    ),
)
PLASMA = _concept(("http://snomed.info/sct", "119361006", None))
INTERPRETED = {Outcome.DETECTED: "POS", Outcome.NOT_DETECTED: "NEG", Outcome.INDETERMINATE: "IND"}
GUIDE = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/"


def _attached(kind, said):
    return [{"contentType": kind, "data": base64.b64encode(said.encode()).decode()}]


def _flat_component(outcome, change, fraction):
    said = WORD.get(outcome, "").replace("ESR1", "").strip(" :.") or "Detected"
    if outcome is Outcome.NOT_DETECTED:
        said = "Not detected"
    if outcome is Outcome.DETECTED and fraction is not None:
        said = f"Detected, {fraction.scaleb(2)} %"
    return {"code": {"text": f"ESR1 {change[2:]}"}, "valueString": said}


def _interpreted(flat, outcome, changes):
    """Only where one change is named and no amount: an interpretation says neither."""
    (change, fraction), *more = changes.items()
    if outcome is Outcome.FAILED:
        return {**flat, "code": {"text": "ESR1, ctDNA"}, "dataAbsentReason": {"coding": [{"code": "error"}]}}
    if outcome is Outcome.DETECTED and (more or fraction is not None):
        return None
    name = f"ESR1 {change[2:]}, ctDNA" if outcome is Outcome.DETECTED else "ESR1 mutation, ctDNA"
    return {**flat, "code": {"text": name}, "interpretation": [{"coding": [{"code": INTERPRETED[outcome]}]}]}


def _inferred(shape, number, report):
    """Not detected because it was studied and nothing was found."""
    if shape == "region":
        studied = {"resourceType": "Observation", "id": f"g{number}", "status": "final"}
        studied |= {"code": _concept((LOINC, "53041-0", None)), "component": [GENES[0]]}
        return [{**report, "result": [{"reference": f"Observation/g{number}"}]}, studied]
    regions = {"url": f"{GUIDE}genomic-study-analysis-regions"}
    regions["extension"] = [{"url": "studied", "valueCodeableConcept": GENES[1]["valueCodeableConcept"]}]
    regions["extension"][0]["valueCodeableConcept"] = GENES[0]["valueCodeableConcept"]
    study = {"resourceType": "Procedure", "id": f"s{number}", "status": "completed", "extension": [regions]}
    link = {"url": f"{GUIDE}genomic-study-reference", "valueReference": {"reference": f"Procedure/s{number}"}}
    return [{**report, "extension": [link]}, study]


def _more_shapes(shape, number, day, outcome, changes, members, report, flat, draw):
    """The resources of a shape, or None where it cannot say this."""
    said = words(outcome, changes, draw)
    lines = escape(said).replace("\n", "<br/>")
    if shape == "html":
        return [{**report, "presentedForm": _attached("text/html", f"<html><body><p>{lines}</p></body></html>")}]
    if shape == "rtf":
        rich = said.replace("\n", "\\par ")
        return [{**report, "presentedForm": _attached("text/rtf", f"{{\\rtf1\\ansi\\pard {rich}\\par}}")}]
    if shape == "narrative":
        return [{**report, "text": {"status": "generated", "div": f"<div>{lines}</div>"}}]
    if shape in ("document", "binary"):
        form = _attached("text/plain", said)[0]
        binary = {"resourceType": "Binary", "id": f"b{number}", **form}
        if shape == "binary":
            form = {"contentType": "text/plain", "url": f"Binary/b{number}"}
        document = {"resourceType": "DocumentReference", "id": f"d{number}", "status": "current", "date": day}
        document |= {"type": {"text": "Guardant360 report"}, "content": [{"attachment": form}]}
        return [document, binary] if shape == "binary" else [document]
    if shape == "flat":
        parts = [_flat_component(outcome, change, fraction) for change, fraction in changes.items()]
        return [{**flat, "code": {"text": "ESR1 ctDNA panel"}, "component": parts}]
    if shape == "interpretation":
        made = _interpreted(flat, outcome, changes)
        return [made] if made else None
    if shape in ("region", "study"):
        return _inferred(shape, number, report) if outcome is Outcome.NOT_DETECTED else None
    if shape == "twice":
        first = {**report, "result": [{"reference": f"Observation/{m['id']}"} for m in members]}
        return [first, *members, {**flat, "code": {"text": "ctDNA"}, "valueString": said}]
    later = f"{day[:8]}2{day[9:]}"
    place = {"specimen": {"reference": f"Specimen/p{number}"}, "effectiveDateTime": later}
    specimen = {"resourceType": "Specimen", "id": f"p{number}", "type": PLASMA}
    collection = draw(st.sampled_from([{"collectedDateTime": day}, {"collectedPeriod": {"start": day, "end": later}}]))
    return [*({**m, **place} for m in members), {**specimen, "collection": collection}]


@st.composite
def charts(draw):
    """(facts, resources that tell them, each in a shape of its own)"""
    told, resources = draw(facts), []
    for number, (outcome, changes) in enumerate(told):
        day = f"2026-{number + 1:02d}-15"
        shape = draw(st.sampled_from(SHAPES))
        several = changes if outcome is Outcome.DETECTED else {"p.D538G": None}
        dated = draw(st.booleans())
        members = [
            coded(f"v{number}-{n}", day if shape == "alone" or dated else None, outcome, change, fraction, draw)
            for n, (change, fraction) in enumerate(several.items())
        ]
        report = {"resourceType": "DiagnosticReport", "id": f"r{number}", "status": "final", "effectiveDateTime": day}
        report["code"] = _concept((LOINC, "51969-4", None))
        flat = {"resourceType": "Observation", "id": f"o{number}", "status": "final", "effectiveDateTime": day}
        more = None
        if shape in SHAPES[8:]:
            more = _more_shapes(shape, number, day, outcome, changes, members, report, flat, draw)
            shape = shape if more is not None else "report"
        if more is not None:
            resources += more
        elif shape == "alone":
            resources += members
        elif shape == "report":
            resources += [{**report, "result": [{"reference": f"Observation/{m['id']}"} for m in members]}, *members]
        elif shape == "contained":
            resources.append(
                {**report, "result": [{"reference": f"#{m['id']}"} for m in members], "contained": members}
            )
        elif shape == "panel":
            panel = {
                "code": {"text": "ctDNA panel"},
                "hasMember": [{"reference": f"Observation/{m['id']}"} for m in members],
            }
            resources += [{**flat, **panel}, *members]
        elif shape == "text":
            resources.append({**flat, "code": {"text": "ctDNA"}, "valueString": words(outcome, changes, draw)})
        elif shape == "note":
            resources.append({**flat, "code": {"text": "ESR1"}, "note": [{"text": words(outcome, changes, draw)}]})
        elif shape == "conclusion":
            resources.append({**report, "conclusion": words(outcome, changes, draw)})
        else:
            data = base64.b64encode(words(outcome, changes, draw).encode()).decode()
            resources.append({**report, "presentedForm": [{"contentType": "text/plain", "data": data}]})
    return told, draw(st.permutations(resources))


@MANY
@given(charts())
def test_draws_written_in_any_shape_are_read_back_the_same(case):
    told, resources = case
    record = spec.record_of(resources)
    draws = read_results(record, None).draws
    assert [d.outcome for d in draws] == [outcome for outcome, _ in told]
    for number, (draw, (outcome, changes)) in enumerate(zip(draws, told, strict=True)):
        assert str(draw.date) == f"2026-{number + 1:02d}-15"
        assert draw.standing is Standing.FINAL
        found = {f.protein_change: f.vaf for f in draw.findings}
        assert found == (changes if outcome is Outcome.DETECTED else {})
    assert not record.notes.set_aside


@SOME
@given(charts(), st.randoms(use_true_random=False))
def test_the_order_of_the_entries_and_their_repetition_change_nothing(case, random):
    _, resources = case
    once = read_results(spec.record_of(resources), None)
    shuffled = [*resources, *copy.deepcopy(random.sample(resources, len(resources) // 2))]
    random.shuffle(shuffled)
    assert read_results(spec.record_of(shuffled), None) == once


# --- damage -----------------------------------------------------------------------------------------------------------

ROWS = [[loads(line) for line in row["given"].strip().splitlines()] for row in spec.rows("results.toml")]
JUNK = st.sampled_from(
    [None, 7, Decimal("0.5"), True, "", "x", [], {}, [None], [[]], [{}], {"a": 1}, [1, "a"], {"coding": 3}]
)


def _paths(value, path=()):
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _paths(child, (*path, key))


UNITS = ("%", "1", "decimal", "percent", "copies/mL", "g", "", None, 7)


def _damage(resource, draw, how):
    resource = copy.deepcopy(resource)
    paths = [p for p in _paths(resource) if how != "unit" or (p[-1] in ("unit", "code") and "valueQuantity" in p)]
    assume(paths)
    path = draw(st.sampled_from(sorted(paths, key=str)))
    parent = resource
    for key in path[:-1]:
        parent = parent[key]
    last = path[-1]
    if how == "delete":
        parent.pop(last)
    elif how == "retype":
        parent[last] = draw(JUNK)
    elif how == "unit":
        parent[last] = draw(st.sampled_from(UNITS))
    elif isinstance(parent[last], str):
        parent[last] = parent[last][: draw(st.integers(0, len(parent[last])))]
    return resource, path


@st.composite
def damaged(draw, hows=("delete", "retype", "truncate", "unit")):
    resources = list(draw(st.sampled_from(ROWS)))
    number = draw(st.integers(0, len(resources) - 1))
    resources[number], path = _damage(resources[number], draw, draw(st.sampled_from(hows)))
    return resources, path


@MANY
@given(damaged())
def test_a_damaged_record_never_stops_the_reader(case):
    resources, _ = case
    assume(all(isinstance(r, dict) for r in resources))
    read_results(spec.record_of(resources), None)


SINGLE = [row for row in ROWS if len(row) == 1 and row[0].get("resourceType") == "Observation"]


@st.composite
def damaged_answers(draw):
    resource = draw(st.sampled_from(SINGLE))[0]
    how = draw(st.sampled_from(["delete", "retype", "truncate", "unit"]))
    hurt, path = _damage(resource, draw, how)
    assume(path[-1] != "value" or how != "retype")  # another number is another report
    quantity = resource
    for key in path[:-1]:
        quantity = quantity[key]
    assume(how != "unit" or {"unit", "code"} <= quantity.keys())  # the one and only unit swapped is another report
    assume(
        how != "delete" or len(path) > 2 or path[0] not in ("component", "note")
    )  # another record, not a damaged one
    return resource, hurt, path


@MANY
@given(damaged_answers())
def test_damage_never_turns_a_result_into_its_opposite(case):
    """Not detected from detected, detected from anything else, or another change or amount: never without a word."""
    resource, hurt, path = case
    whole = read_results(spec.record_of([resource]), None).draws
    record = spec.record_of([hurt])
    after = read_results(record, None).draws
    if record.notes.set_aside or not after or not whole:
        return
    old, new = whole[0], after[0]
    if new.standing is Standing.CONFLICT or new.outcome is Outcome.NOT_READABLE or old.standing is Standing.CONFLICT:
        return
    if {old.outcome, new.outcome} == {Outcome.DETECTED, Outcome.NOT_DETECTED}:
        raise AssertionError((path, old, new))
    amounts = {f.vaf for f in old.findings} | {None}
    if any(f.vaf is None and f.vaf_text is not None for f in old.findings):
        return  # unit and code contradicted each other; without one of them they do not
    for finding in new.findings:
        assert finding.vaf in amounts, (path, finding)


@SOME
@given(
    st.sampled_from(["%", "1", None]),
    st.sampled_from(["%", "1", "decimal", "percent", None, "copies/mL"]),
    st.integers(0, 200_00),
)
def test_an_amount_is_read_by_its_unit_or_not_at_all(code, unit, number):
    value = Decimal(number).scaleb(-2)
    quantity = {k: v for k, v in (("value", value), ("unit", unit), ("code", code)) if v is not None}
    parts = [
        GENES[0],
        _component("48005-3", valueCodeableConcept={"text": "p.D538G"}),
        _component("81258-6", valueQuantity=quantity),
    ]
    observation = {
        "resourceType": "Observation",
        "id": "v",
        "status": "final",
        "code": _concept((LOINC, "69548-6", None)),
        "valueCodeableConcept": _concept((LOINC, "LA9633-4", None)),
        "component": parts,
    }
    (finding,) = read_results(spec.record_of([observation]), None).draws[0].findings
    percent, one = {unit, code} & {"%", "percent"}, {unit, code} & {"1", "decimal"}
    readable = bool(percent) != bool(one) and unit != "copies/mL" and value <= (100 if percent else 1)
    assert finding.vaf == ((value.scaleb(-2) if percent else value) if readable else None)
    assert finding.vaf_text is not None
    if finding.vaf is not None and percent:
        assert len(finding.vaf.as_tuple().digits) == len(value.as_tuple().digits)


# --- the genetic code -------------------------------------------------------------------------------------------------

CODONS = {380: "GAA", 463: "TCN", 469: "CTN", 536: "CTC", 537: "TAT", 538: "GAC"}
AMINO = {
    "CAA": "Q", "GAA": "E", "TCN": "S", "CCN": "P", "CTN": "L", "GTN": "V", "CTC": "L", "CGC": "R", "CCC": "P",
    "CAC": "H", "TAT": "Y", "AAT": "N", "GAT": "D", "TCT": "S", "TGT": "C", "GAC": "D", "GGC": "G", "AAC": "N",
}  # fmt: skip


def test_every_translated_dna_change_follows_from_the_codon():
    for dna, protein_change in _TRANSLATED.items():
        position, old, new = int(dna[2:-3]), dna[-3], dna[-1]
        codon, place = (position + 2) // 3, (position + 2) % 3
        bases = CODONS[codon]
        assert bases[place] == old
        changed = bases[:place] + new + bases[place + 1 :]
        assert protein_change == f"p.{AMINO[bases]}{codon}{AMINO[changed]}"


def test_three_letters_become_one():
    assert [one_letter(t[2:]) for t in THREE.values()] == list(THREE)


def test_plasma_and_tissue_are_told_apart_by_the_specimen():
    kinds = {d.specimen for rows in ROWS for d in read_results(spec.record_of(rows), None).draws}
    assert kinds == set(Specimen)
