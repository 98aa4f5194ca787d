"""The code book: codes, prefixes and names -> drugs and concepts. Immutable once loaded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from smart_app.codes.systems import Code, code_of
from smart_app.domain.facts import DrugClass

Drugs = frozenset[str]

# after these words a text speaks of another drug than the one given
_ASIDE = re.compile(
    r"\b(?:instead of|in place of|replac(?:es|ed|ing)|previous(?:ly)?|formerly|prior to|switch(?:ed)? from|"
    r"changed from|stop(?:ped)?|discontinue[d]?|d/c|no longer|not with|do not|never|after|allerg\w+|intoleran\w+)\b"
)
_PLACEBO = re.compile(r"\b(?:placebo|blinded|double[- ]blind)\b")


def plain(text: str) -> str:
    """Lower case without accents and trade marks, so that names match as they are written in any record."""
    folded = unicodedata.normalize("NFKD", text.replace("®", " ").replace("™", " ").replace("_", " "))
    return "".join(c for c in folded if not unicodedata.combining(c)).casefold()


@dataclass(frozen=True)
class Codebook:
    """``drug_codes``/``meanings`` keep exact codes; a key of ``prefixes`` ends where the shared part of codes ends."""

    classes: Mapping[str, DrugClass]
    drug_codes: Mapping[Code, Drugs]
    drug_prefixes: Mapping[Code, Drugs]
    names: Mapping[str, Drugs]
    meanings: Mapping[tuple[str, Code], str] = field(default_factory=dict)
    prefixes: Mapping[tuple[str, Code], str] = field(default_factory=dict)
    phrases: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)  # kind -> (phrase, meaning)

    # --- drugs ---------------------------------------------------------------------------------------------------

    def class_of(self, drug: str) -> DrugClass:
        return self.classes[drug]

    def drugs_of(self, system: str, code: str) -> Drugs:
        """The drugs a code names (two for a co-pack); empty where the code is not known."""
        key = code_of(system, code)
        if key in self.drug_codes:
            return self.drug_codes[key]
        for length in range(len(key.value) - 1, 2, -1):
            found = self.drug_prefixes.get(type(key)(key.value[:length]))
            if found:
                return found
        return frozenset()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # in a name any run of blanks, hyphens or slashes matches any other: "co-pack", "co pack"
        forms = sorted(
            (
                re.sub(r"[\s/-]+", r"[\\s/-]+", re.escape(name).replace(r"\ ", " ").replace(r"\-", "-"))
                for name in self.names
            ),
            key=len,
            reverse=True,
        )
        return re.compile(r"(?<![a-z0-9])(?:" + "|".join(forms) + r")(?![a-z0-9])")

    @cached_property
    def _loose(self) -> dict[str, Drugs]:
        return {re.sub(r"[\s/-]+", " ", name): drugs for name, drugs in self.names.items()}

    def drugs_in(self, text: str) -> Drugs:
        """The drugs a text names as whole words, by INN, brand or pack name, whatever the case or salt."""
        found: set[str] = set()
        for match in self._pattern.finditer(_ASIDE.split(plain(text))[0]):
            found |= self._loose[re.sub(r"[\s/-]+", " ", match.group())]
        return frozenset(found)

    def is_blinded(self, text: str) -> bool:
        """A trial drug that may be placebo: nobody knows whether it is taken."""
        return _PLACEBO.search(plain(text)) is not None

    # --- concepts ------------------------------------------------------------------------------------------------

    def meaning(self, kind: str, system: str, code: str) -> str | None:
        """What a code means among the concepts of one kind ("cancer", "site", "answer", …)."""
        key = code_of(system, code)
        if (kind, key) in self.meanings:
            return self.meanings[kind, key]
        for length in range(len(key.value), 0, -1):
            found = self.prefixes.get((kind, type(key)(key.value[:length]))) if type(key) is not Code else None
            if found:
                return found
        return None

    def meanings_of(self, kind: str, codings: Iterable[tuple[str, str, str]]) -> list[str]:
        """The meanings of several (system, code, display), each once, in their order."""
        found = (self.meaning(kind, system, code) for system, code, _ in codings if code)
        return list(dict.fromkeys(m for m in found if m is not None))

    @cached_property
    def _phrases(self) -> dict[str, tuple[re.Pattern[str], list[tuple[re.Pattern[str], str]]]]:
        """Of each kind: any phrase at all (most texts have none), then each phrase, the longest first."""

        def whole(form: str) -> re.Pattern[str]:
            return re.compile(r"(?<![a-z0-9])(?:" + form + r")(?![a-z0-9])")

        return {
            kind: (
                whole("|".join(re.escape(phrase) for phrase, _ in rows)),
                [(whole(re.escape(phrase)), meaning) for phrase, meaning in rows],
            )
            for kind, rows in self.phrases.items()
        }

    def said(self, kind: str, text: str) -> list[str]:
        """The meanings of a kind whose phrases stand in the text as whole words; a longer phrase hides those in it."""
        low, found = plain(text), []
        anything, each = self._phrases.get(kind, (None, []))
        if anything is None or anything.search(low) is None:
            return []
        for pattern, meaning in each:
            low, hits = pattern.subn(" | ", low)
            if hits:
                found.append(meaning)
        return list(dict.fromkeys(found))
