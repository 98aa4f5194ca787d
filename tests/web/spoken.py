"""What of a page in another language is still English: by the messages of the catalogue, by months, by small words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser

from smart_app.web.i18n import catalogue

_VOID = {"meta", "link", "input", "br", "hr", "img"}
_NAMED = ("aria-label", "title", "placeholder", "alt", "data-label")
# the record's own words, what was typed, code, and what only a browser without script shows
_ASIDE = {"bdi", "code", "pre", "textarea", "script", "style"}
_RECORD = {"Malignant neoplasm of breast", "Patient", "Specimen"}  # what these records say, and types of FHIR
_MONTHS = re.compile(r"\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}\b")
_SMALL = re.compile(r"\b(?:the|and|of|is|not|from|with|this|that|by|it|its|on|are|for)\b", re.I)


class _Text(HTMLParser):
    """Chunks of text and named attributes, each with the language of its element."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[tuple[str, str]] = [("", "")]
        self.chunks: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        language = given.get("lang") or self.stack[-1][1]
        self.chunks += [(language, value) for name in _NAMED if (value := given.get(name))]
        if tag not in _VOID:
            self.stack.append((tag, language))

    def handle_endtag(self, tag: str) -> None:
        while len(self.stack) > 1 and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not _ASIDE & {tag for tag, _ in self.stack}:
            self.chunks.append((self.stack[-1][1], " ".join(data.split())))


def chunks(html: str, code: str) -> list[str]:
    """What the page says in this language, not marked as another one."""
    reader = _Text()
    reader.feed(html)
    return [text for language, text in reader.chunks if language == code and text]


@cache
def _english(code: str) -> tuple[frozenset[str], re.Pattern[str]]:
    """The messages that the language says otherwise: short ones, to be compared whole; a pattern of the long ones."""
    short, long = set(), []
    for message in catalogue(code):
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
        for ident, said in zip(ids, strings, strict=True):
            if not ident or ident == said:
                continue
            parts = [re.escape(part) for part in re.split(r"%\(\w+\)s|\{\w\}", ident)]
            if len(re.findall(r"[A-Za-z]{2,}", re.sub(r"%\(\w+\)s|\{\w\}", "", ident))) >= 3:
                long.append("[^.]*?".join(parts))
            if len(parts) == 1:
                short.add(ident)
    return frozenset(short), re.compile("|".join(sorted(long, key=len, reverse=True)))


def english(html: str, code: str) -> Iterator[str]:
    """Every passage that claims to be in the language and is English."""
    assert f'<html lang="{code}">' in html
    short, long = _english(code)
    for text in chunks(html, code):
        if text in _RECORD:
            continue
        bare = text.strip(" ,:;()“”·")
        if bare in short or text in short or long.search(text) or _MONTHS.search(text) or _SMALL.search(text):
            yield text
