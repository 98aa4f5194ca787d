"""What a laboratory's words say about ESR1: report text with its negation understood (German and Spanish: ``labtongues``).

A part of the text that names ESR1 as a result and cannot be understood makes the whole *not readable*; it is never
guessed and never dropped. Text that does not name ESR1 says nothing about it.

How a sentence is read: its genes, changes and words of finding are marked (``labwords``). A word of finding counts for
the changes after it where it comes first ("Not detected: Y537S, D538G"), else for those before it ("D538G detected,
Y537S not detected"). "No ... detected" covers what stands between. A change belongs to the gene named last before it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field, replace

from smart_app.domain.facts import Finding, Kind, Origin, Outcome, Significance, Source
from smart_app.fhir.reading import labwords as lw
from smart_app.fhir.reading.hgvs import kind_of, spelled, translated
from smart_app.fhir.reading.labclauses import POLE, Negated, Span, Thing, clauses, inside, negated, pole_of, things_of
from smart_app.fhir.reading.labtongues import in_english
from smart_app.fhir.reading.labwords import ESR1, OTHER_GENE, Token
from smart_app.fhir.reading.vaf import Vaf, from_text

__all__ = ["ESR1", "OTHER_GENE", "TextReading", "plain", "read_text", "significance_of"]

_LIMIT_OF_TEXT = 200_000
_LONGEST = 2_000  # characters of one sentence; a longer one is not understood
_SIGNIFICANCE = (
    (re.compile(r"\blikely (?:pathogenic|oncogenic)\b", re.I), Significance.LIKELY_PATHOGENIC),
    (re.compile(r"\blikely benign\b", re.I), Significance.LIKELY_BENIGN),
    (re.compile(r"(?:uncertain|unknown) (?:clinical )?significance|\bVUS\b", re.I), Significance.UNCERTAIN),
    (re.compile(r"\b(?:pathogenic|oncogenic)\b", re.I), Significance.PATHOGENIC),
    (re.compile(r"\bbenign\b", re.I), Significance.BENIGN),
)


@dataclass(frozen=True, slots=True)
class TextReading:
    """What the words say. ``outcome`` None: they name ESR1, as what the test covers or in passing, and tell no result."""

    outcome: Outcome | None
    findings: tuple[Finding, ...] = ()
    uninformative: bool = False
    covers: bool = False
    pending: bool = False
    plain: bool = False  # not detected of the gene, not only of ``denied``
    denied: frozenset[str] = frozenset()
    conflict: bool = False  # of one change both detected and not detected


def plain(words: str) -> str:
    """Text of a narrative: tags gone, blocks as separate lines, entities resolved."""
    broken = re.sub(r"</(?:p|div|li|tr|h[1-6]|ul|table|thead|tbody)>|<br\s*/?>", "\n", words, flags=re.I)
    cells = re.sub(r"</t[dh]>", " ", broken, flags=re.I)
    return html.unescape(re.sub(r"<[^>]{0,500}>", "", cells))


def significance_of(words: str) -> Significance:
    """The laboratory's call where its words hold one."""
    return next((s for pattern, s in _SIGNIFICANCE if pattern.search(words)), Significance.UNKNOWN)


_NOT_SURELY_GERMLINE = re.compile(
    r"\b(?:non-?|not |no |rule out |vs\.? |versus |or |and |may |might |possibl[ey] |cannot |could |exclude\w* )[^.;\n]{0,25}germ-?line|"
    r"germ-?line[^.;\n]{0,20}\b(?:test\w*|cannot|could|not|excluded|vs|versus|or|confirmation|comparator|control|subtract\w*|filter\w*)\b",
    re.I,
)


def origin_of(words: str) -> Origin:
    """Germline where the words plainly say so of what they tell; what they leave open stays unknown."""
    said = re.search(r"\bgerm-?line\b", words, re.I) and not _NOT_SURELY_GERMLINE.search(words)
    return Origin.GERMLINE if said and not re.search(r"\bsomatic\b", words, re.I) else Origin.UNKNOWN


