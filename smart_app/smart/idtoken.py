"""The id_token: signature, issuer, audience, times and nonce, by algorithms that we choose and not the token."""

from __future__ import annotations

import hmac
import math
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir import jsontext
from smart_app.fhir.gate import Gate

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
LEEWAY = 60  # seconds that the EHR's clock may be ahead of ours
EXPIRY_LEEWAY = 10  # a token that was just given has minutes left, so hardly any is needed here
_KEEP = 600.0
_LEAST_BITS = 2048  # of an RSA key (RFC 7518, 3.3)


def _bad(why: str) -> LaunchError:
    return LaunchError(f"The EHR's statement of who is signed in is not valid: {why}.", code="id_token.invalid")


@dataclass(slots=True)
class JwksCache:
    """Key sets by address, fetched again once where a ``kid`` is unknown (the EHR rotated its keys)."""

    gate: Gate
    _found: dict[str, tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _fetching: threading.Lock = field(default_factory=threading.Lock)

    def warm(self, url: str) -> None:
        """Fetches ahead, while the user signs in, so that the callback need not wait. Failing here means nothing."""
        with suppress(LaunchError):
            self._keys(url, fresh=False)

    def key(self, url: str, kid: str | None, algorithm: str) -> jwk.Key:
        for fresh in (False, True):
            fitting = _fitting(self._keys(url, fresh), kid, algorithm)
            if len(fitting) == 1:
                return _usable(fitting[0])
            if len(fitting) > 1:
                raise _bad("several keys could have signed it")
        raise _bad("its key is not among the EHR's published keys")

    def _keys(self, url: str, fresh: bool) -> list[dict[str, Any]]:
        asked = time.monotonic()
        with self._fetching:  # one fetch at a time: who waited takes what the other one got
            with self._lock:
                kept = self._found.get(url)
            if kept is not None and (kept[0] >= asked or (not fresh and asked - kept[0] < _KEEP)):
                return kept[1]
            return self._fetched(url)

    def _fetched(self, url: str) -> list[dict[str, Any]]:
        try:
            reply = self.gate.request("GET", url, headers={"Accept": "application/json"})
            document = jsontext.loads(reply.body) if reply.status == 200 else None
        except (FhirError, ValueError) as error:
            raise _bad("the EHR's published keys could not be read") from error
        keys = document.get("keys") if isinstance(document, dict) else None
        found = [k for k in keys if isinstance(k, dict)] if isinstance(keys, list) else []
        with self._lock:
            self._found[url] = (time.monotonic(), found)
        return found


def _usable(published: dict[str, Any]) -> jwk.Key:
    try:
        key = jwk.import_key(published)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad("its key cannot be used") from error
    if isinstance(key, jwk.RSAKey) and key.public_key.key_size < _LEAST_BITS:
        raise _bad("its key cannot be used")
    return key


def _fitting(keys: list[dict[str, Any]], kid: str | None, algorithm: str) -> list[dict[str, Any]]:
    """The signing keys of this algorithm with this ``kid``; a set with one nameless key needs no ``kid``."""
    family = {"R": "RSA", "P": "RSA", "E": "EC"}[algorithm[0]]
    usable = [
        k
        for k in keys
        if k.get("kty") == family and k.get("use", "sig") == "sig" and k.get("alg", algorithm) == algorithm
    ]
    named = [k for k in usable if kid is None or k.get("kid") == kid]
    return named or [k for k in usable if "kid" not in k]


def check_id_token(
    raw: str, *, keys: JwksCache, jwks_url: str, issuers: set[str], client_id: str, nonce: str, now: float | None = None
) -> dict[str, Any]:
    """The claims, or LaunchError ``id_token.invalid`` (OpenID Connect Core 3.1.3.7)."""
    try:
        parts = jws.extract_compact(raw.encode())
        header = parts.headers()
        jsontext.loads_plain(parts.payload)  # one claim said twice would mean two things
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _bad("it cannot be read") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise _bad("it is signed in a way that is not accepted")
    key = keys.key(jwks_url, kid if isinstance(kid, str) else None, algorithm)
    try:
        claims: dict[str, Any] = dict(jwt.decode(raw, key, algorithms=[algorithm]).claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _bad("its signature is wrong") from error
    moment = time.time() if now is None else now
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if str(claims.get("iss")).rstrip("/") not in {i.rstrip("/") for i in issuers}:
        raise _bad("it was issued by another server")
    if client_id not in audiences or (claims.get("azp") != client_id and (len(audiences) > 1 or "azp" in claims)):
        raise _bad("it is meant for another app")
    if not _number(claims.get("exp")) or claims["exp"] <= moment - EXPIRY_LEEWAY:
        raise _bad("it has expired")
    if not _number(claims.get("iat")) or claims["iat"] > moment + LEEWAY:
        raise _bad("it is from the future or has no time")
    if "nbf" in claims and (not _number(claims["nbf"]) or claims["nbf"] > moment + LEEWAY):
        raise _bad("it is not valid yet")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
        raise _bad("it does not belong to this launch")
    return claims


def _number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)
