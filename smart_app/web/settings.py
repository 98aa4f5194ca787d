"""How one running app is configured, and the services its views use."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import cast

from flask import current_app

from smart_app.codes import Codebook, load_codebook
from smart_app.domain.policy import Policy
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.policies import load_policy
from smart_app.smart.idtoken import JwksCache
from smart_app.smart.issuers import Issuer, Issuers
from smart_app.smart.launches import Launch, Launches
from smart_app.smart.store import SqliteStore, Store, load_keys
from smart_app.smart.tokens import Tokens


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """``public_url`` is where browsers reach the app, without a trailing slash; https outside the loopback."""

    issuers: Issuers
    data: Path
    public_url: str
    now: Callable[[], datetime] = _now


@dataclass
class Services:
    """Everything a view needs; one per running app."""

    settings: Settings
    gate: Gate
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @cached_property
    def store(self) -> Store:
        return SqliteStore(self.settings.data / "app.sqlite", load_keys(self.settings.data / "app.key"))

    @cached_property
    def launches(self) -> Launches:
        return Launches(self.store, self.settings.issuers)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.store, self.gate)

    @cached_property
    def jwks(self) -> JwksCache:
        return JwksCache(self.gate)

    @cached_property
    def codebooks(self) -> dict[str, Codebook]:
        return {issuer.id: load_codebook(issuer.codes) for issuer in self.settings.issuers}

    @cached_property
    def policies(self) -> dict[str, Policy]:
        return {issuer.id: load_policy(issuer.policy) for issuer in self.settings.issuers}

    def client(self, launch: Launch) -> FhirClient:
        """A FHIR client that holds this launch's token and speaks to its issuer only."""
        return FhirClient(launch.issuer.base, self.gate, self.tokens.bearer(launch))

    def open_client(self, issuer: Issuer) -> FhirClient:
        return FhirClient(issuer.base, self.gate)


def services() -> Services:
    return cast(Services, current_app.extensions["esr1"])
