"""The marks. One shape an outcome, so that none is told by colour alone; the legend draws the same ones.

The picture draws each kind at 0, 0 and moves it to its place: the shapes are written once, not once a mark.
"""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from smart_app.domain.facts import Draw, Outcome, Progress, Specimen, Standing
from smart_app.web import words
from smart_app.web.drawing.svg import box, circle, joined, path, text

R = 7.0
SPECIMEN_SIGNS = {Specimen.TISSUE: "T", Specimen.OTHER: "F"}
SHAPES = ("circle", "square", "diamond", "hexagon", "triangle")


@lru_cache(512)
def outcome(kind: Outcome, x: float, y: float, *, hollow: bool = False, weak: bool = False) -> Markup:
    """detected ⊕ filled, not detected ⊖ open, indeterminate ◇?, failed ✕, not readable ▤.

    ``hollow``: detected below the limit. ``weak``: not detected, and uninformative.
    """
    if kind is Outcome.DETECTED:
        face = circle(x, y, R, "m-open" if hollow else "m-full")
        return joined(face, path(f"M{x - 4:.1f} {y}h8M{x} {y - 4:.1f}v8", "m-line" if hollow else "m-cut"))
    if kind is Outcome.NOT_DETECTED:
        face = circle(x, y, R, "m-open m-weak" if weak else "m-open")
        return joined(face, path(f"M{x - 3.5:.1f} {y}h7", "m-line"))
    if kind is Outcome.INDETERMINATE:
        return joined(path(f"M{x} {y - 9:.1f}l9 9l-9 9l-9 -9z", "m-open"), text(x, y + 4, "?", "m-word", "middle"))
    if kind is Outcome.FAILED:
        return path(f"M{x - 5.5:.1f} {y - 5.5:.1f}l11 11m0 -11l-11 11", "m-cross")
    lines = f"M{x - 3:.1f} {y - 3:.1f}h6m-6 3h6m-6 3h6"
    return joined(box(x - 6, y - 7.5, 12, 15, "m-open"), path(lines, "m-thin"))


def draw_mark(draw: Draw) -> Markup:
    """A draw's outcome with what else must be seen of it, at 0, 0."""
    low = bool(draw.findings) and all(f.below_limit for f in draw.findings)
    made = [outcome(draw.outcome, 0, 0, hollow=low, weak=draw.uninformative)]
    if low:
        made.append(path("M6 6h7l-3.5 4.5z", "m-full"))
    if draw.standing is Standing.PROVISIONAL:
        made.append(circle(0, 0, R + 3.5, "m-ring"))
    return joined(*made)


def draw_notes(draw: Draw, x: float, y: float, laboratory: str) -> Markup:
    """Signs beside a draw's mark; they stand outside its link, whose name says the same in words."""
    made = []
    if draw.standing is Standing.CONFLICT:
        made.append(text(x + 7, y - 5, "≠", "m-note"))
    if sign := SPECIMEN_SIGNS.get(draw.specimen):
        made.append(text(x - 13, y - 5, sign, "m-note"))
    if sign := words.attested_sign(draw.sources):
        made.append(text(x + 9, y + 9, sign.strip(), "m-lab halo"))
    if laboratory:
        made.append(text(x, y + 20, laboratory, "m-lab halo", "middle"))
    return joined(*made)


@lru_cache(512)
def status(kind: Progress, x: float, y: float) -> Markup:
    """▲ worsened, ■ stable, ▽ improved, ◇ otherwise."""
    if kind is Progress.WORSENED:
        return path(f"M{x - 6.5:.1f} {y + 5.5:.1f}h13l-6.5 -12z", "m-full")
    if kind is Progress.IMPROVED:
        return path(f"M{x - 6.5:.1f} {y - 5.5:.1f}h13l-6.5 12z", "m-open")
    if kind is Progress.STABLE:
        return box(x - 5, y - 5, 10, 10, "m-open")
    return path(f"M{x} {y - 6.5:.1f}l6.5 6.5l-6.5 6.5l-6.5 -6.5z", "m-open")


@lru_cache(512)
def lettered(sign: str, x: float, y: float, class_: str = "m-open") -> Markup:
    """A scan (S) or visit (V)."""
    return joined(box(x - 7, y - 7.5, 14, 15, class_), text(x, y + 4, sign, "m-word", "middle"))


@lru_cache(512)
def point(shape: int, letter: str, x: float, y: float, *, open_: bool = False, small: bool = False) -> Markup:
    """A variant fraction: the shape stands for laboratory and assay, the letter for the variant.

    ``small``: one of many, on a line between two that have their letter.
    """
    name, radius = SHAPES[shape % len(SHAPES)], (7.0 if letter else 3.0 if small else 5.0)
    class_ = "p-open" if open_ else "p-full"
    if name == "circle":
        face = circle(x, y, radius, class_)
    elif name == "square":
        face = box(x - radius, y - radius, 2 * radius, 2 * radius, class_)
    elif name == "diamond":
        r = radius + 2
        face = path(f"M{x} {y - r:.1f}l{r} {r}l-{r} {r}l-{r} -{r}z", class_)
    elif name == "hexagon":
        r, h = radius + 1, radius * 0.9
        face = path(f"M{x - r:.1f} {y}l{r / 2} -{h:.1f}h{r}l{r / 2} {h:.1f}l-{r / 2} {h:.1f}h-{r}z", class_)
    else:
        r = radius + 3
        face = path(f"M{x} {y - 1.1 * r:.1f}l{r} {1.9 * r:.1f}h-{2 * r}z", class_)
    if not letter:
        return face
    low = 5.5 if name == "triangle" else 3.5
    return joined(face, text(x, y + low, letter, "p-word-open" if open_ else "p-word", "middle"))


def flag(x: float, y: float) -> Markup:
    """The switch review's flag: the one thing in the alarm colour."""
    return joined(path(f"M{x} {y}v-17", "flag-pole"), path(f"M{x} {y - 17:.1f}l13 4.5l-13 4.5z", "flag-cloth"))
