"""The sandbox's authorization server with the real app in front: every kind of client, and every fault on demand."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_app.sandbox import mischief
from smart_app.sandbox.registry import Client, Context
from smart_app.smart.keys import client_assertion, new_key
from tests.support.running import Running, app_and_sandbox

DAY = date(2026, 11, 21)
WHO = "sandbox-first-positive"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with app_and_sandbox(tmp_path_factory.mktemp("sign-in"), day=DAY) as made:
        yield made


def launch(running: Running, *faults: str, patient: str = WHO) -> tuple[requests.Session, requests.Response]:
    """A browser that clicks on a patient in the launcher page and follows to the end, once all has been read."""
    browser = requests.Session()
    form = {"patient": patient, "fault": list(faults)}
    page = browser.post(f"{running.ehr_url}/launch", data=form, timeout=40)
    while '<h1 id="reading">' in page.text:  # a slow record: the page asks again
        time.sleep(0.2)
        page = browser.get(page.url, timeout=40)
    return browser, page


@pytest.mark.parametrize("way", ["public", "client_secret_basic", "client_secret_post", "RS384", "ES384"])
def test_every_kind_of_client_can_sign_in(tmp_path: Path, way: str) -> None:
    extra, client = "", Client("esr1-other", [], "none" if way == "public" else way)
    if way.startswith("client_secret"):
        client.secret = "s3cret&=%/:"  # what must be encoded on the way
        (tmp_path / "secret").write_text(client.secret)
        extra = 'client_secret_file = "secret"'
    if way in ("RS384", "ES384"):
        key = new_key(way)
        (tmp_path / "key.json").write_text(json.dumps({"keys": [key]}))
        public = {k: v for k, v in key.items() if k in ("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use")}
        client.method, client.jwks = "private_key_jwt", {"keys": [public]}
        extra = 'key_file = "key.json"'
    auth = client.method if client.method != "none" else "public"
    issuers = f"""
[[issuer]]
id = "sandbox"
name = "Sandbox EHR"
base = "{{ehr}}/fhir"
auth = "{auth}"
client_id = "esr1-other"
{extra}
"""
    with app_and_sandbox(tmp_path, day=DAY, clients=[client], issuers=issuers) as running:
        client.redirect_uris.append(f"{running.app_url}/callback")
        _, page = launch(running)
        assert page.status_code == 200, page.text
        assert "Clara Dunne" in page.text
        assert {t.client_id for t in running.sessions.tokens.values()} == {"esr1-other"}


def test_a_wrong_secret_opens_nothing(tmp_path: Path) -> None:
    client = Client("esr1-other", [], "client_secret_basic", "right")
    (tmp_path / "secret").write_text("wrong")
    issuers = """
