"""A sentence about ESR1 taken apart: clauses, what "no" covers, which change has which word of finding."""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from smart_app.domain.facts import Kind
from smart_app.fhir.reading.labwords import ESR1, LIMIT_PHRASE, Token
from smart_app.fhir.reading.vaf import Vaf, amounts_of, from_text

POLE = {"P": "+", "N2": "-", "U": "?", "F": "!", "W": "w", "Q": "±", "NC": "n"}
_VARIANT_NEAR = re.compile(r"mutat|mutant|variant|alter|hotspot|change|substitution", re.I)
_PLAIN_NO = re.compile(r"negative for|free of|absence of|lack", re.I)  # needs no "detected" to close it
_NEXT_TO = re.compile(
    r"[\s:=,()-]*(?:(?:gene|status|result|results|testing|test|analysis|assay|ctDNA|cfDNA|plasma|LBD|hotspots?|is|was|were|are|in plasma|by \w+)[\s:=,()-]*){0,4}\Z",
    re.I,
)
LAST_CODON = 595  # of the oestrogen receptor alpha protein


@dataclass(frozen=True, slots=True)
class Span:
    """One clause: its marks and where it stands in the sentence."""

    start: int
    end: int
    marks: list[Token]


@dataclass(frozen=True, slots=True)
class Negated:
    """What a "no ..." covers. ``drops``: "no other ..." says nothing of what was named. ``sure``: of mutations."""

    start: int
    end: int
    drops: bool
    sure: bool


@dataclass(frozen=True, slots=True)
class Thing:
    """A change, or a gene named without one, that a word of finding may speak of."""

    at: int
    end: int
    gene: str
    change: Token | None
    kind: Kind | None
    vaf: Vaf | None
    plain: bool  # of a gene without a change: a word for mutation or the word of finding itself stands beside it
    words: str


def clauses(marks: list[Token], length: int) -> list[tuple[Span, bool]]:
    """Cut at "but", "while", "except"; True where the clause is the exception to a negative one."""
    cuts = [t for t in marks if t.kind in ("B", "X")]
    found: list[tuple[Span, bool]] = []
    start, flipped = 0, False
    for cut in [*cuts, None]:
        end = cut.start if cut is not None else length
        inside = [t for t in marks if start <= t.start < end and t.kind not in ("B", "X")]
        found.append((Span(start, end, inside), flipped))
        if cut is not None:
            start = cut.end
            flipped = cut.kind == "X" and any(t.kind in ("N1", "N2") for t in inside)
    return found


def negated(marks: list[Token], end: int, words: str) -> list[Negated]:
    """The stretches that a "no" in front covers: to the next word of finding, else to the end of the clause."""
    found: list[Negated] = []
    after = 0
    for number, token in enumerate(marks):
        if token.kind not in ("N1", "SKIP") or token.start < after:
            continue
        if token.text.lower() == "not only":
            continue
        stop, closed = end, False
        for later in marks[number + 1 :]:
            if later.kind == "P":
                closed = not _PLAIN_NO.match(token.text)
                stop = later.end if closed else later.start
                break
            if later.kind in ("N1", "N2", "SKIP", "F", "U"):
                stop = later.start
                break
        inside = words[token.start : stop]
        things = any(t.kind in ("C", "E", "FUS", "AMP") and token.start <= t.start < stop for t in marks)
        amount = from_text(LIMIT_PHRASE.sub(" ", inside)) is not None and not closed
        sure = (bool(_VARIANT_NEAR.search(inside)) or (things and (closed or _short(inside)))) and not amount
        found.append(Negated(token.start, stop, token.kind == "SKIP", sure))
        after = stop
    return found


def _short(words: str) -> bool:
    return len(words) < 80


def inside(token: Token, spans: list[Negated]) -> bool:
    return any(s.start <= token.start < s.end for s in spans)


def things_of(words: str, clause: Span, gene: str) -> tuple[list[Thing], str]:
    """The changes and bare genes of a clause, each with its gene; and the gene that the next clause speaks of."""
    marks = clause.marks
    genes = [t for t in marks if t.kind in ("E", "G")]
    changes = [t for t in marks if t.kind in ("C", "FUS", "AMP")]
    owners = {id(t): _owner(t, genes, words, gene) for t in changes}
    found: list[Thing] = []
    ordered = sorted([*genes, *changes], key=lambda t: t.start)
    for number, token in enumerate(ordered):
        stop = ordered[number + 1].start if number + 1 < len(ordered) else clause.end
        if token.kind in ("E", "G"):
            name = _name(token)
            if any(owner == name for owner in owners.values()):
                continue
            found.append(
                Thing(
                    token.start,
                    token.end,
                    name,
                    None,
                    None,
                    _amount(words[token.end : stop]),
                    _plainly(words, token, marks, clause),
                    words[token.start : stop],
                )
            )
            continue
        owner = owners[id(token)]
        stop = next(
            (t.start for t in ordered[number + 1 :] if not (t.kind in ("E", "G") and _name(t) == owner)), clause.end
        )
        kind = Kind.FUSION if token.kind == "FUS" else Kind.AMPLIFICATION if token.kind == "AMP" else None
        if kind is not None and any(t.kind == "C" and owners[id(t)] == owner for t in changes):
            continue
        vaf = None
        if kind is None:
            vaf = _amount(words[token.end : stop]) or (
                _amount(words[clause.start : clause.end]) if len(changes) == 1 else None
            )
        near = words[token.start : stop] if len(changes) > 1 else words[clause.start : clause.end]
        found.append(Thing(token.start, token.end, owner, token if kind is None else None, kind, vaf, True, near))
    return _respectively(found, words, clause), _name(genes[-1]) if genes else gene


