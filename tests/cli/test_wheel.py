"""A wheel is plain Python unless compiled rules are asked for, and an editable install always is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hatch_build import CompiledRules

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(("version", "asked"), [("standard", None), ("standard", "0"), ("editable", "1")])
def test_nothing_is_compiled_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, version: str, asked: str | None
) -> None:
    monkeypatch.delenv("SMART_APP_COMPILED", raising=False)
    if asked is not None:
        monkeypatch.setenv("SMART_APP_COMPILED", asked)
    hook: Any = CompiledRules(str(ROOT), {}, None, None, "", "wheel")  # type: ignore[arg-type]
    data: dict[str, Any] = {"force_include": {}}
    hook.initialize(version, data)
    assert data == {"force_include": {}}
