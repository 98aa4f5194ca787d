"""SMART App Launch through the front door: HTTP in, HTTP out, against a scripted EHR."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from smart_app.smart.issuers import load_issuers
from smart_app.smart.keys import load_key_set, new_key, public_keys
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.support.fake_server import Answer, FakeServer, Request, fake_server
from tests.support.java import free_port
from tests.support.running import serving

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
        fake.on("/fhir/auth/token", self._token)
        fake.on("/fhir/auth/jwks", lambda _r: Answer(body={"keys": [k.as_dict(private=False) for k in self.keys]}))
        fake.on("/fhir/Patient/p1", lambda _r: Answer(body=PATIENT))
        fake.on(
            "/fhir/Practitioner/d1",
            Answer(body={"resourceType": "Practitioner", "id": "d1", "name": [{"text": "Dr Ada"}]}),
        )
        for kind in KINDS:
            fake.on(f"/fhir/{kind}", Answer(body={"resourceType": "Bundle", "type": "searchset", "entry": []}))

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
KINDS = [
    "Observation",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
    "Procedure",
    "ServiceRequest",
    "Appointment",
    "Encounter",
    "ImagingStudy",
    "CarePlan",
]


class App:
    """The running app and one browser's cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.browser = requests.Session()

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.browser.get(path if "://" in path else self.url + path, allow_redirects=False, **more)

    def begin(self, ehr: Ehr, launch: str = "ctx/1+2=") -> dict[str, str]:
        answer = self.get("/launch", params={"iss": ehr.base, "launch": launch})
        assert answer.status_code == 302, answer.text
        asked = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
        ehr.nonce = asked["nonce"]
        return asked

    def back(self, asked: dict[str, str], **more: str) -> requests.Response:
        return self.get("/callback", params={"code": "c0de", "state": asked["state"], **more})

    def launched(self, ehr: Ehr) -> str:
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
    return (
        f'[[issuer]]\nid = "one"\nname = "One"\nbase = "{base}/"\nauth = "{auth}"\nclient_id = "app"\n{extra}'
        'frame_ancestors = ["https://ehr.example.org"]\n'
    )


@pytest.fixture
def ehr() -> Iterator[Ehr]:
    with fake_server() as fake:
        yield Ehr(fake)


def running(ehr: Ehr, folder: Path, auth: str = "public") -> Iterator[App]:
    file = folder / "issuers.toml"
    file.write_text(issuers(auth, ehr.base, folder))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(create_app(Settings(load_issuers(file), folder / "data", url)), port):
        yield App(url)


@pytest.fixture
def app(ehr: Ehr, tmp_path: Path) -> Iterator[App]:
    yield from running(ehr, tmp_path)


# --- launch and discovery ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [".evil.example", "/../x", "@evil.example/fhir", "//", "?x=1", "#x"])
def test_an_issuer_that_is_not_exactly_registered_gets_a_page_and_no_request(app: App, ehr: Ehr, change: str) -> None:
    answer = app.get("/launch", params={"iss": ehr.base + change, "launch": "x"})
    assert answer.status_code == 403
    assert "not registered" in answer.text
    assert ehr.fake.requests == []


def test_one_trailing_slash_on_iss_is_no_difference_and_aud_has_one_form(app: App, ehr: Ehr) -> None:
    asked = {}
    for form in (ehr.base, ehr.base + "/"):
        answer = app.get("/launch", params={"iss": form, "launch": "x"})
        asked[form] = parse_qs(urlsplit(answer.headers["Location"]).query)["aud"]
    assert set(map(str, asked.values())) == {str([ehr.base])}


@pytest.mark.parametrize("query", ["", "?launch=x", "?iss=", "?iss=a&iss=b&launch=x"])
def test_a_launch_without_a_clear_iss_gives_a_readable_page(app: App, query: str) -> None:
    answer = app.get("/launch" + query)
    assert answer.status_code in (400, 403)
    assert "<h1>" in answer.text
    assert "Traceback" not in answer.text


