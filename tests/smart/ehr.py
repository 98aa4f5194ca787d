"""A scripted EHR at the network's edge, the running app, and a browser's cookies."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from smart_app.fhir.gate import Gate, Reply
from smart_app.smart.issuers import load_issuers
from smart_app.smart.keys import new_key
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.support.fake_server import SEARCHED, Answer, FakeServer, Request
from tests.support.java import free_port

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})


class Ehr:
    """A scripted EHR: every answer can be changed by a test."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        self.base = fake.base
        self.document: dict[str, Any] = {
            "issuer": fake.base,
            "authorization_endpoint": f"{fake.base}/auth/authorize",
            "token_endpoint": f"{fake.base}/auth/token",
            "jwks_uri": f"{fake.base}/auth/jwks",
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["launch-ehr", "permission-v2"],
        }
        self.token: dict[str, Any] = {
            "access_token": "SECRET-TOKEN",
            "token_type": "Bearer",
            "expires_in": 3600,
            "patient": "p1",
        }
        self.scope: str | None = None
        self.claims: dict[str, Any] = {}
        self.signing_key, self.algorithm, self.header = KEY, "RS256", {"kid": "one"}
        self.id_token = True
        self.nonce = ""
        self.keys: list[RSAKey] = [KEY]
        fake.on("/fhir/.well-known/smart-configuration", lambda _r: Answer(body=self.document))
        fake.on("/fhir/auth/authorize", self._authorize)
        fake.on("/fhir/auth/token", self._token)
        fake.on("/fhir/auth/jwks", lambda _r: Answer(body={"keys": [k.as_dict(private=False) for k in self.keys]}))
        fake.on("/fhir/Patient/p1", lambda _r: Answer(body=PATIENT))
        fake.on(
            "/fhir/Practitioner/d1",
            Answer(body={"resourceType": "Practitioner", "id": "d1", "name": [{"text": "Dr Ada"}]}),
        )
        for kind in SEARCHED:
            fake.on(f"/fhir/{kind}", Answer(body={"resourceType": "Bundle", "type": "searchset", "entry": []}))

    def _authorize(self, request: Request) -> Answer:
        """Signs anybody in, for tests with a real browser."""
        self.nonce = request.query["nonce"]
        back = urlencode({"code": "c0de", "state": request.query["state"]})
        return Answer(302, headers={"Location": f"{request.query['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> Answer:
        body = dict(self.token)
        if self.scope is not None:
            body["scope"] = self.scope
        if self.id_token:
            now = int(time.time())
            claims = {
                "iss": self.base,
                "aud": "app",
                "sub": "d1",
                "exp": now + 300,
                "iat": now,
                "nonce": self.nonce,
                "fhirUser": f"{self.base}/Practitioner/d1",
                **self.claims,
            }
            claims = {k: v for k, v in claims.items() if v is not None}
            header = {"alg": self.algorithm, **self.header}
            body["id_token"] = jwt.encode(header, claims, self.signing_key, algorithms=[self.algorithm])
        return Answer(body=body)


PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Secretname", "given": ["Nora"]}],
    "birthDate": "1960-01-01",
}


class App:
    """The running app and one browser's cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.browser = requests.Session()

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.browser.get(path if path.startswith("http") else self.url + path, allow_redirects=False, **more)

    def begin(self, ehr: Ehr, launch: str = "ctx/1+2=") -> dict[str, str]:
        answer = self.get("/launch", params={"iss": ehr.base, "launch": launch})
        assert answer.status_code == 302, answer.text
        asked = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
        ehr.nonce = asked["nonce"]
        return asked

    def back(self, asked: dict[str, str], **more: str) -> requests.Response:
        return self.get("/callback", params={"code": "c0de", "state": asked["state"], **more})

    def launched(self, ehr: Ehr) -> str:
        """The address of the launch's first page."""
        answer = self.back(self.begin(ehr))
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


def issuers(auth: str, base: str, folder: Path) -> str:
    extra = {
        "client_secret_basic": 'client_secret_file = "secret"\n',
        "client_secret_post": 'client_secret_file = "secret"\n',
        "private_key_jwt": 'key_file = "keys.json"\n',
    }.get(auth, "")
    (folder / "secret").write_text("s3cret&=\n")
    (folder / "keys.json").write_text(json.dumps({"keys": [new_key("ES384"), new_key("RS384")]}))
    return f'[[issuer]]\nid = "one"\nname = "One"\nbase = "{base}/"\nauth = "{auth}"\nclient_id = "app"\n{extra}'


@contextmanager
def serving(app: Flask, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class Clock:
    """Seconds since 1970 that a test can move on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def running(
    ehr: Ehr, folder: Path, auth: str = "public", *, clock: Callable[[], float] | None = None, **more: str
) -> Iterator[App]:
    """The app for this EHR. ``more``: lines of its registration, as TOML values."""
    file = folder / "issuers.toml"
    lines = {"frame_ancestors": '["https://ehr.example.org"]', **more}
    file.write_text(issuers(auth, ehr.base, folder) + "".join(f"{k} = {v}\n" for k, v in lines.items()))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(create_app(Settings(load_issuers(file), folder / "data", url), clock=clock), port):
        yield App(url)


class NoWire(Gate):
    """The gate with the scripted EHR right behind it: for tests of many thousand steps. Its own checks still hold."""

    fake: FakeServer

    def request(self, method: str, url: str, **more: Any) -> Reply:  # type: ignore[override]
        self._check(self._origin(url), url)
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(more.get("params") or {})
        body = urlencode(more["form"]).encode() if more.get("form") else more.get("body") or b""
        headers = {k.lower(): v for k, v in (more.get("headers") or {}).items()}
        answer = self.fake.answer(Request(method, parts.path, query, headers, body))
        raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return Reply(answer.status, requests.structures.CaseInsensitiveDict(answer.headers), raw, url)

    @staticmethod
    def _origin(url: str) -> str:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}"


class Browser:
    """One browser of the app without a socket."""

    def __init__(self, client: FlaskClient, ehr: Ehr) -> None:
        self.client, self.ehr = client, ehr

    def begin(self, context: str | None = "x") -> dict[str, str]:
        query = {"iss": self.ehr.base, **({"launch": context} if context is not None else {})}
        answer = self.client.get("/launch", query_string=query)
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def back(self, asked: dict[str, str]) -> TestResponse:
        self.ehr.nonce = asked["nonce"]
        return self.client.get("/callback", query_string={"code": "c", "state": asked["state"]})

    def launch(self, patient: str) -> TestResponse:
        self.ehr.token.setdefault("patient", patient)
        return self.back(self.begin())


def without_wire(folder: Path, clock: Callable[[], float] | None = None) -> tuple[Flask, Ehr]:
    """The app and an EHR in one process, no socket between them."""
    ehr = Ehr(FakeServer("http://127.0.0.1:9/fhir"))
    file = folder / "issuers.toml"
    file.write_text(issuers("public", ehr.base, folder))
    gate = NoWire()
    gate.fake = ehr.fake
    settings = Settings(load_issuers(file), folder / "data", "http://localhost:5000")
    return create_app(settings, gate=gate, clock=clock), ehr
