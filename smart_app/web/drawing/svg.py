"""SVG elements as escaped markup: classes and presentation attributes only, no style attribute, no script (CSP)."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup, escape


def safe(written: str) -> Markup:
    """Words that are escaped already. ``Markup(…)`` looks for ``__html__`` first: half the time of a drawing."""
    return str.__new__(Markup, written)


def joined(*parts: Markup) -> Markup:
    """One after the other; ``+`` would look at each of them again."""
    return safe("".join(parts))


def tag(name: str, *content: Markup | str, **attributes: object) -> Markup:
    """``<name …>content</name>``. Names lose a trailing underscore, other underscores become dashes; None is left out.

    Everything is escaped unless it is Markup already.
    """
    parts = [f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None]
    inner = "".join([c if isinstance(c, Markup) else escape(c) for c in content])
    return safe(f"<{name}{''.join(parts)}>{inner}</{name}>")  # every part is escaped above


_CAMEL = {"viewBox", "patternUnits", "patternTransform"}


@cache
def _name(key: str) -> str:
    return key if key in _CAMEL else key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    """Escaped; letters and digits alone need no escaping, and a number is one."""
    if isinstance(value, str):
        return value if value.isalnum() else escape(value)
    return number(value)


def number(value: object) -> str:
    """Coordinates with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


# The shapes below are drawn a thousand times a page: written out, with numbers and class names of this package only.


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return path(f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", class_)


def box(x: float, y: float, width: float, height: float, class_: str, fill: str | None = None) -> Markup:
    filled = f' fill="{fill}"' if fill is not None else ""
    size = f'width="{number(max(1.0, width))}" height="{number(height)}"'
    return safe(f'<rect x="{number(x)}" y="{number(y)}" {size} class="{class_}"{filled}></rect>')


def text(x: float, y: float, words: str, class_: str | None = None, anchor: str | None = None) -> Markup:
    named = f' class="{class_}"' if class_ is not None else ""
    held = f' text-anchor="{anchor}"' if anchor is not None else ""
    return safe(f'<text x="{number(x)}" y="{number(y)}"{named}{held}>{escape(words)}</text>')


def path(d: str, class_: str) -> Markup:
    return safe(f'<path d="{d}" class="{class_}"></path>')


def circle(x: float, y: float, radius: float, class_: str) -> Markup:
    at = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
    return safe(f'<circle {at} class="{class_}"></circle>')
