"""Mutation testing of ``smart_app/domain``: ``make mutation``, or ``python -m tests.mutation [module ...]``.

mutmut makes the mutants (its operators, its trampolines); this file runs them. mutmut's own runner starts pytest once
for each mutant, and collecting 1,400 tests costs a second or more: hours for 7,000 mutants. The domain is pure, so that
one process can try every mutant of a module in turn: the same tests, called as functions, those that reach the mutated
function, the last ones that killed something first. Hypothesis tests are left out (a mutant they alone would kill
counts as a survivor).

Without modules named, every mutant is tried in one run and the score is written into docs/mutation.md with every
survivor. Why each survives stands in ``reasons.toml``; a survivor without a reason and a reason that fits no survivor
are errors. Exit code 1 then, and below 95 %.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DOMAIN = Path("smart_app/domain")
TESTS = (
    "answers",
    "rules",
    "window_rules",
    "draw_and_review_rules",
    "details",
    "covers",
    "attested",
    "attested_fields",
    "attested_words",
    "reasons",
)
ENOUGH = 95.0
SECONDS = 20  # of CPU: a mutant that runs longer is killed
Check = Callable[[], object]


@dataclass(frozen=True)
class Survivor:
    module: str
    function: str
    name: str
    diff: tuple[str, ...]

    @property
    def key(self) -> str:
        """What stays when other code moves: the function and the changed lines, without blanks."""
        return f"{self.module}.{self.function}: " + " -> ".join(" ".join(line.split()) for line in self.diff)


def main(names: list[str]) -> int:
    """In a copy of the sources, so that nothing here is touched."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("smart_app", "tests", "docs", "pyproject.toml"):
            source = ROOT / part
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy / part, ignore=ignored) if source.is_dir() else shutil.copy(source, copy)
        (copy / "mutants.py").write_text((HERE / "__main__.py").read_text("utf-8"), "utf-8")
        (copy / "setup.cfg").write_text(f"[mutmut]\nsource_paths={DOMAIN.parent}\n", "utf-8")
        environment = {**os.environ, "PYTHONPATH": str(copy), "MUTANT_UNDER_TEST": ""}
        command = [sys.executable, "mutants.py", "--in-copy", str(ROOT), *names]
        return subprocess.run(command, cwd=copy, env=environment, check=False).returncode


