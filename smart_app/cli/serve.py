"""``smart-app serve``: the app for registered issuers, behind a TLS proxy or on the loopback."""

from __future__ import annotations

import argparse
from pathlib import Path

from waitress import serve as waitress_serve

from smart_app.smart.issuers import load_issuers
from smart_app.web.app import create_app, warm
from smart_app.web.i18n import LANGUAGES
from smart_app.web.log import configure
from smart_app.web.settings import Settings, check_public_url


def add_to(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("serve", help="run the app for the issuers of issuers.toml")
    parser.add_argument("--config", type=Path, required=True, help="the folder that holds issuers.toml")
    parser.add_argument("--data", type=Path, help="where launches are kept (default: CONFIG/data)")
    parser.add_argument("--public-url", required=True, help="where browsers reach the app, https outside the loopback")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--language", choices=LANGUAGES, help="of every page (default: what the browser asks for)")
    parser.set_defaults(func=run)


def public_url(value: str) -> str:
    """Without a trailing slash; ConfigError unless https or on the loopback."""
    found = value.rstrip("/")
    check_public_url(found)
    return found


def run(arguments: argparse.Namespace) -> int:
    issuers = load_issuers(arguments.config / "issuers.toml")
    settings = Settings(
        issuers,
        arguments.data or arguments.config / "data",
        public_url(arguments.public_url),
        language=arguments.language,
    )
    configure(requests=True)
    app = create_app(settings)
    warm(app)
    print(f"The app listens on http://127.0.0.1:{arguments.port} for {settings.public_url}")
    waitress_serve(app, host="127.0.0.1", port=arguments.port, threads=8, ident=None)
    return 0
