"""Reading over a real socket: every page or a record of what is missing, and the token stays where it belongs."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_app.errors import FhirError, LaunchError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.harvest import harvest
from tests.fhir.wire import bundle, client_for, whole
from tests.support.fake_server import Answer, FakeServer, Request, fake_server


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_server() as fake:
        yield fake


def observation(ident: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": ident, "subject": {"reference": "Patient/p"}, **more}


def pages(server: FakeServer, following: str) -> None:
    def answer(request: Request) -> Answer:
        if "page" in request.query:
            return Answer(body=bundle(observation("b")))
        return Answer(body=bundle(observation("a"), following=following))

    server.on("/fhir", answer)


@pytest.mark.parametrize("form", ["{base}/Observation?page=2", "/fhir?page=2", "?page=2", "Observation?page=2"])
def test_every_form_of_next_link_on_the_own_server_is_followed(server: FakeServer, form: str) -> None:
    pages(server, form.format(base=server.base))
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert [resource["id"] for _, resource in found] == ["a", "b"]
    assert record.complete
    assert record.pages == 2


@pytest.mark.parametrize(
    "form",
    [
        "http://localhost:{port}/fhir?page=2",
        "http://127.0.0.1:{port}/other?page=2",
        "http://127.0.0.1:{port}/fhir/../other?page=2",
        "http://127.0.0.1:{port}/fhir/%2e%2e/other?page=2",
        "http://127.0.0.1:{port}@evil.example/fhir?page=2",
        "http://127.0.0.1:{port}:{port}/fhir?page=2",
        "//evil.example/fhir?page=2",
    ],
)
def test_a_next_link_to_anywhere_else_is_not_followed_and_the_search_counts_as_incomplete(
    server: FakeServer, form: str
) -> None:
    pages(server, form.format(port=server.base.split(":")[2].split("/")[0]))
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert [resource["id"] for _, resource in found] == ["a"]
    assert not record.complete
    assert record.error_code == "search.foreign_next"
    assert len(server.requests) == 1


def test_pages_that_lead_in_a_circle_end_and_count_as_incomplete(server: FakeServer) -> None:
    server.on("/fhir", lambda request: Answer(body=bundle(observation("a"), following="/fhir?x=1")))
    _, record = client_for(server).search("Observation", {"patient": "p"})
    assert record.error_code == "search.loop"


def test_a_failing_third_page_leaves_the_first_two_and_says_so(server: FakeServer) -> None:
    def answer(request: Request) -> Answer:
        number = int(request.query.get("page", "1"))
        if number == 3:
            return Answer(500, b"<html>boom</html>")
        return Answer(body=bundle(observation(str(number)), following=f"/fhir?page={number + 1}"))

    server.on("/fhir", answer)
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert len(found) == 2
    assert (record.complete, record.error_code) == (False, "fhir.server_error")


def test_one_id_on_two_pages_is_one_resource_in_its_newest_version(server: FakeServer) -> None:
    def answer(request: Request) -> Answer:
        if "page" in request.query:
            return Answer(body=bundle(observation("a", status="final", meta={"lastUpdated": "2026-02-01T00:00:00Z"})))
        old = observation("a", status="preliminary", meta={"lastUpdated": "2026-01-01T00:00:00Z"})
        return Answer(body=bundle(old, following="/fhir?page=2"))

    server.on("/fhir", answer)
    found, _ = client_for(server).search("Observation", {"patient": "p"})
    assert [resource["status"] for _, resource in found] == ["final"]


def test_a_total_that_is_larger_than_what_came_makes_the_search_incomplete(server: FakeServer) -> None:
    server.on("/fhir/Observation", Answer(body=bundle(observation("a"), total=2)))
    _, record = client_for(server).search("Observation", {"patient": "p"})
    assert record.error_code == "search.fewer_than_total"


def test_a_warning_inside_the_list_is_noted_and_an_error_makes_it_incomplete(server: FakeServer) -> None:
    def outcome(severity: str) -> dict[str, Any]:
        return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "processing"}]}

    server.on("/fhir/Observation", Answer(body=bundle(observation("a"), outcome("warning"))))
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert (len(found), record.complete, len(record.warnings)) == (1, True, 1)
    server.on("/fhir/Observation", Answer(body=bundle(observation("a"), outcome("error"))))
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert (len(found), record.complete, record.error_code) == (1, False, "search.outcome_error")


BAD = {
    "html": (Answer(200, b"<html>login</html>", {"Content-Type": "text/html"}), "fhir.not_json"),
    "truncated": (Answer(200, b'{"resourceType": "Bundle", "entry": [{"reso'), "fhir.not_json"),
    "cut": (Answer(200, b'{"resourceType":', claim_length=500), "net.unreachable"),
    "dropped": (Answer(drop=True), "net.unreachable"),
    "nan": (Answer(200, b'{"resourceType": "Bundle", "total": NaN}'), "fhir.not_json"),
    "deep": (Answer(200, b"[" * 100_000), "fhir.not_json"),
    "list": (Answer(200, b"[]"), "fhir.not_json"),
    "empty": (Answer(200, b""), "fhir.not_json"),
    "entry no list": (Answer(200, {"resourceType": "Bundle", "entry": "x"}), "search.malformed"),
    "outcome": (Answer(200, {"resourceType": "OperationOutcome"}), "fhir.outcome"),
    "400": (Answer(400, {"resourceType": "OperationOutcome"}), "fhir.refused"),
    "401": (Answer(401), "fhir.unauthorized"),
    "403 empty": (Answer(403), "fhir.forbidden"),
    "404": (Answer(404), "fhir.not_found"),
    "406 empty": (Answer(406), "fhir.refused"),
    "410": (Answer(410), "fhir.gone"),
    "429": (Answer(429, headers={"Retry-After": "120"}), "fhir.busy"),
    "500": (Answer(500, b"<html>"), "fhir.server_error"),
    "redirect": (Answer(302, headers={"Location": "http://127.0.0.1:1/"}), "net.redirect"),
}


@pytest.mark.parametrize("name", BAD)
def test_every_bad_answer_has_its_own_code_and_never_passes_for_an_empty_list(server: FakeServer, name: str) -> None:
    answer, code = BAD[name]
    server.on("/fhir/Observation", answer)
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert found == []
    assert not record.complete
    assert record.error_code == code


def test_a_server_that_is_down_is_told_apart(server: FakeServer) -> None:
    client = client_for(server)
    client.base = "http://127.0.0.1:9/fhir"
    client._gate.allow(client.base)
    with pytest.raises(FhirError) as caught:
        client.read("Patient", "p")
    assert caught.value.code == "net.unreachable"


def silent(_request: Request) -> Answer:
    time.sleep(0.6)
    return Answer(body=bundle())


@pytest.mark.parametrize("answer", [silent, Answer(200, b" " * 200, drip=0.05)], ids=["silent", "dripping"])
def test_a_server_that_is_too_slow_ends_in_a_timeout(server: FakeServer, answer: Any) -> None:
    server.on("/fhir/Patient", answer)
    with pytest.raises(FhirError) as caught:
        client_for(server).send("GET", "Patient/p", timeout=0.3)
    assert caught.value.code == "net.timeout"


def test_a_busy_server_is_asked_again_after_the_wait_it_names(server: FakeServer) -> None:
    answers = iter([Answer(429, headers={"Retry-After": "2"}), Answer(503), Answer(body=bundle(observation("a")))])
    server.on("/fhir/Observation", lambda _request: next(answers))
    waits: list[float] = []
    gate = Gate(sleep=waits.append)
    gate.allow(server.base)
    found, record = FhirClient(server.base, gate).search("Observation", {"patient": "p"})
    assert (len(found), record.complete) == (1, True)
    assert 2 <= waits[0] <= 2.25  # jitter is added, never taken away


def busy(status: int, **headers: str) -> Answer:
    return Answer(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    "throttled",
    [
        busy(403, Retry_After="1"),
        busy(429, Retry_After="1"),
        busy(429),
        busy(429, Retry_After="soon"),
        busy(403, Retry_After="Wed, 01 Jan 2020 00:00:00 GMT"),
        Answer(403, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "throttled"}]}),
    ],
    ids=["403", "429", "429 bare", "429 unreadable", "403 date in the past", "403 outcome"],
)
def test_a_throttled_read_is_sent_again_and_comes_through(server: FakeServer, throttled: Answer) -> None:
    answers = iter([throttled, throttled, Answer(body=bundle(observation("a")))])
    server.on("/fhir/Observation", lambda _request: next(answers))
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert (len(found), record.complete) == (1, True)


@pytest.mark.parametrize("status", [403, 429])
def test_a_server_that_throttles_on_and_on_is_asked_within_a_budget_and_then_named_busy(
    server: FakeServer, status: int
) -> None:
    server.on("/fhir/Observation", busy(status, Retry_After="2"))
    waits: list[float] = []
    gate = Gate(sleep=waits.append)
    gate.allow(server.base)
    _, record = FhirClient(server.base, gate).search("Observation", {"patient": "p"})
    assert record.error_code == "fhir.busy"
    assert 4 <= sum(waits) <= 6
    assert len(server.requests) == len(waits) + 1


def test_a_plain_refusal_is_never_sent_again(server: FakeServer) -> None:
    server.on("/fhir/Observation", Answer(403))
    _, record = client_for(server).search("Observation", {"patient": "p"})
    assert record.error_code == "fhir.forbidden"
    assert len(server.requests) == 1


def test_pages_that_expired_are_read_by_running_the_search_once_more(server: FakeServer) -> None:
    lost = iter([Answer(410), Answer(body=bundle(observation("b")))])

    def answer(request: Request) -> Answer:
        if "page" in request.query:
            return next(lost)
        return Answer(body=bundle(observation("a"), following="/fhir?page=2"))

    server.on("/fhir", answer)
    found, record = client_for(server).search("Observation", {"patient": "p"})
    assert [resource["id"] for _, resource in found] == ["a", "b"]
    assert record.complete
    assert len(record.warnings) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_is_never_sent_twice_whatever_happens(server: FakeServer, method: str) -> None:
    server.on("/fhir/CarePlan", Answer(drop=True))
    with pytest.raises(FhirError):
        client_for(server).send(method, "CarePlan", body={"resourceType": "CarePlan"})
    server.on("/fhir/CarePlan", Answer(503))
    assert client_for(server).send(method, "CarePlan", body={"resourceType": "CarePlan"}).status == 503
    assert len(server.requests) == 2


def test_a_refused_token_is_renewed_once_and_the_read_goes_on(server: FakeServer) -> None:
    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") == "Bearer new":
            return Answer(body={"resourceType": "Patient", "id": "p"})
        return Answer(401)

    server.on("/fhir/Patient", answer)
    asked: list[bool] = []

    def bearer(force: bool) -> str:
        asked.append(force)
        return "new" if force else "old"

    assert client_for(server, bearer).read("Patient", "p")["id"] == "p"
    assert asked == [False, True]


def test_nothing_is_sent_to_a_server_that_is_not_registered(server: FakeServer) -> None:
    with pytest.raises(FhirError) as caught:
        FhirClient(server.base, Gate()).read("Patient", "p")
    assert caught.value.code == "net.origin"
    assert server.requests == []


def test_an_answer_larger_than_the_cap_is_refused(server: FakeServer) -> None:
    server.on("/fhir/Patient", Answer(200, b" " * 300_000))
    gate = Gate(max_bytes=100_000)
    gate.allow(server.base)
    with pytest.raises(FhirError) as caught:
        FhirClient(server.base, gate).read("Patient", "p")
    assert caught.value.code == "net.too_large"


def test_an_answer_that_unpacks_out_of_all_proportion_is_left_early_and_a_plain_one_is_not(server: FakeServer) -> None:
    gate = Gate()
    gate.allow(server.base)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/fhir+json"}
    server.on("/fhir/Patient", Answer(200, gzip.compress(b" " * 20_000_000), headers))
    with pytest.raises(FhirError) as caught:
        FhirClient(server.base, gate).read("Patient", "p")
    assert caught.value.code == "net.too_large"
    many = jsontext.dumps(bundle(*(observation(str(n)) for n in range(3000)), total=3000))
    server.on("/fhir/Observation", Answer(200, gzip.compress(many), headers))
    found, record = FhirClient(server.base, gate).search("Observation", {"patient": "p"})
    assert (len(found), record.complete) == (3000, True)


def test_a_server_that_keeps_failing_is_left_alone_for_a_moment() -> None:
    now = [0.0]
    gate = Gate(sleep=lambda _s: None, clock=lambda: now[0])
    gate.allow("http://127.0.0.1:9/fhir")
    client = FhirClient("http://127.0.0.1:9/fhir", gate)
    codes = []
    for _ in range(8):
        with pytest.raises(FhirError) as caught:
            client.read("Patient", "p")
        codes.append(caught.value.code)
    assert codes[-1] == "net.circuit_open"
    now[0] = 60.0
    with pytest.raises(FhirError) as caught:
        client.read("Patient", "p")
    assert caught.value.code == "net.unreachable"


def test_plain_http_outside_this_machine_is_never_allowed() -> None:
    with pytest.raises(FhirError):
        Gate().allow("http://ehr.example.org/fhir")


def test_digits_survive_reading(server: FakeServer) -> None:
    server.on(
        "/fhir/Observation/a", Answer(200, b'{"resourceType":"Observation","id":"a","valueQuantity":{"value":0.10}}')
    )
    value = client_for(server).read("Observation", "a")["valueQuantity"]["value"]
    assert isinstance(value, Decimal)
    assert str(value) == "0.10"


# --- the whole record -------------------------------------------------------------------------------------------------


def test_a_server_that_demands_a_category_is_asked_by_category(server: FakeServer) -> None:
    whole(server)

    def demanding(request: Request) -> Answer:
        if "category" not in request.query and "code" not in request.query:
            issue = {"severity": "error", "code": "required"}
            return Answer(400, {"resourceType": "OperationOutcome", "issue": [issue]})
        if request.query.get("category") == "laboratory":
            return Answer(body=bundle(observation("lab")))
        if request.query.get("category") == "genomics":
            return Answer(400, {"resourceType": "OperationOutcome"})
        return Answer(body=bundle())

    server.on("/fhir/Observation", demanding)
    entries, receipt = harvest(client_for(server), "p")
    assert "lab" in {resource["id"] for _, resource in entries}
    assert receipt.complete


def test_what_the_token_may_not_read_is_not_asked_for_and_limits_the_receipt(server: FakeServer) -> None:
    whole(server)
    _, receipt = harvest(client_for(server), "p", scopes_granted=("patient/Patient.rs", "patient/Condition.read"))
    refused = {search.resource_type for search in receipt.searches if search.error_code == "scope.not_granted"}
    assert "Observation" in refused
    assert "Condition" not in refused
    assert server.asked("/Observation") == []
    assert not receipt.complete


def test_references_are_followed_and_a_dangling_one_hides_nothing(server: FakeServer) -> None:
    whole(server)
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "subject": {"reference": "Patient/p"},
        "result": [{"reference": "Observation/member"}, {"reference": f"{server.base}/Observation/gone"}],
        "specimen": [{"reference": "http://elsewhere.example/Specimen/s"}],
    }
    server.on("/fhir/DiagnosticReport", Answer(body=bundle(report)))
    server.on("/fhir/Observation/member", Answer(body=observation("member", specimen={"reference": "Specimen/s2"})))
    server.on("/fhir/Observation/gone", Answer(410))
    server.on("/fhir/Specimen/s2", Answer(body={"resourceType": "Specimen", "id": "s2"}))
    entries, receipt = harvest(client_for(server), "p")
    assert {"member", "s2"} <= {resource["id"] for _, resource in entries}
    assert receipt.complete


def test_a_referenced_result_that_may_not_be_read_limits_the_receipt(server: FakeServer) -> None:
    whole(server)
    report = {"resourceType": "DiagnosticReport", "id": "r", "result": [{"reference": "Observation/secret"}]}
    server.on("/fhir/DiagnosticReport", Answer(body=bundle(report)))
    server.on("/fhir/Observation/secret", Answer(403))
    _, receipt = harvest(client_for(server), "p")
    assert not receipt.complete


def test_a_patient_that_answers_with_another_id_stops_everything(server: FakeServer) -> None:
    whole(server)
    server.on("/fhir/Patient/p", Answer(body={"resourceType": "Patient", "id": "q"}))
    with pytest.raises(FhirError) as caught:
        harvest(client_for(server), "p")
    assert caught.value.code == "fhir.wrong_patient"


@pytest.mark.parametrize(
    ("scopes", "part"),
    [
        (("patient/Observation.rs?category=laboratory",), True),
        (("patient/Observation.rs?category=laboratory", "patient/Observation.rs"), False),
        (("patient/*.rs",), False),
        (("patient/Observation.read",), False),
    ],
)
def test_a_scope_for_a_part_of_a_type_makes_a_search_for_all_of_it_incomplete(
    server: FakeServer, scopes: tuple[str, ...], part: bool
) -> None:
    whole(server)
    _, receipt = harvest(client_for(server), "p", scopes_granted=scopes)
    (observation,) = [s for s in receipt.searches if s.resource_type == "Observation"]
    assert (observation.error_code == "scope.part_granted") is part
    assert observation.complete is not part


def test_a_scope_for_a_category_covers_the_search_for_that_category(server: FakeServer) -> None:
    whole(server)
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    scopes = (f"patient/Observation.rs?category={category}|laboratory",)
    _, receipt = harvest(client_for(server), "p", "epic", scopes_granted=scopes)
    assert {s.query[:19]: s.complete for s in receipt.searches if s.resource_type == "Observation"}[
        "category=laboratory"
    ]


def test_a_record_that_takes_too_long_is_read_in_part_and_the_receipt_says_so(server: FakeServer) -> None:
    whole(server)

    def endless(request: Request) -> Answer:
        number = int(request.query.get("page", "1"))
        time.sleep(0.05)
        return Answer(body=bundle(observation(str(number)), following=f"/fhir/Observation?page={number + 1}"))

    server.on("/fhir/Observation", endless)
    entries, receipt = harvest(client_for(server), "p", budget=0.5)
    (record,) = [s for s in receipt.searches if s.resource_type == "Observation"]
    assert (record.complete, record.error_code) == (False, "net.budget")
    assert len(entries) > 2
    assert {s.complete for s in receipt.searches if s.resource_type == "Condition"} == {True}


@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=6),
    overlap=st.booleans(),
    form=st.sampled_from(["{base}/Observation?page={n}", "/fhir?page={n}", "?page={n}", "Observation?page={n}"]),
    lost=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_however_a_server_cuts_its_pages_the_same_resources_come_once(
    sizes: list[int], overlap: bool, form: str, lost: int
) -> None:
    idents = iter(range(100))
    cut = [[f"o{next(idents)}" for _ in range(size)] for size in sizes]
    refused = [lost] if 0 < lost < len(cut) else []

    def answer(request: Request) -> Answer:
        number = int(request.query.get("page", "0"))
        if number in refused:
            refused.remove(number)
            return Answer(410)
        shown = [*(cut[number - 1][-1:] if overlap and number else []), *cut[number]]
        following = form.format(base=fake.base, n=number + 1) if number + 1 < len(cut) else None
        return Answer(body=bundle(*map(observation, shown), following=following, total=sum(sizes)))

    with fake_server() as fake:
        fake.on("/fhir", answer)
        found, record = client_for(fake).search("Observation", {"patient": "p"})
    assert [resource["id"] for _, resource in found] == [ident for page in cut for ident in page]
    assert record.complete


def test_a_sign_in_that_ends_during_the_reading_is_told_by_what_went_wrong_first(server: FakeServer) -> None:
    whole(server)
    lock, calls = threading.Lock(), [0]

    def bearer(_force: bool) -> str:
        with lock:
            calls[0] += 1
            if calls[0] == 2:  # the first is the CapabilityStatement's
                raise LaunchError("The renewed sign-in is for another patient.", code="session.other_patient")
            if calls[0] > 2:
                raise LaunchError("This session has ended.", code="session.ended")
        return "token"

    with pytest.raises(LaunchError) as caught:
        harvest(client_for(server, bearer), "p")
    assert caught.value.code == "session.other_patient"
