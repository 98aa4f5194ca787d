"""A digest of what went into a decision, so that it can be replayed: order of facts does not matter."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Any

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart
from smart_app.domain.policy import Policy


def canonical(value: Any) -> Any:
    """Plain JSON values; sets and the chart's lists in a stable order, Decimal and dates as text."""
    if isinstance(value, PartialDate | date | Decimal):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list | frozenset | set):
        return sorted((canonical(v) for v in value), key=lambda v: json.dumps(v, sort_keys=True))
    return value


def digest(chart: Chart, policy: Policy, today: date) -> str:
    """SHA-256, hexadecimal."""
    whole = {"chart": canonical(chart), "policy": canonical(policy), "today": today.isoformat()}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
