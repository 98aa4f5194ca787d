"""A digest of what went into a decision, so that it can be replayed: order of facts does not matter."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Any

from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Chart
from smart_app.domain.policy import Policy

_encode = json.JSONEncoder(separators=(",", ":"), default=lambda value: _plain(value)).encode


def _plain(value: Any) -> Any:
    """What JSON has no form for: dates and Decimals as text, sets sorted, a fact as its fields in their order."""
    if isinstance(value, PartialDate | date | Decimal):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return [_any_order(getattr(value, name)) for name in type(value).__match_args__]


def _any_order(value: Any) -> Any:
    """The facts of a list stand in no order of their own."""
    return sorted(map(_encode, value)) if isinstance(value, tuple) and len(value) > 1 else value


def digest(chart: Chart, policy: Policy, today: date) -> str:
    """SHA-256, hexadecimal, over the chart, the policy and the day as JSON."""
    return hashlib.sha256(_encode([chart, policy, today]).encode()).hexdigest()
