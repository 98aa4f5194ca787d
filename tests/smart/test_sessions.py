"""The life of a session: its cookie, its token, its ends; and the browser's tabs beside it."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from smart_app.errors import ConfigError
from smart_app.smart.issuers import Issuers, load_issuers
from smart_app.smart.launches import ABSOLUTE_SECONDS, IDLE_SECONDS
from smart_app.web.app import create_app, warm
from smart_app.web.limits import LAUNCHES
from smart_app.web.settings import Settings
from tests.smart.behaviours import shows
from tests.smart.ehr import PATIENT, App, Clock, Ehr, issuers, running
from tests.support.fake_server import Answer, Request


def token_of(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].split('"')[0]


def set_cookies(answer: Any) -> list[str]:
    return [value for name, value in answer.raw.headers.items() if name.lower() == "set-cookie"]


# --- cookies ----------------------------------------------------------------------------------------------------------


@shows(49)
def test_what_the_browser_held_before_the_sign_in_opens_nothing_after_it(app: App, ehr: Ehr) -> None:
    asked = app.begin(ehr)
    before = dict(app.browser.cookies)
    address = app.back(asked).headers["Location"]
    after = dict(app.browser.cookies)
    assert not set(before.values()) & set(after.values())
    held = App(app.url)
    for name in after:  # under the old name and under the new one
        held.browser.cookies.set(name, next(iter(before.values())))
    held.browser.cookies.update(before)
    assert held.get(address).status_code == 403
    assert app.get(address).status_code == 200


@shows(51)
def test_on_the_loopback_a_cookie_is_http_only_and_lax_and_in_a_frame_secure_and_partitioned(
    app: App, ehr: Ehr
) -> None:
    query = {"iss": ehr.base, "launch": "x"}
    plain = set_cookies(app.get("/launch", params=query))[0]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    framed = set_cookies(app.get("/launch", params=query, headers={"Sec-Fetch-Dest": "iframe"}))[0]
    assert framed.startswith("__Host-")
    for part in ("Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
        assert part in framed
    assert "Domain" not in framed


@shows(51, 52)
@pytest.mark.parametrize(
    ("where", "site"), [("iframe", "None"), (None, "None"), ("document", "Lax")], ids=["frame", "unsaid", "window"]
)
def test_over_https_a_cookie_is_a_host_cookie_and_partitioned_unless_in_a_window(
    ehr: Ehr, tmp_path: Path, where: str | None, site: str
) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", ehr.base, tmp_path))
    client = create_app(Settings(load_issuers(file), tmp_path / "data", "https://app.example.org")).test_client()
    headers = {"Sec-Fetch-Dest": where} if where else {}
    answer = client.get("/launch", query_string={"iss": ehr.base, "launch": "x"}, headers=headers)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert f"SameSite={site}" in cookie
    assert ("Partitioned" in cookie) is (site == "None")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


@shows(50)
def test_a_browser_does_not_gather_cookies_without_end(app: App, ehr: Ehr) -> None:
    for _ in range(50):
        last = app.launched(ehr)
    assert len(app.browser.cookies) <= 40
    assert app.get(last).status_code == 200


def test_localhost_and_127_0_0_1_are_brought_together_before_a_cookie_is_set(app: App, ehr: Ehr) -> None:
    other = app.url.replace("127.0.0.1", "localhost")
    answer = app.get(f"{other}/launch", params={"iss": ehr.base, "launch": "a/b+c="})
    assert answer.status_code == 307
    assert answer.headers["Location"].startswith(f"{app.url}/launch?")
    assert app.get(answer.headers["Location"]).status_code == 302
    assert app.get(f"{other}/launch", headers={"Host": "evil.example"}).status_code == 400


# --- tabs -------------------------------------------------------------------------------------------------------------


@shows(50, 54)
def test_two_sign_ins_under_way_in_one_browser_end_each_with_its_own_patient(app: App, ehr: Ehr) -> None:
    ehr.id_token = False
    ehr.fake.on("/fhir/Patient/p2", Answer(body={**PATIENT, "id": "p2", "name": [{"family": "Other"}]}))
    one, two = app.begin(ehr, "first"), app.begin(ehr, "second")
    ehr.token["patient"] = "p2"
    second = app.back(two).headers["Location"]
    ehr.token["patient"] = "p1"
    first = app.back(one).headers["Location"]
    for _ in range(2):
        page = app.get(second).text
        assert "Other" in page
        assert "Secretname" not in page
        page = app.get(first).text
        assert "Secretname" in page
        assert "Other" not in page
    end = app.browser.post(app.url + first + "end", data={"csrf_token": token_of(app.get(first).text)})
    assert "Secretname" not in end.text
    assert app.get(first).status_code == 403
    assert app.get(second).status_code == 200


@shows(40)
def test_a_patient_answered_with_another_id_stops_the_page(app: App, ehr: Ehr) -> None:
    address = app.launched(ehr)
    ehr.fake.on("/fhir/Patient/p1", Answer(body={**PATIENT, "id": "p9"}))
    page = app.get(address)
    assert page.status_code >= 400
    assert "Secretname" not in page.text


# --- tokens -----------------------------------------------------------------------------------------------------------


class Rotating:
    """A token endpoint whose refresh tokens work once, and a FHIR server that takes only the newest token."""

    def __init__(self, ehr: Ehr, lifetime: int = 570) -> None:
        self.ehr, self.lifetime, self.number, self.used = ehr, lifetime, 0, []  # type: ignore[var-annotated]
        self.more: dict[str, Any] = {}
        self.refuse: Answer | None = None
        self.lock = threading.Lock()
        ehr.id_token = False
        ehr.fake.on("/fhir/auth/token", self.token)
        ehr.fake.on("/fhir/Patient/p1", self.patient)

    def token(self, request: Request) -> Answer:
        form = parse_qs(request.body.decode())
        with self.lock:
            if form["grant_type"] == ["refresh_token"]:
                self.used.append(form["refresh_token"][0])
                if self.refuse is not None:
                    return self.refuse
                if form["refresh_token"] != [f"r{self.number}"]:
                    return Answer(400, {"error": "invalid_grant"})
            self.number += 1
            body = {**self.ehr.token, "access_token": f"a{self.number}", "refresh_token": f"r{self.number}"}
            return Answer(body={**body, "expires_in": self.lifetime, **self.more})

    def patient(self, request: Request) -> Answer:
        fits = request.headers.get("authorization") == f"Bearer a{self.number}"
        return Answer(body=PATIENT) if fits else Answer(401)


@shows(46)
def test_a_refresh_token_is_used_once_and_replaced_also_when_many_pages_are_asked_at_once(
    ehr: Ehr, tmp_path: Path
) -> None:
    clock = Clock()
    for app in running(ehr, tmp_path, clock=clock):
        rotating = Rotating(ehr)
        address = app.launched(ehr)
        for _ in range(3):
            clock.ahead += 560
            with ThreadPoolExecutor(4) as tabs:
                statuses = [page.status_code for page in tabs.map(app.get, [address] * 4)]
            assert statuses == [200] * 4
        assert rotating.used == ["r1", "r2", "r3"]


@shows(45)
def test_a_401_in_mid_session_is_renewed_once_and_the_page_comes(app: App, ehr: Ehr) -> None:
    rotating = Rotating(ehr)
    address = app.launched(ehr)
    ehr.fake.on(
        "/fhir/Patient/p1",
        lambda r: Answer(body=PATIENT) if r.headers["authorization"] == "Bearer a2" else Answer(401),
    )
    assert app.get(address).status_code == 200
    assert rotating.used == ["r1"]


@shows(45, 46)
@pytest.mark.parametrize(
    "refused", [Answer(400, {"error": "invalid_grant"}), Answer(500), Answer(drop=True), Answer(200, b"<html>")]
)
def test_a_401_that_cannot_be_renewed_asks_to_launch_again_and_shows_nothing(
    app: App, ehr: Ehr, refused: Answer
) -> None:
    rotating = Rotating(ehr)
    address = app.launched(ehr)
    rotating.refuse = refused
    ehr.fake.on("/fhir/Patient/p1", Answer(401))
    page = app.get(address)
    assert page.status_code == 403
    assert "session.expired" in page.text
    assert "Secretname" not in page.text


@shows(46)
def test_a_refused_renewal_leaves_the_token_its_last_minute_and_then_asks_to_launch_again(
    ehr: Ehr, tmp_path: Path
) -> None:
    clock = Clock()
    for app in running(ehr, tmp_path, clock=clock):
        rotating = Rotating(ehr)
        address = app.launched(ehr)
        rotating.refuse = Answer(400, {"error": "invalid_grant"})
        clock.ahead += 520
        assert app.get(address).status_code == 200
        assert app.get(address).status_code == 200
        assert rotating.used == ["r1"]
        clock.ahead += 60
        assert "session.expired" in app.get(address).text


@shows(46)
@pytest.mark.parametrize("refused", [Answer(403, {"error": "invalid_grant"}), Answer(500), Answer(drop=True)])
def test_a_renewal_that_failed_is_not_tried_again_by_each_search_of_a_page(
    ehr: Ehr, tmp_path: Path, refused: Answer
) -> None:
    clock = Clock()
    for app in running(ehr, tmp_path, clock=clock):
        rotating = Rotating(ehr)
        address = app.launched(ehr)
        rotating.refuse = refused
        clock.ahead += 700
        for _ in range(2):
            assert "session.expired" in app.get(address).text
        assert len(ehr.fake.asked("/token")) == 2  # the code's, and one renewal
        rotating.refuse = None
        clock.ahead += 20
        found = app.get(address)  # only a network that was lost may come back
        assert ("session.expired" in found.text) == (refused.status == 403)


@shows(46)
@pytest.mark.parametrize("lifetime", [None, 0, -1, "3600", "soon", "1e999", 2.5])
def test_any_lifetime_or_none_opens_the_chart(app: App, ehr: Ehr, lifetime: Any) -> None:
    ehr.token.pop("expires_in")
    if lifetime is not None:
        ehr.token["expires_in"] = lifetime
    assert app.get(app.launched(ehr)).status_code == 200


@shows("x1")
def test_a_renewed_token_for_another_patient_ends_the_session(ehr: Ehr, tmp_path: Path) -> None:
    clock = Clock()
    for app in running(ehr, tmp_path, clock=clock):
        rotating = Rotating(ehr)
        address = app.launched(ehr)
        rotating.more = {"patient": "p2"}
        clock.ahead += 560
        page = app.get(address)
        assert "session.other_patient" in page.text
        assert "session.ended" in app.get(address).text


@shows(36)
def test_a_renewed_token_with_narrower_scopes_turns_the_writing_off(ehr: Ehr, tmp_path: Path) -> None:
    clock = Clock()
    for app in running(ehr, tmp_path, clock=clock):
        rotating = Rotating(ehr)
        address = app.launched(ehr)
        rotating.more = {"scope": "launch patient/*.rs"}
        clock.ahead += 560
        app.get(address)
        assert "did not grant this app to write care plans" in app.get(address + "plan").text


@shows(45)
def test_what_was_typed_is_given_back_where_the_session_ended(app: App, ehr: Ehr) -> None:
    address = app.launched(ehr)
    form = {"csrf_token": token_of(app.get(address).text), "note": "draw <before> the visit"}
    ehr.fake.on("/fhir/Patient/p1", Answer(401))
    page = app.browser.post(app.url + address + "plan", data=form)
    assert page.status_code >= 400
    assert "draw &lt;before&gt; the visit" in page.text
    foreign = app.browser.post(app.url + address + "plan", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert "draw" not in foreign.text


@shows(44)
def test_the_token_goes_to_the_registered_server_only(app: App, ehr: Ehr) -> None:
    from tests.support.fake_server import fake_server

    with fake_server("localhost") as elsewhere:
        link = [{"relation": "next", "url": f"{elsewhere.base}/Observation?page=2"}]
        ehr.fake.on("/fhir/Observation", Answer(body={"resourceType": "Bundle", "link": link, "entry": []}))
        ehr.claims = {"fhirUser": f"{elsewhere.base}/Practitioner/d1"}
        app.get(app.launched(ehr))
        assert elsewhere.requests == []
    sent = [r for r in ehr.fake.requests if "authorization" in r.headers]
    assert sent
    assert all(r.path.startswith("/fhir/") and "/auth/" not in r.path for r in sent)
    assert not any("SECRET-TOKEN" in str(r.query) for r in ehr.fake.requests)


# --- the end ----------------------------------------------------------------------------------------------------------


@shows("x2")
@pytest.mark.parametrize("auth", ["public", "client_secret_basic", "private_key_jwt"])
def test_ending_revokes_both_tokens_with_the_apps_authentication_and_clears_the_browser(
    ehr: Ehr, tmp_path: Path, auth: str
) -> None:
    ehr.document["revocation_endpoint"] = f"{ehr.base}/auth/revoke"
    ehr.token["refresh_token"] = "REFRESH"
    ehr.fake.on("/fhir/auth/revoke", Answer(200))
    for app in running(ehr, tmp_path, auth):
        address = app.launched(ehr)
        answer = app.browser.post(app.url + address + "end", data={"csrf_token": token_of(app.get(address).text)})
        assert answer.status_code == 200
        assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
        assert address not in answer.text
        assert len(app.browser.cookies) == 0
        sent = [parse_qs(r.body.decode()) for r in ehr.fake.asked("/revoke")]
        assert [f["token"] for f in sent] == [["REFRESH"], ["SECRET-TOKEN"]]
        proof = {
            "public": lambda f: f["client_id"] == ["app"],
            "client_secret_basic": lambda f: "client_id" not in f,
            "private_key_jwt": lambda f: "client_assertion" in f,
        }[auth]
        assert all(proof(f) for f in sent)
        assert "session.ended" in app.get(address).text


@shows("x2")
@pytest.mark.parametrize("step", [IDLE_SECONDS + 1, None])
def test_a_session_ends_when_idle_and_when_too_old(ehr: Ehr, tmp_path: Path, step: float | None) -> None:
    clock = Clock()
    ehr.token["expires_in"] = 10**6
    for app in running(ehr, tmp_path, clock=clock):
        address = app.launched(ehr)
        if step is None:
            while clock.ahead < ABSOLUTE_SECONDS - IDLE_SECONDS:
                clock.ahead += IDLE_SECONDS - 10
                assert app.get(address + "evidence").status_code == 200
        clock.ahead += step or IDLE_SECONDS - 10
        page = app.get(address)
        assert page.status_code == 403
        assert "session." in page.text
        assert "Secretname" not in page.text


@shows(53)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_post_of_another_site_gets_through_even_with_the_right_token(
    app: App, ehr: Ehr, headers: dict[str, str]
) -> None:
    address = app.launched(ehr)
    token = token_of(app.get(address).text)
    for path in (address + "end", address + "plan", address + "plan/confirm", "/open", "/open/choose"):
        assert app.browser.post(app.url + path, data={"csrf_token": token}, headers=headers).status_code == 403
    for wrong in ("", "0" * 64, "ü", token[:-1]):
        assert app.browser.post(app.url + address + "end", data={"csrf_token": wrong}).status_code == 403
    assert app.get(address).status_code == 200


@shows("x6")
def test_a_flood_of_launches_is_braked(ehr: Ehr, tmp_path: Path) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", ehr.base, tmp_path))
    client = create_app(Settings(load_issuers(file), tmp_path / "data", "https://app.example.org")).test_client()
    answers = [client.get("/launch") for _ in range(LAUNCHES + 1)]
    assert {a.status_code for a in answers[:-1]} == {400}
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"] == "60"


@shows(55)
@pytest.mark.parametrize("url", ["http://app.example.org", "ftp://x", "https://h/path", "https://", "x", "https://h:x"])
def test_the_app_itself_is_reached_by_https_or_on_the_loopback(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError):
        Settings(Issuers(()), tmp_path, url)


HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors https://ehr.example.org"
    ),
}


@shows("x5")
def test_every_route_there_is_answers_with_the_whole_set_of_headers(ehr: Ehr, tmp_path: Path) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", ehr.base, tmp_path) + 'frame_ancestors = ["https://ehr.example.org"]\n')
    made = create_app(Settings(load_issuers(file), tmp_path / "data", "http://127.0.0.1:1"))
    client = made.test_client()
    for rule in made.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answer = client.open(path, method=method)
            wanted = dict(HEADERS)
            if rule.rule == "/jwks.json" and answer.status_code == 200:
                wanted["Cache-Control"] = "public, max-age=300"
            assert {k: v for k, v in answer.headers.items() if k in wanted} == wanted, (method, path)
            assert "Traceback" not in answer.get_data(as_text=True)


def test_an_unexpected_failure_gives_a_page_with_a_code_and_its_words_reach_neither_page_nor_log(
    ehr: Ehr, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", ehr.base, tmp_path))
    made = create_app(Settings(load_issuers(file), tmp_path / "data", "http://127.0.0.1:1"))

    def broken() -> str:
        raise ValueError("Nora Secretname")

    made.add_url_rule("/broken", view_func=broken)
    answer = made.test_client().get("/broken")
    assert answer.status_code == 500
    assert "app.unexpected" in answer.get_data(as_text=True)
    assert "Secretname" not in answer.get_data(as_text=True) + caplog.text
    assert {k: answer.headers[k] for k in HEADERS if k != "Content-Security-Policy"} == {
        k: v for k, v in HEADERS.items() if k != "Content-Security-Policy"
    }


def test_the_lights_say_whether_the_app_lives_and_whether_its_store_answers(app: App, ehr: Ehr) -> None:
    assert app.get("/healthz").json() == {"status": "ok"}
    assert app.get("/readyz").status_code == 200
    assert ehr.fake.requests == []


def test_a_slow_name_does_not_hold_the_launch(app: App, ehr: Ehr) -> None:
    ehr.fake.on("/fhir/Practitioner/d1", lambda _r: time.sleep(9) or Answer(404))  # type: ignore[func-returns-value]
    begun = time.monotonic()
    app.launched(ehr)
    assert time.monotonic() - begun < 7


def test_a_server_has_every_template_compiled_before_its_first_page(tmp_path: Path) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", "http://127.0.0.1:9/fhir", tmp_path))
    app = create_app(Settings(load_issuers(file), tmp_path / "data", "http://127.0.0.1:8000"))
    warm(app)
    assert app.jinja_env.cache is not None
    compiled = {key[1] for key in app.jinja_env.cache.keys()}  # noqa: SIM118 - jinja's cache is no dict
    assert compiled >= {"timeline/page.html", "error.html", *app.jinja_env.list_templates(extensions=["html"])}
