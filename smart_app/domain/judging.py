"""One ESR1 finding of one draw: does it count for the switch review, and if not, why (R1, R3, R5, R6)?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from smart_app.domain.dates import add_days
from smart_app.domain.decision import Reason
from smart_app.domain.facts import DateBasis, Draw, Finding, Known, Outcome, Significance, Sources, Specimen, Standing
from smart_app.domain.logic import Span, span
from smart_app.domain.policy import Policy
from smart_app.domain.variants import Tier, label, tier, why_not
from smart_app.domain.wording import date_words, listed, percent_words

_LIST = ("policy-judgement", "ember-3", "emerald")
# judgement: a sample is reported within 60 days, so that a report's date bounds the day of collection
REPORT_DAYS = 60

# whether the treatment was that of the window on a day, and the clauses that say no or are open
AtCollection = Callable[[date], tuple[Known, tuple[str, ...]]]


class Judged(NamedTuple):
    """``answer``: YES counts, UNKNOWN may count, NO does not; ``code``, ``clause`` and ``words`` say why."""

    draw: Draw
    finding: Finding | None
    answer: Known
    code: str
    clause: str
    words: str  # what is said of the finding, or the whole sentence where none is named

    @property
    def name(self) -> str:
        return label(self.finding) if self.finding is not None else ""

    @property
    def sources(self) -> Sources:
        return (self.finding.sources if self.finding is not None else ()) or self.draw.sources

    @property
    def reason(self) -> Reason:
        said = f"{_name(self.draw, self.finding)}: {self.words}" if self.finding is not None else self.words
        return Reason(self.code, self.clause, said, self.sources, _LIST)


def collected(draw: Draw) -> Span:
    """The days on which the sample may have been taken."""
    if draw.date is None:
        if draw.known_on is None:
            return span(None)
        return date.min, draw.known_on.last
    if draw.date_basis in (DateBasis.REPORTED, DateBasis.ISSUED):
        return add_days(draw.date.first, -REPORT_DAYS), draw.date.last
    return span(draw.date)


def amount(finding: Finding) -> str:
    """ " (0.8 %)" where the fraction can be read, "" else."""
    if finding.vaf is None:
        return f" ({finding.vaf_text}, not readable as a fraction)" if finding.vaf_text else ""
    return f" ({percent_words(finding.vaf, finding.vaf_comparator)})"


def _name(draw: Draw, finding: Finding) -> str:
    return f"ESR1 {label(finding).removeprefix('ESR1 ')}{amount(finding)}, {date_words(draw.date)}"


def _say(draw: Draw, finding: Finding | None, answer: Known, code: str, clause: str, words: str) -> Judged:
    return Judged(draw, finding, answer, f"review.{code}", clause, words)


def judge_finding(
    draw: Draw, finding: Finding, start: Span | None, today: date, policy: Policy, inside: AtCollection | None
) -> Judged:
    """``start``: when the followed line began; None where there is no such line.

    ``inside`` None: the window is closed today, so that what it was at collection changes nothing.
    """
    never = why_not(finding)
    if never is not None:
        return _no(draw, finding, f"not_counted.{never[0]}", "R5", f"raises no flag because {never[1]}.")
    if draw.specimen is Specimen.TISSUE:
        words = "found in tissue; only plasma raises the flag."
        return _no(draw, finding, "not_counted.tissue", "R5", words)
    if draw.specimen is Specimen.OTHER:
        words = "found in a fluid that is not blood; only plasma raises the flag."
        return _no(draw, finding, "not_counted.other_fluid", "R5", words)
    standing = tier(finding, policy)
    if standing is Tier.NONE and finding.protein_change is not None:
        return _not_listed(draw, finding, policy)
    if draw.standing is Standing.PROVISIONAL:
        words = "preliminary; the final result is awaited before it can raise the flag."
        return _no(draw, finding, "not_counted.preliminary", "R5", words)
    placed = _against_line(draw, finding, start)
    if placed is not None and placed.answer is Known.NO:
        return placed
    unclear = _unclear(draw, finding, standing, today) or placed
    if unclear is not None:
        return unclear
    at_collection = _at_collection(draw, finding, today, inside) if inside is not None else None
    if at_collection is not None:
        return at_collection
    tail = " (outside the hotspot list, called pathogenic by the laboratory)" if standing is Tier.SECOND else ""
    below = finding.below_limit or finding.vaf_comparator in ("<", "<=")
    if finding.vaf is not None and draw.limit is not None:
        below = below or finding.vaf < draw.limit
    low = "; below the assay's stated limit" if below else ""
    words = f"a qualifying mutation in plasma{tail}{low}."
    return _say(draw, finding, Known.YES, "qualifies", "R1", words)


def _no(draw: Draw, finding: Finding, code: str, clause: str, words: str) -> Judged:
    return _say(draw, finding, Known.NO, code, clause, words)


def _not_listed(draw: Draw, finding: Finding, policy: Policy) -> Judged:
    if finding.significance is Significance.UNCERTAIN:
        words = "the laboratory calls it of uncertain significance."
        return _no(draw, finding, "not_counted.vus", "R5", words)
    words = f"not on the variant list of the policy {policy.name}."
    return _no(draw, finding, "not_counted.outside_list", "R5", words)


def _before_line(draw: Draw, start: Span | None) -> bool:
    """Whether it was taken before a line that is certain (of one that is not, the last day is open)."""
    return start is not None and start[1] != date.max and collected(draw)[1] < start[0]


def _against_line(draw: Draw, finding: Finding, start: Span | None) -> Judged | None:
    """Before the line, on it (None), or cannot tell."""
    if start is None:
        words = "no line of therapy was found that it could belong to."
        return _say(draw, finding, Known.UNKNOWN, "no_line", "R1", words)
    when = collected(draw)
    if _before_line(draw, start):
        words = "present before this line of therapy. Discuss it; it does not raise the switch-review flag."
        return _say(draw, finding, Known.NO, "baseline", "R6", words)
    if when[0] >= start[1]:
        return None
    if draw.date is None:
        words = "when the sample was taken is not recorded."
        return _say(draw, finding, Known.UNKNOWN, "date_unknown", "R1", words)
    words = "whether the sample was taken before or after this line began cannot be told."
    return _say(draw, finding, Known.UNKNOWN, "line_start_unclear", "R1", words)


def _unclear(draw: Draw, finding: Finding, standing: Tier, today: date) -> Judged | None:
    if standing is Tier.NONE:
        words = "the record does not name the protein change, so whether it counts cannot be told."
        return _say(draw, finding, Known.UNKNOWN, "change_unknown", "R3", words)
    if draw.standing is Standing.CONFLICT:
        words = "results of this one specimen contradict each other; ask the laboratory which holds."
        return _say(draw, finding, Known.UNKNOWN, "conflict", "R5", words)
    if draw.specimen is Specimen.UNKNOWN:
        words = "the record does not say whether this was plasma or tissue; find out the specimen."
        return _say(draw, finding, Known.UNKNOWN, "specimen_unknown", "R1", words)
    if collected(draw)[0] > today:
        words = "the date lies in the future; check it."
        return _say(draw, finding, Known.UNKNOWN, "date_in_future", "R1", words)
    return None


def _at_collection(draw: Draw, finding: Finding, today: date, inside: AtCollection) -> Judged | None:
    """R1 asks for the window at collection too."""
    found = [inside(day) for day in dict.fromkeys(min(day, today) for day in collected(draw))]
    answers = {answer for answer, _ in found}
    names = listed(sorted({clause for _, clauses in found for clause in clauses})) if answers != {Known.YES} else ""
    if answers == {Known.NO}:
        words = f"outside the window when the sample was taken ({names}): for information only."
        return _say(draw, finding, Known.NO, "outside_at_collection", "R8", words)
    if answers != {Known.YES}:
        words = f"whether the sample was taken inside the window cannot be told ({names})."
        return _say(draw, finding, Known.UNKNOWN, "window_at_collection", "R8", words)
    return None


def judge_nameless(draw: Draw, start: Span | None) -> Judged | None:
    """A draw whose result says detected and names no variant, or that could not be read."""
    if draw.outcome is not Outcome.NOT_READABLE and (draw.outcome is not Outcome.DETECTED or draw.findings):
        return None
    on = date_words(draw.date)
    gone = draw.specimen is Specimen.TISSUE or _before_line(draw, start)
    if draw.outcome is Outcome.NOT_READABLE:
        words = f"A report of {on} cannot be read by the app: it raises no flag, but it may hold a positive: open it."
        return _say(draw, None, Known.NO, "not_readable", "R5", words)
    if draw.standing is Standing.PROVISIONAL:
        words = f"ESR1 mutation detected {on} in a preliminary result: the final one is awaited."
        return _say(draw, None, Known.NO, "not_counted.preliminary", "R5", words)
    words = f"ESR1 mutation detected {on}, but the result does not name the variant."
    return _say(draw, None, Known.NO if gone else Known.UNKNOWN, "change_unknown", "R3", words)
