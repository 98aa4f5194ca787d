"""``smart-app keys``: makes the private key set that ``private_key_jwt`` signs with."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from smart_app.errors import ConfigError
from smart_app.smart.keys import new_key


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("keys", help="make or rotate the signing keys of an issuer")
    parser.add_argument("file", type=Path, help="the key file; a new key is put first, the last one is kept beside it")
    parser.add_argument("--algorithm", choices=("ES384", "RS384"), default="ES384")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    kept: list[object] = []
    if arguments.file.exists():
        try:
            kept = json.loads(arguments.file.read_text(encoding="utf-8"))["keys"][:1]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{arguments.file.name} is no key set.", code="config.key") from error
    document = json.dumps({"keys": [new_key(arguments.algorithm), *kept]}, indent=2)
    part = arguments.file.with_suffix(".new")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(document)
    part.replace(arguments.file)
    print(f"{arguments.file}: {1 + len(kept)} key(s); the first one signs, all are served at /jwks.json")
    return 0
