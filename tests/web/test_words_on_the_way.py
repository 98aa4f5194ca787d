"""From launch to logout in German and in Spanish: no page says a message of the catalogue in English."""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from flask.testing import FlaskClient
from jinja2 import Environment, FileSystemLoader, nodes
from werkzeug.test import TestResponse

from smart_app.domain.attested import Attestation
from smart_app.domain.attested_words import words_of
from smart_app.domain.dates import PartialDate
from smart_app.domain.facts import Biopsy, DrugClass, Exposure, Marker, Receptor, ReceptorStatus, Setting
from smart_app.fhir.writing.ladder.rungs import rungs, shapes
from smart_app.web.i18n import LANGUAGES, speaking
from smart_app.web.said import fact_markup, said_markup
from tests.attest.rooms import BASIS, ER, HER2, LACKING, PDF_ONLY, TODAY, Rooms, ago, hidden, rooms, words
from tests.ladder.ehr import Clinician, ehr_of
from tests.smart.ehr import Browser
from tests.support.fake_server import Answer, Request
from tests.web.spoken import english

__all__ = ["rooms"]
ROOT = Path(__file__).resolve().parents[2]
OTHERS = [code for code in LANGUAGES if code != "en"]
POSITIVE = "sandbox-first-positive"
ENGLISH_MARK = 'lang="en"'


class Walk:
    """A browser that asks for one language; every page it meets is looked at."""

    def __init__(self, rooms: Rooms, code: str) -> None:
        self.rooms, self.code, self.seen = rooms, code, 0
        self.client: FlaskClient = rooms.client
        self.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = code

    def look(self, answer: TestResponse) -> str:
        page = answer.get_data(as_text=True)
        if answer.status_code >= 400 or "/attest" in answer.request.path:
            told = page.partition('class="answer')[0]  # before the plan nothing is quoted here
            assert ENGLISH_MARK not in told, told[told.index(ENGLISH_MARK) :][:300]
        assert "\n".join(english(page, self.code)) == "", page[:300]
        self.seen += 1
        return words(answer)

    def get(self, path: str, **more: Any) -> str:
        return self.look(self.client.get(path, **more))

    def post(self, path: str, page: str, **fields: str) -> str:
        data = {"csrf_token": hidden(page, "csrf_token"), **fields}
        return self.look(self.client.post(path, data=data, follow_redirects=True))


@pytest.fixture(params=OTHERS)
def walk(request: pytest.FixtureRequest, rooms: Rooms) -> Walk:
    return Walk(rooms, request.param)


def test_a_draw_is_planned_written_renewed_and_closed(walk: Walk) -> None:
    walk.rooms.patient(POSITIVE)
    at = walk.rooms.launch()
    for page in ("", "evidence", "receipt", "plan"):
        shown = walk.get(f"{at}{page}")
    walk.post(f"{at}plan", shown, declined="yes", draw_from="soon")
    walk.post(f"{at}plan", shown, declined="yes")
    shown = walk.post(f"{at}plan", shown, note="Please call her.", decided="Reviewed.")
    walk.post(f"{at}plan/confirm", shown, token=hidden(shown, "token"))
    walk.post(f"{at}plan/confirm", shown, token="used")
    shown = walk.get(f"{at}plan")
    walk.post(f"{at}plan", shown, note="Another note.")
    shown = walk.get(f"{at}plan/stored")
    again = walk.post(f"{at}plan/close", shown, token=hidden(shown, "token"), seen=hidden(shown, "seen"))
    form = {name: hidden(again, name) for name in ("token", "seen")}
    walk.post(f"{at}plan/close", again, status="revoked", reason="written for a trial", **form)
    walk.get(f"{at}plan")
    resource = re.search(rf'href="({at}resource/[^"]+)"', walk.get(at))
    assert resource is not None
    walk.get(resource[1])
    shown = walk.get(f"{at}receipt")
    walk.post(f"{at}end", shown)
    walk.get(at)
    assert walk.seen == 20


def test_facts_are_supplied_counted_written_and_withdrawn(walk: Walk) -> None:
    walk.rooms.patient(LACKING)
    at = walk.rooms.launch()
    walk.get(at)
    for kind in ("receptor", "advanced", "drug", "result", "status"):
        shown = walk.get(f"{at}attest/{kind}")
        walk.post(f"{at}attest/{kind}", shown, **({"basis": "", "date": "03/04", "state": "stopped", "percent": "?"}))
    scan = {"scan": ago(20), "no_progression": "yes", **BASIS}
    drug = {"drug": "letrozole", "state": "now", "setting": "first", "stop_reason": "", "start": "2026", **BASIS}
    spread = {"extent": "metastasis", "since": ago(400), "site": "bone", **BASIS}
    kinds = {"status": scan, "drug": drug, "advanced": spread}
    for kind, fields in [("receptor", ER), ("receptor", HER2), *kinds.items()]:
        shown = walk.get(f"{at}attest/{kind}")
        walk.post(f"{at}attest/{kind}", shown, **fields)
    walk.get(at)
    shown = walk.get(f"{at}plan")
    walk.post(f"{at}plan/confirm", shown, token=hidden(shown, "token"))
    shown = walk.get(f"{at}attest")
    for ident in re.findall(r'name="id" value="([^"]+)"', shown):
        shown = walk.post(f"{at}attest/withdraw", shown, id=ident)
    walk.get(at)
    walk.get(f"{at}plan")


