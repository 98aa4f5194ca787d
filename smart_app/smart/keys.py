"""The app's own keys for ``private_key_jwt``: a private JWK set per issuer, its public half at ``/jwks.json``."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from smart_app.errors import ConfigError

_ALGORITHMS = {"RSA": "RS384", "EC": "ES384"}


def new_key(kind: str = "ES384") -> dict[str, Any]:
    """A fresh private signing key as JWK, for ES384 or RS384, with its thumbprint as ``kid``."""
    key = ECKey.generate_key("P-384") if kind == "ES384" else RSAKey.generate_key(3072)
    made = dict(key.as_dict(private=True))
    made.update(kid=key.thumbprint(), use="sig", alg=kind)
    return made


def load_key_set(file: Path) -> KeySet:
    """A private JWK set; the first key signs, the others stay published so that rotation has no gap."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        keys = KeySet.import_key_set(document)
    except (OSError, ValueError, JoseError, KeyError) as error:
        raise ConfigError(f"{file.name} is no private JWK set.", code="config.key") from error
    kids = [key.kid for key in keys.keys]
    if not kids or None in kids or len(set(kids)) != len(kids) or not all(key.is_private for key in keys.keys):
        raise ConfigError(f"{file.name}: every key must be private and have a kid of its own.", code="config.key")
    if not all(_fits(key.as_dict(private=False)) for key in keys.keys):
        raise ConfigError(
            f"{file.name}: keys must be for ES384 (P-384) or RS384 (2048 bits or more).", code="config.key"
        )
    return keys


def _fits(key: Any) -> bool:
    """ES384 signs with P-384 only; a shorter RSA modulus than 2048 bits is 256 octets is not accepted anywhere."""
    if key.get("alg") not in (None, _ALGORITHMS.get(key.get("kty"))):
        return False
    return key.get("crv") == "P-384" if key.get("kty") == "EC" else key.get("kty") == "RSA" and len(key["n"]) >= 341


def public_keys(files: list[Path]) -> dict[str, Any]:
    """The public JWK set of all key files: nothing private in it, each ``kid`` once."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        for key in load_key_set(file).keys:
            found.setdefault(str(key.kid), dict(key.as_dict(private=False)))
    return {"keys": list(found.values())}


def client_assertion(
    file: Path, client_id: str, token_endpoint: str, now: float | None = None, algorithms: tuple[str, ...] = ()
) -> str:
    """A signed assertion of one use and five minutes (SMART App Launch 2.2, confidential asymmetric).

    ``algorithms``: what the server announces; the first key that fits signs, else the first of all.
    """
    keys = load_key_set(file).keys
    key = next((k for k in keys if _ALGORITHMS[k.key_type] in algorithms), keys[0])
    algorithm = _ALGORITHMS[key.key_type]
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_endpoint,
        "iat": issued,
        "exp": issued + 270,
        "jti": str(uuid.uuid4()),
    }
    header = {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims, key, algorithms=[algorithm])
