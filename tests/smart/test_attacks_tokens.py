"""Twisted tokens and token answers: none opens a chart, none names a user, none makes the app fail."""

from __future__ import annotations

import base64
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import ECKey, RSAKey

from tests.smart.behaviours import shows
from tests.smart.ehr import KEY, OTHER, Browser, Ehr
from tests.support.fake_server import Answer

Json = dict[str, Any]
Fresh = Callable[[], tuple[Browser, Ehr]]
PUBLIC = KEY.as_dict(private=False)


def part(value: Json | bytes) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(payload: Json | bytes, header: Json | None = None, key: RSAKey = KEY) -> str:
    """Signed by hand, so that no library sets anything right."""
    said = f"{part({'alg': 'RS256', 'kid': 'one', **(header or {})})}.{part(payload)}"
    return f"{said}.{part(key.private_key.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def claims(ehr: Ehr, nonce: str, /, **more: Any) -> Json:
    now = int(time.time())
    user = f"{ehr.base}/Practitioner/d1"
    plain = {"iss": ehr.base, "aud": "app", "sub": "d1", "exp": now + 300, "iat": now, "nonce": nonce}
    return {**plain, "fhirUser": user, **more}


def opened(fresh: Fresh, body: Callable[[Ehr, str], Any], keys: Any = None) -> tuple[int, str]:
    """Status and page of a callback to this token answer. ``body``: of EHR and nonce."""
    browser, ehr = fresh()
    browser.client.application.extensions["esr1"].jwks._found.clear()
    ehr.fake.on("/fhir/auth/jwks", Answer(body=keys if keys is not None else {"keys": [PUBLIC]}))
    asked = browser.begin()
    ehr.fake.on("/fhir/auth/token", lambda _r: Answer(body=body(ehr, asked["nonce"])))
    try:
        answer = browser.client.get("/callback", query_string={"code": "c", "state": asked["state"]})
    finally:
        ehr.fake.on("/fhir/auth/token", ehr._token)
    return answer.status_code, answer.get_data(as_text=True)


TWISTED: dict[str, Callable[[Ehr, str], str]] = {
    "critical header unknown": lambda e, n: signed(claims(e, n), {"crit": ["x"], "x": 1}),
    "unencoded payload": lambda e, n: signed(claims(e, n), {"crit": ["b64"], "b64": False}),
    "key address in the header": lambda e, n: signed(claims(e, n), {"jku": "http://127.0.0.1:9/keys"}, OTHER),
    "certificate address": lambda e, n: signed(claims(e, n), {"x5u": "http://127.0.0.1:9/cert"}, OTHER),
    "key in the header": lambda e, n: signed(claims(e, n), {"jwk": OTHER.as_dict(private=False)}, OTHER),
    "kid as a statement": lambda e, n: signed(claims(e, n), {"kid": "' or 1=1 --"}),
    "kid as a path": lambda e, n: signed(claims(e, n), {"kid": "../../dev/null"}),
    "kid as a list": lambda e, n: signed(claims(e, n), {"kid": ["one"]}),
    "algorithm as a list": lambda e, n: signed(claims(e, n), {"alg": ["RS256"]}),
    "algorithm in small letters": lambda e, n: signed(claims(e, n), {"alg": "rs256"}),
    "one claim twice, the last fits": lambda e, n: signed(b'{"aud":"x",' + json.dumps(claims(e, n)).encode()[1:]),
    "for another party": lambda e, n: signed(claims(e, n, azp="other")),
    "audience nested": lambda e, n: signed(claims(e, n, aud=[["app"]])),
    "expiry not a number": lambda e, n: signed(json.dumps(claims(e, n, exp=float("nan"))).encode()),
    "expiry endless": lambda e, n: signed(json.dumps(claims(e, n, exp=float("inf"))).encode()),
    "expiry 1e999": lambda e, n: signed(json.dumps(claims(e, n, exp=7)).replace("7,", "1e999,").encode()),
    "expiry as text": lambda e, n: signed(claims(e, n, exp="9999999999")),
    "not before": lambda e, n: signed(claims(e, n, nbf=time.time() + 999)),
    "nonce half a character": lambda e, n: signed(claims(e, n, nonce="\ud800")),
    "nonce as a list": lambda e, n: signed(claims(e, n, nonce=[n])),
    "issuer as a list": lambda e, n: signed(claims(e, n, iss=[e.base])),
    "payload is a list": lambda _e, _n: signed(b"[1]"),
    "a token inside a token": lambda e, n: signed(signed(claims(e, n)).encode(), {"cty": "JWT"}),
    "empty signature": lambda e, n: signed(claims(e, n)).rpartition(".")[0] + ".",
    "two parts": lambda e, n: signed(claims(e, n)).rpartition(".")[0],
    "five parts": lambda e, n: signed(claims(e, n)) + ".a.b",
    "packed": lambda e, n: signed(claims(e, n), {"zip": "DEF"}),
    "five megabytes": lambda e, n: signed(claims(e, n, x="a" * 5_000_000)),
    "nested without end": lambda _e, _n: signed(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "dots": lambda _e, _n: "..",
    "an empty text": lambda _e, _n: "",
}


@shows(41)
@pytest.mark.parametrize("name", TWISTED)
def test_a_twisted_id_token_opens_nothing(in_memory: Fresh, name: str) -> None:
    status, page = opened(in_memory, lambda e, n: {**e.token, "id_token": TWISTED[name](e, n)})
    assert status == 502
    assert "id_token.invalid" in page


@shows(41)
def test_the_same_id_token_untwisted_opens_the_chart(in_memory: Fresh) -> None:
    for more in ({}, {"azp": "app"}, {"aud": ["app"]}, {"aud": ["app", "x"], "azp": "app"}, {"exp": time.time() + 9.5}):
        assert opened(in_memory, lambda e, n, m=more: {**e.token, "id_token": signed(claims(e, n, **m))})[0] == 302


KEYS: dict[str, Any] = {
    "no modulus": {"keys": [{"kty": "RSA", "kid": "one"}]},
    "modulus a number": {"keys": [{**PUBLIC, "n": 5}]},
    "modulus of a million bits": {"keys": [{**PUBLIC, "n": part(b"\xff" * 125_000)}]},
    "exponent of 2400 bits": {"keys": [{**PUBLIC, "e": part(b"\xff" * 300)}]},
    "symmetric": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "one"}]},
    "another curve": {"keys": [ECKey.generate_key("P-384", {"kid": "one"}).as_dict(private=False)]},
    "for encryption": {"keys": [{**PUBLIC, "use": "enc"}]},
    "for another algorithm": {"keys": [{**PUBLIC, "alg": "RS512"}]},
    "the same kid twice": {"keys": [PUBLIC, {**OTHER.as_dict(private=False), "kid": "one"}]},
    "operations a number": {"keys": [{**PUBLIC, "key_ops": 5}]},
    "no list": {"keys": {}},
    "a list": [],
}


