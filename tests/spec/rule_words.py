"""The decision table's terse lines in words for a clinician (docs/rules.md)."""

from __future__ import annotations

from smart_app.domain.decision import Decision

# clause: its name, and what it asks, in the words of the page
CLAUSES = {
    "W1": ("Advanced disease", "Advanced or metastatic breast cancer: a metastatic site, stage IV, or unresectable."),
    "W2": (
        "Hormone receptor",
        "Oestrogen receptor positive, by the latest biopsy of metastatic disease where there is one. 1–10 % is inside "
        "and marked; the progesterone receptor alone does not tell.",
    ),
    "W3": ("HER2", "HER2 negative: IHC 0, 1+ (HER2-low is negative), or 2+ with in-situ hybridisation not amplified."),
    "W4": (
        "Aromatase inhibitor",
        "One is taken now, or was stopped or paused no longer ago than the policy allows (60 days, judgement). An "
        "order counts for a year, a box or a dose for 120 days (judgement); an older one that nothing bears out does "
        "not tell.",
    ),
    "W5": (
        "CDK4/6 inhibitor",
        "One is taken now, or is on hold for no longer than 8 weeks (judgement). Orders, boxes and doses count as for "
        "the aromatase inhibitor.",
    ),
    "W6": (
        "First line",
        "No other line for advanced disease. (Neo)adjuvant therapy is no line; a swap for toxicity is the same line. "
        "Judgement, where the record does not name the setting: what began up to 60 days before the advanced disease "
        "was known was for advanced disease; what began earlier and was over by then was (neo)adjuvant, and so was an "
        "aromatase inhibitor begun within a year after staging as early disease; any other that went on is asked. "
        "Palbociclib shows that the disease was advanced when it began; where it was over long before, it is asked. "
        "Chemotherapy goes on until 6 weeks after the last dose, and is over 120 days after it.",
    ),
    "W7": ("No SERD", "Never a SERD or degrader for advanced disease. An adjuvant one is asked: there are no data."),
    "W8": (
        "No progression",
        "None recorded on this line. Equivocal imaging, and a status that is undetermined, preliminary or not "
        "readable, is no recorded progression, and is said.",
    ),
    "W9": ("Person", "Alive, and 18 or older."),
    "D1": ("No draw", "None when the window is outside, after death, or while a switch review is open; each is said."),
    "D2": ("Date cannot be told", "No date while the window, or the day it would be counted from, cannot be told."),
    "D3": ("First draw", "trial-strict: month 6 to 7 of the line; practical: month 2 to 3."),
    "D4": (
        "Next draw",
        "2 to 3 calendar months after one that found nothing, on the scan (else visit) near the middle.",
    ),
    "D5": ("Ordered already", "A draw that is ordered or booked is shown and not doubled."),
    "D6": ("After a failed draw", "Again as soon as practicable, at most 4 weeks after the failure was known."),
    "D7": ("After an unclear result", "Repeat within 4 weeks; the interval does not start again."),
    "D8": ("Uninformative", "Too little tumour DNA in the blood: said, and no proof of absence."),
    "D9": ("Overdue", "Counted from the latest acceptable day."),
    "D10": ("Floor", "No draw earlier than 6 weeks after an informative one; a date never moves back by itself."),
    "D10b": ("Preliminary positive", "No next draw until it is final."),
    "D10c": ("Failed twice", "Two failures running are said: another tube or laboratory."),
    "D10d": ("The end", "Draws stop when the line ends, at progression, or when a review is decided."),
    "D11": ("Alignment", "Only with visits that are not cancelled; a visit outside never moves the dates."),
    "R1": (
        "What raises it",
        "One final detection in plasma, of a qualifying variant, on the line and inside the window.",
    ),
    "R2": ("It persists", "A later negative withdraws nothing; a correction does; a decision closes that finding."),
    "R3": ("What qualifies", "The policy's list; a labelled second tier; no threshold of the fraction."),
    "R4": ("Several variants", "One flag, all named."),
    "R5": ("What never raises it", "Each with its own reason; contradictory results of one specimen cannot be told."),
    "R6": (
        "Before the line",
        "Present before this line: discussed, not flagged; found again on the line it is flagged.",
    ),
    "R7": ("After progression", "It belongs to the decision on the progression or on the next treatment."),
    "R8": ("Outside, or not known", "No flag; the finding stays in the first sentence, with why."),
    "R9": ("Not read completely", "A flag that is earned stays; “no flag” becomes “cannot tell”."),
    "R10": ("No drug", "The flag names none."),
    "M": (
        "Modifiers",
        "Shown, never scored: they raise the chance of finding a mutation, not of benefit. Earlier AI, months on AI, "
        "bone disease and LDH have numbers; visceral disease and several sites are only the source document's "
        "statement. A site that is not on record is unknown, never no; an earlier AI is “no” where the drugs were read "
        "wholly and none is on record, which an old record from elsewhere may contradict.",
    ),
}

