"""Documents that name things of the project name all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_dependency_is_explained_and_none_that_is_gone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    names = {re.split(r"[<>=\[; ]", dependency)[0] for dependency in wanted}
    rows = [
        line.split("|")[1] for line in (ROOT / "docs/dependencies.md").read_text("utf-8").splitlines() if "|" in line
    ]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == names


def test_links_between_these_documents_lead_somewhere() -> None:
    for name in ("glossary", "policies", "evidence", "chart-json", "decision-json", "dependencies"):
        page = (ROOT / f"docs/{name}.md").read_text("utf-8")
        for target in re.findall(r"\]\((?!https:)([^)#]+)\)", page):
            assert target == "rules.md" or (ROOT / "docs" / target).exists(), (name, target)
