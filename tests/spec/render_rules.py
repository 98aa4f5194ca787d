"""Writes the decision table into ``docs/rules.md``: ``python -m tests.spec.render_rules``."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.support.rule_charts import BASE

HERE = Path(__file__).parent
TARGET = HERE.parent.parent / "docs" / "rules.md"


def rendered() -> str:
    rows = tomllib.loads((HERE / "rules.toml").read_text("utf-8"))["row"]
    lines = ["# What the app decides", "", "Made from `tests/spec/rules.toml`; every row is run by the tests.", ""]
    lines += ["Each row changes this chart (`-name` takes a line away, the others are added):", ""]
    lines += [f"- `{name}`: {line}" for name, line in BASE.items()] + [""]
    for clause in dict.fromkeys(r["clause"] for r in rows):
        lines += [f"## {clause}", "", "| case | chart | policy | day | answer |", "|---|---|---|---|---|"]
        for r in (r for r in rows if r["clause"] == clause):
            chart = "<br>".join(r["chart"]) or "as above"
            policy, today = r.get("policy", "trial-strict"), r.get("today", "2026-11-21")
            lines.append(f"| {r['title']} | {chart} | {policy} | {today} | {r['expect'].replace(' ; ', '<br>')} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    TARGET.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