def read_text(words: str, source: Source, *, about_esr1: bool = False, whole_report: bool = True) -> TextReading | None:
    """None where the words do not name ESR1 (and the entry itself, ``about_esr1``, is not about it).

    ``whole_report``: a sentence "no mutations detected" without a gene speaks of every gene that the text names.
    """
    words = words[:_LIMIT_OF_TEXT].replace("\\.br\\", "\n").translate(_PLAINER)
    if not about_esr1 and not ESR1.search(words):
        return None
    words, doubtful = in_english(words)
    reader = _Reader(source, "ESR1" if about_esr1 else "", puzzled=doubtful)
    for part in _SEGMENTS.split(spelled(words)):
        reader.segment(part)
    return reader.result(words, about_esr1, whole_report)


_PLAINER = str.maketrans(
    {
        "\u00a0": " ",
        "\u202f": " ",
        "\u2009": " ",
        "\u2010": "-",
        "\u2011": "-",
        "\u2212": "-",
        "\u2019": "'",
        "＞": ">",
        "|": " ",
    }
)
_SEGMENTS = re.compile(r"([;\n\r•]+|(?<![0-9])\.(?=\s|\Z)|(?<=[0-9])\.(?=\s+[A-Z]|\s*\Z))")
_PASSING = re.compile(r"\([^()]{0,80}\b(?:previous(?:ly)?|prior|earlier|formerly|was)\b[^()]{0,80}\)", re.I)
_HEADER = re.compile(r"\A[^:]{0,60}:\s*\Z")
_AMOUNT_ALONE = re.compile(
    r"\A\W*(?:(?:VAF|MAF|AF|%?\s?cfDNA|(?:variant |mutant |mutation )?(?:allele )?(?:fraction|frequency|allele))\b|[<>]?\s*[0-9][0-9.,]*\s*%\W*\Z)",
    re.I,
)
_BARE = re.compile(
    r"\A\W*(?:(?:overall |final |test |assay )?(?:result|results|finding|findings|interpretation|status|conclusion|summary|mutation status|"
    r"call|answer)\s*[:=-]?\s*)?(?:is |was |are )?[\w '/()+-]{0,24}\W*\Z",
    re.I,
)


_WITH_AMOUNT = re.compile(
    r"[\s,(:=-]*(?:\b(?:VAF|MAF|AF|(?:variant |mutant )?allele (?:fraction|frequency))\b[\s:=]*)?[<>~]?\s*[0-9][0-9.,]*\s?%[\s)]*",
    re.I,
)
_GENES = re.compile(r"\A\W*(?:all )?(?:panel )?genes\s*[:=(]", re.I)
_UNREAD_NOTATION = re.compile(r"\b[pc]\.\S|[0-9]\s?%")


def _of_now(words: str, marks: list[Token]) -> tuple[str, list[Token]]:
    """ "Detected in the previous sample but not detected now": what the clause of the past says is blanked, not its names."""
    cuts = [t for t in marks if t.kind == "B"]
    if len(cuts) != 1 or not lw.PAST.search(words):
        return words, marks
    cut = cuts[0]
    halves = (0, cut.start), (cut.end, len(words))
    past = [bool(lw.PAST.search(words[a:b])) for a, b in halves]
    poles = [any(t.kind in ("P", "N1", "N2") and a <= t.start < b for t in marks) for a, b in halves]
    if past.count(True) != 1 or not all(poles):
        return words, marks
    start, end = halves[past.index(True)]
    gone = [(t.start, t.end) for t in marks if t is cut or (t.kind in ("P", "N1", "N2") and start <= t.start < end)]
    gone += [(start + m.start(), start + m.end()) for m in lw.PAST.finditer(words[start:end])]
    for first, last in gone:
        words = words[:first] + " " * (last - first) + words[last:]
    return words, lw.tokens(words)


def _either_or(thing: Thing) -> bool:
    """ "Y537S/N": one of two, and which one is not said."""
    name = re.escape(thing.change.text) if thing.change is not None else ""
    return bool(name) and bool(re.search(rf"{name}\)?/[A-Z](?![A-Za-z0-9])", thing.words))


def _header_pole(marks: list[Token]) -> str:
    poles = {POLE[t.kind] for t in marks if t.kind in ("P", "N2")}
    return poles.pop() if len(poles) == 1 else ""