def test_iss_without_launch_is_a_standalone_launch(app: App, ehr: Ehr) -> None:
    answer = app.get("/launch", params={"iss": ehr.base})
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert "launch" not in asked
    assert "launch/patient" in asked["scope"][0].split()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(404), "discovery.incomplete"),
        (Answer(500), "discovery.failed"),
        (Answer(200, b"<html>"), "discovery.incomplete"),
        (Answer(200, {"authorization_endpoint": "https://x.example/a"}), "discovery.incomplete"),
        (Answer(302, headers={"Location": "https://evil.example/"}), "net.redirect"),
        (Answer(drop=True), "net.unreachable"),
    ],
)
def test_a_bad_discovery_document_ends_on_a_plain_page(app: App, ehr: Ehr, answer: Answer, code: str) -> None:
    ehr.fake.on("/fhir/.well-known/smart-configuration", answer)
    page = app.get("/launch", params={"iss": ehr.base, "launch": "x"})
    assert page.status_code >= 400
    assert code in page.text


def test_a_server_that_lists_pkce_methods_without_s256_is_refused_and_one_that_lists_none_gets_s256(
    app: App, ehr: Ehr
) -> None:
    ehr.document["code_challenge_methods_supported"] = ["plain"]
    assert "discovery.no_s256" in app.get("/launch", params={"iss": ehr.base, "launch": "x"}).text
    del ehr.document["code_challenge_methods_supported"]
    assert app.begin(ehr)["code_challenge_method"] == "S256"


def test_relative_endpoints_are_resolved_against_the_fhir_base(app: App, ehr: Ehr) -> None:
    ehr.document["authorization_endpoint"] = "auth/authorize"
    answer = app.get("/launch", params={"iss": ehr.base, "launch": "x"})
    assert answer.headers["Location"].startswith(f"{ehr.base}/auth/authorize?")


def test_the_older_oauth_uris_are_used_where_there_is_no_smart_configuration(app: App, ehr: Ehr) -> None:
    ehr.fake.on("/fhir/.well-known/smart-configuration", Answer(404))
    uris = [
        {"url": "authorize", "valueUri": f"{ehr.base}/auth/authorize"},
        {"url": "token", "valueUri": f"{ehr.base}/auth/token"},
    ]
    extension = {"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": uris}
    ehr.fake.on("/fhir/metadata", Answer(body={"rest": [{"security": {"extension": [extension]}}]}))
    assert app.begin(ehr)["client_id"] == "app"


# --- authorization request --------------------------------------------------------------------------------------------


def test_the_authorization_request_holds_what_smart_asks_for_each_once(app: App, ehr: Ehr) -> None:
    answer = app.get("/launch", params={"iss": ehr.base, "launch": "ctx/1+2="})
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert all(len(values) == 1 for values in asked.values())
    assert asked["launch"] == ["ctx/1+2="]
    assert asked["aud"] == [ehr.base]
    assert asked["redirect_uri"] == [f"{app.url}/callback"]
    assert len(asked["state"][0]) >= 43
    scopes = asked["scope"][0].split()
    assert {"launch", "openid", "fhirUser", "patient/Observation.rs", "patient/CarePlan.cu"} <= set(scopes)
    assert not any("*" in s for s in scopes)


def test_scopes_are_spelt_as_the_server_supports_them(app: App, ehr: Ehr) -> None:
    ehr.document["capabilities"] = ["permission-v1"]
    assert "patient/Observation.read" in app.begin(ehr)["scope"].split()


def test_state_nonce_and_verifier_are_new_for_each_launch(app: App, ehr: Ehr) -> None:
    one, two = app.begin(ehr), app.begin(ehr)
    for name in ("state", "nonce", "code_challenge"):
        assert one[name] != two[name]


# --- callback and token -----------------------------------------------------------------------------------------------


def test_a_whole_launch_lands_on_the_patient_and_names_the_user(app: App, ehr: Ehr) -> None:
    page = app.get(app.launched(ehr))
    assert page.status_code == 200
    assert "Nora Secretname" in page.text
    assert "Dr Ada" in page.text
    form = parse_qs(ehr.fake.asked("/token")[0].body.decode())
    assert form["grant_type"] == ["authorization_code"]
    assert form["client_id"] == ["app"]
    assert form["redirect_uri"] == [f"{app.url}/callback"]
    assert "client_secret" not in form


