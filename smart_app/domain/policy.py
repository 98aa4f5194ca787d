"""A surveillance policy: every judgement of the rules as a named, versioned setting (clinical rules W, D, R)."""

from __future__ import annotations

from dataclasses import dataclass, fields

DEFAULT_HOTSPOTS = (
    "p.E380Q",
    "p.V422del",
    "p.S463P",
    "p.L469V",
    "p.L536H",
    "p.L536P",
    "p.L536R",
    "p.L536Q",
    "p.L536K",
    "p.Y537S",
    "p.Y537N",
    "p.Y537C",
    "p.Y537D",
    "p.D538G",
    "p.D538N",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy. Months are calendar months, days are days. ValueError names the field that contradicts another."""

    name: str
    version: str
    basis: str  # trial, EU wording, US wording or practical: one sentence for the page
    first_draw_from_months: int = 6  # D3
    first_draw_by_months: int = 7  # D3, judgement
    interval_from_months: int = 2  # D4
    interval_to_months: int = 3  # D4
    redraw_within_days: int = 28  # D6, judgement
    repeat_within_days: int = 28  # D7, judgement
    floor_days: int = 42  # D10, judgement: no draw earlier than this after an informative one
    ai_pause_days: int = 60  # W4
    hold_days: int = 56  # W5, judgement
    one_line_days: int = 28  # W6, judgement: endocrine start before the CDK4/6 inhibitor that is still one line
    order_days: int = 365  # W4, judgement: an order not older than this counts as taking
    supply_days: int = 120  # W4, judgement: a dose given, dispensed or reported this recently counts as taking
    exemestane_inside: bool = False  # W4
    ai_alone_inside: bool = False  # W5: CDK4/6 inhibitor stopped for good, AI continued
    earlier_chemotherapy_inside: bool = False  # W6
    relapse_months: int = 12  # W6: relapse within this time after adjuvant AI is marked
    hotspots: tuple[str, ...] = DEFAULT_HOTSPOTS  # R3
    indel_codons: tuple[int, ...] = (536, 537, 538)  # R3
    second_tier: bool = True  # R3
    second_tier_from: int = 310
    second_tier_to: int = 547

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
                raise ValueError(f"{field.name}: must be a whole number, 0 or more")
            if field.type == "bool" and not isinstance(value, bool):
                raise ValueError(f"{field.name}: must be true or false")
            if field.type == "str" and (not isinstance(value, str) or not value):
                raise ValueError(f"{field.name}: must be a text")
        for low, high in (
            ("first_draw_from_months", "first_draw_by_months"),
            ("interval_from_months", "interval_to_months"),
            ("second_tier_from", "second_tier_to"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{high}: is smaller than {low}")
        if self.interval_to_months == 0:
            raise ValueError("interval_to_months: must be at least 1")
        if self.floor_days > self.interval_from_months * 28 and self.interval_from_months > 0:
            raise ValueError("floor_days: is longer than interval_from_months")
        if not all(isinstance(h, str) and h.startswith("p.") for h in self.hotspots):
            raise ValueError('hotspots: must be protein changes such as "p.D538G"')
        if not all(isinstance(c, int) and not isinstance(c, bool) for c in self.indel_codons):
            raise ValueError("indel_codons: must be whole numbers")
