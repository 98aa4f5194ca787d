"""Who is registered with the sandbox's authorization server, and the launches, codes and tokens that are running."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from authlib.oauth2.rfc6749 import ClientMixin
from joserfc.jwk import RSAKey

from smart_app.fhir.reading.record import Json

_SCOPE = re.compile(
    r"(openid|fhirUser|profile|launch(/patient|/encounter)?|(online|offline)_access"
    r"|(patient|user)/([A-Z][A-Za-z]+|\*)\.(read|write|\*|c?r?u?d?s?)(\?\S+)?)\Z"
)
METHODS = {
    "none": ["none"],
    "client_secret_basic": ["client_secret_basic"],
    "client_secret_post": ["client_secret_post"],
    "private_key_jwt": ["client_assertion_jwt", "private_key_jwt"],
}


@dataclass
class Client(ClientMixin):  # type: ignore[misc]
    """One registered app."""

    client_id: str
    redirect_uris: list[str]
    method: str = "none"
    secret: str = ""
    jwks: Json | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        """The asked scopes that exist here; anything else is left out, as servers do."""
        return " ".join(s for s in (scope or "").split() if _SCOPE.match(s))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        return method in METHODS[self.method]

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Context:
    """What the EHR has open: the launch context. Also the "user" in Authlib's sense."""

    patient: str | None
    encounter: str | None = None
    user: str = "Practitioner/sandbox-oncologist"
    banner: bool = True
    mischief: tuple[str, ...] = ()  # names of ``mischief.FAULTS`` that this launch shows


@dataclass
class Code:
    code: str
    client_id: str
    redirect_uri: str
    scope: str
    context: Context
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    expires: float

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass
class Token:
    client_id: str
    scope: str
    context: Context
    expires: float
    refresh: str | None = None
    access: str = ""
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return time.time() > self.expires

    def is_revoked(self) -> bool:
        return self.revoked


@dataclass
class Sessions:
    """Launches, codes and tokens of the running sandbox; gone when it stops."""

    clients: dict[str, Client]
    key: RSAKey
    issuer: str  # the FHIR base
    lifetime: int = 3600
    launches: dict[str, Context] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    refreshes: dict[str, Token] = field(default_factory=dict)
    jtis: set[str] = field(default_factory=set)
    more_keys: list[RSAKey] = field(default_factory=list)
    keys_failing: int = 0  # so many times the published keys cannot be read
    lock: threading.Lock = field(default_factory=threading.Lock)
    listed: tuple[str, ...] = (
        "patient/*.rs",
        "patient/CarePlan.cu",
        "patient/Provenance.crs",
    )  # clinical scopes that discovery names

    def published(self) -> list[RSAKey]:
        """The keys that id_tokens are signed with; a rotated one comes beside the old one."""
        return [self.key, *self.more_keys]

    def launch(self, context: Context) -> str:
        token = secrets.token_urlsafe(16)
        self.launches[token] = context
        return token


def load_signing_key(file: Path) -> RSAKey:
    """The sandbox's id_token key, made once per data folder."""
    if file.exists():
        return RSAKey.import_key(json.loads(file.read_text()))
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": secrets.token_hex(8)})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(key.as_dict(private=True)))
    file.chmod(0o600)
    return key
