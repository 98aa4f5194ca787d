"""Search plans: what they declare is what is asked, and only of a server that takes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app.errors import ConfigError
from smart_app.fhir.harvest import harvest
from smart_app.fhir.plans import Query, Windows, all_plans, choose_plan
from tests.fhir.wire import bundle, client_for, statement, whole
from tests.support.fake_server import Answer, FakeServer, Request, fake_server

PLANS = all_plans()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_server() as fake:
        yield fake


def dated(number: int, day: str | None) -> dict[str, Any]:
    when = {"effectiveDateTime": day} if day else {}
    return {"resourceType": "Observation", "id": f"o{number}", "subject": {"reference": "Patient/p"}, **when}


def lab(held: list[dict[str, Any]], page: int, *, said: int | None = -1) -> Any:
    """Observations in pages, searched by ``date`` with ge and lt. ``said``: the total announced (-1: the true one)."""

    def answer(request: Request) -> Answer:
        bounds = [v for k, v in request.pairs if k == "date"]
        found = [r for r in held if all(inside(r.get("effectiveDateTime"), b) for b in bounds)]
        start = int(request.query.get("start", "0"))
        more = f"{server_path(request)}&start={start + page}" if start + page < len(found) else None
        total = len(found) if said == -1 else said
        return Answer(body=bundle(*found[start : start + page], following=more, total=total))

    return answer


def inside(day: str | None, bound: str) -> bool:
    return day is not None and (day >= bound[2:] if bound.startswith("ge") else day < bound[2:])


def server_path(request: Request) -> str:
    kept = "&".join(f"{k}={v}" for k, v in request.pairs if k != "start")
    return f"{request.path}?{kept}"


DATES = statement(Observation=["date"], kinds=["Observation"])


def days(count: int) -> list[str]:
    return [(date(2026, 11, 1) - timedelta(days=97 * n)).isoformat() for n in range(count)]


def test_many_pages_are_read_as_windows_of_dates_side_by_side(server: FakeServer) -> None:
    held = [dated(n, day) for n, day in enumerate(days(30))]
    whole(server, DATES)
    server.on("/fhir/Observation", lab(held, 10))
    entries, receipt = harvest(client_for(server), "p")
    assert sum(r["resourceType"] == "Observation" for _, r in entries) == 30
    searched = [s for s in receipt.searches if s.resource_type == "Observation"]
    assert [(s.entries, s.total, s.complete) for s in searched] == [(30, 30, True)]
    asked = [[v for k, v in r.pairs if k == "date"] for r in server.asked("/Observation")]
    assert [] in asked
    assert sum(bool(bounds) for bounds in asked) >= 4


@pytest.mark.parametrize("said", [-1, None, 99], ids=["an entry without a date", "no total", "a total too high"])
def test_windows_never_lose_what_they_cannot_find(server: FakeServer, said: int | None) -> None:
    held = [dated(n, day) for n, day in enumerate(days(30))] + [dated(77, None)]
    whole(server, DATES)
    server.on("/fhir/Observation", lab(held, 10, said=said))
    entries, receipt = harvest(client_for(server), "p")
    assert sum(r["resourceType"] == "Observation" for _, r in entries) == 31
    assert [s.complete for s in receipt.searches if s.resource_type == "Observation"] == [said != 99]


def test_a_server_that_does_not_list_the_date_is_read_page_by_page(server: FakeServer) -> None:
    whole(server, statement(kinds=["Observation"]))
    server.on("/fhir/Observation", lab([dated(n, day) for n, day in enumerate(days(30))], 10))
    entries, _ = harvest(client_for(server), "p")
    assert sum(r["resourceType"] == "Observation" for _, r in entries) == 30
    assert all("date" not in r.query for r in server.asked("/Observation"))


def test_a_page_size_and_an_include_are_sent_where_they_are_listed(server: FakeServer) -> None:
    kinds = {"MedicationRequest": ["_count", "include:MedicationRequest:medication"], "Observation": ["_count"]}
    whole(server, statement("Epic", **kinds))
    harvest(client_for(server), "p")
    (asked,) = server.asked("/MedicationRequest")
    assert (asked.query["_count"], asked.query["_include"]) == ("100", "MedicationRequest:medication")
    assert all(r.query["_count"] == "100" and "_include" not in r.query for r in server.asked("/Observation"))
    (bare,) = server.asked("/ImagingStudy")
    assert set(bare.query) == {"patient"}


def test_an_include_that_is_listed_and_not_taken_is_left_away(server: FakeServer) -> None:
    order = {"resourceType": "MedicationRequest", "id": "m", "subject": {"reference": "Patient/p"}}
    whole(server, statement(MedicationRequest=["include:*"]))
    server.on("/fhir/MedicationRequest", lambda r: Answer(400) if "_include" in r.query else Answer(body=bundle(order)))
    entries, receipt = harvest(client_for(server), "p")
    assert "m" in {r["id"] for _, r in entries}
    assert [s.complete for s in receipt.searches if s.resource_type == "MedicationRequest"] == [True]


@pytest.mark.parametrize("name", PLANS)
def test_never_more_requests_are_under_way_than_the_plan_allows(server: FakeServer, name: str) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    whole(server, statement())
    served = server.handlers.copy()

    def counted(path: str) -> Any:
        def answer(request: Request) -> Answer:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.01)
            with lock:
                now[0] -= 1
            return served[path](request)

        return answer

    for path in served:
        server.on(path, counted(path))
    harvest(client_for(server), "p", name)
    assert 1 < most[0] <= PLANS[name].concurrency


@pytest.mark.parametrize(
    ("software", "publisher", "plan"),
    [
        ("Epic", None, "epic"),
        (None, "Oracle Health", "oracle"),
        ("athenahealth FHIR Server", None, "athenahealth"),
        (None, "Medical Information Technology, Inc", "meditech"),
        ("eCW FHIR Facade", "eClinicalWorks", "eclinicalworks"),
        ("HAPI FHIR Server", "Not provided", "generic"),
        ("Epicenter Records", None, "generic"),
        (None, None, "generic"),
    ],
)
def test_a_plan_is_chosen_by_what_the_statement_says_of_itself(
    software: str | None, publisher: str | None, plan: str
) -> None:
    said = {"software": {"name": software} if software else None, "publisher": publisher}
    assert choose_plan(said).name == plan
    assert choose_plan(said, "oracle").name == "oracle"


def test_a_plan_that_is_not_there_is_named_as_wrong() -> None:
    with pytest.raises(ConfigError) as caught:
        choose_plan(None, "paper")
    assert caught.value.code == "config.plan"


def flat(queries: tuple[Query, ...]) -> Iterator[Query]:
    for query in queries:
        yield query
        yield from flat(query.fallback)


@pytest.mark.parametrize("name", PLANS)
def test_every_plan_asks_for_results_drugs_disease_and_visits(name: str) -> None:
    served = {part for query in flat(PLANS[name].queries) for part in query.parts}
    assert {"results", "drugs", "disease", "receptors", "disease status", "visits", "plans"} <= served


@given(st.dates(date(2000, 1, 1), date(2090, 12, 31)), st.dates(date(1950, 1, 1), date(2095, 1, 1)))
def test_every_day_lies_in_exactly_one_window(today: date, day: date) -> None:
    windows = Windows("date", (1, 2, 4)).of(today)
    assert len(windows) == 4
    hits = [all(inside(day.isoformat(), bound) for _, bound in window) for window in windows]
    assert hits.count(True) == 1
    assert all(newer[0][1] > older[0][1] for newer, older in pairwise(windows) if older[0][1].startswith("ge"))
