"""The EHR's style (``smart_style_url``): a few colours and sizes, each checked, put into a sheet of our own making.

Nothing of the EHR's document is copied: a value is parsed and written anew, so that no text of it reaches the sheet.
Colours count only where every text stays readable (WCAG 2.2: 4.5 to 1), and red stays the switch review's alone.
"""

from __future__ import annotations

import colorsys
import re
from typing import Any

from smart_app.errors import FhirError
from smart_app.fhir import jsontext
from smart_app.fhir.gate import Gate

_COLOUR = re.compile(r"#([0-9a-fA-F]{6})\Z")
_SIZE = re.compile(r"([0-9]{1,2})px\Z")
CONTRAST = 4.5
# the sheet's own colours that text stands on, and that stand as text on its background
_GROUNDS = ("#f4f6f8", "#fff6d6", "#e6eef4")
_INKS = ("#4a5966", "#a4161a", "#2d5b78")
_INK, _PAPER, _LINK = "#16232f", "#ffffff", "#0b4f8a"
_FONTS = {
    name.lower(): name
    for name in ("Arial", "Calibri", "Georgia", "Helvetica", "Roboto", "Segoe UI", "Tahoma", "Times New Roman")
} | {"Verdana".lower(): "Verdana", "sans-serif": "sans-serif", "serif": "serif", "system-ui": "system-ui"}
_PATIENCE = 3.0


def fetch_style(gate: Gate, url: str) -> str:
    """The sheet for the EHR's style, "" where there is none to use. Asked without any token; no answer changes that."""
    try:
        gate.allow(url)  # only what the registration names comes here
        reply = gate.request("GET", url, headers={"Accept": "application/json"}, timeout=_PATIENCE, retry=False)
        return style_sheet(jsontext.loads(reply.body)) if reply.status == 200 and len(reply.body) < 65_536 else ""
    except (FhirError, ValueError):
        return ""


def style_sheet(document: Any) -> str:
    """CSS custom properties, each one built here from a checked value; "" for what is no style."""
    if not isinstance(document, dict):
        return ""
    paper = _colour(document.get("color_background")) or _PAPER
    ink = _colour(document.get("color_text")) or _INK
    if not (_readable(ink, (paper, *_GROUNDS)) and all(_readable(i, (paper,)) for i in (*_INKS, _LINK))):
        paper, ink = _PAPER, _INK
    link = _colour(document.get("color_highlight")) or _LINK
    if not _readable(link, (paper, *_GROUNDS)) or not _readable(link, ("#ffffff",)) or _reddish(link):
        link = _LINK
    found = [f"--{name}:{value}" for name, value, own in _named(paper, ink, link) if value != own]
    rules = [":root{" + ";".join(found) + "}"] if found else []
    size = _size(document.get("dim_font_size"), 14, 22)
    fonts = _fonts(document.get("font_family_body"))
    body = [f"font-size:{size}px"] if size else []
    body += [f"font-family:{fonts}"] if fonts else []
    rules += ["body{" + ";".join(body) + "}"] if body else []
    heading = _fonts(document.get("font_family_heading"))
    rules += [f"h1,h2,h3{{font-family:{heading}}}"] if heading else []
    radius = _size(document.get("dim_border_radius"), 0, 16)
    rules += [f".answer,.warning,.button,button{{border-radius:{radius}px}}"] if radius is not None else []
    return "\n".join(rules)


def _named(paper: str, ink: str, link: str) -> tuple[tuple[str, str, str], ...]:
    return ("paper", paper, _PAPER), ("ink", ink, _INK), ("link", link, _LINK)


def _colour(value: object) -> str | None:
    found = _COLOUR.match(value) if isinstance(value, str) else None
    return "#" + found[1].lower() if found else None


def _size(value: object, least: int, most: int) -> int | None:
    found = _SIZE.match(value) if isinstance(value, str) else None
    return int(found[1]) if found and least <= int(found[1]) <= most else None


def _fonts(value: object) -> str | None:
    """Families of a short list only: any other one may be a file that somebody serves."""
    if not isinstance(value, str) or len(value) > 200:
        return None
    known = [_FONTS[name] for part in value.split(",") if (name := part.strip().strip("'\"").lower()) in _FONTS]
    return ",".join(f'"{name}"' if " " in name else name for name in [*known, "sans-serif"]) if known else None


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _readable(ink: str, grounds: tuple[str, ...]) -> bool:
    return all(contrast(ink, ground) >= CONTRAST for ground in grounds)


def _reddish(colour: str) -> bool:
    hue, _, saturation = colorsys.rgb_to_hls(*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    return saturation > 0.3 and (hue < 0.07 or hue > 0.93)
