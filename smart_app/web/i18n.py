"""The language of a page: English, German or Spanish, from one Babel catalogue a language (``translations/*.po``).

A setting names the language; without one the browser's ``Accept-Language`` chooses among the three. English is the
language of the source: what no catalogue has stays English, and is marked as English on the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache, lru_cache
from importlib import resources

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import Flask, g, request
from markupsafe import Markup

from smart_app.domain.dates import PartialDate
from smart_app.errors import ConfigError

LANGUAGES = {"en": "English", "de": "Deutsch", "es": "español"}
_chosen: ContextVar[str] = ContextVar("language", default="en")


def language() -> str:
    """The language of the page that is being made."""
    return _chosen.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Everything inside is said in this language."""
    token = _chosen.set(code)
    try:
        yield
    finally:
        _chosen.reset(token)


def install(app: Flask, fixed: str | None) -> None:
    """Chooses for each request, and gives the templates ``_``. ConfigError for a language that there is not."""
    if fixed is not None and fixed not in LANGUAGES:
        raise ConfigError(f"{fixed}: the languages are {', '.join(LANGUAGES)}.", code="config.language")
    for code in LANGUAGES:
        if code != "en":
            _words(code)  # a catalogue that cannot be read stops the start, not a page

    @app.before_request
    def choose() -> None:
        g.spoke_before = language()
        _chosen.set(fixed or _asked_for())

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        if (before := g.pop("spoke_before", None)) is not None:
            _chosen.set(before)

    app.jinja_env.globals.update(_=_markup, ngettext=_markups, language=language, in_english=_in_english)


def _asked_for() -> str:
    """The first of the browser's languages that there is; a country does not matter."""
    asked = (value.replace("_", "-").split("-")[0].lower() for value in request.accept_languages.values())
    return next((code for code in asked if code in LANGUAGES), "en")


def _in_english() -> Markup:
    """The attribute of an element whose words stay English on a page of another language."""
    return Markup() if language() == "en" else Markup(' lang="en"')


@cache
def _marked(code: str, message: str) -> Markup:
    """The catalogue's own words are safe; what is put into them is escaped."""
    with speaking(code):
        return Markup(_plain(message))  # noqa: S704


def _markup(message: str, **values: object) -> Markup:
    said = _marked(language(), message)
    return said % values if values else said


def _markups(one: str, many: str, count: int, **values: object) -> Markup:
    return Markup(_plural(one, many, count)) % {"num": count, **values}  # noqa: S704


@cache
def catalogue(code: str) -> Catalog:
    """The Babel catalogue of a language other than English."""
    with resources.files(__package__).joinpath("translations", f"{code}.po").open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


@cache
def _words(code: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for message in catalogue(code):
        if message.id and not message.fuzzy:
            ident = message.id if isinstance(message.id, str) else message.id[0]
            said = message.string or ""
            found[ident] = (said,) if isinstance(said, str) else tuple(said)
    return found


def translated(message: str) -> str | None:
    """The message in the page's language; None where the catalogue does not have it."""
    code = language()
    if code == "en":
        return message
    found = _words(code).get(message)
    return found[0] if found and found[0] else None


def _plain(message: str) -> str:
    return translated(message) or message


def _plural(one: str, many: str, count: int) -> str:
    found = _words(language()).get(one, ()) if language() != "en" else ()
    if len(found) > 1 and all(found):
        return found[0] if count == 1 else found[1]
    return one if count == 1 else many


def _(message: str, **values: object) -> str:
    """The message in the page's language, its ``%(name)s`` filled in."""
    said = message if _chosen.get() == "en" else _plain(message)
    return said % values if values else said


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """One or many; ``%(num)s`` is the count."""
    return _plural(one, many, count) % {"num": count, **values}


def N_(message: str) -> str:
    """Marks a message for the catalogue where it is written; it is said later."""
    return message


_MONTHS = (
    N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun"),
    N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec"),
)  # fmt: skip


def month_words(number: int) -> str:
    """ "Jan": short, as in a date."""
    return _(_MONTHS[number - 1])


def day_words(day: date) -> str:
    """ "12 Jan 2027", in German "12. Jan. 2027": the month in letters, never 03/04."""
    return _day_words(_chosen.get(), day)


@lru_cache(4096)
def _day_words(code: str, day: date) -> str:
    with speaking(code):
        return _("%(day)s %(month)s %(year)s", day=day.day, month=month_words(day.month), year=day.year)


def date_words(value: PartialDate | None) -> str:
    """With the precision the record has."""
    if value is None:
        return _("an unknown date")
    if value.month is None:
        return str(value.year)
    if value.day is None:
        return f"{month_words(value.month)} {value.year}"
    return day_words(value.first)


def _start(first: date, last: date) -> str:
    if language() == "en" and first.year == last.year:
        return str(first.day) if first.month == last.month else f"{first.day} {month_words(first.month)}"
    return day_words(first)


def range_words(first: date, last: date) -> str:
    """ "12 to 26 Jan 2027": what both days share is said once, where the language can."""
    return _("%(first)s to %(last)s", first=_start(first, last), last=day_words(last))


def between_words(first: date, last: date) -> str:
    """ "12 and 26 Jan 2027", after the word "between"."""
    return _("%(first)s and %(last)s", first=_start(first, last), last=day_words(last))


def listed(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return _("%(before)s and %(last)s", before=", ".join(parts[:-1]), last=parts[-1])
