"""The registered EHRs, from one TOML file. A launch from anything else is refused before a request leaves the app.

    [[issuer]]
    id = "county"                               # short, in no URL that a patient's data could follow
    name = "County Hospital"
    base = "https://ehr.example.org/fhir/r4"    # FHIR base URL; https, or http on the loopback
    auth = "private_key_jwt"                    # or public, client_secret_basic, client_secret_post, none
    client_id = "esr1-app"
    client_secret_env = "COUNTY_SECRET"         # or client_secret_file; never the secret itself
    key_file = "keys/county.json"               # a private JWK set, for private_key_jwt
    scopes = ["launch", "openid", …]            # optional; the default is the least the app needs
    policy = "trial-strict"                     # a shipped policy or a file beside this one
    timezone = "America/New_York"
    region = "us"                               # whose regulators are shown first
    frame_ancestors = ["https://ehr.example.org"]
    plan = "epic"                               # search plan; default: chosen by the CapabilityStatement
    codes = "codes.toml"                        # a site's own drug codes
    authorization_origins = ["https://login.example.org"]  # optional: pins where sign-in may happen
    offline = true                              # ask for offline_access; without it only online_access, where announced
    authorize_post = true                       # send the sign-in request by POST, where the server announces that

``auth = "none"`` registers an open test server: no sign-in, a banner on every page. ``docs/issuers.md`` says more.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smart_app.errors import ConfigError, FhirError
from smart_app.fhir.gate import is_loopback, origin_of

AUTHS = ("public", "client_secret_basic", "client_secret_post", "private_key_jwt", "none")


@dataclass(frozen=True, slots=True)
class Issuer:
    """One registered EHR. ``base`` has no trailing slash."""

    id: str
    name: str
    base: str
    auth: str
    client_id: str = ""
    client_secret: str | None = None
    key_file: Path | None = None
    scopes: tuple[str, ...] | None = None
    policy: str = "trial-strict"
    timezone: str = "UTC"
    region: str = "us"
    frame_ancestors: tuple[str, ...] = ()
    plan: str | None = None
    codes: Path | None = None
    authorization_origins: tuple[str, ...] = ()
    offline: bool = False
    authorize_post: bool = False

    @property
    def open_server(self) -> bool:
        return self.auth == "none"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Issuers:
    """All registered issuers. ``by_base`` is an exact match; one trailing slash is no difference."""

    all: tuple[Issuer, ...]

    def __iter__(self) -> Iterator[Issuer]:
        return iter(self.all)

    def by_base(self, iss: str) -> Issuer | None:
        return next((i for i in self.all if i.base in (iss, iss.removesuffix("/")) and not i.open_server), None)

    def by_id(self, ident: str) -> Issuer | None:
        return next((i for i in self.all if i.id == ident), None)


_TEXTS = {"id", "name", "base", "auth", "client_id", "policy", "timezone", "region", "plan"}
_FILES = {"client_secret_file", "key_file", "codes"}
_LISTS = {"scopes", "frame_ancestors", "authorization_origins"}
_FLAGS = {"offline", "authorize_post"}
_KNOWN = _TEXTS | _FILES | _LISTS | _FLAGS | {"client_secret_env"}


def load_issuers(file: Path) -> Issuers:
    """The issuers of a TOML file; ConfigError with file and line where anything is not right."""
    try:
        raw = file.read_text(encoding="utf-8")
        table = tomllib.loads(raw)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name} could not be read.", code="config.issuers") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file.name}: {error}", code="config.issuers") from error
    if set(table) - {"issuer"}:
        raise _wrong(file, raw, sorted(set(table) - {"issuer"})[0], "unknown")
    found: list[Issuer] = []
    for number, entry in enumerate(table.get("issuer", [])):
        found.append(_issuer(file, raw, entry, number))
    ids = [i.id for i in found]
    bases = [(i.base, i.open_server) for i in found]  # one server may be registered with and without sign-in
    for field, values in (("id", ids), ("base", bases)):
        if len(set(values)) != len(values):
            raise ConfigError(f"{file.name}: two issuers have the same {field}.", code="config.issuers")
    return Issuers(tuple(found))


def _wrong(file: Path, raw: str, key: str, why: str, number: int = 0) -> ConfigError:
    """Names the line of the key inside the number-th [[issuer]] table."""
    table = -1 if "[[issuer]]" in raw else 0
    for line, words in enumerate(raw.splitlines(), 1):
        if words.strip().startswith("[[issuer]]"):
            table += 1
        if table >= number and words.split("=")[0].strip().strip("\"'[]") == key:
            return ConfigError(f"{file.name}, line {line}: {key}: {why}.", code="config.issuers")
    return ConfigError(f"{file.name}, issuer {number + 1}: {key}: {why}.", code="config.issuers")


def _issuer(file: Path, raw: str, entry: dict[str, Any], number: int) -> Issuer:
    def wrong(key: str, why: str) -> ConfigError:
        return _wrong(file, raw, key, why, number)

    for key, value in entry.items():
        if key not in _KNOWN:
            raise wrong(key, "unknown")
        if key in _LISTS:
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise wrong(key, "must be a list of texts")
        elif key in _FLAGS:
            if not isinstance(value, bool):
                raise wrong(key, "must be true or false")
        elif not isinstance(value, str) or not value:
            raise wrong(key, "must be a text")
    for key in ("id", "name", "base", "auth"):
        if key not in entry:
            raise wrong(key, "is missing")
    if entry["auth"] not in AUTHS:
        raise wrong("auth", f"must be one of {', '.join(AUTHS)}")
    base = entry["base"].removesuffix("/")
    _check_base(base, wrong)
    if entry["auth"] != "none" and "client_id" not in entry:
        raise wrong("client_id", "is missing")
    try:
        ZoneInfo(entry.get("timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise wrong("timezone", "is not a time zone") from error
    for key in ("frame_ancestors", "authorization_origins"):
        if not all(_is_origin(origin) for origin in entry.get(key, [])):
            raise wrong(key, "must hold origins such as https://ehr.example.org; http is for the loopback only")
    if {"online_access", "offline_access"} <= set(entry.get("scopes", [])):
        raise wrong("scopes", "may hold online_access or offline_access, not both")
    secret = _secret(file, entry, wrong)
    if entry["auth"].startswith("client_secret") and secret is None:
        raise wrong("auth", "needs client_secret_env or client_secret_file")
    if entry["auth"] == "private_key_jwt" and "key_file" not in entry:
        raise wrong("auth", "needs key_file")
    policy = entry.get("policy", "trial-strict")
    return Issuer(
        id=entry["id"],
        name=entry["name"],
        base=base,
        auth=entry["auth"],
        client_id=entry.get("client_id", ""),
        client_secret=secret,
        key_file=file.parent / entry["key_file"] if "key_file" in entry else None,
        scopes=tuple(entry["scopes"]) if "scopes" in entry else None,
        policy=str(file.parent / policy) if policy.endswith(".toml") else policy,
        timezone=entry.get("timezone", "UTC"),
        region=entry.get("region", "us"),
        frame_ancestors=tuple(entry.get("frame_ancestors", ())),
        plan=entry.get("plan"),
        codes=file.parent / entry["codes"] if "codes" in entry else None,
        authorization_origins=tuple(entry.get("authorization_origins", ())),
        offline=entry.get("offline", False),
        authorize_post=entry.get("authorize_post", False),
    )


def _is_origin(value: str) -> bool:
    """Scheme, host and port only. What stands here goes into a header, so nothing else may."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return False
    plain = parts.netloc and value == f"{parts.scheme}://{parts.netloc}" and set(parts.netloc) <= HOST
    return bool(plain) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")))


HOST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]*")


def _check_base(base: str, wrong: Any) -> None:
    try:
        origin_of(base)
    except FhirError as error:
        raise wrong("base", "is not a web address") from error
    parts = urlsplit(base)
    if parts.query or parts.fragment or "/../" in base + "/":
        raise wrong("base", "must be a plain address without query")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise wrong("base", "must be https; http is for the loopback only")


def _secret(file: Path, entry: dict[str, Any], wrong: Any) -> str | None:
    if "client_secret_env" in entry:
        value: str | None = os.environ.get(entry["client_secret_env"])
        if not value:
            raise wrong("client_secret_env", "names a variable that is not set")
        return value
    if "client_secret_file" in entry:
        try:
            content: str = (file.parent / entry["client_secret_file"]).read_text(encoding="utf-8")
        except OSError as error:
            raise wrong("client_secret_file", "could not be read") from error
        return content.strip()
    return None
