"""Sentences of the rules, of the reading and of the writing in another language.

All below the pages speaks English. A sentence is compared with known shapes (``{a}`` stands for a date, a name, an
amount), said in the page's language, and its parts are put back as they are, dates with their month translated. A
sentence of no known shape stays English and is marked so: nothing is ever lost or guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from markupsafe import Markup, escape

from smart_app.domain.dates import PartialDate
from smart_app.web.i18n import _, date_words, language, listed, translated
from smart_app.web.shapes import SHAPES
from smart_app.web.shapes_around import SHAPES_AROUND
from smart_app.web.words import STATUSES, plan_status

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 - a list literal hides the order
_MONTH = f"(?:{'|'.join(_MONTHS)})"
_DAY = re.compile(rf"(?:(\d{{1,2}}) )?({_MONTH}) (\d{{4}})\Z")
_RANGE = re.compile(rf"(\d{{1,2}})( {_MONTH})?( \d{{4}})? and (\d{{1,2}})( {_MONTH})( \d{{4}})\Z")
_DATE = rf"(?:(?:\d{{1,2}} )?{_MONTH} )?\d{{4}}|an unknown date"
_PERIOD = re.compile(rf"({_DATE}) to ({_DATE})(?: \(([a-z-]+)\))?\Z")
_LONGEST, _DEPTH = 900, 6  # characters of a sentence, sentences inside sentences: the record may hold anything
_ENGLISH = re.compile(r"\b(the|whether|recorded|found|first|detected|not|of|which|until|cannot|told|is|by|from|with)\b")
# a value holds no sentence of its own, so that no shape reaches over the beginning of another
_VALUE = r"(?:(?!: |\. |; ).)+?"
_SLOTS = {
    **dict.fromkeys("abc", _VALUE),
    "s": r"(?:(?!\. ).)+?",
    "l": r"(?:(?!: |\. ).)+?",
    **dict.fromkeys("df", _DATE),
    **dict.fromkeys("qeg", ".*?"),  # quoted as it stands; "e" and "g": from a plan, which is English
}
_OPEN, _CLOSE = "\ue000", "\ue001"  # around a quotation in English, until it is marked or said without a mark
_LETTERS = re.compile(r"\{\w\}")


@dataclass(frozen=True, slots=True)
class _Shape:
    """``start`` and ``end``: what stands before the first and after the last part, for a quick look."""

    english: str
    start: str
    end: str
    pattern: re.Pattern[str]


@cache
def _shapes() -> tuple[_Shape, ...]:
    """The shape that says most in letters stands first, so that the most telling one is found."""
    made = []
    for shape in sorted(_ALL, key=lambda s: (-len(_LETTERS.sub("", s)), s)):
        held = _LETTERS.split(shape)
        names = _LETTERS.findall(shape)
        pattern = re.escape(held[0])
        for name, after in zip(names, held[1:], strict=True):
            pattern += f"(?P<{name[1]}>{_SLOTS[name[1]]}){re.escape(after)}"
        if names:
            made.append(_Shape(shape, held[0], held[-1], re.compile(rf"{pattern}\Z", re.S)))
    return tuple(made)


_ALL = (*SHAPES, *SHAPES_AROUND)
_WHOLE = frozenset(shape for shape in _ALL if "{" not in shape)


@cache
def _shapes_of(first: str) -> tuple[_Shape, ...]:
    """Those that a sentence with this first letter may have."""
    return tuple(shape for shape in _shapes() if shape.start[:1] in ("", first))


def said(sentence: str) -> str:
    """The sentence in the page's language, or as it stands."""
    found = sentence if language() == "en" else _told(sentence)
    return sentence if found is None else found.replace(_OPEN, "").replace(_CLOSE, "")


def said_markup(sentence: str) -> Markup:
    """The same for a template: what stays English is marked as English."""
    return _marked(sentence, sentence if language() == "en" else _told(sentence))


def fact_markup(words: str) -> Markup:
    """An attested fact, said in the middle of a sentence, for a template."""
    if language() == "en":
        return escape(words)
    told = _part(words, 1)
    return _marked(words, None if _ENGLISH.search(told) or _OPEN in words else told)


def _told(sentence: str) -> str | None:
    """No words of the record can pretend to be a quotation of ours."""
    if _OPEN in sentence or _CLOSE in sentence:
        return None
    return _said(sentence) if sentence else ""


