"""The sandbox's authorization server: every kind of client, refresh, revocation, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from smart_app.sandbox.auth import Client, Context
from smart_app.smart.keys import new_key, public_keys
from tests.support.running import Running, app_and_sandbox

ISSUER = """
[[issuer]]
id = "sandbox"
name = "Sandbox EHR"
base = "{ehr}/fhir"
client_id = "own"
"""


def opened(running: Running, patient: str = "sandbox-due") -> requests.Response:
    browser = requests.Session()
    return browser.post(f"{running.ehr_url}/launch", data={"patient": patient}, timeout=30)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_confidential_clients_sign_in(tmp_path: Path, method: str, algorithm: str) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [new_key(algorithm)]}))
    (tmp_path / "secret").write_text("s3cret")
    extra = 'key_file = "keys.json"' if method == "private_key_jwt" else 'client_secret_file = "secret"'
    client = Client("own", [], method, "s3cret", public_keys([keys]))
    with app_and_sandbox(tmp_path, clients=[client], issuers=f'{ISSUER}auth = "{method}"\n{extra}\n') as running:
        client.redirect_uris.append(f"{running.app_url}/callback")
        context = {"iss": f"{running.ehr_url}/fhir", "launch": running.sessions.launch(_context("sandbox-due"))}
        page = requests.Session().get(f"{running.app_url}/launch?{urlencode(context)}", timeout=30)
        assert page.status_code == 200, page.text
        assert "Amelia Brook" in page.text


def _context(patient: str) -> Context:
    return Context(patient)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with app_and_sandbox(tmp_path_factory.mktemp("sign-in"), lifetime=20) as found:
        yield found


def test_a_launch_from_the_launcher_lands_on_the_patient_and_names_the_clinician(running: Running) -> None:
    page = opened(running)
    assert page.status_code == 200
    assert "Amelia Brook" in page.text
    assert "Alex Sandoz" in page.text


def test_a_token_opens_one_patient_and_what_its_scopes_name(running: Running) -> None:
    opened(running)
    living = [t for t in running.sessions.tokens.values() if t.context.patient == "sandbox-due" and not t.revoked]
    token = living[-1]
    header = {"Authorization": f"Bearer {token.access}"}
    base = f"{running.ehr_url}/fhir"
    assert requests.get(f"{base}/Patient/sandbox-due", headers=header, timeout=10).status_code == 200
    assert requests.get(f"{base}/Patient/sandbox-man", headers=header, timeout=10).status_code == 403
    assert requests.get(f"{base}/Observation?patient=sandbox-man", headers=header, timeout=10).status_code == 403
    assert requests.get(f"{base}/Observation", headers=header, timeout=10).status_code == 403
    own = {"resourceType": "Observation", "subject": {"reference": "Patient/sandbox-due"}}
    assert requests.post(f"{base}/Observation", json=own, headers=header, timeout=10).status_code == 403
    assert requests.get(f"{base}/Patient/sandbox-due", timeout=10).status_code == 401
    assert requests.delete(f"{base}/Patient/sandbox-due", headers=header, timeout=10).status_code == 403


def test_pkce_the_right_aud_and_a_known_redirect_are_demanded(running: Running) -> None:
    good = {
        "response_type": "code",
        "client_id": "esr1-demo",
        "redirect_uri": f"{running.app_url}/callback",
        "scope": "launch",
        "state": "x",
        "aud": f"{running.ehr_url}/fhir",
        "code_challenge": "a" * 43,
        "code_challenge_method": "S256",
    }
    for change in ({"aud": "https://x"}, {"code_challenge": ""}, {"code_challenge_method": "plain"}, {"launch": "no"}):
        answer = requests.get(f"{running.ehr_url}/auth/authorize", params={**good, **change}, timeout=10)
        assert answer.status_code == 400
    evil = {**good, "redirect_uri": "https://evil.example/"}
    answer = requests.get(f"{running.ehr_url}/auth/authorize", params=evil, timeout=10, allow_redirects=False)
    assert not answer.headers.get("Location", "").startswith("https://evil.example")


def test_a_standalone_launch_picks_a_patient(running: Running) -> None:
    browser = requests.Session()
    picker = browser.get(f"{running.app_url}/launch", params={"iss": f"{running.ehr_url}/fhir"}, timeout=10)
    assert "Choose a patient" in picker.text
    query = {k: v[0] for k, v in parse_qs(urlsplit(picker.url).query).items()}
    page = browser.post(f"{running.ehr_url}/auth/authorize", data={**query, "picked": "sandbox-man"}, timeout=30)
    assert "Quentin Reid" in page.text


def test_ending_the_session_revokes_the_token(running: Running) -> None:
    browser = requests.Session()
    page = browser.post(f"{running.ehr_url}/launch", data={"patient": "sandbox-early"}, timeout=30)
    csrf = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    assert browser.post(page.url + "end", data={"csrf_token": csrf}, timeout=10).status_code == 200
    token = next(t for t in running.sessions.tokens.values() if t.context.patient == "sandbox-early")
    assert token.revoked
