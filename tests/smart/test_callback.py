"""What comes back from the sign-in, and what must never come of it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.smart.issuers import load_issuers
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.smart.behaviours import shows
from tests.smart.ehr import App, Browser, Ehr, running, without_wire
from tests.support.fake_server import Answer, Request


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@shows(5)
def test_the_capability_statement_is_not_asked_where_there_is_a_smart_configuration(app: App, ehr: Ehr) -> None:
    app.begin(ehr)
    assert ehr.fake.asked("/metadata") == []
    ehr.document.pop("token_endpoint")
    assert "discovery.incomplete" in app.get("/launch", params={"iss": ehr.base, "launch": "x"}).text
    assert ehr.fake.asked("/metadata") == []


@shows(4)
def test_an_empty_or_a_second_launch_context_is_refused_before_any_request(app: App, ehr: Ehr) -> None:
    for query in (f"iss={ehr.base}&launch=", f"iss={ehr.base}&launch=a&launch=b"):
        assert app.get(f"/launch?{query}").status_code == 400
    assert ehr.fake.requests == []


@shows(17)
def test_online_access_is_asked_where_announced_and_offline_access_where_registered(ehr: Ehr, tmp_path: Path) -> None:
    for app in running(ehr, tmp_path):
        assert not {"online_access", "offline_access"} & set(app.begin(ehr)["scope"].split())
        ehr.document["capabilities"].append("permission-online")
        assert "online_access" in app.begin(ehr)["scope"].split()
    for app in running(ehr, tmp_path, offline="true"):
        asked = app.begin(ehr)["scope"].split()
        assert "offline_access" in asked
        assert "online_access" not in asked


@shows(18)
def test_an_endpoint_with_a_query_of_its_own_keeps_it_and_nothing_stands_twice(app: App, ehr: Ehr) -> None:
    ehr.document["authorization_endpoint"] = f"{ehr.base}/auth/authorize?tenant=t%201&aud=x&state=fixed"
    answer = app.get("/launch", params={"iss": ehr.base, "launch": "x"})
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["tenant"] == ["t 1"]
    assert asked["aud"] == [ehr.base]
    assert all(len(values) == 1 for values in asked.values())
    assert "max_age" not in asked


@shows(9)
@pytest.mark.parametrize("methods", [[], "plain", ["plain"], {}, 7])
def test_whatever_is_announced_instead_of_s256_is_refused(app: App, ehr: Ehr, methods: Any) -> None:
    ehr.document["code_challenge_methods_supported"] = methods
    assert "discovery.no_s256" in app.get("/launch", params={"iss": ehr.base, "launch": "x"}).text


@shows(55)
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "address",
    [
        "http://ehr.example.org/x",
        "javascript:alert(1)",
        "https://u@ehr.example.org/x",
        "https://a;script-src *.example/x",
        "https://a'b.example/",
    ],
)
def test_an_endpoint_without_https_or_with_tricks_ends_the_launch(app: App, ehr: Ehr, name: str, address: str) -> None:
    ehr.document[name] = address
    page = app.get("/launch", params={"iss": ehr.base, "launch": "x"})
    assert page.status_code == 502
    assert "discovery." in page.text


@shows(25)
def test_a_sign_in_server_that_is_not_pinned_is_refused_where_the_registration_pins_one(
    ehr: Ehr, tmp_path: Path
) -> None:
    ehr.document["token_endpoint"] = "https://elsewhere.example.org/token"
    for app in running(ehr, tmp_path, authorization_origins='["https://login.example.org"]'):
        assert "discovery.other_origin" in app.get("/launch", params={"iss": ehr.base, "launch": "x"}).text


@shows(25)
def test_a_server_that_promises_to_name_itself_and_does_not_is_a_mix_up(app: App, ehr: Ehr) -> None:
    ehr.document["authorization_response_iss_parameter_supported"] = True
    assert "launch.mix_up" in app.back(app.begin(ehr)).text
    assert ehr.fake.asked("/token") == []
    assert app.back(app.begin(ehr), iss=ehr.base).status_code == 302


@shows(19, 25)
@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
def test_a_callback_that_says_something_twice_is_refused_without_a_token_request(app: App, ehr: Ehr, name: str) -> None:
    asked = app.begin(ehr)
    page = app.get(f"/callback?code=c&state={asked['state']}&{name}=one&{name}=two")
    assert page.status_code == 400
    assert ehr.fake.asked("/token") == []


@shows(20, 21)
def test_an_error_tells_its_cause_and_the_ehrs_words_as_text(app: App, ehr: Ehr) -> None:
    words = "<img src=x onerror=alert(1)> ask the help desk"
    asked = app.begin(ehr)
    page = app.get("/callback", params={"error": "invalid_scope", "error_description": words, "state": asked["state"]})
    assert page.status_code == 400
    assert "does not let this app have the access" in page.text
    assert "ask the help desk" in page.text
    assert "<img" not in page.text
    assert app.get("/callback", params={"error": "access_denied", "state": "other"}).status_code == 400


@shows(20)
@pytest.mark.parametrize(
    ("error", "cause", "advice"),
    [
        ("invalid_client", "does not accept this app", "Tell your EHR team"),
        ("unauthorized_client", "does not accept this app", "Tell your EHR team"),
        ("invalid_scope", "does not let this app have the access", "Tell your EHR team"),
        ("invalid_request", "did not understand", "Tell your EHR team"),
        ("unsupported_response_type", "did not understand", "Tell your EHR team"),
        ("access_denied", "refused or cancelled", "launch the app again"),
        ("server_error", "sign-in failed", "launch the app again"),
        ("temporarily_unavailable", "not available just now", "launch the app again"),
        ("login_required", "asks to sign in there first", "launch the app again"),
        ("interaction_required", "asks to sign in there first", "launch the app again"),
        ("", "reported an error", "launch the app again"),
        ("x" * 5000, "reported an error", "launch the app again"),
    ],
)
def test_each_error_says_what_to_do_about_it(app: App, ehr: Ehr, error: str, cause: str, advice: str) -> None:
    page = app.get("/callback", params={"error": error, "state": app.begin(ehr)["state"]})
    assert page.status_code == 400
    assert cause in page.text
    assert advice in page.text
    assert ehr.fake.asked("/token") == []


@shows(22)
@pytest.mark.parametrize("name", ["redirect_uri", "next", "target_link_uri", "error_uri", "url"])
def test_nothing_in_the_callback_becomes_a_redirect_target(app: App, ehr: Ehr, name: str) -> None:
    answer = app.back(app.begin(ehr), **{name: "https://evil.example/"})
    assert answer.headers["Location"].startswith("/s/")
    asked = app.begin(ehr)
    page = app.get("/callback", params={"error": "x", "state": asked["state"], name: "https://evil.example/"})
    assert "evil.example" not in page.text + str(page.headers)


@shows(23)
def test_a_reload_of_the_callback_leads_on_to_the_open_session(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    address = app.back(asked).headers["Location"]
    page = app.back(asked)
    assert f'href="{address}"' in page.text
    assert "Secretname" not in page.text
    thief = App(app.url)
    assert address not in thief.back(asked).text
    assert len(ehr.fake.asked("/token")) == 1


@shows(24)
def test_the_code_of_another_launch_opens_nothing(app: App, ehr: Ehr) -> None:
    """The EHR checks the verifier, as RFC 7636 wants: a code bound to another challenge is worth nothing here."""
    mine, other = app.begin(ehr), App(app.url).begin(ehr)

    def token(request: Request) -> Answer:
        form = parse_qs(request.body.decode())
        fits = s256(form["code_verifier"][0]) == other["code_challenge"]
        return Answer(200, ehr.token) if fits else Answer(400, {"error": "invalid_grant"})

    ehr.fake.on("/fhir/auth/token", token)
    page = app.get("/callback", params={"code": "others", "state": mine["state"]})
    assert "token.invalid_grant" in page.text
    assert "Location" not in page.headers


@shows(25)
def test_each_launch_keeps_its_own_token_endpoint(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    ehr.document["token_endpoint"] = f"{ehr.base}/auth/other-token"
    app.begin(ehr)
    ehr.nonce = asked["nonce"]
    assert app.back(asked).status_code == 302
    assert ehr.fake.asked("/other-token") == []


@shows(27, 49)
def test_a_denied_or_abandoned_launch_leaves_no_cookie_that_opens_anything(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    held = dict(app.browser.cookies)
    assert len(held) == 1
    app.get("/callback", params={"error": "access_denied", "state": asked["state"]})
    assert dict(app.browser.cookies) == {}
    assert ehr.fake.asked("/token") == []


@shows(35)
@pytest.mark.parametrize("patient", [None, "", 7, ["p1"], {"id": "p1"}, "..", "a/b", "p1?x", "p 1", "x" * 65])
def test_what_is_no_patient_id_opens_nothing(app: App, ehr: Ehr, patient: Any) -> None:
    ehr.token["patient"] = patient
    page = app.back(app.begin(ehr))
    assert "launch.no_patient" in page.text
    assert [r for r in ehr.fake.requests if "/Patient" in r.path] == []


@shows(37)
@pytest.mark.parametrize(("said", "shown"), [(True, True), (None, True), ("false", True), (False, False)])
def test_the_banner_goes_only_where_the_ehr_says_that_it_shows_its_own(
    app: App, ehr: Ehr, said: Any, shown: bool
) -> None:
    if said is not None:
        ehr.token["need_patient_banner"] = said
    page = app.get(app.launched(ehr)).text
    assert ('<header class="patient">' in page) is shown


@shows(38, 39)
def test_unknown_and_hostile_context_changes_nothing(app: App, ehr: Ehr) -> None:
    ehr.token.update(
        smart_style_url=f"{ehr.base}/style;}}body{{x",
        intent="<b>",
        tenant=7,
        fhirContext=[{"reference": "Patient/other"}],
        encounter="../../x",
        __epic={"x": 1},
    )
    page = app.get(app.launched(ehr))
    assert page.status_code == 200
    assert "Nora Secretname" in page.text
    assert not any("style" in r.path or "other" in r.path for r in ehr.fake.requests)


@shows(41)
def test_a_token_without_kid_and_a_key_set_with_two_signing_keys_is_refused(app: App, ehr: Ehr) -> None:
    from joserfc.jwk import RSAKey

    ehr.header = {}
    ehr.keys = [*ehr.keys, RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})]
    assert "id_token.invalid" in app.back(app.begin(ehr)).text


@shows(43)
def test_where_no_keys_are_published_the_user_is_unknown_and_the_chart_opens(app: App, ehr: Ehr) -> None:
    ehr.document.pop("jwks_uri")
    page = app.get(app.launched(ehr))
    assert page.status_code == 200
    assert "signed in as" not in page.text


@shows(41)
def test_keys_are_found_by_openid_discovery_where_smart_discovery_names_none(app: App, ehr: Ehr) -> None:
    jwks = ehr.document.pop("jwks_uri")
    ehr.fake.on("/fhir/.well-known/openid-configuration", Answer(body={"issuer": ehr.base, "jwks_uri": jwks}))
    assert "Dr Ada" in app.get(app.launched(ehr)).text
    ehr.fake.on(
        "/fhir/.well-known/openid-configuration", Answer(body={"issuer": "https://x.example", "jwks_uri": jwks})
    )
    assert "Dr Ada" not in app.get(app.launched(ehr)).text


@shows(42)
def test_a_relative_user_is_named_and_one_that_is_not_found_stays_a_reference(app: App, ehr: Ehr) -> None:
    ehr.claims = {"fhirUser": "Practitioner/d1"}
    assert "Dr Ada" in app.get(app.launched(ehr)).text
    ehr.claims = {"fhirUser": "Practitioner/gone"}
    assert app.get(app.launched(ehr)).status_code == 200


@shows("x7")
def test_a_look_ahead_uses_up_nothing(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    looked = app.browser.head(f"{app.url}/callback", params={"code": "c0de", "state": asked["state"]})
    assert looked.status_code == 405
    assert app.back(asked).status_code == 302


@shows("x4")
def test_a_frame_that_keeps_no_cookie_is_told_so_and_offered_a_window(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    blocked = App(app.url)
    framed = {"Sec-Fetch-Dest": "iframe"}
    page = blocked.get("/callback", params={"code": "c0de", "state": asked["state"]}, headers=framed)
    assert "launch.cookie_blocked" in page.text
    assert 'target="_blank"' in page.text
    assert ehr.fake.asked("/token") == []


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2), st.just({})
)
NAMES = (
    "access_token token_type expires_in scope patient encounter id_token refresh_token need_patient_banner "
    "smart_style_url intent fhirContext"
)


DOCUMENT = (
    "issuer authorization_endpoint token_endpoint jwks_uri scopes_supported capabilities revocation_endpoint "
    "code_challenge_methods_supported"
)


@shows(33, 34, 35)
@settings(max_examples=60)
@given(changes=st.dictionaries(st.sampled_from(NAMES.split()), anything, max_size=4))
def test_no_token_answer_whatever_makes_the_app_fail(in_memory: Any, changes: dict[str, Any]) -> None:
    browser, ehr = in_memory()
    ehr.id_token = False
    ehr.token.update(changes)
    answer = browser.launch("p1")
    assert answer.status_code in (302, 400, 502), answer.get_data(as_text=True)


@shows(7, 33)
@settings(max_examples=60)
@given(
    changes=st.dictionaries(
        st.sampled_from(DOCUMENT.split()),
        anything,
        max_size=4,
    )
)
def test_no_discovery_document_whatever_makes_the_app_fail(in_memory: Any, changes: dict[str, Any]) -> None:
    browser, ehr = in_memory()
    ehr.document.update(changes)
    answer = browser.client.get("/launch", query_string={"iss": ehr.base, "launch": "x"})
    assert answer.status_code in (302, 502), answer.get_data(as_text=True)


@shows("x12")
def test_an_ehr_that_was_closed_while_somebody_signed_in_opens_nothing(tmp_path: Path) -> None:
    """The registration was taken out between the launch and the callback, and while a session was open."""
    app, ehr = without_wire(tmp_path)
    ehr.id_token = False
    browser = Browser(app.test_client(), ehr)
    opened = browser.launch("p1").headers["Location"]
    asked = browser.begin()
    redeemed = len(ehr.fake.asked("/token"))
    (tmp_path / "issuers.toml").write_text("")
    closed = create_app(Settings(load_issuers(tmp_path / "issuers.toml"), tmp_path / "data", "http://localhost:5000"))
    later = Browser(closed.test_client(), ehr)
    for cookie in browser.client._cookies.values():
        later.client.set_cookie(cookie.key, cookie.value, domain="localhost")
    page = later.back(asked)
    assert page.status_code == 400
    assert "launch.issuer_closed" in page.get_data(as_text=True)
    assert later.client.get(opened).status_code == 403
    assert later.client.get("/launch", query_string={"iss": ehr.base, "launch": "x"}).status_code == 403
    assert len(ehr.fake.asked("/token")) == redeemed
