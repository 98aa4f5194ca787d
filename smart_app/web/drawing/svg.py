"""SVG elements as escaped markup: classes and presentation attributes only, no style attribute, no script (CSP)."""

from __future__ import annotations

from markupsafe import Markup, escape


def tag(name: str, *content: Markup | str, **attributes: object) -> Markup:
    """``<name …>content</name>``. Names lose a trailing underscore, other underscores become dashes; None is left out.

    Everything is escaped unless it is Markup already.
    """
    parts = [
        f' {_name(key)}="{escape(value if isinstance(value, str) else _number(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inner = "".join(str(escape(c)) for c in content)
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>")  # noqa: S704 - every part is escaped above


def _name(key: str) -> str:
    return key if key in _CAMEL else key.rstrip("_").replace("_", "-")


_CAMEL = {"viewBox", "patternUnits", "patternTransform"}


def _number(value: object) -> str:
    """Coordinates with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return tag("path", d=f"M{_number(x1)} {_number(y1)}L{_number(x2)} {_number(y2)}", class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, fill: str | None = None) -> Markup:
    return tag("rect", x=x, y=y, width=max(1.0, width), height=height, class_=class_, fill=fill)


def text(x: float, y: float, words: str, class_: str | None = None, anchor: str | None = None) -> Markup:
    return tag("text", words, x=x, y=y, class_=class_, text_anchor=anchor)


def path(d: str, class_: str) -> Markup:
    return tag("path", d=d, class_=class_)