def test_the_verifier_matches_the_challenge(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    app.back(asked)
    verifier = parse_qs(ehr.fake.asked("/token")[0].body.decode())["code_verifier"][0]
    assert 43 <= len(verifier) <= 128
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert digest == asked["code_challenge"]


@pytest.mark.parametrize("state", ["", "wrong"])
def test_a_wrong_state_sends_no_token_request(app: App, ehr: Ehr, state: str) -> None:
    app.begin(ehr)
    page = app.get("/callback", params={"code": "c", "state": state})
    assert page.status_code == 400
    assert ehr.fake.asked("/token") == []


def test_a_state_from_another_browser_opens_nothing_and_sends_no_token_request(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    thief = App(app.url)
    assert "launch.other_browser" in thief.back(asked).text
    assert ehr.fake.asked("/token") == []
    assert app.back(asked).status_code == 302


def test_the_same_callback_twice_redeems_the_code_once(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    assert app.back(asked).status_code == 302
    page = app.back(asked)
    assert page.status_code == 400
    assert "launch.replayed" in page.text
    assert len(ehr.fake.asked("/token")) == 1


def test_an_error_from_the_authorization_server_is_told_and_its_words_are_not_executed(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    page = app.get(
        "/callback",
        params={"error": "access_denied", "error_description": "<script>x</script>", "state": asked["state"]},
    )
    assert "launch.denied" in page.text
    assert "<script>x" not in page.text
    assert ehr.fake.asked("/token") == []


def test_an_answer_that_names_another_issuer_is_a_mix_up(app: App, ehr: Ehr) -> None:
    page = app.back(app.begin(ehr), iss="https://other.example/fhir")
    assert "launch.mix_up" in page.text
    assert ehr.fake.asked("/token") == []
    assert app.back(app.begin(ehr), iss=ehr.base, session_state="x").status_code == 302


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(400, {"error": "invalid_grant"}), "token.invalid_grant"),
        (Answer(401, {"error": "invalid_client"}), "token.invalid_client"),
        (Answer(500, b"<html>"), "token.refused"),
        (Answer(200, b"<html>"), "token.malformed"),
        (Answer(200, {"error": "x"}), "token.malformed"),
        (Answer(200, {"access_token": "", "token_type": "Bearer"}), "token.malformed"),
        (Answer(200, {"access_token": "a", "token_type": "mac"}), "token.malformed"),
        (Answer(200, {"access_token": "a"}), "token.malformed"),
        (Answer(200, {"access_token": "a", "token_type": "bearer"}), "launch.no_patient"),
        (Answer(200, {"access_token": "a", "token_type": "bearer", "patient": "../x"}), "launch.no_patient"),
        (Answer(302, headers={"Location": "https://evil.example"}), "net.redirect"),
        (Answer(drop=True), "net.unreachable"),
    ],
)
def test_every_bad_token_answer_ends_on_its_page_and_is_not_tried_again(
    app: App, ehr: Ehr, answer: Answer, code: str
) -> None:
    asked = app.begin(ehr)
    ehr.fake.on("/fhir/auth/token", answer)
    page = app.back(asked)
    assert code in page.text
    assert page.status_code >= 400
    assert len(ehr.fake.asked("/token")) == 1


# --- identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "another-app"},
        {"aud": ["app", "another-app"]},
        {"exp": 1},
        {"exp": None},
        {"iat": 9_999_999_999},
        {"nonce": "wrong"},
        {"nonce": None},
    ],
    ids=str,
)
def test_an_id_token_with_a_wrong_claim_opens_nothing(app: App, ehr: Ehr, claims: dict[str, Any]) -> None:
    ehr.claims = claims
    page = app.back(app.begin(ehr))
    assert "id_token.invalid" in page.text
    assert page.status_code >= 400


def test_an_id_token_signed_by_another_key_or_with_another_algorithm_opens_nothing(app: App, ehr: Ehr) -> None:
    ehr.signing_key = OTHER
    assert "id_token.invalid" in app.back(app.begin(ehr)).text
    ehr.signing_key, ehr.header = OTHER, {"kid": "unknown"}
    assert "id_token.invalid" in app.back(app.begin(ehr)).text


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_unsigned_and_symmetric_id_tokens_open_nothing(app: App, ehr: Ehr, algorithm: str) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    asked = app.begin(ehr)
    claims = {"iss": ehr.base, "aud": "app", "exp": time.time() + 99, "iat": time.time(), "nonce": ehr.nonce}
    forged = f"{part({'alg': algorithm, 'kid': 'one'})}.{part(claims)}.{'' if algorithm == 'none' else 'c2ln'}"
    ehr.fake.on("/fhir/auth/token", Answer(body={**ehr.token, "id_token": forged}))
    assert "id_token.invalid" in app.back(asked).text