_GONE = {
    "person": "no birth date",
    "breast": "no diagnosis of breast cancer",
    "spread": "no metastasis, no stage",
    "er": "no oestrogen receptor",
    "her2": "no HER2",
    "ai": "no letrozole",
    "cdk": "no palbociclib",
}
_OPTIONS = {
    "taken": "taken",
    "ordered": "ordered",
    "dispensed": "dispensed",
    "administered": "given",
    "ongoing": "goes on",
    "stopped": "stopped",
    "below": "below the limit",
    "uninformative": "too little tumour DNA",
    "low": "low",
    "provisional": "preliminary",
    "cancelled": "cancelled",
    "done": "done",
}
_NAMED = {
    "setting": "{} setting",
    "stop": "stopped for {}",
    "hold": "on hold since {}",
    "seen": "last seen {}",
    "supply": "supply until {}",
    "standing": "{}",
    "known": "known {}",
    "basis": "day {}",
    "kind": "{}",
    "sig": "called {}",
    "origin": "{}",
    "gene": "gene {}",
    "vaf": "fraction {}",
    "limit": "limit {}",
    "covers": "assay covers {}",
    "percent": "{} %",
    "method": "by {}",
    "score": "IHC {}",
    "specimen": "specimen {}",
}


def _option(word: str) -> str:
    name, _, value = word.partition("=")
    if value == "?":
        value = "an unknown day"
    return _NAMED[name].format(value.replace("_", " ")) if name in _NAMED else _OPTIONS.get(word, word)


def _day(text: str) -> str:
    return "no date" if text == "?" else text


def line_words(line: str) -> str:
    """One line of a chart: ``-er`` is something missing, the rest is something on record."""
    if line.startswith("-"):
        return f"*{_GONE[line[1:]]}*"
    what, *w = line.split(" ")
    if what == "drug":
        name, group, stretch, *rest = w
        start, end = stretch.split("..")
        until = f" to {end}" if end != "?" else ""
        said = ", ".join(_option(o) for o in rest)
        return f"{name} ({group.replace('_', ' ')}), {'start unknown' if start == '?' else start}{until}; {said}"
    if what == "draw":
        outcome, day, specimen, *rest = w
        specimen = "a fluid that is not blood" if specimen == "other" else specimen
        more = ", ".join(_option(o) for o in rest if o != "-")
        return f"result {_day(day)}, {specimen}: **{outcome.replace('_', ' ')}** {more}".rstrip()
    if what in ("er", "pr", "her2"):
        status, biopsy, day, *rest = w
        where = "" if biopsy == "unknown" else f" ({biopsy})"
        return ", ".join([f"{what.upper()} {status}{where}", _day(day), *map(_option, rest)])
    if what in ("metastasis", "extent", "status", "ldh"):
        name = {"extent": "stage:", "status": "disease:", "ldh": "LDH"}.get(what, what)
        return f"{name} {w[0].replace('_', ' ')}, {_day(w[1])}"
    if what in ("decided", "withdrawn"):
        named = "variant not said" if w[1] == "-" else w[1]
        return ", ".join([f"{what} {_day(w[0])}: {named}", *(word.replace("-", " ") for word in w[2:])])
    if what == "gap":
        return f"*not read completely: {' '.join(w)}*"
    if what == "unclear":
        return f"an entry names two drugs: {' '.join(w)}"
    return " ".join([what.replace("-", " "), *(_day(o) if o == "?" else _option(o) for o in w)])


def answer_words(answer: Decision, expected: str) -> str:
    """What a row expects, in words; the app's own sentence stands in a column of its own."""
    said: list[str] = []
    for part in expected.split(" ; "):
        what, *w = part.split(" ")
        if what == "window":
            said.append(f"window **{w[0].replace('_', ' ')}** {' '.join(w[1:])}".rstrip())
        elif what == "review":
            said.append(f"review **{w[0].replace('_', ' ')}** {' '.join(w[1:])}".rstrip())
        elif what == "draw" and w[0] == "none":
            said.append("no draw")
        elif what == "draw":
            late = w[3].removeprefix("overdue=")
            overdue = f", overdue by {late} days" if late != "0" else ""
            aligned = f", with the {w[4].removeprefix('aligned=')}" if len(w) > 4 else ""
            said.append(f"draw {w[0]} to {w[2]}, due {w[1]}{aligned}{overdue}")
        elif what == "reason":
            said += [f"says: “{r.sentence}”" for r in answer.reasons if r.code == w[0]][:1]
        elif what == "modifier":
            said += [m.replace("=", ": ").replace("_", " ") for m in w]
    return "<br>".join(said)
