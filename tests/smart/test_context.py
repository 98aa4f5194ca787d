"""The launch context beside the patient, the EHR's style, the sign-in by POST, and the warning before the end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app.smart.context import context_of
from smart_app.smart.issuers import Issuer
from smart_app.smart.style import CONTRAST, contrast, style_sheet
from tests.smart.behaviours import shows
from tests.smart.ehr import App, Clock, Ehr, running
from tests.support.fake_server import Answer

STYLE = {
    "color_background": "#FFFFFF",
    "color_text": "#101010",
    "color_highlight": "#00566b",
    "dim_font_size": "15px",
    "dim_border_radius": "6px",
    "font_family_body": "'Segoe UI', evil.woff, Arial",
    "font_family_heading": "Georgia",
}


@shows(38)
def test_the_ehrs_style_is_asked_for_without_token_checked_and_served_from_our_own_address(app: App, ehr: Ehr) -> None:
    ehr.fake.on("/fhir/style.json", Answer(body=STYLE))
    ehr.token["smart_style_url"] = f"{ehr.base}/style.json"
    address = app.launched(ehr)
    page = app.get(address)
    assert f'<link rel="stylesheet" href="{address}style.css">' in page.text
    sheet = app.get(f"{address}style.css")
    assert sheet.headers["Content-Type"].startswith("text/css")
    assert "--link:#00566b" in sheet.text
    assert 'font-family:"Segoe UI",Arial,sans-serif' in sheet.text
    assert "evil" not in sheet.text
    asked = ehr.fake.asked("/style.json")
    assert len(asked) == 1
    assert "authorization" not in asked[0].headers
    assert App(app.url).get(f"{address}style.css").status_code == 403


@shows(38)
@pytest.mark.parametrize(
    "answer", [Answer(404), Answer(200, b"<html>"), Answer(drop=True), Answer(302, headers={"Location": "/x"})]
)
def test_a_style_that_cannot_be_had_changes_nothing(app: App, ehr: Ehr, answer: Answer) -> None:
    ehr.fake.on("/fhir/style.json", answer)
    ehr.token["smart_style_url"] = f"{ehr.base}/style.json"
    page = app.get(app.launched(ehr))
    assert page.status_code == 200
    assert "style.css" not in page.text


COLOUR = st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True)
VALUE = st.one_of(
    COLOUR, st.text(max_size=20), st.from_regex(r"[0-9]{1,3}px", fullmatch=True), st.integers(), st.none()
)
RULE = re.compile(
    r"(:root\{(--(paper|ink|link):#[0-9a-f]{6};?)+\}"
    r"|body\{(font-size:[0-9]{2}px;?)?(font-family:[A-Za-z \",-]+)?\}"
    r"|h1,h2,h3\{font-family:[A-Za-z \",-]+\}"
    r"|\.answer,\.warning,\.button,button\{border-radius:[0-9]{1,2}px\})\Z"
)


@shows(38)
@given(document=st.one_of(st.dictionaries(st.sampled_from([*STYLE, "color_error"]), VALUE), st.lists(st.text())))
def test_no_style_whatever_says_more_than_checked_values_or_takes_the_contrast(document: Any) -> None:
    sheet = style_sheet(document)
    assert all(RULE.match(line) for line in sheet.splitlines()), sheet
    told = dict(re.findall(r"--(paper|ink|link):(#[0-9a-f]{6})", sheet))
    paper, ink, link = told.get("paper", "#ffffff"), told.get("ink", "#16232f"), told.get("link", "#0b4f8a")
    for text in (ink, link, "#a4161a", "#4a5966"):
        assert contrast(text, paper) >= CONTRAST


@shows(38)
def test_a_highlight_in_the_colour_of_the_flag_is_not_taken() -> None:
    assert style_sheet({"color_highlight": "#a00000"}) == ""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@shows(39)
def test_an_intent_that_is_known_opens_its_page_and_any_other_the_timeline(app: App, ehr: Ehr) -> None:
    ehr.token["intent"] = "esr1-care-plan"
    assert app.launched(ehr).endswith("/plan")
    for other in ("../../x", "plan", "https://evil.example", 7):
        ehr.token["intent"] = other
        assert re.fullmatch(r"/s/[\w-]+/", app.launched(ehr))


@shows(39)
def test_what_the_ehr_had_open_is_kept_where_it_lies_on_this_server_and_never_names_the_patient(
    app: App, ehr: Ehr
) -> None:
    ehr.token["fhirContext"] = [
        {"reference": "DiagnosticReport/r1"},
        {"reference": f"{ehr.base}/ImagingStudy/i1"},
        {"reference": "Patient/p2"},
        {"reference": "https://evil.example/fhir/Observation/o"},
        {"reference": "Observation/../x"},
        {"canonical": "x"},
        "x",
    ]
    page = app.get(app.launched(ehr) + "receipt").text
    assert "DiagnosticReport/r1, ImagingStudy/i1" in page
    assert "evil" not in page
    assert "p2" not in page


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["reference", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)
KNOWN = ["encounter", "intent", "tenant", "fhirContext", "smart_style_url", "need_patient_banner"]


@shows(39)
@given(answer=st.dictionaries(st.sampled_from(KNOWN), ANYTHING))
def test_any_context_whatever_is_read_or_left(answer: dict[str, Any]) -> None:
    made = context_of(answer, Issuer("one", "One", "https://ehr.example.org/fhir", "public"))
    assert not any(reference.startswith("Patient/") for reference in made.opened_from)
    assert made.style_url is None


@shows("x9")
def test_a_sign_in_by_post_carries_the_same_and_its_page_may_send_it_there_only(ehr: Ehr, tmp_path: Path) -> None:
    ehr.document["capabilities"].append("authorize-post")
    ehr.document["authorization_endpoint"] = f"{ehr.base}/auth/authorize?tenant=t&state=fixed"
    for app in running(ehr, tmp_path, authorize_post="true"):
        page = app.get("/launch", params={"iss": ehr.base, "launch": 'ctx"/1+2='})
        assert page.status_code == 200
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
        asked = dict(fields)
        assert len(asked) == len(fields)
        assert asked["launch"] == "ctx&#34;/1+2="
        assert (asked["aud"], asked["tenant"], asked["code_challenge_method"]) == (ehr.base, "t", "S256")
        assert f'method="post" action="{ehr.base}/auth/authorize"' in page.text
        parts = urlsplit(ehr.base)
        csp = page.headers["Content-Security-Policy"]
        assert f"form-action 'self' {parts.scheme}://{parts.netloc};" in csp
        ehr.nonce = asked["nonce"]
        assert app.back(asked).status_code == 302
        assert "form-action 'self';" in app.get("/about").headers["Content-Security-Policy"]
    for app in running(ehr, tmp_path):
        assert app.get("/launch", params={"iss": ehr.base, "launch": "x"}).status_code == 302
        assert app.get("/launch", params={"iss": ehr.base, "launch": "x" * 5000}).status_code == 200
        ehr.document["capabilities"].remove("authorize-post")
        assert app.get("/launch", params={"iss": ehr.base, "launch": "x" * 5000}).status_code == 302


@shows("x2")
def test_each_page_says_when_its_session_ends_in_the_sites_own_time(ehr: Ehr, tmp_path: Path) -> None:
    clock = Clock()
    clock.ahead = 1_795_273_200 - clock()  # 2026-11-21 10:00 in New York
    ehr.id_token = False
    ehr.token["expires_in"] = 10**6
    for app in running(ehr, tmp_path, clock=clock, timezone='"America/New_York"'):
        address = app.launched(ehr)
        page = app.get(address).text
        assert re.search(r"ends at 10:1[45] unless a page is opened before, and at 1(8:00|7:59) in any case", page)
        seconds = int(page.split('data-ends-in="')[1].split('"')[0])
        assert 850 < seconds <= 900
        for _ in range(34):
            clock.ahead += 840
            last = app.get(address).text
        assert int(last.split('data-ends-in="')[1].split('"')[0]) <= 8 * 3600 - 34 * 840
        assert "data-ends-in" not in app.get("/about").text


@shows("x2")
def test_the_end_offers_the_ehrs_own_sign_out_where_there_is_one(app: App, ehr: Ehr) -> None:
    ehr.document["end_session_endpoint"] = f"{ehr.base}/auth/logout"
    address = app.launched(ehr)
    token = app.get(address).text.split('name="csrf_token" value="')[1].split('"')[0]
    ended = app.browser.post(app.url + address + "end", data={"csrf_token": token})
    assert f'href="{ehr.base}/auth/logout"' in ended.text
    assert ehr.fake.asked("/logout") == []