def test_a_result_is_supplied_that_only_a_report_holds(walk: Walk) -> None:
    walk.rooms.patient(PDF_ONLY)
    at = walk.rooms.launch()
    walk.get(at)
    shown = walk.get(f"{at}attest/result")
    report = re.search(r'<option value="([^"]+)">', shown.partition('id="report"')[2].partition("</select>")[0])
    chosen = re.findall(r'<option value="([^"]+)"', shown.partition('id="report"')[2].partition("</select>")[0])
    assert report is not None or chosen
    fields = {"report": chosen[0], "taken": ago(18), "specimen": "plasma", "outcome": "detected", **BASIS}
    fields |= {"variant-1": "p.D538G", "vaf-1": "0.8", "unit-1": "%"}
    walk.post(f"{at}attest/result", shown, **{**fields, "unit-1": "", "variant-2": "no", "outcome": "failed"})
    walk.post(f"{at}attest/result", shown, **fields)
    walk.get(at)
    walk.get(f"{at}plan")


@pytest.mark.parametrize("status", [400, 403, 413, 500])
def test_a_refused_or_unanswered_write_is_said(walk: Walk, status: int) -> None:
    walk.rooms.patient(POSITIVE)
    at = walk.rooms.launch()
    shown = walk.get(f"{at}plan")
    refusal: dict[str, Any] = {"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "severity": "error"}]}
    walk.rooms.server.before = lambda r: Answer(status, refusal) if r.method == "POST" else None
    walk.post(f"{at}plan/confirm", shown, token=hidden(shown, "token"))
    walk.get(f"{at}plan")


def test_a_record_that_is_still_being_read_says_so(walk: Walk) -> None:
    walk.rooms.patient(POSITIVE)
    go, path = threading.Event(), "/fhir/Procedure"
    before = walk.rooms.ehr.fake.handlers[path]

    def wait(request: Request) -> Answer:
        go.wait(20)
        return before(request)

    walk.rooms.ehr.fake.on(path, wait)
    at = walk.rooms.launch()
    assert 'id="reading"' in walk.get(at)
    go.set()


def test_what_goes_wrong_is_said(walk: Walk, rooms: Rooms) -> None:
    walk.rooms.patient(POSITIVE)
    walk.get("/about")
    walk.get("/no-such-page")
    walk.get("/launch")
    walk.get("/launch?iss=https://elsewhere.example.org/fhir")
    walk.get("/callback?state=unknown&code=c")
    walk.get("/callback?code=c")
    walk.get("/open")
    for error in ("access_denied", "server_error", "invalid_scope", "made_up"):
        asked = Browser(walk.client, rooms.ehr).begin()
        walk.get(f"/callback?state={asked['state']}&error={error}")
    asked = Browser(walk.client, rooms.ehr).begin()
    Browser(walk.client, rooms.ehr).back(asked)
    walk.get(f"/callback?state={asked['state']}&code=c")
    asked = Browser(walk.client, rooms.ehr).begin()
    other = Walk(rooms, walk.code)
    other.client = rooms.app.test_client()
    other.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = walk.code
    other.get(f"/callback?state={asked['state']}&code=c", headers={"Sec-Fetch-Dest": "iframe"})
    at = walk.rooms.launch()
    walk.look(walk.client.post(f"{at}plan", data={"note": "typed"}))
    walk.look(walk.client.post("/about"))
    rooms.ehr.fake.on(f"/fhir/Patient/{POSITIVE}", Answer(503))
    walk.get(f"{at}plan")
    rooms.clock.ahead += 24 * 3600.0
    walk.get(at)


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("profile", ["epic", "promises-only", "messages-only", "read-only"])
def test_on_a_rung_below_the_care_plan(tmp_path: Path, profile: str, code: str) -> None:
    with ehr_of(tmp_path, profile) as running:
        clinician = Clinician(running)
        clinician.browser.headers["Accept-Language"] = code
        for page in ("", "plan"):
            clinician.get(page)
            assert list(english(clinician.raw, code)) == []
        clinician.post("rung")
        assert list(english(clinician.raw, code)) == []
        if clinician.token is not None:
            clinician.post("rung/confirm", token=clinician.token, **({"looked": "yes"} if clinician.asked else {}))
            assert list(english(clinician.raw, code)) == []
        for page in ("", "plan"):
            clinician.get(page)
            assert list(english(clinician.raw, code)) == []


def test_the_look_itself_finds_what_is_left_in_english() -> None:
    page = '<html lang="de"><p>{}</p></html>'
    for left in ("Back to the timeline", "Draw ctDNA between 3 Nov 2026.", "am 3 Nov 2026", "Timeline"):
        assert list(english(page.format(left), "de")) == [left]
    assert list(english(page.format('<span lang="en">Timeline</span> <bdi>not by us</bdi> 3. Nov. 2026'), "de")) == []


# --- what is said below the pages ------------------------------------------------------------------------------------


def _literal(node: ast.expr) -> str | None:
    """The words of a string; a number stands for what an f-string puts in, a whole sentence for an error's message."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("N_", "_"):
        return _literal(node.args[0])
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            else:
                said = ast.unparse(part)
                inner = "" if "_issue(" in said else "The server could not be reached."
                parts.append(inner if re.search(r"message|why|_issue|\.error", said) else "7")
        return "".join(parts).replace("..", ".")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "strip":
        return (_literal(node.func.value) or "").strip()
    return None


def _errors() -> Iterator[str]:
    """The messages and advices of every error that a page may show, as the source has them."""
    for room in ("fhir", "smart", "web"):
        for file in (ROOT / "smart_app" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
                if name in ("LaunchError", "FhirError", "WriteError", "AppError", "_bad"):
                    given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "advice")]
                    for one in given:
                        message = _literal(one)
                        if message and re.search("[a-z]", message):
                            yield (
                                f"The EHR's statement of who is signed in is not valid: {message}."
                                if (name == "_bad")
                                else message
                            )


@pytest.mark.parametrize("code", OTHERS)
def test_every_error_that_the_source_raises_is_said(code: str) -> None:
    found = set(_errors())
    assert len(found) > 90
    with speaking(code):
        assert [m for m in sorted(found) if ENGLISH_MARK in said_markup(m)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_rung_and_every_reason_against_one_is_said(code: str) -> None:
    tree = ast.parse((ROOT / "smart_app/fhir/writing/ladder/choosing.py").read_text("utf-8"))
    against = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "_against")
    reasons = [_literal(n.value) for n in ast.walk(against) if isinstance(n, ast.Return) and n.value is not None]
    said = [r.replace("let apps 7", "let apps create").replace("ask to 7", "ask to change") for r in reasons if r]
    said = [r.replace("app to 7", "app to change") for r in said]
    said += [r.name for r in rungs()] + [why for s in shapes().values() for why in s.barred.values()]
    with speaking(code):
        assert [r for r in said if ENGLISH_MARK in said_markup(r)] == []


def _facts() -> Iterator[Attestation]:
    day = PartialDate.parse("2026-11-03")
    for marker in Marker:
        for biopsy in Biopsy:
            for status in (ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE):
                for method, percent in ((None, None), ("ihc", 5), ("ish", None)):
                    low = percent == 5 and status is ReceptorStatus.POSITIVE
                    fact = Receptor(marker, status, low=low, percent=percent, method=method, biopsy=biopsy, date=day)
                    yield Attestation("att-1", "Practitioner/1", None, TODAY, "seen", fact)
    for setting in Setting:
        for more in ({"last_seen": day}, {"end": day}, {"on_hold": True, "on_hold_since": day}, {"ongoing": False}):
            for start in (day, None):
                drug = Exposure("letrozole", DrugClass.AI, start, setting=setting, **more)
                yield Attestation("att-1", "Practitioner/1", None, TODAY, "seen", drug, first_line=True)


@pytest.mark.parametrize("code", OTHERS)
def test_an_attested_fact_is_said_whole(code: str) -> None:
    for one in _facts():
        plain = words_of(one.fact, one.on, first_line=one.first_line)
        with speaking(code):
            told = fact_markup(plain)
            assert list(english(f'<html lang="{code}">{told}</html>', code)) == [], plain
            assert ENGLISH_MARK not in told


@pytest.mark.parametrize("code", OTHERS)
def test_no_words_of_the_record_pass_for_a_quotation_of_ours(code: str) -> None:
    with speaking(code):
        assert "<b>" not in said_markup("Summary: “<b>\ue000x” becomes “y\ue001”.")
        told = said_markup("Summary: “Draw <b>” becomes “Draw 2”.")
        assert '<span lang="en">Draw &lt;b&gt;</span>' in told


# --- the source ------------------------------------------------------------------------------------------------------

_ENV = Environment(loader=FileSystemLoader(ROOT / "templates"))
TEMPLATES = sorted(str(f.relative_to(ROOT / "templates")) for f in (ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_sentence_inside_an_expression_of_a_template_stands_outside_the_catalogue(name: str) -> None:
    source = (ROOT / "templates" / name).read_text("utf-8")
    tree = _ENV.parse(source)
    said = {
        id(constant)
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "ngettext")
        for constant in call.find_all(nodes.Const)
    }
    for constant in tree.find_all(nodes.Const):
        if id(constant) not in said and isinstance(constant.value, str):
            assert not re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", constant.value), constant.value


@pytest.mark.parametrize("code", OTHERS)
def test_a_file_of_the_catalogue_says_its_language_and_is_whole(code: str) -> None:
    with (ROOT / "smart_app" / "web" / "translations" / f"{code}.po").open("rb") as file:
        found = read_po(file, abort_invalid=True)
    assert str(found.locale) == code
    assert all(m.string and all(m.string) and not m.fuzzy for m in found if m.id)
