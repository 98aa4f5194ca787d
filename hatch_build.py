"""A wheel whose rules are compiled: ``SMART_APP_COMPILED=1 pip wheel --no-build-isolation --no-deps .``

Without that setting the build does nothing here, and the wheel is pure Python. With it the same ``smart_app/domain`` is
built by mypyc (it comes with mypy; needs setuptools and a C compiler) and laid beside the Python files, which Python
then passes over. The answers are the same; ``bench/decide.py`` says what it brings. What differs: a fact whose field
has a value of another type is refused with a TypeError where it is made, and a decision cannot be pickled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# stays Python: it refuses values of any type in words of its own, where compiled code would raise a TypeError before
_NOT = "policy.py"
_SETUP = """from setuptools import setup
from mypyc.build import mypycify
setup(name="domain", ext_modules=mypycify({modules!r}, opt_level="3"))
"""


def compile_domain(root: Path, folder: Path) -> list[Path]:
    """The rules built in a copy of the package in ``folder``; what was made. RuntimeError where it cannot be."""
    shutil.copytree(root / "smart_app", folder / "smart_app", ignore=shutil.ignore_patterns("__pycache__"))
    files = sorted(file for file in (folder / "smart_app/domain").glob("*.py") if file.name != _NOT)
    modules = [str(file.relative_to(folder)) for file in files]
    (folder / "setup.py").write_text(_SETUP.format(modules=modules))
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if built.returncode:
        raise RuntimeError(f"mypy, setuptools and a C compiler are needed: {built.stderr[-300:]}")
    return [*folder.glob("*.so"), *folder.glob("smart_app/domain/*.so")]


class CompiledRules(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard" or os.environ.get("SMART_APP_COMPILED") != "1":
            return
        self.folder = tempfile.TemporaryDirectory()
        made = compile_domain(Path(self.root), Path(self.folder.name))
        build_data["force_include"] |= {str(file): str(file.relative_to(self.folder.name)) for file in made}
        build_data["pure_python"], build_data["infer_tag"] = False, True
