"""SVG elements as escaped markup: classes and presentation attributes only, no style attribute, no script (CSP)."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup, escape


def tag(name: str, *content: Markup | str, **attributes: object) -> Markup:
    """``<name …>content</name>``. Names lose a trailing underscore, other underscores become dashes; None is left out.

    Everything is escaped unless it is Markup already.
    """
    parts = [f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None]
    inner = "".join([c if isinstance(c, Markup) else escape(c) for c in content])
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>")  # noqa: S704 - every part is escaped above


_CAMEL = {"viewBox", "patternUnits", "patternTransform"}


@cache
def _name(key: str) -> str:
    return key if key in _CAMEL else key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    """Escaped; letters and digits alone need no escaping, and a number is one."""
    if isinstance(value, str):
        return value if value.isalnum() else escape(value)
    return _number(value)


def _number(value: object) -> str:
    """Coordinates with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


# The shapes below are drawn a thousand times a page: written out, with numbers and class names of this package only.


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return path(f"M{_number(x1)} {_number(y1)}L{_number(x2)} {_number(y2)}", class_)


def box(x: float, y: float, width: float, height: float, class_: str, fill: str | None = None) -> Markup:
    filled = f' fill="{fill}"' if fill is not None else ""
    size = f'width="{_number(max(1.0, width))}" height="{_number(height)}"'
    return Markup(f'<rect x="{_number(x)}" y="{_number(y)}" {size} class="{class_}"{filled}></rect>')  # noqa: S704


def text(x: float, y: float, words: str, class_: str | None = None, anchor: str | None = None) -> Markup:
    named = f' class="{class_}"' if class_ is not None else ""
    held = f' text-anchor="{anchor}"' if anchor is not None else ""
    return Markup(f'<text x="{_number(x)}" y="{_number(y)}"{named}{held}>{escape(words)}</text>')  # noqa: S704


def path(d: str, class_: str) -> Markup:
    return Markup(f'<path d="{d}" class="{class_}"></path>')  # noqa: S704


def circle(x: float, y: float, radius: float, class_: str) -> Markup:
    at = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
    return Markup(f'<circle {at} class="{class_}"></circle>')  # noqa: S704
