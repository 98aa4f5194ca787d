"""What each setting of a policy means, its clause, its bounds, and whether its value rests on judgement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType

from smart_app.domain.policy import Policy

DAYS, MONTHS, CODON = (1, 3650), (1, 120), (1, 595)  # ESR1's protein has 595 amino acids


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``kind``: text, whole number, yes/no, texts, whole numbers. ``bounds``: lowest and highest value."""

    clause: str
    kind: str
    meaning: str
    judgement: bool = False
    bounds: tuple[int, int] | None = None


def _number(clause: str, meaning: str, bounds: tuple[int, int], judgement: bool = True) -> Setting:
    return Setting(clause, "whole number", meaning, judgement, bounds)


def _switch(clause: str, meaning: str, judgement: bool = True) -> Setting:
    return Setting(clause, "yes/no", meaning, judgement)


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "name": Setting("", "text", "The policy's name, shown on every page and in every plan"),
        "version": Setting("", "text", "Its version; change it with every change of a value"),
        "basis": Setting("", "text", "What it follows (trial, EU wording, US wording, practical), in one sentence"),
        "first_draw_from_months": _number("D3", "First draw: from this month of the line on", MONTHS, False),
        "first_draw_by_months": _number("D3", "First draw: until this month; overdue afterwards", MONTHS),
        "interval_from_months": _number("D4", "Next draw: from this many months after the last", MONTHS, False),
        "interval_to_months": _number("D4", "Next draw: until this many months after the last", MONTHS, False),
        "redraw_within_days": _number("D6", "After a failed draw: again within this many days of the failure", DAYS),
        "repeat_within_days": _number(
            "D7", "After an indeterminate or unreadable result: again within so many days", DAYS
        ),
        "floor_days": _number("D10", "No draw sooner than this many days after an informative one", (0, 3650)),
        "ai_pause_days": _number(
            "W4", "A pause of the aromatase inhibitor up to so many days keeps it open", (0, 3650)
        ),
        "hold_days": _number("W5", "A CDK4/6 inhibitor on hold up to so many days keeps it open", (0, 3650)),
        "one_line_days": _number(
            "W6", "Endocrine start so many days before the CDK4/6 inhibitor is one line", (0, 3650)
        ),
        "order_days": _number("W4", "An order not older than so many days counts as taking", (0, 3650)),
        "supply_days": _number("W4", "A dose given, dispensed or reported within so many days counts", (0, 3650)),
        "exemestane_inside": _switch("W4", "Exemestane counts as the aromatase inhibitor", False),
        "ai_alone_inside": _switch(
            "W5", "The CDK4/6 inhibitor stopped for good, the aromatase inhibitor goes on: inside"
        ),
        "earlier_chemotherapy_inside": _switch(
            "W6", "Chemotherapy for advanced disease before: inside (else cannot tell)"
        ),
        "relapse_months": _number(
            "W6", "Relapse within so many months after an adjuvant aromatase inhibitor is marked", (0, 120)
        ),
        "hotspots": Setting("R3", "texts", "Protein changes that raise the switch review", judgement=True),
        "indel_codons": Setting("R3", "whole numbers", "In-frame changes touching these codons count", True, CODON),
        "second_tier": _switch("R3", "Another missense that the laboratory calls (likely) pathogenic counts, labelled"),
        "second_tier_from": _number("R3", "Second tier: first codon", CODON),
        "second_tier_to": _number("R3", "Second tier: last codon", CODON),
    }
)


def shown(value: object) -> str:
    """A setting's value as a reader sees it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)


def as_toml(policy: Policy) -> str:
    """The policy as a file that ``load_policy`` reads back to the same policy, each setting with clause and meaning."""
    lines: list[str] = []
    for field in fields(Policy):
        value, setting = getattr(policy, field.name), SETTINGS[field.name]
        written = json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=True)
        clause = " ".join(filter(None, (setting.clause, "J" if setting.judgement else "")))
        if clause:
            lines.append(f"# {clause}: {setting.meaning}")
        lines.append(f"{field.name} = {written}")
    return "\n".join(lines) + "\n"


def settings_table(policies: Sequence[Policy]) -> str:
    """The settings of several policies side by side, as a Markdown table."""
    head = ["clause", "setting", "meaning", *(policy.name for policy in policies)]
    rows = [head, ["---"] * len(head)]
    for name, setting in SETTINGS.items():
        if not setting.clause:
            continue
        marked = f"{setting.clause} (J)" if setting.judgement else setting.clause
        rows.append([marked, f"`{name}`", setting.meaning, *(shown(getattr(p, name)) for p in policies)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
