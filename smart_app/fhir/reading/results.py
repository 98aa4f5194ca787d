"""All ESR1 results of a record, as draws: one blood sample is one draw, however many entries tell of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smart_app.codes import Codebook
from smart_app.domain.facts import Draw, Finding, OrderedDraw, Outcome, Source, Standing, WithdrawnResult
from smart_app.fhir.reading.esr1_alike import Alike, kind_of
from smart_app.fhir.reading.esr1_context import accession_of, assay_of, dated, effective, identifiers_of, shown_name
from smart_app.fhir.reading.esr1_coverage import coverage
from smart_app.fhir.reading.esr1_documents import read_document, replaced_documents
from smart_app.fhir.reading.esr1_gene import plainly_another_gene
from smart_app.fhir.reading.esr1_orders import ordered_draws
from smart_app.fhir.reading.esr1_parts import assembled
from smart_app.fhir.reading.esr1_reports import about_esr1, link_of, overall, own_words, study_coverage, study_regions
from smart_app.fhir.reading.esr1_shape import wrong_parts
from smart_app.fhir.reading.esr1_tree import Group, groups, status_of, unique
from smart_app.fhir.reading.esr1_unread import elsewhere, to_be_opened
from smart_app.fhir.reading.labtext import ESR1
from smart_app.fhir.reading.merge import merge_told
from smart_app.fhir.reading.record import Json, Record, codings, items, reference_of, source_of, text, words
from smart_app.fhir.reading.specimens import identity, kind_of_specimen, specimens_of
from smart_app.fhir.reading.told import Told
from smart_app.fhir.reading.vaf import limit_of_detection
from smart_app.fhir.reading.variants import Said, combined, read_observation

__all__ = ["Results", "read_results"]

_GONE = {"entered-in-error": "entered-in-error", "cancelled": "cancelled"}
_FINAL = {"final", "amended", "corrected", "appended"}  # any other status, and none, is not a final result
_CORRECTED = {"amended", "corrected"}


@dataclass(frozen=True, slots=True)
class Results:
    """Draws oldest first; results that were withdrawn; draws already ordered."""

    draws: tuple[Draw, ...] = ()
    withdrawn: tuple[WithdrawnResult, ...] = ()
    ordered: tuple[OrderedDraw, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """One resource's statement, with the resources it has its date and specimen from (nearest first)."""

    said: Said
    chain: tuple[Json, ...]
    source: Source
    own: bool = False  # the report's own words


def read_results(record: Record, codebook: Codebook | None = None) -> Results:  # noqa: ARG001 - genomic codes are fixed
    """Every result that speaks of ESR1. What does not speak of it gives nothing: silence is no negative."""
    told: list[Told] = []
    withdrawn: list[WithdrawnResult] = []
    alive = _members_of_live_reports(record)
    alike = Alike(record)
    for group in groups(record):
        if not group.report and len(group.entries) == 1 and plainly_another_gene(group.anchor):
            continue
        kind = kind_of(group)
        again = alike.again(group, kind) if kind is not None else None
        if again is not None:
            told += again
            continue
        before = len(told), len(withdrawn), len(record.notes.set_aside)
        with record.notes.guard(group.anchor):
            _read_group(record, group, alive, told, withdrawn)
        if kind is not None and before[1:] == (len(withdrawn), len(record.notes.set_aside)):
            alike.learn(group, kind, told[before[0] :])
    replaced = replaced_documents(record)
    for document in record.all("DocumentReference"):
        with record.notes.guard(document):
            found = read_document(record, document, replaced, withdrawn)
            if found is not None:
                told.append(found)
    draws = merge_told(told, record.notes, withdrawn)
    once = {(w.date, w.why, w.sources): w for w in withdrawn}
    return Results(
        draws,
        tuple(sorted(once.values(), key=lambda w: (str(w.date or ""), w.why, w.sources))),
        ordered_draws(record),
    )


def _members_of_live_reports(record: Record) -> frozenset[int]:
    return frozenset(
        id(member)
        for report in record.all("DiagnosticReport")
        if status_of(report) not in _GONE
        for reference in items(report.get("result"))
        if (member := record.resolve(reference, report)) is not None
    )


# --- one report, panel or Observation ---------------------------------------------------------------------------------


