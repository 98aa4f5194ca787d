"""A clinician supplies a fact: it counts at once, says by whom, reaches the confirmed plan, and can be withdrawn."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from smart_app.smart.launches import IDLE_SECONDS
from tests.attest.rooms import BASIS, ER, HER2, LACKING, PDF_ONLY, TODAY, Rooms, ago, headline, hidden, rooms, words

__all__ = ["rooms"]
# what is written, not chosen
WRITTEN = ("basis", "date", "percent", "since", "start", "end", "held", "scan", "taken", "variant-1", "vaf-1")


def test_a_missing_receptor_is_offered_attested_used_written_and_read_back(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    page = rooms.page(at)
    assert headline(page).startswith("Cannot tell")
    assert f'href="{at}attest/receptor"' in page
    for fields in (ER, HER2):
        assert rooms.attest(at, "receptor", fields).status_code == 303
    page = rooms.page(at)
    assert "Cannot tell" not in headline(page)
    assert "Attested by a clinician: the oestrogen receptor status and the HER2 status." in headline(page)
    assert "HER2 negative (negative, metastasis, Dec 2025). Attested by Dr Ada on" in page
    assert page.count("Not in the care plan yet.") == 2
    assert "attested by Dr Ada on" in rooms.page(f"{at}table.csv")
    assert rooms.server.writes == 0
    preview = rooms.page(f"{at}plan")
    assert "Attested by Dr Ada on" in preview
    assert BASIS["basis"] in preview
    assert "The plan is in the EHR" in rooms.confirm(at)
    stored = rooms.server.plans["plan1"]
    assert [c["resourceType"] for c in stored["contained"]] == ["Device", "Observation", "Observation"]
    assert "Not in the care plan yet" not in rooms.page(at)
    other = rooms.app.test_client()
    again = rooms.launch(other)
    later = words(other.get(again))
    assert headline(later) == headline(rooms.page(at))
    assert "The same plan is in the EHR already" in rooms.confirm(at)


def test_withdrawing_takes_it_out_of_the_next_confirmed_plan_and_the_preview_says_so(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    rooms.attest(at, "receptor", HER2)
    rooms.confirm(at)
    assert rooms.withdraw(at).status_code == 303
    page = rooms.page(at)
    assert "HER2 status was not found" in page
    assert "Withdrawn here, and still in the plan" in page
    assert "Attested fact withdrawn: HER2 negative, metastasis, Dec 2025 (by Dr Ada)." in rooms.page(f"{at}plan")
    rooms.confirm(at)
    assert [c["id"] for c in rooms.server.plans["plan1"]["contained"]] == ["app"]
    assert "Nothing is attested." in words(rooms.client.get(f"{rooms.launch()}attest"))


def test_a_withdrawal_that_is_not_confirmed_ends_with_the_launch(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    rooms.attest(at, "receptor", HER2)
    rooms.confirm(at)
    rooms.withdraw(at)
    assert "HER2 negative" in words(rooms.client.get(f"{rooms.launch()}attest"))


def test_before_it_is_written_it_is_withdrawn_without_a_trace(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    rooms.attest(at, "receptor", HER2)
    rooms.withdraw(at)
    assert "Nothing is attested." in rooms.page(f"{at}attest")
    assert "still in the plan" not in rooms.page(at)


def test_a_result_read_from_a_pdf_raises_the_review_and_is_bound_to_its_report(rooms: Rooms) -> None:
    rooms.patient(PDF_ONLY)
    at = rooms.launch()
    form = rooms.page(f"{at}attest/result")
    handle = re.findall(r'<option value="([0-9a-f]{18})"', form)[0]
    fields = {
        "report": handle, "taken": ago(20), "specimen": "plasma", "outcome": "detected", "variant-1": "p.Asp538Gly",
        "vaf-1": "0.80", "unit-1": "%", "variant-2": "p.Y537S", "vaf-2": "<0.0010", "unit-2": "fraction", **BASIS,
    }  # fmt: skip
    assert rooms.attest(at, "result", fields).status_code == 303
    page = rooms.page(at)
    assert "p.D538G (0.80 %)" in headline(page)
    assert "switch review due" in headline(page)
    assert "p.Y537S <0.10 %" in page
    rooms.confirm(at)
    made = rooms.server.plans["plan1"]["contained"][1]
    assert str(made["component"][1]["valueQuantity"]["value"]) == "0.80"
    report = next(p for e in made["extension"] for p in e["extension"] if p["url"] == "report")
    assert report["valueReference"]["reference"].split("/")[0] in ("DocumentReference", "DiagnosticReport")
    review = next(a for a in rooms.server.plans["plan1"]["activity"] if "Switch review" in a["detail"]["code"]["text"])
    assert report["valueReference"] in review["detail"]["reasonReference"]
    assert headline(words(rooms.client.get(rooms.launch()))) == headline(page)


def test_the_record_wins_and_the_disagreement_is_shown(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    rooms.attest(at, "receptor", HER2)
    rooms.confirm(at)
    positive = {
        "resourceType": "Observation", "id": "her2", "status": "final", "subject": {"reference": f"Patient/{LACKING}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "48676-1"}]}, "effectiveDateTime": ago(3),
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "10828004"}]},
    }  # fmt: skip
    rooms.patient(LACKING, positive)
    page = rooms.page(rooms.launch())
    assert "The record contradicts what was attested" in page
    assert headline(page).startswith("Outside the window: HER2 positive")
    assert "not used, the record says: HER2 positive" in page


# --- who may, and where it lies ---------------------------------------------------------------------------------------


def test_without_a_known_clinician_nothing_can_be_attested_and_the_reason_is_given(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    rooms.ehr.id_token = False
    at = rooms.launch()
    assert "does not say which clinician is at work" in rooms.page(f"{at}attest")
    page = rooms.page(f"{at}attest/receptor")
    assert "does not say which clinician" in page
    assert "<button>Attest" not in page
    answer = rooms.attest(at, "receptor", HER2)
    assert answer.status_code == 403
    assert BASIS["basis"] in words(answer)
    assert rooms.withdraw(at).status_code == 403
    assert "Nothing is attested." in rooms.page(f"{at}attest")


def test_it_lies_encrypted_in_the_launch_and_ends_with_it(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    rooms.attest(at, "receptor", HER2)
    raw = b"".join(f.read_bytes() for f in (rooms.folder / "data").iterdir() if f.is_file())
    assert b"Example Hospital" not in raw
    assert b"her2" not in raw.lower()
    store = rooms.app.extensions["esr1"].store
    launch_id = at.split("/")[2]
    assert store.get("attested", launch_id)["facts"]
    rooms.client.post(f"{at}end", data={"csrf_token": hidden(rooms.page(f"{at}attest"), "csrf_token")})
    assert store.get("attested", launch_id) is None
    assert "Nothing is attested." in words(rooms.client.get(f"{rooms.launch()}attest"))


def test_a_launch_that_was_not_used_takes_it_along(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    rooms.attest(at, "receptor", HER2)
    rooms.clock.ahead = IDLE_SECONDS + 60
    assert rooms.client.get(at).status_code == 403
    assert rooms.app.extensions["esr1"].store.get("attested", at.split("/")[2]) is None


def test_two_launches_never_share_what_is_attested(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at, other = rooms.launch(), rooms.launch()
    rooms.attest(at, "receptor", HER2)
    assert "Nothing is attested." in rooms.page(f"{other}attest")
    rooms.patient(PDF_ONLY)
    assert "Nothing is attested." in words(rooms.client.get(f"{rooms.launch()}attest"))
    ident = hidden(rooms.page(f"{at}attest"), "id")
    token = hidden(rooms.page(f"{other}attest"), "csrf_token")
    form = {"csrf_token": token, "id": ident}
    assert rooms.client.post(f"{other}attest/withdraw", data=form).status_code == 404
    assert rooms.client.post(f"{at}attest/withdraw", data=form).status_code == 403
    assert "HER2 negative" in rooms.page(f"{at}attest")


def test_two_tabs_that_attest_at_once_lose_nothing(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    token = hidden(rooms.page(f"{at}attest"), "csrf_token")
    cookie = "; ".join(f"{c.key}={c.value}" for c in rooms.client._cookies.values())  # type: ignore[union-attr]
    scan = {"scan": ago(9), "no_progression": "yes", **BASIS}

    def tab(kind: str, fields: dict[str, str]) -> int:
        client = rooms.app.test_client(use_cookies=False)
        data = {"csrf_token": token, **fields}
        return client.post(f"{at}attest/{kind}", data=data, headers={"Cookie": cookie}).status_code

    forms = [("receptor", HER2), ("receptor", ER), ("status", scan), ("receptor", HER2)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda form: tab(*form), forms)) == [303] * 4
    assert rooms.page(f"{at}attest").count('aria-label="Withdraw: ') == 3


def test_a_form_from_elsewhere_is_refused(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    assert rooms.client.post(f"{at}attest/receptor", data=HER2).status_code == 403
    answer = rooms.attest(at, "receptor", HER2, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Nothing is attested." in rooms.page(f"{at}attest")


def test_only_the_kinds_that_there_are_have_a_form(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    assert rooms.client.get(f"{at}attest/allergy").status_code == 404
    assert rooms.attest(at, "allergy", HER2).status_code == 404


def test_a_double_click_attests_once_and_a_second_attestation_asks_to_withdraw_the_first(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    for _ in range(2):
        assert rooms.attest(at, "receptor", HER2).status_code == 303
    answer = rooms.attest(at, "receptor", {**HER2, "receptor_status": "positive"})
    assert answer.status_code == 422
    assert "Dr Ada attested this already. Withdraw that first" in words(answer)
    assert rooms.page(f"{at}attest").count('aria-label="Withdraw: ') == 1


# --- bad input --------------------------------------------------------------------------------------------------------

RESULT = {"taken": "2026-01-02", "specimen": "plasma", "outcome": "detected", **BASIS}
DRUG = {"drug": "palbociclib", "start": "2026-01-12", "state": "now", "setting": "first", **BASIS}
AHEAD = str(TODAY.year + 2)
BAD = [
    ("receptor", {}, "basis", "Say on what basis"),
    ("receptor", {**HER2, "basis": "  "}, "basis", "Say on what basis"),
    ("receptor", {**HER2, "basis": "x" * 2001}, "basis", "longer than 2000"),
    ("receptor", {**HER2, "marker": ""}, "marker", "Choose the receptor"),
    ("receptor", {**HER2, "receptor_status": "equivocal"}, "receptor_status", "Choose positive or negative"),
    ("receptor", {**HER2, "date": "03/04/2026"}, "date", "This is no date"),
    ("receptor", {**HER2, "date": "2026-02-30"}, "date", "This is no date"),
    ("receptor", {**HER2, "date": AHEAD}, "date", "lies in the future"),
    ("receptor", {**HER2, "date": "1850"}, "date", "too far back"),
    ("receptor", {**HER2, "date": ""}, "date", "Give the date"),
    ("receptor", {**HER2, "biopsy": ""}, "biopsy", "Choose what the biopsy was of"),
    ("receptor", {**HER2, "method": "guess"}, "method", "Choose one of the methods"),
    ("receptor", {**HER2, "percent": "5"}, "percent", "hormone receptors only"),
    ("receptor", {**ER, "percent": "lots"}, "percent", "number from 0 to 100"),
    ("receptor", {**ER, "percent": "101"}, "percent", "number from 0 to 100"),
    ("receptor", {**ER, "percent": "0"}, "percent", "does not fit"),
    ("receptor", {**ER, "receptor_status": "negative"}, "percent", "does not fit"),
    ("advanced", BASIS, "extent", "Choose in which way"),
    ("advanced", {**BASIS, "extent": "early", "since": "2025"}, "extent", "Choose in which way"),
    ("advanced", {**BASIS, "extent": "metastasis"}, "since", "Give the date since when"),
    ("advanced", {**BASIS, "extent": "metastasis", "since": "2025", "site": "moon"}, "site", "one of the sites"),
    ("drug", {**DRUG, "drug": "aspirin"}, "drug", "Choose the drug"),
    ("drug", {**DRUG, "state": ""}, "state", "taken now, on hold or stopped"),
    ("drug", {**DRUG, "state": "stopped"}, "end", "Give the date of the stop"),
    ("drug", {**DRUG, "state": "held"}, "held", "since when it is on hold"),
    ("drug", {**DRUG, "state": "stopped", "end": "2025"}, "end", "lies before the start"),
    ("drug", {**DRUG, "state": "held", "held": "2025"}, "held", "lies before the start"),
    ("drug", {**DRUG, "setting": "fun"}, "setting", "what it was given for"),
    ("drug", {**DRUG, "stop_reason": "fun"}, "stop_reason", "one of the reasons"),
    ("status", BASIS, "scan", "Give the day of the scan"),
    ("status", {**BASIS, "scan": "2026-01", "no_progression": "yes"}, "scan", "The day is needed"),
    ("status", {**BASIS, "scan": "2026-01-02"}, "no_progression", "Tick the box"),
    ("result", RESULT, "report", "Choose the report"),
    ("result", {**RESULT, "report": "DocumentReference/1"}, "report", "Choose the report"),
    ("result", {**RESULT, "outcome": "not_readable"}, "outcome", "Choose what the report says"),
    ("result", {**RESULT, "specimen": "unknown"}, "specimen", "plasma or tissue"),
    ("result", {**RESULT, "taken": ""}, "taken", "day the sample was taken"),
    ("result", {**RESULT, "variant-1": "something"}, "variant-1", "Write one change"),
    ("result", {**RESULT, "variant-1": "D538G Y537S"}, "variant-1", "Write one change"),
    ("result", {**RESULT, "vaf-1": "0.8"}, "variant-1", "Write one change"),
    ("result", {**RESULT, "variant-1": "D538G", "vaf-1": "0.8"}, "unit-1", "Choose the unit"),
    ("result", {**RESULT, "variant-1": "D538G", "vaf-1": "much", "unit-1": "%"}, "vaf-1", "as a number"),
    ("result", {**RESULT, "variant-1": "D538G", "vaf-1": "101", "unit-1": "%"}, "vaf-1", "as a number"),
    ("result", {**RESULT, "variant-1": "D538G", "vaf-1": "8", "unit-1": "fraction"}, "vaf-1", "as a number"),
    ("result", {**RESULT, "variant-1": "D538G", "unit-1": "%"}, "vaf-1", "Give the allele fraction"),
    ("result", {**RESULT, "variant-1": "D538G", "call-1": "bad"}, "call-1", "one of the calls"),
    ("result", {**RESULT, "variant-1": "D538G", "variant-2": "p.Asp538Gly"}, "variant-1", "stands here twice"),
    ("result", {**RESULT, "outcome": "not_detected", "variant-8": "D538G"}, "outcome", "must be “detected”"),
    ("result", {**RESULT, "uninformative": "yes"}, "uninformative", "“not detected” only"),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rooms, str, str]:
    made = Rooms(tmp_path_factory.mktemp("bad"))
    made.patient(PDF_ONLY)
    at = made.launch()
    return made, at, hidden(words(made.client.get(f"{at}attest")), "csrf_token")


@pytest.mark.parametrize(("kind", "fields", "name", "why"), BAD)
def test_bad_input_is_told_beside_its_field_and_nothing_typed_is_lost(
    opened: tuple[Rooms, str, str], kind: str, fields: dict[str, str], name: str, why: str
) -> None:
    made, at, token = opened
    answer = made.client.post(f"{at}attest/{kind}", data={"csrf_token": token, **fields})
    page = words(answer)
    assert answer.status_code == 422
    beside = re.search(rf'id="{name}-error">.*?</span>(.*?)</span>', page)
    assert beside is not None, page
    assert why in beside[1]
    assert f'href="#{name}"' in page
    assert f'id="{name}"' in page
    for field, value in fields.items():
        assert value in page or field not in WRITTEN
    store = made.app.extensions["esr1"].store
    assert store.get("attested", at.split("/")[2]) is None


@pytest.mark.parametrize("markup", ["<script>alert(1)</script>", '"><img src=x>', "\ud800", "é́ 花子 آسية", "a\x00b"])
def test_markup_and_odd_characters_are_only_text(rooms: Rooms, markup: str) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    data = {**HER2, "basis": markup.encode("utf-8", "replace").decode()}
    assert rooms.attest(at, "receptor", data).status_code == 303
    for path in (at, f"{at}attest", f"{at}plan", f"{at}receipt"):
        raw = rooms.client.get(path).get_data(as_text=True)
        assert "<script>alert" not in raw
        assert "<img src=x" not in raw
    assert "The plan is in the EHR" in rooms.confirm(at)


def test_every_kind_can_be_attested_and_is_named_on_the_page_and_in_the_plan(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    stopped = {"drug": "ribociclib", "start": "2020-01", "state": "stopped", "end": "2021", "stop_reason": "toxicity",
               "setting": "adjuvant", **BASIS}  # fmt: skip
    given = [
        ("receptor", HER2, "HER2 negative"),
        ("advanced", {"extent": "metastasis", "since": "2019", "site": "lymph_node", **BASIS}, "lymph node"),
        ("drug", stopped, "ribociclib from Jan 2020, until 2021, for adjuvant treatment"),
        ("status", {"scan": ago(9), "no_progression": "yes", **BASIS}, "no progression on the imaging of"),
    ]
    for kind, fields, _ in given:
        assert rooms.attest(at, kind, fields).status_code == 303, kind
    page, plan = rooms.page(at), rooms.page(f"{at}plan")
    for _, _, named in given:
        assert named in page
        assert named in plan
    picture = page[page.index('class="wide"') : page.index('class="narrow"')]
    assert picture.count("attested by a clinician") >= 2  # the drug and the status; what is in receptors has no lane
    assert "attested by a clinician</span>" in page  # the legend
    rooms.confirm(at)
    kinds = [c["resourceType"] for c in rooms.server.plans["plan1"]["contained"]]
    assert kinds == ["Device", "Observation", "Condition", "MedicationStatement", "Observation"]


def test_the_attested_source_opens_and_says_that_it_is_attested(rooms: Rooms) -> None:
    rooms.patient(LACKING)
    at = rooms.launch()
    rooms.attest(at, "receptor", HER2)
    links = re.findall(rf'href="({at}resource/[0-9a-f]+)">Attested', rooms.page(at))
    page = rooms.page(links[0])
    assert "Attested by a clinician</h1>" in page
    assert BASIS["basis"] in page


def test_no_url_and_no_log_holds_what_was_attested(rooms: Rooms, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    rooms.patient(LACKING)
    at = rooms.launch()
    answer = rooms.attest(at, "receptor", HER2)
    assert answer.headers["Location"] == f"{at}attest#supplied"
    rooms.page(at)
    assert "Example Hospital" not in caplog.text
    assert "negative" not in caplog.text
