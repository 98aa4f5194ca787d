"""Small rules that no row of the decision table shows: bounds, words, a fact's exact place in an answer."""

from __future__ import annotations
