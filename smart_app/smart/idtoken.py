"""The id_token: signature, issuer, audience, times and nonce, by algorithms that we choose and not the token."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir import jsontext
from smart_app.fhir.gate import Gate

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
LEEWAY = 60  # seconds of clock difference between the EHR and us
_KEEP = 600.0


def _bad(why: str) -> LaunchError:
    return LaunchError(f"The EHR's statement of who is signed in is not valid: {why}.", code="id_token.invalid")


@dataclass(slots=True)
class JwksCache:
    """Key sets by address, fetched again once where a ``kid`` is unknown (the EHR rotated its keys)."""

    gate: Gate
    _found: dict[str, tuple[float, list[dict[str, Any]]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, url: str, kid: str | None, algorithm: str) -> jwk.Key:
        for fresh in (False, True):
            fitting = [k for k in self._keys(url, fresh) if _fits(k, kid, algorithm)]
            if len(fitting) == 1:
                try:
                    return jwk.import_key(fitting[0])
                except (JoseError, ValueError, KeyError) as error:
                    raise _bad("its key cannot be used") from error
            if len(fitting) > 1:
                raise _bad("several keys could have signed it")
        raise _bad("its key is not among the EHR's published keys")

    def _keys(self, url: str, fresh: bool) -> list[dict[str, Any]]:
        with self._lock:
            kept = self._found.get(url)
        if kept is not None and not fresh and time.monotonic() - kept[0] < _KEEP:
            return kept[1]
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


def _fits(key: dict[str, Any], kid: str | None, algorithm: str) -> bool:
    family = {"R": "RSA", "P": "RSA", "E": "EC"}[algorithm[0]]
    return (
        key.get("kty") == family
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (kid is None or key.get("kid") == kid)
    )


def check_id_token(
    raw: str, *, keys: JwksCache, jwks_url: str, issuers: set[str], client_id: str, nonce: str, now: float | None = None
) -> dict[str, Any]:
    """The claims, or LaunchError ``id_token.invalid`` (OpenID Connect Core 3.1.3.7)."""
    try:
        header = jws.extract_compact(raw.encode()).headers()
    except (JoseError, ValueError, AttributeError) as error:
        raise _bad("it cannot be read") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise _bad("it is signed in a way that is not accepted")
    key = keys.key(jwks_url, kid if isinstance(kid, str) else None, algorithm)
    try:
        claims: dict[str, Any] = dict(jwt.decode(raw, key, algorithms=[algorithm]).claims)
    except (JoseError, ValueError, TypeError) as error:
        raise _bad("its signature is wrong") from error
    moment = time.time() if now is None else now
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if str(claims.get("iss")).rstrip("/") not in {i.rstrip("/") for i in issuers}:
        raise _bad("it was issued by another server")
    if client_id not in audiences or (len(audiences) > 1 and claims.get("azp") != client_id):
        raise _bad("it is meant for another app")
    if not _number(claims.get("exp")) or claims["exp"] <= moment - LEEWAY:
        raise _bad("it has expired")
    if not _number(claims.get("iat")) or claims["iat"] > moment + LEEWAY:
        raise _bad("it is from the future or has no time")
    if claims.get("nonce") != nonce:
        raise _bad("it does not belong to this launch")
    return claims


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
