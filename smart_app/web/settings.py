"""How one running app is configured, and the services its views use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from flask import current_app

from smart_app.codes import Codebook, load_codebook
from smart_app.domain.policy import Policy
from smart_app.errors import ConfigError
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate, is_loopback
from smart_app.policies import load_policy
from smart_app.smart.audit import AuditedClient, AuditTrail
from smart_app.smart.bearer import Tokens
from smart_app.smart.idtoken import JwksCache
from smart_app.smart.issuers import Issuer, Issuers
from smart_app.smart.launches import Launch, Launches
from smart_app.smart.statements import Statements
from smart_app.smart.store import Store, open_store


def _now() -> datetime:
    return datetime.now(UTC)


def check_public_url(value: str) -> None:
    """ConfigError unless an address without path, by https or on the loopback."""
    try:
        parts = urlsplit(value)
        plain = parts.scheme in ("http", "https") and value == f"{parts.scheme}://{parts.netloc}"
        plain = plain and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        plain = False
    if not plain:
        raise ConfigError(f"{value} is no web address of the form https://host.", code="config.public_url")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ConfigError("The public address must be https; http is for the loopback only.", code="config.public_url")


@dataclass(frozen=True, slots=True)
class Settings:
    """``public_url`` is where browsers reach the app, without a trailing slash; https outside the loopback.

    ``language``: "en", "de" or "es" for every page; None: what the browser asks for, English else.
    """

    issuers: Issuers
    data: Path
    public_url: str
    now: Callable[[], datetime] = _now
    language: str | None = None

    def __post_init__(self) -> None:
        check_public_url(self.public_url)


@dataclass
class Services:
    """Everything a view needs; one per running app."""

    settings: Settings
    gate: Gate
    clock: Callable[[], float] = time.time  # seconds since 1970: how old launches and tokens are
    asking: dict[str, threading.Thread] = field(default_factory=dict)  # by launch: its extras are being looked up

    @cached_property
    def store(self) -> Store:
        return open_store(self.settings.data, self.clock)

    @cached_property
    def launches(self) -> Launches:
        return Launches(self.store, self.settings.issuers, self.clock)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.store, self.gate, self.launches, self.clock)

    @cached_property
    def jwks(self) -> JwksCache:
        return JwksCache(self.gate)

    @cached_property
    def audit(self) -> AuditTrail:
        return AuditTrail(self.store, self.clock)

    @cached_property
    def statements(self) -> Statements:
        return Statements(self.gate)

    @cached_property
    def codebooks(self) -> dict[str, Codebook]:
        return {issuer.id: load_codebook(issuer.codes) for issuer in self.settings.issuers}

    @cached_property
    def policies(self) -> dict[str, Policy]:
        return {issuer.id: load_policy(issuer.policy) for issuer in self.settings.issuers}

    def client(self, launch: Launch) -> FhirClient:
        """A FHIR client that holds this launch's token, speaks to its issuer only, and notes what it writes."""
        return AuditedClient(launch, self.audit, self.gate, self.tokens.bearer(launch))

    def open_client(self, issuer: Issuer) -> FhirClient:
        return FhirClient(issuer.base, self.gate)


def services() -> Services:
    return cast(Services, current_app.extensions["esr1"])