@dataclass(slots=True)
class _Reader:
    source: Source
    gene: str
    default: str = ""
    found: dict[str, Finding] = field(default_factory=dict)
    negative: bool = False
    failed: bool = False
    unsure: bool = False
    puzzled: bool = False
    pending: bool = False
    covered: bool = False
    mentioned: bool = False
    receptor: bool = False
    uncovered: bool = False  # the words say that the test does not cover ESR1
    plainly_negative: bool = False  # of the gene, not of one change
    denied: set[str] = field(default_factory=set)
    orphans: dict[str, Finding] = field(default_factory=dict)  # changes named without a word of finding
    weak: bool = False  # names ESR1 in a way that calls for a person's eye and tells no result
    latest: str | None = None  # the finding of the last part, for an amount that stands by itself after it

    # --- one part of the text -----------------------------------------------------------------------------------------

    def segment(self, words: str) -> None:
        if _SEGMENTS.fullmatch(words):
            if words.startswith(".") or "\n\n" in words:
                self.default = ""
            return
        if len(words) > _LONGEST:
            self.puzzled = self.puzzled or bool(ESR1.search(words))
            return
        words = lw.ASIDE.sub(" ", _PASSING.sub(" ", words)).strip()
        if not words or lw.REFERENCE.match(words):
            return
        marks = lw.tokens(words)
        if self.latest is not None and _AMOUNT_ALONE.match(words) and not any(t.kind in ("E", "G", "C") for t in marks):
            home = self.found if self.latest in self.found else self.orphans
            vaf, old = from_text(words), home[self.latest]
            if vaf is not None and old.vaf_text is None:
                home[self.latest] = replace(old, vaf=vaf.fraction, vaf_comparator=vaf.comparator, vaf_text=vaf.shown)
            return
        self.latest = None
        before = set(self.found) | set(self.orphans)
        self._part(words, marks)
        new = (set(self.found) | set(self.orphans)) - before
        self.latest = new.pop() if len(new) == 1 else None

    def _part(self, words: str, marks: list[Token]) -> None:
        genes = [t for t in marks if t.kind in ("E", "G") or (t.kind == "FUS" and ESR1.search(t.text))]
        about = any(t.kind != "G" for t in genes) or (not genes and self.gene == "ESR1")
        if about:
            self._about(words, marks)
        elif _HEADER.match(words) and (pole := _header_pole(marks)):
            self.default = pole
        if genes:
            self.gene = "ESR1" if all(t.kind != "G" for t in genes) else genes[-1].text.upper()
            if ESR1.match(self.gene):
                self.gene = "ESR1"
        if not about and any(t.kind in ("P", "N2") for t in marks):
            self._lead(words, marks)

    def _lead(self, words: str, marks: list[Token]) -> None:
        """ "Not detected: PIK3CA; ..." speaks for the parts after it, too, until another word of finding."""
        first = next((t for t in marks if t.kind in ("P", "N2", "G", "E", "C", "N1")), None)
        if first is not None and first.kind in ("P", "N2") and re.match(r"\s*(?:\w+\s*){0,2}:", words[first.end :]):
            self.default = "+" if first.kind == "P" else "-"
        else:
            self.default = ""

    def _about(self, words: str, marks: list[Token]) -> None:
        named = any(t.kind == "C" for t in marks)
        if lw.RECEPTOR.search(words) and not named and not lw.MUTATION.search(words):
            self.receptor = True
            return
        listed = _GENES.match(words) and not any(t.kind in ("P", "N1", "N2") for t in marks)
        if (lw.COVER.search(words) or listed) and not named:
            self.covered = True
            return
        if lw.FAMILY.search(words) or lw.GENERIC.search(words):
            self.mentioned = True
            self.weak = self.weak or (named and not lw.FAMILY.search(words))
            return
        words, marks = _of_now(words, marks)
        past = bool(lw.PAST.search(lw.PAST_FOUND.sub(" ", words)) or lw.PAST_FOUND.search(words))
        if past:
            kept = lw.PAST_FOUND.sub(lambda m: " " * len(m.group(0)), words)
            if lw.NO_LONGER.search(words):
                self.negative = True
                return
            poles = {t.kind for t in lw.tokens(kept) if t.kind in ("P", "N2", "N1", "U", "F")}
            if not ("N2" in poles and poles <= {"N2"}) and not (poles == {"P"} and lw.STILL.search(kept)):
                self.weak = True
                return
            words, marks = kept, lw.tokens(kept)
        if words.endswith("?"):
            self.weak = True
            return
        before = self.default
        gene = self.gene
        for clause, flipped in clauses(marks, len(words)):
            gene = self._clause(words, clause, gene, "+" if flipped else before)
        self._lead(words, marks)

    # --- one clause ---------------------------------------------------------------------------------------------------

    def _clause(self, words: str, clause: Span, gene: str, default: str) -> str:
        marks = clause.marks
        spans = negated(marks, clause.end, words)
        things, gene = things_of(words, clause, gene)
        poles = [(t.start, POLE[t.kind]) for t in marks if t.kind in POLE and not inside(t, spans)]
        empty = [s for s in spans if not s.drops and not any(s.start <= x.at < s.end for x in things)]
        poles += [(s.start, "-" if s.sure else "±") for s in empty]
        poles.sort()
        talk = [
            (m.start(), m.group(0).lower().endswith(" for"))
            for m in lw.TALK.finditer(words, clause.start, clause.end)
            if not (m.group(0).lower().endswith(" for") and ":" in words[m.end() : clause.end])
        ]
        loose = [x for x in things if not any(s.start <= x.at < s.end for s in spans)]
        for thing in things:
            if thing.gene != "ESR1":
                continue
            span = next((s for s in spans if s.start <= thing.at < s.end), None)
            if span is not None:
                if span.drops:
                    continue
                if span.sure:
                    self._told(thing, "-")
                else:
                    self.puzzled = True
                continue
            pole, where = pole_of(thing, loose, poles)
            furthest = max(thing.at, where if where is not None else thing.at)
            spoken = next(((at, tested) for at, tested in talk if at < furthest), None)
            # "sample tested for ESR1 was negative" is a result; "if ESR1 is negative, ..." is none
            if (
                spoken is not None
                and not (thing.change and pole == "+" and spoken[0] > thing.at)
                and not (pole in ("!", "-") and spoken[1] and where is not None and spoken[0] < thing.at < where)
            ):
                self.mentioned = True
                self.weak = self.weak or (thing.change is not None and pole == "+")
                continue
            if not pole and default:
                pole = default
                if default == "-" and thing.vaf is not None:
                    pole = "±"
            self._told(thing, pole)
        if not things and gene == "ESR1":
            self._carried(words[clause.start : clause.end], poles, spans, talk=bool(talk))
        return gene

    def _carried(self, words: str, poles: list[tuple[int, str]], spans: list[Negated], *, talk: bool) -> None:
        """A clause without a gene, after one about ESR1: only a bare result or a word for mutation counts."""
        if talk:
            return
        about = bool(re.search(rf"\b(?:{lw.VARIANT})\b", words, re.I))
        bare = bool(_BARE.match(_WITH_AMOUNT.sub(" ", words)))
        kinds = {p for _, p in poles}
        if any(s.drops for s in spans):
            return
        if any(s.sure for s in spans) or (kinds == {"-"} and (about or bare)):
            self.negative = self.plainly_negative = True
        elif kinds == {"+"} and (about or bare):
            if not self.negative:
                vaf = from_text(words) or Vaf()
                self._keep(
                    Finding(
                        vaf=vaf.fraction, vaf_comparator=vaf.comparator, vaf_text=vaf.shown, sources=(self.source,)
                    ),
                    "unnamed",
                )
            else:
                self.puzzled = True
        elif kinds == {"!"}:
            self.failed = True
        elif kinds == {"?"} and (about or bare):
            self.unsure = True
        elif "w" in kinds:
            self.pending = True
        elif kinds & {"+", "-"} and (about or bare):
            self.puzzled = True

    # --- what was told of one thing -----------------------------------------------------------------------------------

    def _told(self, thing: Thing, pole: str) -> None:
        if not pole:
            positive = thing.vaf is not None and thing.vaf.fraction not in (None, 0) and thing.vaf.comparator is None
            pole = "+" if thing.change and positive else ""
        if thing.kind is not None and pole == "-":
            self.weak = True  # no amplification or fusion: nothing is said of mutations
            return
        if pole == "+":
            if (thing.change is None and thing.kind is None and not thing.plain) or _either_or(thing):
                self.puzzled = True
                return
            self._keep(self._finding(thing), "unnamed")
        elif pole == "-":
            self.negative = True
            if thing.change is None:
                self.plainly_negative = True
            elif (change := self._finding(thing).protein_change) is not None:
                self.denied.add(change)
        elif pole == "?":
            self.unsure = True
        elif pole == "!":
            self.failed = True
        elif pole == "w":
            self.pending = True
        elif pole == "n":  # of the gene; one change that is not covered leaves the others' answer
            self.uncovered = self.uncovered or thing.change is None
        elif pole == "" and thing.change is not None:
            finding = self._finding(thing)
            self.orphans.setdefault(finding.protein_change or finding.dna_change or "", finding)
        elif pole == "±" or thing.kind is not None or thing.vaf is not None:
            self.puzzled = True
        else:
            self.mentioned = True
            self.weak = self.weak or bool(_UNREAD_NOTATION.search(thing.words))

    def _finding(self, thing: Thing) -> Finding:
        token = thing.change
        base = token.base if token else None
        change = (token.change if token else None) or translated(base)
        vaf = thing.vaf or Vaf()
        return Finding(
            protein_change=change,
            dna_change=base,
            vaf=vaf.fraction,
            vaf_comparator=vaf.comparator,
            vaf_text=vaf.shown,
            kind=thing.kind or kind_of(change, base),
            significance=significance_of(thing.words),
            origin=origin_of(thing.words),
            below_limit=bool(lw.BELOW.search(thing.words)),
            sources=(self.source,),
        )

    def _keep(self, finding: Finding, key: str) -> None:
        if finding.kind in (Kind.AMPLIFICATION, Kind.FUSION):
            key = finding.kind.value
        key = finding.protein_change or finding.dna_change or key
        old = self.found.get(key)
        if old is None or (old.vaf is None and finding.vaf is not None):
            self.found[key] = finding
        if len(self.found) > 1:
            self.found.pop("unnamed", None)

    # --- the whole ----------------------------------------------------------------------------------------------------

    def result(self, words: str, about: bool, whole_report: bool) -> TextReading | None:
        low = bool(lw.NO_CTDNA.search(words))
        clear = whole_report and bool(lw.ALL_CLEAR.search(words))
        for name, finding in self.orphans.items():
            if finding.vaf and finding.vaf_comparator is None and not self.plainly_negative:
                self.found.setdefault(name, finding)  # an amount is reported of what was found
                self.found.pop("unnamed", None)
        if self.orphans and not set(self.orphans) <= set(self.found):
            if set(self.found) == {"unnamed"}:
                self.found = self.orphans
            elif not self.plainly_negative:
                self.puzzled = True
        if self.found:
            clash = not self.denied.isdisjoint(self.found)
            return TextReading(Outcome.DETECTED, tuple(self.found.values()), conflict=clash)
        if self.puzzled:
            return TextReading(Outcome.NOT_READABLE)
        if self.uncovered:
            return TextReading(None)
        if self.unsure or (self.negative and self.failed):
            return TextReading(Outcome.INDETERMINATE)
        if self.negative:
            return TextReading(
                Outcome.NOT_DETECTED, (), low, plain=self.plainly_negative, denied=frozenset(self.denied)
            )
        if self.failed:
            return TextReading(Outcome.FAILED)
        if self.pending:
            return TextReading(Outcome.NOT_READABLE, pending=True)
        if (self.covered or about) and (clear or low):
            return TextReading(Outcome.NOT_DETECTED, (), low, covers=True, plain=True)
        if self.weak or (self.mentioned and not self.covered and about):
            return TextReading(Outcome.NOT_READABLE)
        if self.receptor and not self.mentioned and not self.covered and not about:
            return None
        if self.mentioned and not self.covered and lw.BELOW.search(words):
            return TextReading(Outcome.NOT_READABLE)  # "ESR1: below the limit of detection": found, or not found?
        return TextReading(None, covers=self.covered)