def test_rotated_keys_are_fetched_again_once(app: App, ehr: Ehr) -> None:
    app.launched(ehr)
    ehr.signing_key, ehr.header, ehr.keys = OTHER, {"kid": "two"}, [OTHER]
    assert app.back(app.begin(ehr)).status_code == 302
    assert len(ehr.fake.asked("/jwks")) == 2


def test_a_key_set_with_an_encryption_key_and_a_token_without_kid_works(app: App, ehr: Ehr) -> None:
    ehr.header = {}
    ehr.keys = [KEY, RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})]
    assert app.back(app.begin(ehr)).status_code == 302


def test_a_foreign_fhir_user_never_gets_a_request_and_a_patient_is_no_clinician(app: App, ehr: Ehr) -> None:
    for user in ("https://evil.example/Practitioner/d1", "Patient/p1", "../x"):
        ehr.claims = {"fhirUser": user}
        page = app.get(app.launched(ehr))
        assert page.status_code == 200
        assert "signed in" not in page.text


def test_without_an_id_token_the_user_stays_unknown(app: App, ehr: Ehr) -> None:
    ehr.id_token = False
    page = app.get(app.launched(ehr))
    assert page.status_code == 200
    assert "signed in" not in page.text


# --- client authentication --------------------------------------------------------------------------------------------


def test_basic_authentication_keeps_the_secret_out_of_the_body(ehr: Ehr, tmp_path: Path) -> None:
    for app in running(ehr, tmp_path, "client_secret_basic"):
        app.launched(ehr)
        asked = ehr.fake.asked("/token")[0]
        assert base64.b64decode(asked.headers["authorization"].split()[1]).decode() == "app:s3cret%26%3D"
        assert b"s3cret" not in asked.body


def test_post_authentication_sends_id_and_secret_in_the_form(ehr: Ehr, tmp_path: Path) -> None:
    for app in running(ehr, tmp_path, "client_secret_post"):
        app.launched(ehr)
        form = parse_qs(ehr.fake.asked("/token")[0].body.decode())
        assert (form["client_id"], form["client_secret"]) == (["app"], ["s3cret&="])


def test_an_assertion_is_signed_short_lived_of_one_use_and_verifiable_by_the_published_keys(
    ehr: Ehr, tmp_path: Path
) -> None:
    for app in running(ehr, tmp_path, "private_key_jwt"):
        app.launched(ehr)
        app.launched(ehr)
        published = app.get("/jwks.json").json()
        assert not any("d" in key for key in published["keys"])
        assert len({key["kid"] for key in published["keys"]}) == 2
        assert published == public_keys([tmp_path / "keys.json"])
        seen = set()
        for asked in ehr.fake.asked("/token"):
            form = parse_qs(asked.body.decode())
            token = jwt.decode(
                form["client_assertion"][0], load_key_set(tmp_path / "keys.json"), algorithms=["ES384", "RS384"]
            )
            assert token.header["typ"] == "JWT"
            assert token.claims["iss"] == token.claims["sub"] == "app"
            assert token.claims["aud"] == f"{ehr.base}/auth/token"
            assert token.claims["exp"] - time.time() <= 300
            seen.add(token.claims["jti"])
        assert len(seen) == 2


# --- the firewall -----------------------------------------------------------------------------------------------------


def test_a_stolen_address_shows_nothing_in_another_browser(app: App, ehr: Ehr) -> None:
    address = app.launched(ehr)
    page = App(app.url).get(address)
    assert page.status_code == 403
    assert "Secretname" not in page.text


def test_two_launches_in_one_browser_keep_their_own_patients(app: App, ehr: Ehr) -> None:
    one = app.launched(ehr)
    ehr.token["patient"] = "p2"
    ehr.fake.on("/fhir/Patient/p2", Answer(body={**PATIENT, "id": "p2", "name": [{"family": "Other"}]}))
    two = app.launched(ehr)
    for _ in range(2):
        assert "Nora Secretname" in app.get(one).text
        assert "Other" in app.get(two).text
        assert "Secretname" not in app.get(two).text