def _respectively(things: list[Thing], words: str, clause: Span) -> list[Thing]:
    """ "D538G and Y537S detected at 0.84 % and 0.31 %": amounts after the last change belong to them in turn."""
    changes = [t for t in things if t.change is not None]
    if len(changes) < 2 or any(_amount(words[a.end : b.at]) for a, b in pairwise(changes)):
        return things
    tail = words[changes[-1].end : clause.end]
    amounts = amounts_of(LIMIT_PHRASE.sub(" ", tail))
    if len(amounts) < 2 and not re.search(r"\beach\b", tail):
        return things
    shared = amounts * len(changes) if len(amounts) == 1 else amounts
    if len(shared) != len(changes):
        shown = ", ".join(a.shown or "" for a in amounts)
        shared = [Vaf(None, None, shown)] * len(changes)
    given = dict(zip((id(c) for c in changes), shared, strict=True))
    return [replace(t, vaf=given[id(t)]) if id(t) in given else t for t in things]


def _owner(change: Token, genes: list[Token], words: str, gene: str) -> str:
    """The gene a change belongs to: "D538G in ESR1", else the gene named last before it, else the next one."""
    if change.kind == "FUS" and ESR1.search(change.text):
        return "ESR1"
    if change.change is not None and _codon(change.change) > LAST_CODON:
        return "another gene"
    following = next((t for t in genes if t.start >= change.end), None)
    if following is not None and re.fullmatch(
        r"[\s)]*(?:\([^()]*\))?\s*(?:mutation |variant )?(?:in|of)\s+(?:the\s+)?", words[change.end : following.start]
    ):
        return _name(following)
    earlier = [t for t in genes if t.start < change.start]
    if earlier:
        return _name(earlier[-1])
    if gene:
        return gene
    return _name(following) if following is not None else gene


def _name(gene: Token) -> str:
    return "ESR1" if gene.kind == "E" else gene.text.upper()


def _codon(change: str) -> int:
    digits = re.search(r"[0-9]+", change)
    return int(digits.group(0)) if digits else 0


def _amount(words: str) -> Vaf | None:
    return from_text(LIMIT_PHRASE.sub(" ", words))


def _plainly(words: str, gene: Token, marks: list[Token], clause: Span) -> bool:
    """ "ESR1 mutation detected", "ESR1: positive", "Positive for ESR1": not "ESR1 plate: bubbles observed"."""
    if _VARIANT_NEAR.search(words[clause.start : clause.end]):
        return True
    for token in marks:
        if token.kind != "P":
            continue
        if token.start >= gene.end and _NEXT_TO.match(words[gene.end : token.start]):
            return True
        if token.end <= gene.start and len(words[token.end : gene.start]) < 80:
            return True
        if (
            token.start >= gene.end
            and all(t.kind in ("G", "E") for t in marks if gene.end <= t.start < token.start)
            and re.fullmatch(
                r"[\s,/&:]*(?:(?:[A-Z0-9]{2,8}|and|or|was|were)[\s,/&:]*){0,8}", words[gene.end : token.start]
            )
        ):
            return True
    return False


def pole_of(thing: Thing, things: list[Thing], poles: list[tuple[int, str]]) -> tuple[str, int | None]:
    """The word of finding that speaks of a thing and where it stands; "±" where two of them contradict each other."""
    if not poles:
        return "", None
    first = min((x.at for x in things), default=thing.at)
    before = [p for p in poles if p[0] < thing.at]
    after = [p for p in poles if p[0] >= thing.at]
    if poles[0][0] < first:
        chosen = before[-1]
        last = max(x.at for x in things)
        trailing = [p for p in poles if p[0] > last]
        if trailing and any(p[1] != chosen[1] for p in trailing):
            return "±", chosen[0]
        return chosen[1], chosen[0]
    if not after:
        return before[-1][1], before[-1][0]
    chosen = after[0]
    following = min((x.at for x in things if x.at > chosen[0]), default=None)
    same = [p for p in after if following is None or p[0] < following]
    if any(p[1] != chosen[1] for p in same):
        return "±", chosen[0]
    return chosen[1], chosen[0]
