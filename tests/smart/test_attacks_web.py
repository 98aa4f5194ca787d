"""What an attacker does to the app's own addresses: hosts, paths, methods, cookies, two answers at once."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from smart_app.smart.issuers import load_issuers
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.smart.behaviours import shows
from tests.smart.ehr import App, Ehr, issuers
from tests.support.fake_server import Answer, Request

HOSTS = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "a b"]


@shows("x14")
@pytest.mark.parametrize("host", HOSTS)
def test_on_the_loopback_a_foreign_name_that_leads_here_gets_nothing(app: App, ehr: Ehr, host: str) -> None:
    address = app.launched(ehr)
    cookies = "; ".join(f"{one.name}={one.value}" for one in app.browser.cookies)
    for path in (address, "/about", "/healthz", f"/launch?iss={ehr.base}&launch=x"):
        answer = app.get(path, headers={"Host": host, "Cookie": cookies})
        assert answer.status_code == 400
        assert "Secretname" not in answer.text
        assert "Location" not in answer.headers
    assert app.get(address, headers={"Host": "LOCALHOST:1", "Cookie": cookies}).status_code == 200


@shows("x14")
@pytest.mark.parametrize("path", ["/s/abc", "/s//abc/", "//evil.example//s/abc", "/\\evil.example//s", "/static//x"])
def test_no_redirect_leads_to_the_host_that_a_request_claims(path: str, tmp_path: Path) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", "https://ehr.example.org/fhir", tmp_path))
    made = create_app(Settings(load_issuers(file), tmp_path / "data", "https://app.example.org"))
    forwarded = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example"}
    answer = made.test_client().get(path, base_url="https://evil.example", headers=forwarded)
    where = answer.headers.get("Location", "/")
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))


@shows(23)
def test_of_two_callbacks_at_once_one_redeems_the_code(app: App, ehr: Ehr) -> None:
    asked, go, found = app.begin(ehr), threading.Barrier(6), []

    def back() -> None:
        browser = requests.Session()
        browser.cookies.update(app.browser.cookies)
        go.wait()
        query = {"code": "c0de", "state": asked["state"]}
        found.append(browser.get(f"{app.url}/callback", params=query, allow_redirects=False).status_code)

    threads = [threading.Thread(target=back) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == [302, 400, 400, 400, 400, 400]
    assert len(ehr.fake.asked("/token")) == 1


@shows(20)
def test_an_error_beside_a_code_redeems_nothing(app: App, ehr: Ehr) -> None:
    answer = app.back(app.begin(ehr), error="access_denied")
    assert "launch.denied" in answer.text
    assert ehr.fake.asked("/token") == []


@shows(19)
@pytest.mark.parametrize("name", ["state[]", "state.", "STATE", " state"])
def test_a_state_under_another_name_is_none(app: App, ehr: Ehr, name: str) -> None:
    asked = app.begin(ehr)
    assert "launch.no_state" in app.get("/callback", params={"code": "c", name: asked["state"]}).text
    assert ehr.fake.asked("/token") == []


@shows(19, 49)
def test_a_cookie_planted_for_a_known_state_signs_nobody_in(app: App, ehr: Ehr) -> None:
    """Sign-in CSRF: the attacker's own code and state, in the browser of somebody else."""
    asked = app.begin(ehr)
    theirs = requests.Session()
    for cookie in app.browser.cookies:
        theirs.cookies.set(cookie.name, "1.planted", domain="127.0.0.1")
    answer = theirs.get(f"{app.url}/callback", params={"code": "c", "state": asked["state"]}, allow_redirects=False)
    assert "launch.other_browser" in answer.text
    assert ehr.fake.asked("/token") == []


@shows("x6")
def test_no_header_gives_a_caller_another_name_for_the_limits(
    app: App, ehr: Ehr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smart_app.web.limits.LOCAL_LAUNCHES", 3)
    names = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP")
    found = [app.get("/launch", headers={name: f"10.0.0.{i}"}).status_code for i, name in enumerate(names)]
    assert found[3:] == [429, 429, 429]


@shows("x14")
@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_get_stays_a_get_whatever_its_headers_say(app: App, ehr: Ehr, header: str) -> None:
    address = app.launched(ehr)
    assert app.get(f"{address}end", headers={header: "POST"}).status_code == 405
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        answer = app.browser.request(method, app.url + urlsplit(address).path)
        assert answer.status_code == 405
        assert "Secretname" not in answer.text
    assert app.get(address).status_code == 200


@shows(21)
def test_words_of_the_ehr_turn_no_writing_direction_and_make_no_markup(app: App, ehr: Ehr) -> None:
    said = "\u202e<img src=x onerror=alert(1)>\u2066 {{7*19191919}} %0d%0aSet-Cookie: a=b\r\nSet-Cookie: c=d"
    answer = app.back(app.begin(ehr), error="<b>", error_description=said)
    assert "<img" not in answer.text
    assert "<b>" not in answer.text
    assert "134343433" not in answer.text
    assert "<bdi>\u202e" in answer.text  # isolated: what follows keeps its direction
    assert "Set-Cookie: c" not in str(answer.headers)


@shows(8, 33)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_nowhere(app: App, ehr: Ehr, status: int) -> None:
    reached: list[Request] = []
    ehr.fake.on("/fhir/trap", lambda r: (reached.append(r), Answer(body={}))[1])
    away = Answer(status, headers={"Location": f"{ehr.base}/trap"})
    for path in (
        "/fhir/.well-known/smart-configuration",
        "/fhir/auth/token",
        "/fhir/auth/jwks",
        "/fhir/Patient/p1",
        "/fhir/Practitioner/d1",
        "/fhir/Observation",
        "/fhir/metadata",
    ):
        before = ehr.fake.handlers.get(path)
        ehr.fake.on(path, away)
        answer = app.get("/launch", params={"iss": ehr.base, "launch": "x"})
        if answer.status_code == 302:
            answer = app.back(app.begin(ehr))
            if answer.status_code == 302:
                app.get(answer.headers["Location"])
        if before is not None:
            ehr.fake.on(path, before)
    assert reached == []
