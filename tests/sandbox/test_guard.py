"""What a token allows: its own patient, its own scopes, nothing else; before the store and before another server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from smart_app.sandbox.guard import covers
from smart_app.sandbox.registry import Context, Token
from tests.support.running import Running, app_and_sandbox

DAY = date(2026, 11, 21)
MINE, OTHER = "sandbox-due", "sandbox-man"


@pytest.fixture(scope="module", params=["store", "proxy"])
def ehr(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """The EHR with sign-in, and the open base of the store behind it."""
    with app_and_sandbox(tmp_path_factory.mktemp("store"), day=DAY) as store:
        behind = f"{store.ehr_url}/open/fhir"
        if request.param == "store":
            yield store, behind
        else:
            with app_and_sandbox(tmp_path_factory.mktemp("proxy"), upstream=behind, day=DAY) as front:
                yield front, behind


class Caller:
    def __init__(self, ehr: tuple[Running, str], scope: str) -> None:
        running, self.behind = ehr
        self.base = running.sessions.issuer
        token = f"t-{time.monotonic_ns()}"
        running.sessions.tokens[token] = Token("esr1-demo", scope, Context(MINE), time.time() + 60)
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        sent = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return requests.request(method, f"{self.base}/{path}", json=body, headers=sent, timeout=10)


def plan(patient: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "identifier": [{"system": "urn:guard", "value": "shared"}],
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


@pytest.fixture
def theirs(ehr: tuple[Running, str]) -> str:
    """A plan of another patient."""
    made = requests.put(f"{ehr[1]}/CarePlan/theirs", json=plan(OTHER, id="theirs"), timeout=10)
    assert made.status_code in (200, 201)
    return "theirs"


ALL = "patient/*.cruds"


@pytest.mark.parametrize("token", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}])
def test_without_a_valid_token_nothing_is_given(ehr: tuple[Running, str], token: dict[str, str]) -> None:
    answer = requests.get(f"{ehr[0].sessions.issuer}/Patient/{MINE}", headers=token, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"Patient/{OTHER}"),
        ("GET", f"Patient?_id={OTHER}"),
        ("GET", f"Observation?patient={OTHER}"),
        ("GET", f"Observation?patient={MINE},{OTHER}"),
        ("GET", f"Observation?patient={MINE}&subject=Patient/{OTHER}"),
        ("GET", "Observation"),
        ("GET", "Patient?name=Reid"),
        ("GET", "CarePlan/theirs"),
        ("GET", "CarePlan/theirs/_history"),
        ("GET", "CarePlan/theirs/_history/1"),
        ("DELETE", "CarePlan/theirs"),
    ],
)
def test_another_patient_is_out_of_reach(ehr: tuple[Running, str], theirs: str, method: str, path: str) -> None:
    answer = Caller(ehr, ALL)(method, path)
    assert answer.status_code in (403, 405)
    assert "Quentin" not in answer.text
    assert requests.get(f"{ehr[1]}/CarePlan/theirs", timeout=10).status_code == 200


def test_a_search_by_id_gives_nothing_of_another_patient(ehr: tuple[Running, str], theirs: str) -> None:
    answer = Caller(ehr, ALL)("GET", "CarePlan?_id=theirs")
    assert answer.status_code == 403 or answer.json().get("entry") == []


def test_another_patients_plan_is_neither_found_nor_overwritten_nor_made(ehr: tuple[Running, str], theirs: str) -> None:
    call = Caller(ehr, ALL)
    found = call("POST", "CarePlan", plan(MINE), If_None_Exist="identifier=urn:guard|shared")
    assert found.status_code == 403
    assert "theirs" not in found.text
    assert call("PUT", "CarePlan/theirs", plan(MINE, id="theirs")).status_code == 403
    assert call("POST", "CarePlan", plan(OTHER)).status_code == 403
    assert call("POST", "Observation", {"resourceType": "Observation"}).status_code == 403
    kept = requests.get(f"{ehr[1]}/CarePlan/theirs", timeout=10).json()
    assert kept["subject"]["reference"] == f"Patient/{OTHER}"


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("patient/Patient.rs", "GET", f"Patient/{MINE}", 200),
        ("patient/Patient.read", "GET", f"Patient/{MINE}", 200),
        ("patient/*.read", "GET", f"Observation?patient={MINE}", 200),
        ("user/*.*", "GET", f"Observation?patient={MINE}", 200),
        ("patient/Patient.rs", "GET", f"Observation?patient={MINE}", 403),
        ("patient/Observation.r", "GET", f"Observation?patient={MINE}", 403),
        ("patient/CarePlan.rs", "POST", "CarePlan", 403),
        ("patient/CarePlan.rs?category=x", "POST", "CarePlan", 403),
        ("patient/CarePlan.read", "POST", "CarePlan", 403),
        ("patient/CarePlan.c", "POST", "CarePlan", 201),
        ("patient/CarePlan.write", "POST", "CarePlan", 201),
        ("openid fhirUser", "GET", f"Patient/{MINE}", 403),
    ],
)
def test_scopes_of_both_versions_allow_what_they_say(
    ehr: tuple[Running, str], scope: str, method: str, path: str, status: int
) -> None:
    body = plan(MINE, identifier=[]) if method == "POST" else None
    assert Caller(ehr, scope)(method, path, body).status_code == status


def test_an_expired_or_revoked_token_is_refused(ehr: tuple[Running, str]) -> None:
    call = Caller(ehr, ALL)
    token = ehr[0].sessions.tokens[call.headers["Authorization"].removeprefix("Bearer ")]
    assert call("GET", f"Patient/{MINE}").status_code == 200
    token.revoked = True
    assert call("GET", f"Patient/{MINE}").status_code == 401
    token.revoked, token.expires = False, time.time() - 1
    assert call("GET", f"Patient/{MINE}").status_code == 401


def test_all_pages_are_given_under_the_base_that_was_asked(ehr: tuple[Running, str]) -> None:
    call = Caller(ehr, ALL)
    url, seen = f"Observation?patient={MINE}&_count=2", 0
    while url:
        bundle = call("GET", url).json()
        seen += len(bundle["entry"])
        assert all(e["fullUrl"].startswith(call.base) for e in bundle["entry"])
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        assert all(link.startswith(call.base) for link in following)
        url = following[0].removeprefix(call.base).lstrip("/") if following else ""
    whole = requests.get(f"{ehr[1]}/Observation?patient={MINE}", timeout=10).json()
    assert seen == len(whole["entry"]) > 2


def test_a_server_that_does_not_answer_is_an_error_and_the_launcher_says_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    dead = "http://127.0.0.1:9/fhir"
    with app_and_sandbox(tmp_path_factory.mktemp("dead"), upstream=dead, day=DAY) as front:
        answer = Caller((front, dead), ALL)("GET", f"Patient/{MINE}")
        assert (answer.status_code, answer.json()["resourceType"]) == (502, "OperationOutcome")
        page = requests.get(front.ehr_url, timeout=40).text
        assert "does not answer, or has none" in page


@given(st.sampled_from("rsu"), st.lists(st.sampled_from("cruds"), unique=True), st.text("abc=&%", max_size=8))
def test_a_scope_never_allows_a_letter_it_does_not_hold(letter: str, held: list[str], query: str) -> None:
    scope = f"patient/CarePlan.{''.join(held)}"
    assert covers(scope, "CarePlan", letter) is (letter in held)
    assert not covers(scope, "Observation", letter)
    narrowed = f"{scope}?{query}"
    assert covers(narrowed, "CarePlan", letter) is (letter in held and letter in "rs")
