"""What an Observation is about, by its code alone; asked once for every distinct code of one reading.

The memory lives as long as the reading of one chart, no longer: a code's text is part of the patient's record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from smart_app.codes import Codebook
from smart_app.codes.book import plain
from smart_app.fhir.reading.conditions import stage_tests
from smart_app.fhir.reading.progress import is_ldh, may_be_status
from smart_app.fhir.reading.record import codings, words

_GENE = re.compile(
    r"\bgene mutation|\bmutation|\bvariant|\bsequenc|\bserum\b|\bplasma\b|\bextracellular|"
    r"\bblood\b|\bmrna\b|\bstudied\b"
)
_ER = re.compile(
    r"\bo?estrogen receptors?\b|\ber (?:status|ihc|expression|receptor|by ihc|percent|"
    r"%)|\ber[- ]?alpha\b|^er$|\boestrogenrezeptor|\bostrogenrezeptor|"
    r"\breceptor(?:es)? (?:de )?estrogenos?\b"
)
_PR = re.compile(
    r"\bprogesterone? receptors?\b|\bp(?:g)?r (?:status|ihc|expression|receptor|by ihc|"
    r"percent|%)|^p(?:g)?r$|\bprogesteronrezeptor|\breceptor(?:es)? de progesterona\b"
)
_HER2 = re.compile(r"\bher-?2\b|\berbb2\b|\bhuman epidermal growth factor receptor 2\b|\bc-?erb-?b2\b")
_PANEL = re.compile(
    r"\breceptor (?:status|panel|profile|assessment)|\bbreast (?:cancer )?(?:biomarker|"
    r"marker|prognostic)|\bbiomarker (?:panel|report|summary)|\bhormone receptors?\b"
)
ISH = re.compile(r"\b(?:d?fish|c?ish|sish|in[- ]situ hybridi[sz]ation|amplification)\b")


@dataclass(frozen=True, slots=True)
class About:
    """``receptor``: see ``receptor_test``. ``status`` may still depend on the answer."""

    ldh: bool = False
    stage: bool = False
    status: bool = False
    receptor: str | None = None


@dataclass(slots=True)
class Kinds:
    book: Codebook
    seen: dict[object, About] = field(default_factory=dict)
    same: dict[int, tuple[object, About]] = field(default_factory=dict)  # the very code, asked again by another reader

    def of(self, code: object) -> About:
        known = self.same.get(id(code))
        if known is not None and known[0] is code:
            return known[1]
        found = self._of(code)
        self.same[id(code)] = code, found
        return found

    def _of(self, code: object) -> About:
        key = _key(code)
        try:
            found = self.seen.get(key)
        except TypeError:  # something unhashable where a text should be
            return self._about(code)
        if found is None:
            found = self.seen[key] = self._about(code)
        return found

    def _about(self, code: object) -> About:
        ldh = is_ldh(self.book, code)
        return About(
            ldh=ldh,
            stage=not ldh and bool(stage_tests(self.book, code)),
            status=not ldh and may_be_status(self.book, code),
            receptor=receptor_test(self.book, code),
        )


def _key(code: object) -> object:
    if not isinstance(code, dict):
        return None
    found = code.get("coding")
    if not isinstance(found, list):
        return (code.get("text"), repr(found))
    return (
        code.get("text"),
        *[(c.get("system"), c.get("code"), c.get("display")) for c in found if isinstance(c, dict)],
    )


def receptor_test(book: Codebook, code: object) -> str | None:
    """er, pr (or with _percent), er_pr, her2 (or with _ihc, _ish, _copies), er_other, panel, none (surely not)."""
    meant = [m for m in book.meanings_of("test", codings(code)) if m not in {"ldh"}]
    if meant:
        return meant[0]
    for part in plain(words(code)).split(" | "):
        if _GENE.search(part):
            continue
        if _HER2.search(part):
            return "her2_ish" if ISH.search(part) else ("her2_ihc" if re.search(r"\bihc\b|immun", part) else "her2")
        er, pr = bool(_ER.search(part)), bool(_PR.search(part))
        if er and pr:
            return "panel"
        if er or pr:
            return ("er" if er else "pr") + ("_percent" if re.search(r"percent|%|\bcells\b.*#|fraction", part) else "")
        if _PANEL.search(part):
            return "panel"
    return None
