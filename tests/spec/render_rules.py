"""Writes the decision table into ``docs/rules.md``, and every row's full answer into ``tests/spec/answers.txt``.

``python -m tests.spec.render_rules``. A change of any sentence shows in the second file's diff; read it before
committing it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from smart_app.domain import decide
from smart_app.domain.decision import Decision, Reason
from smart_app.domain.facts import Source
from tests.spec.rule_words import CLAUSES, answer_words, line_words
from tests.support.rule_charts import BASE, POLICIES, chart_of, day

HERE = Path(__file__).parent
TARGET = HERE.parent.parent / "docs" / "rules.md"
ANSWERS = HERE / "answers.txt"
TODAY, POLICY = "2026-11-21", "trial-strict"
Row = dict[str, Any]


@cache
def rows() -> list[Row]:
    return tomllib.loads((HERE / "rules.toml").read_text("utf-8"))["row"]


def answer_of(row: Row) -> Decision:
    return decide(chart_of(row["chart"]), POLICIES[row.get("policy", POLICY)], day(row.get("today", TODAY)))


def rendered() -> str:
    lines = [
        "# What the app decides",
        "",
        "Made from `tests/spec/rules.toml`; every row is run by the tests. Read it line by line and object.",
        "",
        "Each row is this patient, changed as the second column says (*in italics: missing or not read*):",
        "",
        *(f"- {line_words(line)}" for line in BASE.values()),
        "",
        f"The policy is *{POLICY}* and the day {TODAY}, unless the row says otherwise. The last column is the app's",
        "first sentence, word for word. Every other sentence of every row stands in `tests/spec/answers.txt`.",
        "",
    ]
    for clause, (name, asks) in CLAUSES.items():
        lines += [f"## {clause} {name}", "", asks, ""]
        lines += ["| case | on record | answer | the first sentence |", "|---|---|---|---|"]
        for row in (r for r in rows() if r["clause"] == clause):
            answer = answer_of(row)
            other = [f"policy *{row['policy']}*"] if "policy" in row else []
            other += [f"day {row['today']}"] if "today" in row else []
            record = "<br>".join([*map(line_words, row["chart"]), *other]) or "as above"
            lines.append(f"| {row['title']} | {record} | {answer_words(answer, row['expect'])} | {answer.headline} |")
        lines.append("")
    return "\n".join(lines)


def _reason(reason: Reason) -> str:
    sources = " ".join(s.reference for s in reason.sources)
    return f"{reason.clause} {reason.code}: {reason.sentence} [{sources}] ({' '.join(reason.evidence)})"


def _facts(answer: Decision) -> Iterator[str]:
    """Every field of the answer but the digest and the reasons."""
    window, planned, review = answer.window, answer.next_draw, answer.switch_review
    yield f"headline: {answer.headline}"
    yield f"window: {window.answer} {' '.join(window.clauses)} since {window.since} settle {'; '.join(window.settle)}"
    if planned is not None:
        days = f"{planned.earliest} {planned.due} {planned.latest} overdue {planned.overdue_days}"
        yield f"draw: {days} redraw {planned.redraw} {planned.aligned_to} {_source(planned.aligned_source)}"
    findings = " ".join(f"{f.protein_change}/{f.dna_change}" for f in review.findings)
    named = f"{' '.join(review.variants)} of {findings} first {review.first_detected} ({review.first_shown})"
    yield f"review: {review.answer} {' '.join(review.clauses)}: {named}"
    yield f"modifiers: {' '.join(f'{k}={v}' for k, v in asdict(answer.modifiers).items())}"
    for line in answer.lines:
        sources = " ".join(map(_source, line.sources))
        yield f"line {line.number}: {' '.join(line.drugs)} {line.start} to {line.end} [{sources}]"
    yield f"policy: {answer.policy_name} {answer.policy_version} {answer.today}"


def _source(source: Source | None) -> str:
    return source.reference if source is not None else "-"


def _said(answer: Decision) -> list[str]:
    return [line.rstrip() for line in (*_facts(answer), *map(_reason, answer.reasons))]


def full_answer(row: Row) -> list[str]:
    """The whole answer but for the lines that the unchanged patient has too; of those, what is gone."""
    answer = answer_of(row)
    said = _said(answer)
    gone = [line.partition(": ")[0] for line in base() if line not in said]
    left = [name for name in gone if not any(line.startswith(f"{name}: ") for line in said)]
    return [line for line in said if line not in base()] + [f"without {name}" for name in left]


@cache
def base() -> tuple[str, ...]:
    """The unchanged patient's whole answer."""
    answer = answer_of({"chart": []})
    return tuple(_said(answer))


def answers() -> dict[str, list[str]]:
    """By row, and the unchanged patient first."""
    return {"the unchanged patient": list(base())} | {title(r): full_answer(r) for r in rows()}


def title(row: Row) -> str:
    return f"{row['clause']}: {row['title']}"


def answers_text() -> str:
    return "\n".join(f"## {name}\n" + "\n".join(said) + "\n" for name, said in answers().items())


def read_answers() -> dict[str, list[str]]:
    parts = ANSWERS.read_text("utf-8").removeprefix("## ").split("\n## ")
    return {name: [line for line in body.split("\n") if line] for name, _, body in (p.partition("\n") for p in parts)}


def main() -> None:
    TARGET.write_text(rendered(), "utf-8")
    ANSWERS.write_text(answers_text(), "utf-8")


if __name__ == "__main__":
    main()