[[issuer]]
id = "sandbox"
name = "Sandbox EHR"
base = "{ehr}/fhir"
auth = "client_secret_basic"
client_id = "esr1-other"
client_secret_file = "secret"
"""
    with app_and_sandbox(tmp_path, day=DAY, clients=[client], issuers=issuers) as running:
        client.redirect_uris.append(f"{running.app_url}/callback")
        _, page = launch(running)
        assert "token.invalid_client" in page.text
        assert running.sessions.tokens == {}


def test_an_assertion_is_of_one_use_for_this_endpoint_and_signed_by_the_registered_key(tmp_path: Path) -> None:
    key, stranger = new_key("ES384"), new_key("ES384")
    (tmp_path / "mine.json").write_text(json.dumps({"keys": [key]}))
    (tmp_path / "other.json").write_text(json.dumps({"keys": [{**stranger, "kid": key["kid"]}]}))
    public = {k: v for k, v in key.items() if k != "d"}
    client = Client("esr1-other", ["http://127.0.0.1/callback"], "private_key_jwt", jwks={"keys": [public]})
    with app_and_sandbox(tmp_path, day=DAY, clients=[client]) as running:
        endpoint = f"{running.ehr_url}/auth/token"

        def error_of(assertion: str) -> str:
            kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            form = {"grant_type": "authorization_code", "code": "none", "redirect_uri": client.redirect_uris[0]}
            form |= {"client_assertion_type": kind, "client_assertion": assertion}
            answer: str = requests.post(endpoint, data=form, timeout=10).json()["error"]
            return answer

        once = client_assertion(tmp_path / "mine.json", "esr1-other", endpoint)
        assert error_of(once) == "invalid_grant"  # the client is known, only its code is not
        assert error_of(once) == "invalid_client"
        assert error_of(client_assertion(tmp_path / "other.json", "esr1-other", endpoint)) == "invalid_client"
        assert (
            error_of(client_assertion(tmp_path / "mine.json", "esr1-other", "https://x.example/t")) == "invalid_client"
        )
        old = client_assertion(tmp_path / "mine.json", "esr1-other", endpoint, now=1_700_000_000)
        assert error_of(old) == "invalid_client"


ENDS = {
    "authorize.denied": "launch.denied",
    "authorize.server_error": "launch.authorize_error",
    "authorize.invalid_scope": "launch.authorize_error",
    "authorize.unauthorized_client": "launch.authorize_error",
    "authorize.invalid_client": "launch.authorize_error",
    "authorize.temporarily_unavailable": "launch.authorize_error",
    "authorize.no_state": "launch.no_state",
    "authorize.no_issuer": "launch.mix_up",
    "authorize.two_codes": "launch.twice",
    "authorize.other_code": "token.invalid_grant",
    "authorize.other_state": "launch.unknown_state",
    "authorize.other_issuer": "launch.mix_up",
    "authorize.no_code": "launch.no_code",
    "token.invalid_client": "token.invalid_client",
    "token.invalid_grant": "token.invalid_grant",
    "token.invalid_scope": "token.refused",
    "token.unavailable": "token.failed",
    "token.redirect": "net.redirect",
    "token.server_error": "token.failed",
    "token.html": "token.malformed",
    "token.error_200": "token.malformed",
    "token.slow": "net.timeout",
    "token.no_patient": "launch.no_patient",
    "token.two_patients": "token.malformed",
    "token.visit_as_patient": "launch.no_patient",
    "token.mac": "token.malformed",
    "id.wrong_issuer": "id_token.invalid",
    "id.wrong_audience": "id_token.invalid",
    "id.wrong_nonce": "id_token.invalid",
    "id.expired": "id_token.invalid",
    "id.unsigned": "id_token.invalid",
    "id.symmetric": "id_token.invalid",
    "id.foreign_key": "id_token.invalid",
    "id.keys_failing": "id_token.invalid",
    "id.future": "id_token.invalid",
    "id.twice": "id_token.invalid",
}
WORKS = ("token.no_id_token", "token.short", "id.rotated", "id.as_the_launcher", "id.foreign_user")
PARTS = tuple(f for f in mischief.FAULTS if f.startswith("fhir.") or f == "token.narrow")
LATER = {
    "refresh.refused": "session.expired",
    "refresh.failing": "session.expired",
    "refresh.other_patient": "session.other_patient",
    "refresh.narrow": "",
}
NOBODY = {"patient.other": "fhir.wrong_patient", "patient.gone": "fhir.gone", "patient.failing": "fhir.server_error"}


WRITES = {"write.refused": False, "write.invalid": False, "write.failing": False, "write.lost": True}


def test_every_fault_has_its_test() -> None:
    assert {*ENDS, *WORKS, *PARTS, *LATER, *NOBODY, *WRITES} == set(mischief.FAULTS)


@pytest.mark.parametrize("fault", ENDS)
def test_a_sign_in_that_misbehaves_ends_on_a_page_with_its_code_and_opens_no_chart(
    running: Running, fault: str
) -> None:
    _, page = launch(running, fault)
    assert f"Code: <code>{ENDS[fault]}" in page.text
    assert "Clara" not in page.text
    assert "/s/" not in page.url
    assert "<b>It went wrong</b>" not in page.text


@pytest.mark.parametrize("fault", WORKS)
def test_what_a_server_may_do_still_opens_the_chart(running: Running, fault: str) -> None:
    _, page = launch(running, fault)
    assert page.status_code == 200
    assert "Clara Dunne" in page.text
    assert ("Sandoz" in page.text) <= (fault not in ("token.no_id_token", "id.foreign_user"))


@pytest.mark.parametrize("fault", PARTS)
def test_a_part_that_could_not_be_read_is_said_and_never_left_out_in_silence(running: Running, fault: str) -> None:
    _, page = launch(running, fault, patient="sandbox-due")  # whose honest answer without results would be "overdue"
    assert "L536R" not in page.text
    assert "44 %" not in page.text
    assert "Traceback" not in page.text
    if page.status_code == 200 and "/s/" in page.url:
        said = page.text.lower()
        if fault == "fhir.other_patient":
            assert "another patient" in said
        elif fault == "token.narrow":
            assert "cannot tell" in said
        else:
            assert "cannot tell" in said
            assert "not read" in said or "could not be read" in said
    else:
        assert "Code: <code>" in page.text


@pytest.mark.parametrize("fault", LATER)
def test_a_renewal_that_misbehaves_ends_the_session_or_says_what_is_missing(running: Running, fault: str) -> None:
    browser, page = launch(running, fault)
    time.sleep(2.1)
    again = browser.get(page.url, timeout=40)
    if LATER[fault]:
        told = page.text + again.text  # on a slow machine the renewal is due while the first page is being read
        assert f"Code: <code>{LATER[fault]}" in told
        assert ("Clara Dunne" in page.text) or "Code: <code>session." in page.text
        assert "Code: <code>session." in again.text
        assert "Clara" not in again.text
    else:
        assert "Clara Dunne" in again.text
        # what the narrower token may no longer read is said from the next page on at the latest
        assert "did not grant" in browser.get(page.url, timeout=40).text


@pytest.mark.parametrize("fault", NOBODY)
def test_without_the_patient_nothing_is_shown(running: Running, fault: str) -> None:
    _, page = launch(running, fault)
    assert f"Code: <code>{NOBODY[fault]}" in page.text
    assert "Clara" not in page.text


@pytest.mark.parametrize("fault", WRITES)
def test_a_write_that_misbehaves_is_told_as_what_it_is_and_writes_one_plan_at_the_most(
    tmp_path: Path, fault: str
) -> None:
    with app_and_sandbox(tmp_path, day=DAY) as running:
        browser, page = launch(running, fault)
        preview = browser.get(page.url + "plan", timeout=40).text
        form = {name: re.findall(rf'name="{name}" value="([^"]+)"', preview)[0] for name in ("csrf_token", "token")}
        told = browser.post(page.url + "plan/confirm", data=form, timeout=60)
        assert running.store is not None
        stored = running.store.matches("CarePlan", [("patient", WHO)])
        assert len(stored) == WRITES[fault]
        assert ("NOT saved" in told.text or "not saved" in told.text.lower()) is not WRITES[fault]
        assert (told.status_code == 200) is WRITES[fault]
        assert "Clara Dunne" in told.text


QUICK = sorted(set(mischief.FAULTS) - {f for f in mischief.FAULTS if f.endswith((".slow", ".bomb"))})


@settings(max_examples=40, derandomize=True, suppress_health_check=list(HealthCheck))
@given(faults=st.lists(st.sampled_from(QUICK), min_size=2, max_size=4, unique=True))
def test_no_mixture_of_faults_shows_somebody_elses_result_or_breaks_the_app(
    running: Running, faults: list[str]
) -> None:
    _, page = launch(running, *faults, patient="sandbox-due")
    assert "app.unexpected" not in page.text
    assert "L536R" not in page.text
    assert "somebody" not in page.text
    assert page.status_code != 500
    assert "Amelia Brook" in page.text or "Code: <code>" in page.text


def query_of(answer: requests.Response) -> dict[str, list[str]]:
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def authorize(running: Running, **changed: str) -> requests.Response:
    asked = {
        "response_type": "code",
        "client_id": "esr1-demo",
        "redirect_uri": f"{running.app_url}/callback",
        "scope": "launch openid fhirUser patient/Patient.rs system/*.rs nonsense",
        "state": "a-state",
        "aud": running.sessions.issuer,
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "launch": running.sessions.launch(Context(WHO)),
    }
    params = {k: v for k, v in {**asked, **changed}.items() if v}
    url = f"{running.ehr_url}/auth/authorize"
    return requests.get(url, params=params, allow_redirects=False, timeout=10)


def redeem(
    running: Running, code: str, verifier: str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": f"{running.app_url}/callback",
        "client_id": "esr1-demo",
        "code_verifier": verifier,
    }
    return requests.post(f"{running.ehr_url}/auth/token", data=form, timeout=10)


def test_the_callback_names_the_issuer_and_the_code_works_once(running: Running) -> None:
    query = query_of(authorize(running))
    assert query["iss"] == [running.sessions.issuer]
    assert query["state"] == ["a-state"]
    first, second = redeem(running, query["code"][0]), redeem(running, query["code"][0])
    assert (first.status_code, second.status_code) == (200, 400)
    assert set(first.json()["scope"].split()) == {"launch", "openid", "fhirUser", "patient/Patient.rs"}
    assert first.json()["patient"] == WHO
    assert first.json()["encounter"].startswith(WHO) if "encounter" in first.json() else True


def test_the_launcher_gives_the_visit_that_is_going_on(running: Running) -> None:
    answer = requests.post(f"{running.ehr_url}/launch", data={"patient": WHO}, allow_redirects=False, timeout=10)
    context = running.sessions.launches[query_of(answer)["launch"][0]]
    assert context.encounter is not None
    assert running.store is not None
    assert running.store.read("Encounter", context.encounter)["status"] == "in-progress"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://elsewhere.example.org/fhir"},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"redirect_uri": "https://elsewhere.example.org/callback"},
        {"client_id": "nobody"},
        {"launch": "never-minted"},
    ],
)
def test_an_authorization_request_that_is_not_right_gives_no_code(running: Running, changed: dict[str, str]) -> None:
    answer = authorize(running, **changed)
    assert "code=" not in answer.headers.get("Location", "")
    assert not answer.headers.get("Location", "").startswith("https://elsewhere.example.org")


def test_a_code_needs_the_verifier_it_was_asked_with(running: Running) -> None:
    code = query_of(authorize(running))["code"][0]
    assert redeem(running, code, "x" * 43).status_code == 400


def test_a_launch_works_once(running: Running) -> None:
    token = running.sessions.launch(Context(WHO))
    assert authorize(running, launch=token).status_code == 302
    assert authorize(running, launch=token).status_code == 400


def test_a_standalone_launch_picks_a_patient(running: Running) -> None:
    browser = requests.Session()
    page = browser.get(f"{running.app_url}/launch", params={"iss": running.sessions.issuer}, timeout=10)
    assert "Choose a patient" in page.text
    hidden = dict(parse_qs(urlsplit(page.url).query))
    opened = browser.post(page.url.split("?")[0], data={**hidden, "picked": "sandbox-man"}, timeout=20)
    assert "Quentin Reid" in opened.text


def test_the_launcher_page_offers_the_faults_and_says_when_one_is_on(running: Running) -> None:
    page = requests.get(running.ehr_url, timeout=10)
    assert all(words.replace("'", "&#39;") in page.text for words in mischief.FAULTS.values())
    assert "This EHR misbehaves" not in page.text
    on = requests.get(running.ehr_url, params={"fault": "token.html"}, timeout=10).text
    assert "This EHR misbehaves" in on
    assert '<input type="hidden" name="fault" value="token.html">' in on
    assert "<script>" not in requests.get(running.ehr_url, params={"fault": "<script>"}, timeout=10).text
    csp = page.headers["Content-Security-Policy"]
    assert csp.startswith("default-src 'none'; style-src 'self'")
