"""Surveillance policies as versioned data. A site writes its own TOML; a mistake is refused with file and line."""

from smart_app.policies.load import DEFAULT, SHIPPED, load_policy, parse_policy
from smart_app.policies.settings import SETTINGS, Setting, as_toml, settings_table

__all__ = [
    "DEFAULT",
    "SETTINGS",
    "SHIPPED",
    "Setting",
    "as_toml",
    "load_policy",
    "parse_policy",
    "settings_table",
]
