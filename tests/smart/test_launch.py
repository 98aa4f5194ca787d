"""SMART App Launch through the front door: HTTP in, HTTP out, against a scripted EHR."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from smart_app.smart.keys import load_key_set, public_keys
from tests.smart.behaviours import shows
from tests.smart.ehr import KEY, OTHER, PATIENT, App, Clock, Ehr, running
from tests.support.fake_server import Answer

# --- launch and discovery ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [".evil.example", "/../x", "@evil.example/fhir", "//", "?x=1", "#x"])
@shows(1)
def test_an_issuer_that_is_not_exactly_registered_gets_a_page_and_no_request(app: App, ehr: Ehr, change: str) -> None:
    answer = app.get("/launch", params={"iss": ehr.base + change, "launch": "x"})
    assert answer.status_code == 403
    assert "not registered" in answer.text
    assert ehr.fake.requests == []


@shows(2, 12)
def test_one_trailing_slash_on_iss_is_no_difference_and_aud_has_one_form(app: App, ehr: Ehr) -> None:
    asked = {}
    for form in (ehr.base, ehr.base + "/"):
        answer = app.get("/launch", params={"iss": form, "launch": "x"})
        asked[form] = parse_qs(urlsplit(answer.headers["Location"]).query)["aud"]
    assert set(map(str, asked.values())) == {str([ehr.base])}


@pytest.mark.parametrize("query", ["", "?launch=x", "?iss=", "?iss=a&iss=b&launch=x"])
@shows(3)
def test_a_launch_without_a_clear_iss_gives_a_readable_page(app: App, query: str) -> None:
    answer = app.get("/launch" + query)
    assert answer.status_code in (400, 403)
    assert "<h1>" in answer.text
    assert "Traceback" not in answer.text


@shows(4, 11)
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
        (Answer(200, b"<html>"), "discovery.not_json"),
        (Answer(200, {"authorization_endpoint": "https://x.example/a"}), "discovery.incomplete"),
        (Answer(302, headers={"Location": "https://evil.example/"}), "net.redirect"),
        (Answer(drop=True), "net.unreachable"),
    ],
)
@shows(7, 8)
def test_a_bad_discovery_document_ends_on_a_plain_page(app: App, ehr: Ehr, answer: Answer, code: str) -> None:
    ehr.fake.on("/fhir/.well-known/smart-configuration", answer)
    page = app.get("/launch", params={"iss": ehr.base, "launch": "x"})
    assert page.status_code >= 400
    assert code in page.text


@shows(9, 14)
def test_a_server_that_lists_pkce_methods_without_s256_is_refused_and_one_that_lists_none_gets_s256(
    app: App, ehr: Ehr
) -> None:
    ehr.document["code_challenge_methods_supported"] = ["plain"]
    assert "discovery.no_s256" in app.get("/launch", params={"iss": ehr.base, "launch": "x"}).text
    del ehr.document["code_challenge_methods_supported"]
    assert app.begin(ehr)["code_challenge_method"] == "S256"


@shows(6)
def test_relative_endpoints_are_resolved_against_the_fhir_base(app: App, ehr: Ehr) -> None:
    ehr.document["authorization_endpoint"] = "auth/authorize"
    answer = app.get("/launch", params={"iss": ehr.base, "launch": "x"})
    assert answer.headers["Location"].startswith(f"{ehr.base}/auth/authorize?")


@shows(5)
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


@shows(10, 11, 12, 15, 16, 18)
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


@shows(15)
def test_scopes_are_spelt_as_the_server_supports_them(app: App, ehr: Ehr) -> None:
    ehr.document["capabilities"] = ["permission-v1"]
    assert "patient/Observation.read" in app.begin(ehr)["scope"].split()


@shows(13, 14, 16)
def test_state_nonce_and_verifier_are_new_for_each_launch(app: App, ehr: Ehr) -> None:
    one, two = app.begin(ehr), app.begin(ehr)
    for name in ("state", "nonce", "code_challenge"):
        assert one[name] != two[name]


# --- callback and token -----------------------------------------------------------------------------------------------


@shows(28, 29, 42)
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


@shows(14, 28)
def test_the_verifier_matches_the_challenge(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    app.back(asked)
    verifier = parse_qs(ehr.fake.asked("/token")[0].body.decode())["code_verifier"][0]
    assert 43 <= len(verifier) <= 128
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert digest == asked["code_challenge"]


@pytest.mark.parametrize("state", ["", "wrong"])
@shows(19)
def test_a_wrong_state_sends_no_token_request(app: App, ehr: Ehr, state: str) -> None:
    app.begin(ehr)
    page = app.get("/callback", params={"code": "c", "state": state})
    assert page.status_code == 400
    assert ehr.fake.asked("/token") == []


@shows(19)
def test_a_state_from_another_browser_opens_nothing_and_sends_no_token_request(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    thief = App(app.url)
    assert "launch.other_browser" in thief.back(asked).text
    assert ehr.fake.asked("/token") == []
    assert app.back(asked).status_code == 302


@shows(23)
def test_the_same_callback_twice_redeems_the_code_once(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    assert app.back(asked).status_code == 302
    page = app.back(asked)
    assert page.status_code == 400
    assert "launch.replayed" in page.text
    assert len(ehr.fake.asked("/token")) == 1


@shows(20, 21)
def test_an_error_from_the_authorization_server_is_told_and_its_words_are_not_executed(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    page = app.get(
        "/callback",
        params={"error": "access_denied", "error_description": "<script>x</script>", "state": asked["state"]},
    )
    assert "launch.denied" in page.text
    assert "<script>x" not in page.text
    assert ehr.fake.asked("/token") == []


@shows(25, 26)
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
        (Answer(500, b"<html>"), "token.failed"),
        (Answer(403, b"<html>"), "token.refused"),
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
@shows(33, 34, 35)
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
@shows(41)
def test_an_id_token_with_a_wrong_claim_opens_nothing(app: App, ehr: Ehr, claims: dict[str, Any]) -> None:
    ehr.claims = claims
    page = app.back(app.begin(ehr))
    assert "id_token.invalid" in page.text
    assert page.status_code >= 400


@shows(41)
def test_an_id_token_may_name_its_issuer_as_the_reference_launcher_does(app: App, ehr: Ehr) -> None:
    ehr.claims = {"iss": f"{ehr.base}/auth/fhir"}  # beside its token endpoint …/auth/token
    assert "Dr Ada" in app.get(app.launched(ehr)).text
    for other in (f"{ehr.base}/auth", f"{ehr.base}/auth/fhirs", f"{ehr.base}/auth/token", f"{ehr.base}/other/fhir"):
        ehr.claims = {"iss": other}
        assert "id_token.invalid" in app.back(app.begin(ehr)).text


@shows(41)
def test_an_id_token_signed_by_another_key_or_with_another_algorithm_opens_nothing(app: App, ehr: Ehr) -> None:
    ehr.signing_key = OTHER
    assert "id_token.invalid" in app.back(app.begin(ehr)).text
    ehr.signing_key, ehr.header = OTHER, {"kid": "unknown"}
    assert "id_token.invalid" in app.back(app.begin(ehr)).text


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
@shows(41)
def test_unsigned_and_symmetric_id_tokens_open_nothing(app: App, ehr: Ehr, algorithm: str) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    asked = app.begin(ehr)
    claims = {"iss": ehr.base, "aud": "app", "exp": time.time() + 99, "iat": time.time(), "nonce": ehr.nonce}
    forged = f"{part({'alg': algorithm, 'kid': 'one'})}.{part(claims)}.{'' if algorithm == 'none' else 'c2ln'}"
    ehr.fake.on("/fhir/auth/token", Answer(body={**ehr.token, "id_token": forged}))
    assert "id_token.invalid" in app.back(asked).text


@shows(41)
def test_rotated_keys_are_fetched_again_once(app: App, ehr: Ehr) -> None:
    app.launched(ehr)
    ehr.signing_key, ehr.header, ehr.keys = OTHER, {"kid": "two"}, [OTHER]
    assert app.back(app.begin(ehr)).status_code == 302
    assert len(ehr.fake.asked("/jwks")) == 2


@shows(41)
def test_a_key_set_with_an_encryption_key_and_a_token_without_kid_works(app: App, ehr: Ehr) -> None:
    ehr.header = {}
    ehr.keys = [KEY, RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})]
    assert app.back(app.begin(ehr)).status_code == 302


@shows(42)
def test_a_foreign_fhir_user_never_gets_a_request_and_a_patient_is_no_clinician(app: App, ehr: Ehr) -> None:
    for user in ("https://evil.example/Practitioner/d1", "Patient/p1", "../x"):
        ehr.claims = {"fhirUser": user}
        page = app.get(app.launched(ehr))
        assert page.status_code == 200
        assert "signed in" not in page.text


@shows(43)
def test_without_an_id_token_the_user_stays_unknown(app: App, ehr: Ehr) -> None:
    ehr.id_token = False
    page = app.get(app.launched(ehr))
    assert page.status_code == 200
    assert "signed in" not in page.text


# --- client authentication --------------------------------------------------------------------------------------------


@shows(30, 29)
def test_basic_authentication_keeps_the_secret_out_of_the_body(ehr: Ehr, tmp_path: Path) -> None:
    for app in running(ehr, tmp_path, "client_secret_basic"):
        app.launched(ehr)
        asked = ehr.fake.asked("/token")[0]
        assert base64.b64decode(asked.headers["authorization"].split()[1]).decode() == "app:s3cret%26%3D"
        assert b"s3cret" not in asked.body


@shows(29)
def test_post_authentication_sends_id_and_secret_in_the_form(ehr: Ehr, tmp_path: Path) -> None:
    for app in running(ehr, tmp_path, "client_secret_post"):
        app.launched(ehr)
        form = parse_qs(ehr.fake.asked("/token")[0].body.decode())
        assert (form["client_id"], form["client_secret"]) == (["app"], ["s3cret&="])


@shows(31, 32, 29)
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


@shows(51)
def test_a_stolen_address_shows_nothing_in_another_browser(app: App, ehr: Ehr) -> None:
    address = app.launched(ehr)
    page = App(app.url).get(address)
    assert page.status_code == 403
    assert "Secretname" not in page.text


@shows(50, 54)
def test_two_launches_in_one_browser_keep_their_own_patients(app: App, ehr: Ehr) -> None:
    one = app.launched(ehr)
    ehr.token["patient"] = "p2"
    ehr.fake.on("/fhir/Patient/p2", Answer(body={**PATIENT, "id": "p2", "name": [{"family": "Other"}]}))
    two = app.launched(ehr)
    for _ in range(2):
        assert "Nora Secretname" in app.get(one).text
        assert "Other" in app.get(two).text
        assert "Secretname" not in app.get(two).text


@shows(40)
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


@shows(53)
def test_a_form_of_another_launch_or_site_is_refused(app: App, ehr: Ehr) -> None:
    one, two = app.launched(ehr), app.launched(ehr)
    token = app.get(two).text.split('name="csrf_token" value="')[1].split('"')[0]
    assert app.browser.post(app.url + one + "end", data={"csrf_token": token}).status_code == 403
    foreign = {"Origin": "https://evil.example"}
    assert app.browser.post(app.url + two + "end", data={"csrf_token": token}, headers=foreign).status_code == 403
    assert app.browser.post(app.url + two + "end", data={"csrf_token": token}).status_code == 200
    assert app.get(two).status_code == 403
    assert app.get(one).status_code == 200


@shows(36)
def test_a_missing_scope_is_said_and_not_shown_as_no_data(app: App, ehr: Ehr) -> None:
    ehr.scope = "launch openid fhirUser patient/Patient.rs patient/Condition.rs"
    page = app.get(app.launched(ehr)).text
    assert "not everything could be read" in page
    assert "did not grant" in page
    plan = app.get(app.launched(ehr) + "plan").text
    assert "did not grant this app to write care plans" in plan
    assert "Write the plan" not in plan


@shows(46)
def test_the_token_is_renewed_before_it_ends_and_the_old_refresh_token_lives_on_where_none_comes_back(
    ehr: Ehr, tmp_path: Path
) -> None:
    clock = Clock()
    for app in running(ehr, tmp_path, clock=clock):
        ehr.token.update(expires_in=570, refresh_token="r1")
        address = app.launched(ehr)
        ehr.token.pop("refresh_token")
        ehr.id_token = False
        for _ in range(2):
            clock.ahead += 520
            assert app.get(address).status_code == 200
    forms = [parse_qs(r.body.decode()) for r in ehr.fake.asked("/token")]
    assert [f["refresh_token"] for f in forms[1:]] == [["r1"], ["r1"]]


@shows(45, 46)
def test_an_expired_token_without_refresh_asks_for_a_new_launch(app: App, ehr: Ehr) -> None:
    ehr.token["expires_in"] = 1
    address = app.launched(ehr)
    time.sleep(1.1)
    page = app.get(address)
    assert "session.expired" in page.text
    assert "launch the app again" in page.text


@shows("x5", 52)
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


@shows(51)
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