def _read_group(
    record: Record, group: Group, alive: frozenset[int], told: list[Told], withdrawn: list[WithdrawnResult]
) -> None:
    group, puzzle = assembled(group)
    stated: list[_Told] = []
    discrete = False
    whole_gone = _GONE.get(status_of(group.anchor))
    for entry in group.entries:
        with record.notes.guard(entry.home):
            said = read_observation(entry.resource, entry.source, entry.above)
            if said is not None and said.discrete:
                discrete = True
                continue
            _note_wrong_parts(record, entry.resource, entry.home)
            said = said or elsewhere(entry.resource)
            if said is None:
                continue
            gone = next((g for r in entry.chain if (g := _GONE.get(status_of(r)))), None)
            if gone is not None and (_GONE.get(status_of(entry.resource)) or id(entry.resource) not in alive):
                _withdraw(record, entry.home, entry.chain, gone, said.findings, withdrawn)
            elif gone is None:
                stated.append(_Told(said, entry.chain, entry.source))
    if not group.report and not stated:
        return
    if group.report:
        _note_wrong_parts(record, group.anchor, group.anchor)
    own = own_words(record, group, any(s.said.outcome is not None for s in stated))
    if whole_gone is not None:
        alone = not any(id(e.resource) not in alive for e in group.entries)
        if group.report and alone and (own is not None or about_esr1(group.anchor)):
            findings = own.findings if own is not None else ()
            _withdraw(record, group.anchor, (group.anchor,), whole_gone, findings, withdrawn)
        return
    studied, studied_specimens, procedures = study_coverage(record, group) if group.report else (None, [], [])
    answers = [s for s in stated if s.said.outcome is not None]
    chain = (group.anchor,)
    if puzzle is not None and not answers:
        answers.append(_Told(puzzle, chain, source_of(group.anchor)))
    if own is not None and own.outcome is not None and not (own.outcome is Outcome.NOT_READABLE and answers):
        answers.append(_Told(own, chain, source_of(group.anchor), own=True))
    if studied is not None and studied.outcome is not None and not answers:
        answers.append(_Told(studied, (*chain, *procedures), source_of(group.anchor)))
    inferred = False
    if not answers:
        whole = overall(group, discrete)
        regions = [s for s in stated if s.said.covers and _is_region(s.chain[0])]
        if regions:
            answers, inferred = [replace(s, said=Said(Outcome.NOT_DETECTED, covers=True)) for s in regions], True
        elif studied is not None and not group.missing:
            clear = Said(Outcome.NOT_DETECTED, covers=True)
            answers, inferred = [_Told(clear, (*chain, *procedures), source_of(group.anchor))], True
        if answers and whole is not None:
            answers, inferred = [replace(s, said=whole) for s in answers], False
    if inferred and group.missing:
        missing = f"{group.missing} member{'s' if group.missing > 1 else ''} of the report could not be read"
        record.notes.aside("report.member_missing", missing, group.anchor)
        answers = [replace(s, said=Said(Outcome.NOT_READABLE, note=missing)) for s in answers]
    if not answers:
        answers = _without_answer(record, group, discrete, stated, own)
    if answers:
        negative = any(s.said.outcome is Outcome.NOT_DETECTED for s in answers)
        regions_of = [what for p in procedures for _, what in study_regions(record, p)]
        covers = coverage(record, group, regions_of, negative=negative)
        for part in _by_specimen(record, answers, studied_specimens):
            told.append(_draw(record, group, part, studied_specimens, inferred, covers))


def _note_wrong_parts(record: Record, resource: Json, home: Json) -> None:
    """Only of what is about ESR1, or of a variant, whose gene may be what could not be read."""
    wrong = wrong_parts(resource)
    if wrong:
        said = str(resource)
        if "69548-6" in said or "53041-0" in said or ESR1.search(said):
            why = f"has parts that could not be read ({', '.join(wrong)})"
            record.notes.aside("entry.part_malformed", why, home)


def _without_answer(record: Record, group: Group, discrete: bool, stated: list[_Told], own: Said | None) -> list[_Told]:
    """A report that a person can open and the app cannot read; words about ESR1 that tell no result are set aside."""
    anchor = group.anchor
    if not stated and (unread := to_be_opened(record, group, discrete, own)) is not None:
        return [_Told(unread, (anchor,), source_of(anchor), own=True)]
    if own is not None and own.outcome is None:
        stated = [*stated, _Told(own, (anchor,), source_of(anchor), own=True)]
    for one in stated:
        if one.said.outcome is None and not _is_region(one.chain[0]):
            why = "names ESR1 as what the test covers, or in passing, and tells no result"
            record.notes.aside("esr1.no_result", why, one.chain[0])
    return []


def _is_region(resource: Json) -> bool:
    return any(code == "53041-0" for _, code, _ in codings(resource.get("code")))


def _by_specimen(record: Record, told: list[_Told], studied: list[Json]) -> list[list[_Told]]:
    """The statements of a report by the sample they name; those that name none belong to the only one there is."""
    parts: dict[str, list[_Told]] = {}
    for one in told:
        found = specimens_of(record, *one.chain) or (studied if not one.own else [])
        kind = kind_of_specimen(found, "").value if found else "unknown"
        named = identity(found) or (kind if kind != "unknown" else "")
        parts.setdefault(named, []).append(one)
    loose = parts.get("", [])
    if loose and len(parts) == 2:
        parts = {key: [*found, *loose] for key, found in parts.items() if key}
    elif loose and len(parts) > 2:
        outcomes = {one.said.outcome for key, found in parts.items() if key for one in found}
        if all(one.said.outcome in outcomes for one in loose):
            del parts[""]
    return [parts[key] for key in sorted(parts)]


# --- one draw ---------------------------------------------------------------------------------------------------------