def mutate(module: str) -> list[str]:
    """The mutants of one module, written over the copy's source."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    path = DOMAIN / f"{module}.py"
    made = mutate_file_contents(str(path), path.read_text("utf-8"))
    path.write_text(made.code, "utf-8")
    return [name.rpartition(".")[2] for name in made.mutant_names]


def checks() -> list[Check]:
    """Every example test of the domain as a function without arguments."""
    return [c for name in TESTS for c in _checks_of(importlib.import_module(f"tests.domain.test_{name}"))]


def _checks_of(module: ModuleType) -> Iterator[Check]:
    for name, test in vars(module).items():
        if not name.startswith("test_") or not callable(test) or hasattr(test, "hypothesis"):
            continue
        marks = [m for m in getattr(test, "pytestmark", []) if m.name == "parametrize"]
        for chosen in product(*(_rows(m.args) for m in marks)):
            yield partial(test, **{k: v for row in chosen for k, v in row.items()})


def _rows(args: tuple[Any, ...]) -> list[dict[str, Any]]:
    names = [n.strip() for n in args[0].split(",")] if isinstance(args[0], str) else list(args[0])
    single = isinstance(args[0], str) and len(names) == 1
    return [dict(zip(names, [row] if single else row, strict=True)) for row in args[1]]


def _late(*_: object) -> None:
    raise TimeoutError


def passes(check: Check) -> bool:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        check()
    except KeyboardInterrupt:
        raise
    except BaseException:  # a mutant may end in anything
        return False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return True


def reaching(tests: list[Check]) -> dict[str, list[Check]]:
    """For each mutated function the tests that call it. ValueError where a test fails without a mutant."""
    found: dict[str, list[Check]] = {}
    for check in tests:
        called: set[str] = set()

        def note(frame: FrameType, event: str, _: object, called: set[str] = called) -> None:
            if event == "call" and frame.f_code.co_name.endswith("__mutmut_orig"):
                called.add(frame.f_code.co_name.removesuffix("__mutmut_orig"))

        sys.setprofile(note)
        passed = passes(check)
        sys.setprofile(None)
        if not passed:
            raise ValueError(f"fails without any mutant: {check}")
        for name in called:
            found.setdefault(name, []).append(check)
    return found


def survivors(module: str) -> tuple[int, list[Survivor]]:
    """The number of mutants of a module, and those that no test kills. What killed one is tried first on the next."""
    names = mutate(module)
    by_function = reaching(checks())
    found = []
    for name in names:
        tests = by_function.get(name.partition("__mutmut_")[0], [])
        os.environ["MUTANT_UNDER_TEST"] = f"smart_app.domain.{module}.{name}"
        failing = next((n for n, check in enumerate(tests) if not passes(check)), None)
        if failing is None:
            found.append(_survivor(module, name))
        else:
            tests.insert(0, tests.pop(failing))
    return len(names), found


def _survivor(module: str, name: str) -> Survivor:
    function = name.partition("__mutmut_")[0]
    source = (DOMAIN / f"{module}.py").read_text("utf-8")
    before, after = (_body(source, n) for n in (f"{function}__mutmut_orig", name))
    gone = [a for a in before if a not in after]
    come = [a for a in after if a not in before]
    readable = re.sub(r"^x_", "", function).replace("xǁ", "").replace("ǁ", ".")
    return Survivor(module, readable, name, (" / ".join(gone), " / ".join(come)))


def _body(source: str, name: str) -> list[str]:
    """The lines of a function after its name."""
    lines = source.split("\n")
    at = next(n for n, line in enumerate(lines) if re.match(rf"\s*def {re.escape(name)}\(", line))
    indent = len(lines[at]) - len(lines[at].lstrip())
    body: list[str] = []
    for line in lines[at + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent and not line.strip().startswith(")"):
            break
        body.append(line.strip())
    return body


def of_module(module: str) -> int:
    """One module in a process of its own: the others run as they are. Prints JSON."""
    sys.path.insert(0, str(Path.cwd()))
    signal.signal(signal.SIGPROF, _late)
    number, left = survivors(module)
    print(json.dumps([number, [asdict(s) for s in left]]))
    return 0


def _tried(path: Path) -> tuple[int, list[Survivor]]:
    """A module's mutants and survivors; the copy's source is then as it was."""
    source = path.read_text("utf-8")
    command = [sys.executable, "mutants.py", "--module", path.stem]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    path.write_text(source, "utf-8")
    number, listed = json.loads(ran.stdout)
    return number, [Survivor(**{**s, "diff": tuple(s["diff"])}) for s in listed]


def in_copy(root: Path, names: list[str]) -> int:
    alive: list[Survivor] = []
    counts: dict[str, tuple[int, int]] = {}
    began = time.monotonic()
    for path in sorted(DOMAIN.glob("*.py")):
        if names and path.stem not in names:
            continue
        number, left = _tried(path)
        counts[path.stem] = number, len(left)
        alive += left
        print(f"{path.stem}: {number} mutants, {len(left)} survive", flush=True)
        for one in left:
            print(f"  {one.key}", flush=True)
    total, left_over = (sum(column) for column in zip(*counts.values(), strict=True))
    score = 100 * (total - left_over) / total if total else 100.0
    print(f"{total} mutants, {left_over} survive: {score:.1f} %")
    if names:
        return 0
    reasons = tomllib.loads((root / "tests/mutation/reasons.toml").read_text("utf-8"))["reason"]
    (root / "docs/mutation.md").write_text(report(counts, alive, reasons, time.monotonic() - began), "utf-8")
    unfit = [f"No reason for: {s.key}" for s in alive if _why(s, reasons) is None]
    patterns = [r["pattern"] for r in reasons if not any(re.search(r["pattern"], s.key) for s in alive)]
    unfit += [f"A reason without a survivor: {pattern}" for pattern in patterns]
    for words in unfit:
        print(words, file=sys.stderr)
    return 1 if unfit or score < ENOUGH else 0


def _why(survivor: Survivor, reasons: list[dict[str, str]]) -> str | None:
    return next((r["why"] for r in reasons if re.search(r["pattern"], survivor.key)), None)


def report(
    counts: dict[str, tuple[int, int]], alive: list[Survivor], reasons: list[dict[str, str]], seconds: float
) -> str:
    """docs/mutation.md."""
    total, left = (sum(column) for column in zip(*counts.values(), strict=True))
    today, version = datetime.now(UTC), importlib.metadata.version("mutmut")
    lines = [
        "# Mutation testing of the decisions",
        "",
        "Written by `make mutation`: mutmut's mutants of `smart_app/domain`, tried by the example tests in",
        "`tests/domain` (how and why: `tests/mutation/__main__.py`). A survivor is a change of the code that no",
        "example test notices.",
        "",
        f"**{total:,} mutants, {left} survive: {100 * (total - left) / total:.1f} % killed** (at least {ENOUGH:.0f} %",
        "is asked for).",
        "",
        f"Every mutant of every module was tried in one run of {seconds / 60:.0f} minutes on {today:%-d %B %Y}, with",
        f"mutmut {version}. What was changed since is not in it.",
        "",
        "| module | mutants | survive |",
        "|---|---|---|",
        *(f"| {module} | {made} | {stay} |" for module, (made, stay) in counts.items()),
        "",
        "## The survivors",
        "",
    ]
    for module in dict.fromkeys(s.module for s in alive):
        lines += [f"### {module}", "", "| function | was | became | why it survives |", "|---|---|---|---|"]
        for s in (s for s in alive if s.module == module):
            was, became = (f"`{d.replace('|', chr(92) + '|')}`" if d else "" for d in s.diff)
            lines.append(f"| {s.function} | {was} | {became} | {_why(s, reasons) or 'not judged'} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--module"]:
        sys.exit(of_module(sys.argv[2]))
    if sys.argv[1:2] == ["--in-copy"]:
        sys.exit(in_copy(Path(sys.argv[2]), sys.argv[3:]))
    sys.exit(main(sys.argv[1:]))
