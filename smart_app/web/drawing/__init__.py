"""The timeline as an SVG made on the server: no script, no inline style, every mark named and linked to its row."""

from smart_app.web.drawing.frames import Drawn, draw_all
from smart_app.web.drawing.legend import legend
from smart_app.web.drawing.picture import NARROW, SLIM, WIDE
from smart_app.web.drawing.timeline import draw_timeline, left_out

__all__ = ["NARROW", "SLIM", "WIDE", "Drawn", "draw_all", "draw_timeline", "left_out", "legend"]