def test_a_resource_of_another_patient_is_refused_loudly(app: App, ehr: Ehr) -> None:
    foreign = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/p9"},
        "code": {"text": "ESR1 mutation, plasma"},
        "valueString": "ESR1 D538G detected",
        "effectiveDateTime": "2026-11-01",
    }
    ehr.fake.on("/fhir/Observation", Answer(body={"resourceType": "Bundle", "entry": [{"resource": foreign}]}))
    page = app.get(app.launched(ehr)).text
    assert "Entries of another patient were refused" in page
    assert "D538G" not in page


def test_a_form_of_another_launch_or_site_is_refused(app: App, ehr: Ehr) -> None:
    one, two = app.launched(ehr), app.launched(ehr)
    token = app.get(two).text.split('name="csrf_token" value="')[1].split('"')[0]
    assert app.browser.post(app.url + one + "end", data={"csrf_token": token}).status_code == 403
    foreign = {"Origin": "https://evil.example"}
    assert app.browser.post(app.url + two + "end", data={"csrf_token": token}, headers=foreign).status_code == 403
    assert app.browser.post(app.url + two + "end", data={"csrf_token": token}).status_code == 200
    assert app.get(two).status_code == 403
    assert app.get(one).status_code == 200


def test_a_missing_scope_is_said_and_not_shown_as_no_data(app: App, ehr: Ehr) -> None:
    ehr.scope = "launch openid fhirUser patient/Patient.rs patient/Condition.rs"
    page = app.get(app.launched(ehr)).text
    assert "not everything could be read" in page
    assert "did not grant" in page
    plan = app.get(app.launched(ehr) + "plan").text
    assert "did not grant this app to write care plans" in plan
    assert "Write the plan" not in plan


def test_the_token_is_renewed_before_it_ends_and_the_old_refresh_token_lives_on_where_none_comes_back(
    app: App, ehr: Ehr
) -> None:
    ehr.token.update(expires_in=1, refresh_token="r1")
    address = app.launched(ehr)
    ehr.token.pop("refresh_token")
    ehr.id_token = False
    for _ in range(2):
        assert app.get(address).status_code == 200
    forms = [parse_qs(r.body.decode()) for r in ehr.fake.asked("/token")]
    assert {f["refresh_token"][0] for f in forms[1:]} == {"r1"}


def test_an_expired_token_without_refresh_asks_for_a_new_launch(app: App, ehr: Ehr) -> None:
    ehr.token["expires_in"] = 1
    address = app.launched(ehr)
    time.sleep(1.1)
    page = app.get(address)
    assert "session.expired" in page.text
    assert "launch the app again" in page.text


def test_every_route_carries_the_whole_set_of_headers_errors_included(app: App, ehr: Ehr) -> None:
    address = app.launched(ehr)
    for path in (
        "/launch",
        "/callback",
        "/nowhere",
        "/about",
        "/open",
        address,
        address + "plan",
        address + "receipt",
        "/jwks.json",
        "/healthz",
        "/s/x/",
    ):
        headers = app.get(path).headers
        csp = headers["Content-Security-Policy"]
        assert csp.startswith("default-src 'none'; style-src 'self'; script-src 'self'"), path
        assert "frame-ancestors https://ehr.example.org" in csp
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        if path != "/jwks.json":
            assert headers["Cache-Control"] == "no-store", path


def test_no_token_and_no_name_reaches_cookie_url_page_or_log(
    app: App, ehr: Ehr, capfd: pytest.CaptureFixture[str]
) -> None:
    address = app.launched(ehr)
    page = app.get(address)
    assert "SECRET-TOKEN" not in page.text + str(app.browser.cookies.get_dict()) + address
    assert "Secretname" not in address
    for cookie in app.browser.cookies:
        assert cookie.has_nonstandard_attr("HttpOnly")
    out, err = capfd.readouterr()
    assert "SECRET-TOKEN" not in out + err
    assert "Secretname" not in out + err


@pytest.mark.parametrize(("asked", "whole"), [(None, True), (True, True), (False, False)])
def test_the_patient_stays_recognisable_also_where_the_ehr_shows_its_own_banner(
    app: App, ehr: Ehr, asked: bool | None, whole: bool
) -> None:
    if asked is not None:
        ehr.token["need_patient_banner"] = asked
    page = app.get(app.launched(ehr)).text
    assert "Nora Secretname" in page
    assert ("1 Jan 1960" in page) is whole
