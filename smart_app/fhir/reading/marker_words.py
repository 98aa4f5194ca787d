"""What a text or a number says of ER, PR and HER2, by the ASCO/CAP cut-offs (ER <1 % negative, 1–10 % low
positive; HER2 IHC 0/1+ negative, 2+ equivocal, 3+ positive; ISH ratio from 2.0 amplified). A text that says two things
is unreadable."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from smart_app.codes.book import plain
from smart_app.domain.facts import ReceptorStatus

P, N, E, U = ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE, ReceptorStatus.EQUIVOCAL, ReceptorStatus.UNREADABLE

_NOT_DONE = re.compile(
    r"\bnot (?:done|performed|tested|applicable|available|reported|assessed|evaluated)\b|\bcancell?ed\b|\bn/?a\b|"
    r"\binsufficient\b|\bqns\b|\bunable to\b|\bunsatisfactory\b|\bfailed\b"
)
_PENDING = re.compile(r"\bpending\b|\bto follow\b|\bin process\b|\bawait\w*|\bpreliminary\b")
_NEGATIVE = re.compile(
    r"\bnegativ\w*|\bneg\b|\bnot (?:detected|expressed|over-?expressed|amplified|present|"
    r"identified)\b|\bnon-?(?:amplified|reactive)\b|"
    r"\bunamplified\b|\bno (?:over-?expression|amplification|expression|staining)\b|"
    r"\babsent\b|(?<![0-9.])-ve\b|^\s*\(?-\)?\s*$"
)
_POSITIVE = re.compile(
    r"\bpositiv\w*|\bpos\b|\b(?:over-?expressed|overexpression|amplified|amplification|expressed|detected|present|reactive)\b|"
    r"(?<![0-9])\+ve\b|^\s*\(?\++\)?\s*$"
)
_EQUIVOCAL = re.compile(r"\bequivocal\b|\bborderline\b|\bindeterminate\b|\binconclusive\b")
_UNKNOWN = re.compile(r"\bunknown\b|\bunclear\b|\bno result\b|\buninterpretable\b")
_PERCENT = re.compile(
    r"(<|>|<=|>=|≤|≥|~|approximately |about )?\s*([0-9]{1,3}(?:[.,][0-9]+)?)\s*(?:-|"
    r"–|to)?\s*([0-9]{1,3}(?:[.,][0-9]+)?)?\s*(?:%|percent\b|per cent\b)"
)
_SCORE = re.compile(
    r"(?:\bihc\b|\bscore(?:d)?\b|\bimmuno\w*|\bher-?2\b|^)[^0-9a-z]*(?:of |is |score |at )?\(?([0-3])\s?\+?(?![0-9.%/])"
)
_PLUS = re.compile(r"(?<![0-9])([0-3])\s?\+")
_SIGNED = r"(<=|>=|<|>|≤|≥|less than|greater than|more than)?\s*([0-9]{1,2}(?:[.,][0-9]+)?)"
_RATIO = re.compile(
    r"(?:\bratio\b(?:\s*\([^)]*\))?|(?:cep|cen|chr)\s?-?17\b(?:\s*ratio\b)?)(?:\s*(?:is|of|was|=|:|,))*\s*" + _SIGNED
)
_ALLRED = re.compile(r"\ballred\b(?: total)?(?: score)?\s*(?:of|is|[:=])?\s*([0-8])(?![0-9.,%+])")
_REFLEX = re.compile(r"\s*[;,.\n]?\s*(?:\bher-?2(?:/neu)?\s+)?(?=(?:by |reflex )?\b(?:d?fish|c?ish|sish)\b)")
_OWN_SIGN = re.compile(r"(?:er|pr|pgr)\s*[:=]?\s*\(?([+\-–−])\)?")
_BARE_RATIO = re.compile(r"\s*" + _SIGNED + r"\s*")


@dataclass(frozen=True, slots=True)
class Said:
    """A reading; ``status`` None: nothing was tested or said."""

    status: ReceptorStatus | None = None
    low: bool = False
    percent: Decimal | None = None
    score: str | None = None
    pending: bool = False


def _number(raw: str) -> Decimal | None:
    try:
        return Decimal(raw.replace(",", "."))
    except InvalidOperation:
        return None


def word(said: str) -> ReceptorStatus | None:
    """Positive, negative or equivocal by words; UNREADABLE where it says two of them or asks; None for none."""
    low = plain(said).strip()
    if "?" in low:
        return U
    negative = _NEGATIVE.search(low)
    positive = _POSITIVE.search(_NEGATIVE.sub(" ", low))
    equivocal = _EQUIVOCAL.search(low)
    found = [s for s, hit in ((N, negative), (P, positive), (E, equivocal)) if hit]
    if len(found) > 1:
        return U
    return found[0] if found else (U if _UNKNOWN.search(low) else None)


def percent_of(said: str) -> tuple[Decimal | None, bool, bool]:
    """(percent, it is below 1 %, it is a lower bound): of a range "1-10 %" the upper end; ``<1 %`` is below."""
    hits = list(_PERCENT.finditer(plain(said)))
    if len(hits) != 1:
        return None, False, False
    sign, first, second = hits[0].groups()
    value = _number(second or first)
    if value is None or value > 100:
        return None, False, False
    below = value < 1 or ((sign or "").strip() == "<" and value <= 1)
    return value, below, (sign or "").strip() in {">", ">=", "≥"}


def by_percent(percent: Decimal, below: bool) -> Said:
    if below:
        return Said(N, percent=percent)
    return Said(P, low=percent <= 10, percent=percent)


def hormone(said: str) -> Said:
    """ER or PR from a text: "Positive (95%)", "<1 %", "neg", "low positive", "Allred 7/8"."""
    low = plain(said)
    if _PENDING.search(low):
        return Said(U, pending=True)
    status = word(low)
    percent, below, above = percent_of(low)
    if percent is not None:
        counted = by_percent(percent, below)
        if status is None or status is counted.status:
            return replace(counted, low=False) if above and not re.search(r"\blow\b", low) else counted
        # "negative (<10 %)" by an older cut-off and any other contradiction: not to be decided here
        return Said(U, percent=percent)
    if status is None and _NOT_DONE.search(low):
        return Said()
    counted_status = _composite(low)
    if counted_status is not None:
        return Said(counted_status if status in {None, counted_status} else U)
    sign = _OWN_SIGN.fullmatch(low.strip())
    if sign:
        return Said(P if sign[1] == "+" else N)
    if status is not None and _NOT_DONE.search(low):
        return Said(U)
    if status is P and re.search(r"\blow\b|\bweak\w*", low) and not re.search(r"\bstrong|\bmoderate", low):
        return Said(P, low=bool(re.search(r"\blow(?:[- ]positiv\w*|\b)", low)))
    return Said(status if status is not None else U)


def _composite(low: str) -> ReceptorStatus | None:
    """Allred (0–8, from 3 positive), Remmele IRS (of 12) and H-score (of 300); None for none of them.

    IRS and H-score have no cut-off of their own in ASCO/CAP: they count where they cannot be but above 1 % of the cells
    (H-score from 3, IRS from 4) or none (0), else they are unreadable.
    """
    allred = re.search(r"\b([0-8])\s?(?:/|of|out of)\s?8\b", low) or _ALLRED.search(low)
    if allred:
        return P if int(allred[1]) >= 3 else N
    irs = re.search(
        r"\b(?:irs|remmele)\b(?:[ -]score)?\s*[:=]?\s*([0-9]{1,2})\s?(?:(?:/|of|out of)\s?12)?(?![0-9.,%+])", low
    )
    if irs and int(irs[1]) <= 12:
        return P if int(irs[1]) >= 4 else (N if int(irs[1]) == 0 else U)
    h_score = re.search(r"\bh[ -]?score\b\s*(?:of|is|[:=])?\s*([0-9]{1,3})(?![0-9.,%+])", low)
    if h_score and int(h_score[1]) <= 300:
        return P if int(h_score[1]) >= 3 else (N if int(h_score[1]) == 0 else U)
    return None


def her2(said: str, *, ish: bool) -> Said:
    """HER2 from a text: "1+", "IHC 2+, FISH not amplified", "HER2-low", "ratio 1.4", "less than 1.8"."""
    low = plain(said)
    if _PENDING.search(low) and not _PLUS.search(low):
        return Said(U, pending=True)
    if ish:
        return _ish(low)
    split = re.split(r"\b(?:d?fish|ish|cish|sish|in[- ]situ)\b", low, maxsplit=1)
    score_hit = _PLUS.search(split[0]) or _SCORE.search(split[0].strip())
    score = score_hit[1] if score_hit else None
    if score is not None and score_hit is not None:
        rest = split[0][: score_hit.start(1)] + " " + split[0][score_hit.end() :]
        return _scored(score, word(rest), word(split[1]) if len(split) > 1 else None)
    status = word(low)
    if re.search(r"\bultra-?low\b", low):
        return Said(N if status in {None, N} else U)
    if re.search(r"\b(?:her-?2[- ]?)?low\b", low) and status in {None, N}:
        return Said(N, low=True)
    if _NOT_DONE.search(low):
        return Said() if status is None else Said(U)
    return Said(status if status is not None else U)


def _scored(score: str, status: ReceptorStatus | None, ish: ReceptorStatus | None) -> Said:
    label = "0" if score == "0" else f"{score}+"
    mean = {"0": N, "1": N, "2": E, "3": P}[score]
    if score == "2" and ish in {P, N}:
        return Said(ish, low=ish is N, score=label)
    if score == "2" and status in {None, E, N, P}:
        # "2+ (negative)" without any in-situ result stays equivocal
        return Said(E, score=label)
    if status not in {None, mean} or (ish in {P, N} and ish is not mean):
        return Said(U, score=label)
    return Said(mean, low=score == "1", score=label)


def _ish(low: str) -> Said:
    status = word(low)
    if status is not None:
        return Said(status)
    if _NOT_DONE.search(low):
        return Said()
    hit = _RATIO.search(low) or _BARE_RATIO.fullmatch(low)
    value = _number(hit[2]) if hit else None
    # a number that no word calls the ratio (a group, a copy number) is not taken for it
    return Said(ratio(value, hit[1] or "") if hit and value is not None else U)


def ratio(value: Decimal, sign: str) -> ReceptorStatus:
    """HER2/CEP17: from 2.0 amplified, below not; an open comparison only where it decides."""
    if sign in {"<", "<=", "≤", "less than"}:
        return N if value <= 2 else U
    if sign in {">", ">=", "≥", "greater than", "more than"}:
        return P if value >= 2 else U
    return P if value >= 2 else N


def copies(value: Decimal) -> ReceptorStatus:
    """HER2 copies per nucleus: 6 and more amplified, below 4 not, between them equivocal."""
    return P if value >= 6 else (N if value < 4 else E)


_NAME = re.compile(
    r"\b(er|pr|pgr|hr|her-?2(?:/neu)?|o?estrogen receptors?|progesterone receptors?|hormone receptors?)(?![a-z0-9])"
    r"(?:\s*\((?:er|pr|pgr|hr|her-?2)\))?"
)
_SIGN = re.compile(r"[\s:=]*\(?([+\-–−])\)?(?![a-z0-9])")
_BESIDE = re.compile(r"\b(?:with|breast|carcinoma|cancer|metasta\w*|tumou?r|disease|invasive|ductal|nodes?)\b")


def summary(said: str) -> list[tuple[str, Said]]:
    """(marker, reading) of a line such as "ER+/PR-/HER2-", "HR-positive, HER2-negative" or "ER positive (5 %)".

    What stands between one marker's name and the next is its value; a name without one shares it ("ER/PR positive").
    """
    low = re.sub(r"\btriple[- ]negative\b", "er negative pr negative her2 negative", plain(said))
    low = re.sub(
        r"\bher-?2(?:/neu)?\s*[/:]\s*(?=c(?:ep|en|hr)\s?-?17)", "", low
    )  # the ratio's name is no second marker
    first = re.search(r"\bher-?2\b", low)
    if first:  # "HER2 2+; HER2 FISH not amplified": the second is the rest of the first
        low = low[: first.end()] + _REFLEX.sub(" ", low[first.end() :])
    hits = list(_NAME.finditer(low))
    found: list[tuple[str, Said]] = []
    shared: Said | None = None
    for number in range(len(hits) - 1, -1, -1):
        end = hits[number + 1].start() if number + 1 < len(hits) else len(low)
        part = re.split(r"[;\n]|\.(?![0-9])", low[hits[number].end() : end])[0]
        name = hits[number][1]
        marker = "her2" if name.startswith("her") else {"p": "pr", "h": "hr"}.get(name[0], "er")
        if not re.sub(r"[\s/,&]|\band\b", "", part):
            reading = shared
        else:
            reading = _stated(part, marker)
            shared = reading
        if reading is not None and reading.status in {P, N, E}:
            names = [marker] if marker != "hr" else (["er"] if reading.status is P else ["er", "pr"])
            found += [(one, reading) for one in names]
    return found[::-1]


def _stated(part: str, marker: str) -> Said | None:
    sign = _SIGN.match(part)
    if sign:
        return Said(P if sign[1] == "+" else N)
    value = _BESIDE.split(part)[0]
    value = re.sub(r"^[\s:=-]*(?:status|expression|by ihc|ihc|is|was)?[\s:=-]*", "", value).strip(" /,")
    if not value:
        return None
    return her2(value, ish=False) if marker == "her2" else hormone(value)