def _marked(sentence: str, found: str | None) -> Markup:
    if found is None:
        return Markup('<span lang="en">{}</span>').format(sentence)
    if _OPEN not in found:
        return escape(found)
    quoted = str(escape(found)).replace(_OPEN, '<span lang="en">').replace(_CLOSE, "</span>")
    return Markup(quoted)  # noqa: S704 - escaped above, and the marks are ours


def said_part(part: str) -> str:
    """A date or a name that the rules said in words of their own."""
    return part if language() == "en" else _part(part, 1)


def _said(sentence: str, depth: int = 0) -> str | None:
    """By its shape: as it stands, with a capital, with its full stop; else as two sentences."""
    if depth > _DEPTH or len(sentence) > _LONGEST:
        return None
    capital = sentence[:1].upper() + sentence[1:]
    for asked in dict.fromkeys((sentence, capital, f"{sentence}.", f"{capital}.")):
        found = translated(asked) if "{" not in asked and "%(" not in asked else None
        found = found or _by_shape(asked, depth)
        if found is not None:
            return _like(sentence, asked, found)
    both = re.match(r"(.+?\.) (\S.*)\Z", sentence, re.S)
    if both is None:
        return None
    first, rest = _said(both[1], depth + 1), _said(both[2], depth + 1)
    return f"{first} {rest}" if first is not None and rest is not None else None


def _like(sentence: str, asked: str, found: str) -> str:
    """Without the full stop or the capital that only the shape has; German keeps the capitals of its nouns."""
    if asked.endswith(".") and not sentence.endswith("."):
        found = found.removesuffix(".")
    if asked[:1] != sentence[:1] and language() != "de" and found[1:2].islower():
        found = found[:1].lower() + found[1:]
    return found


def _by_shape(sentence: str, depth: int) -> str | None:
    if sentence in _WHOLE:
        return translated(sentence)
    for shape in _shapes_of(sentence[:1]):
        if not (sentence.startswith(shape.start) and sentence.endswith(shape.end)):
            continue
        match = shape.pattern.match(sentence)
        words = translated(shape.english) if match is not None else None
        if match is not None and words is not None:
            parts = {name: _slot(name, part, depth + 1) for name, part in match.groupdict().items()}
            if None not in parts.values():
                return _LETTERS.sub(lambda m: parts[m[0][1]] or "", words)  # noqa: B023 - called at once
    return None


def _slot(name: str, part: str, depth: int) -> str | None:
    """A sentence must have a shape, and no value may hold English words of its own: else the whole stays English."""
    if name == "s":
        return _said(part, depth)
    if name in "eg":
        return f"{_OPEN}{part}{_CLOSE}"
    if name == "q":
        return part
    told = "; ".join(_part(one, depth) for one in (part.split("; ") if name == "l" else [part]))
    return None if _ENGLISH.search(told) else told


def _part(part: str, depth: int) -> str:
    """A date, a list, a sentence of its own; anything else, such as a name of the record, stays as it is."""
    day = _DAY.match(part)
    if day is not None:
        return date_words(PartialDate(int(day[3]), _MONTHS.index(day[2]) + 1, int(day[1]) if day[1] else None))
    ends = _RANGE.match(part)
    if ends is not None:
        first = _part(f"{ends[1]}{ends[2] or ends[5]}{ends[3] or ends[6]}", depth)
        return _("%(first)s and %(last)s", first=first, last=_part(f"{ends[4]}{ends[5]}{ends[6]}", depth))
    if part == "an unknown date":
        return date_words(None)
    if part in STATUSES:
        return plan_status(part)
    period = _PERIOD.match(part)
    if period is not None:
        days = _("%(first)s to %(last)s", first=_part(period[1], depth), last=_part(period[2], depth))
        return f"{days} ({plan_status(period[3])})" if period[3] else days
    capital = part[:1].upper() + part[1:]
    whole = translated(capital) if capital in _WHOLE else _by_shape(part, depth) if not part.endswith(".") else None
    if whole is not None:
        return whole
    if depth <= _DEPTH and " and " in part:
        return listed([_part(p, depth + 1) for p in re.split(r", | and ", part)])
    if depth <= _DEPTH and ", " in part:
        return ", ".join(_part(p, depth + 1) for p in part.split(", "))
    return part