@shows(41)
@pytest.mark.parametrize("name", KEYS)
def test_a_twisted_key_set_opens_nothing(in_memory: Fresh, name: str) -> None:
    status, page = opened(
        in_memory, lambda e, n: {**e.token, "id_token": signed(claims(e, n))}, KEYS[name] or {"keys": []}
    )
    assert status == 502
    assert "id_token.invalid" in page


@shows(41)
def test_a_short_rsa_key_is_not_trusted(in_memory: Fresh) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns as well
        key = RSAKey.import_key(weak)
        keys = {"keys": [{**key.as_dict(private=False), "kid": "one"}]}
        status, page = opened(in_memory, lambda e, n: {**e.token, "id_token": signed(claims(e, n), key=key)}, keys)
    assert status == 502
    assert "id_token.invalid" in page


def token(**more: Any) -> bytes:
    return json.dumps({"access_token": "a", "token_type": "Bearer", "patient": "p1", **more}).encode()


ANSWERS: dict[str, tuple[bytes, str]] = {
    "two patients": (token()[:-1] + b',"patient":"p2"}', "token.malformed"),
    "two tokens": (token()[:-1] + b',"access_token":"b"}', "token.malformed"),
    "a form": (b"access_token=a&token_type=bearer&patient=p1", "token.malformed"),
    "a list of one": (b"[" + token() + b"]", "token.malformed"),
    "null": (b"null", "token.malformed"),
    "no number": (token(patient=float("nan")), "token.malformed"),
    "another charset": (token(x="y").replace(b'"y"', b'"\xe9"'), "token.malformed"),
    "a line break in the token": (token(access_token="a\r\nX-Evil: 1"), "token.malformed"),
    "a kind of token in a list": (token(token_type=["Bearer"]), "token.malformed"),
    "patient a number": (token(patient=1), "launch.no_patient"),
    "patient true": (token(patient=True), "launch.no_patient"),
    "patients": (token(patient=["p1", "p2"]), "launch.no_patient"),
    "one patient in a list": (token(patient=["p1"]), "launch.no_patient"),
    "a reference": (token(patient={"reference": "Patient/p1"}), "launch.no_patient"),
    "an absolute address": (token(patient="https://ehr.example.org/fhir/Patient/p1"), "launch.no_patient"),
    "the id of a visit": (token(patient="Encounter/p1"), "launch.no_patient"),
    "the id of a visit as a patient": (token(patient="Patient/Encounter/p1"), "launch.no_patient"),
    "a slash": (token(patient="p/1"), "launch.no_patient"),
    "a slash in disguise": (token(patient="p1%2f.."), "launch.no_patient"),
    "a query": (token(patient="p1?_revinclude=*"), "launch.no_patient"),
    "a turned writing direction": (token(patient="\u202ep1"), "launch.no_patient"),
    "a line break": (token(patient="p1\n"), "launch.no_patient"),
}


@shows(33, 34, 35)
@pytest.mark.parametrize("name", ANSWERS)
def test_a_twisted_token_answer_opens_nothing(in_memory: Fresh, name: str) -> None:
    body, code = ANSWERS[name]
    status, page = opened(in_memory, lambda _e, _n: body)
    assert status >= 400
    assert code in page


@shows(34, 39)
@pytest.mark.parametrize(
    "more",
    [
        {"scope": 5},
        {"scope": ["a"]},
        {"scope": "patient/\ud800.read patient/<b>.rs"},
        {"expires_in": [1]},
        {"refresh_token": {}},
        {"encounter": "Patient/p2"},
        {"need_patient_banner": "false"},
        {"intent": {"a": 1}},
        {"tenant": "\ud800"},
        {"fhirContext": [{"reference": "Patient/p2"}, 7, {"reference": "http://x/Observation/1"}]},
    ],
    ids=str,
)
def test_what_else_an_answer_says_amiss_costs_itself_only(in_memory: Fresh, more: Json) -> None:
    browser, ehr = in_memory()
    ehr.token.update(more)
    answer = browser.launch("p1")
    assert answer.status_code == 302
    page = browser.client.get(answer.headers["Location"])
    assert page.status_code == 200
    assert "Secretname" in page.get_data(as_text=True)
    assert browser.client.get(answer.headers["Location"] + "receipt").status_code == 200