def _draw(
    record: Record, group: Group, told: list[_Told], studied: list[Json], inferred: bool, covers: frozenset[str]
) -> Told:
    members = [one for one in told if not one.own] or told
    chain = unique([*(one.chain[0] for one in told), *(r for one in told for r in one.chain[1:])])
    specimens = next((s for one in members if (s := specimens_of(record, *one.chain))), []) or studied
    specimens = specimens or specimens_of(record, *chain)
    day, basis = dated(record, chain, specimens, members[0].chain[0])
    context = " ".join(
        f"{words(r.get('code'))} {words(r.get('method'))} {' '.join(words(c) for c in items(r.get('category')))} "
        f"{' '.join(text(a.get('title')) or '' for a in items(r.get('presentedForm')))}"
        for r in chain
    )
    notes = " ".join(one.said.note or "" for one in told)
    outcome = combined([one.said.outcome for one in told if one.said.outcome is not None])
    findings = findings_of(told)
    denied = _denied(told)
    statuses = {status_of(r) for r in chain if r.get("resourceType") != "Procedure"}
    conflict = any(one.said.conflict for one in told) or _contradict(told, findings)
    pending = any(one.said.pending for one in told) and outcome is Outcome.NOT_READABLE
    provisional = bool(statuses - _FINAL) or pending
    standing = Standing.CONFLICT if conflict else Standing.PROVISIONAL if provisional else Standing.FINAL
    issued = next((i for r in chain if (i := record.when(r.get("issued")))), None)
    draw = Draw(
        outcome=outcome,
        date=day,
        date_basis=basis,
        known_on=issued or effective(record, group.anchor) or day,
        specimen=kind_of_specimen(specimens, context, notes),
        standing=standing,
        findings=findings if outcome is Outcome.DETECTED else (),
        uninformative=outcome is Outcome.NOT_DETECTED and any(one.said.uninformative for one in told),
        laboratory=shown_name(record, chain, "performer") or shown_name(record, chain, "resultsInterpreter"),
        assay=assay_of(chain),
        accession=identity(specimens) or accession_of(chain),
        limit=limit_of_detection(notes),
        covers=tuple(sorted(covers | denied)) or None,
        document=next((link for r in chain if (link := link_of(r, items(r.get("presentedForm"))))), None)
        or (reference_of(group.anchor) or None if outcome is Outcome.NOT_READABLE else None),
        note=next((one.said.note for one in told if one.said.note), None),
        sources=tuple(
            sorted(
                {one.source for one in told}
                | {
                    source_of(r)
                    for r in chain
                    if r.get("resourceType") != "Procedure" and reference_of(r) and _standing(record, r)
                },
                key=lambda s: (s.reference, s.version or ""),
            )
        ),
    )
    if "" in statuses:
        record.notes.aside("result.no_status", "does not say whether it is final, and counts as preliminary", chain[0])
    corrected = bool(statuses & _CORRECTED)
    return Told(
        draw,
        rank=2 if corrected and not provisional else 0 if provisional else 1,
        keys=identifiers_of(chain),
        links=frozenset(u for r in chain for a in items(r.get("presentedForm")) if (u := text(a.get("url")))),
        denied=denied,
        inferred=inferred,
    )


def _standing(record: Record, resource: Json) -> bool:
    """Whether a resource stands by itself in the record; a contained one is named by its container."""
    return record.by_reference.get(reference_of(resource)) is resource


def _denied(told: list[_Told]) -> frozenset[str]:
    """The changes that alone were looked for and not found; empty where the whole gene was negative."""
    negatives = [one.said for one in told if one.said.outcome is Outcome.NOT_DETECTED]
    if any(not said.denied for said in negatives):
        return frozenset()
    return frozenset(change for said in negatives for change in said.denied)


def _contradict(told: list[_Told], findings: tuple[Finding, ...]) -> bool:
    """A detected and a not-detected that cannot both be right for one sample."""
    if not any(one.said.outcome is Outcome.DETECTED for one in told):
        return False
    named = {f.protein_change for f in findings if f.protein_change}
    for one in told:
        if one.said.outcome is Outcome.NOT_DETECTED and ((one.said.denied & named) if one.said.denied else True):
            return True
    return False


def findings_of(told: list[_Told]) -> tuple[Finding, ...]:
    found: dict[str, Finding] = {}
    for one in told:
        for finding in one.said.findings:
            key = finding.protein_change or finding.dna_change or finding.kind.value
            old = found.get(key)
            if old is None:
                found[key] = finding
            else:
                keep = finding if old.vaf is None and finding.vaf is not None else old
                found[key] = replace(keep, sources=tuple(dict.fromkeys((*old.sources, *finding.sources))))
    if len(found) > 1 and "other" in found:
        del found["other"]  # "ESR1 mutation detected" beside the mutation's name
    return tuple(found[key] for key in sorted(found))


def _withdraw(
    record: Record,
    resource: Json,
    chain: tuple[Json, ...],
    why: str,
    findings: tuple[Finding, ...],
    withdrawn: list[WithdrawnResult],
) -> None:
    day, _ = dated(record, list(chain), specimens_of(record, *chain), chain[0])
    record.notes.aside(f"result.{why}", f"was {why.replace('-', ' ')} and counts for nothing", resource)
    withdrawn.append(WithdrawnResult(day, why, findings, (source_of(resource),)))
