"""The same contract for the sandbox's FHIR store and for a real HAPI server, so that the two cannot drift apart."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from smart_app.fhir.client import FhirClient, Response
from smart_app.fhir.gate import Gate
from tests.support.running import app_and_sandbox

Json = dict[str, Any]


@pytest.fixture(scope="module", params=["sandbox", pytest.param("hapi", marks=pytest.mark.hapi)])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FhirClient]:
    if request.param == "hapi":
        yield connected(request.getfixturevalue("hapi"))
    else:
        with app_and_sandbox(tmp_path_factory.mktemp("contract")) as running:
            yield connected(f"{running.ehr_url}/open/fhir")


def connected(base: str) -> FhirClient:
    gate = Gate()
    gate.allow(base)
    return FhirClient(base, gate)


@pytest.fixture
def patient(client: FhirClient) -> str:
    ident = f"c-{uuid.uuid4()}"
    answer = client.send("PUT", f"Patient/{ident}", body={"resourceType": "Patient", "id": ident})
    assert answer.status == 201
    return ident


def plan(patient: str, value: str = "one") -> Json:
    return {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "identifier": [{"system": "urn:contract", "value": f"{value}-{patient}"}],
        "subject": {"reference": f"Patient/{patient}"},
    }


def created(client: FhirClient, resource: Json, **headers: str) -> Response:
    sent = {"Prefer": "return=representation", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return client.send("POST", resource["resourceType"], body=resource, headers=sent)


def test_a_created_resource_has_id_version_etag_and_location_and_can_be_read(client: FhirClient, patient: str) -> None:
    answer = created(client, plan(patient))
    assert answer.status == 201
    assert answer.body is not None
    assert answer.etag == f'W/"{answer.body["meta"]["versionId"]}"'
    assert f"CarePlan/{answer.body['id']}" in (answer.location or "")
    assert client.read("CarePlan", answer.body["id"])["subject"] == {"reference": f"Patient/{patient}"}


def test_a_conditional_create_makes_one_resource_however_often_it_is_sent(client: FhirClient, patient: str) -> None:
    condition = f"identifier=urn:contract|once-{patient}"
    first = created(client, plan(patient, "once"), If_None_Exist=condition)
    second = created(client, plan(patient, "once"), If_None_Exist=condition)
    assert (first.status, second.status) == (201, 200)
    found, _ = client.search("CarePlan", [("patient", patient)])
    assert len(found) == 1


def test_an_update_needs_the_version_it_was_made_from(client: FhirClient, patient: str) -> None:
    body = created(client, plan(patient)).body
    assert body is not None
    path, version = f"CarePlan/{body['id']}", body["meta"]["versionId"]
    fresh = client.send("PUT", path, body={**body, "title": "two"}, headers={"If-Match": f'W/"{version}"'})
    assert fresh.status == 200
    stale = client.send("PUT", path, body={**body, "title": "three"}, headers={"If-Match": f'W/"{version}"'})
    assert stale.status in (409, 412)
    assert client.read("CarePlan", body["id"])["title"] == "two"


def test_the_history_holds_every_version(client: FhirClient, patient: str) -> None:
    body = created(client, plan(patient)).body
    assert body is not None
    client.send("PUT", f"CarePlan/{body['id']}", body={**body, "title": "two"})
    client.send("DELETE", f"CarePlan/{body['id']}")
    history = client.send("GET", f"CarePlan/{body['id']}/_history").body
    assert history is not None
    assert history["type"] == "history"
    assert [e["request"]["method"] for e in history["entry"]] == ["DELETE", "PUT", "POST"]
    assert [e.get("resource", {}).get("title") for e in history["entry"]] == [None, "two", None]
    old = client.send("GET", f"CarePlan/{body['id']}/_history/1").body
    assert old is not None
    assert "title" not in old


def test_all_pages_of_a_search_are_given_and_only_of_this_patient(client: FhirClient, patient: str) -> None:
    entry = []
    for number in range(7):
        ident = f"{patient}-{number}"[-60:]
        resource = {
            "resourceType": "Observation",
            "id": ident,
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "69548-6"}]},
            "subject": {"reference": f"Patient/{patient}"},
            "valueQuantity": {"value": Decimal("0.10"), "unit": "%"},
        }
        entry.append({"resource": resource, "request": {"method": "PUT", "url": f"Observation/{ident}"}})
    answer = client.send("POST", "", body={"resourceType": "Bundle", "type": "transaction", "entry": entry})
    assert answer.status == 200
    found, record = client.search("Observation", [("patient", patient), ("_count", "3")])
    assert (len(found), record.complete, record.pages) == (7, True, 3)
    coded, _ = client.search("Observation", [("patient", patient), ("code", "http://loinc.org|69548-6")])
    assert len(coded) == 7
    assert str(found[0][1]["valueQuantity"]["value"]) == "0.10"


def test_a_drug_by_reference_comes_with_the_include(client: FhirClient, patient: str) -> None:
    medication = {"resourceType": "Medication", "id": f"m-{patient}"[-60:], "code": {"text": "letrozole"}}
    client.send("PUT", f"Medication/{medication['id']}", body=medication)
    order = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationReference": {"reference": f"Medication/{medication['id']}"},
    }
    assert created(client, order).status == 201
    query = [("patient", patient), ("_include", "MedicationRequest:medication")]
    found, _ = client.search("MedicationRequest", query)
    assert {r["resourceType"] for _, r in found} == {"MedicationRequest", "Medication"}


def test_what_is_not_there_or_was_deleted_is_told_apart(client: FhirClient, patient: str) -> None:
    assert client.send("GET", "CarePlan/no-such-plan").status == 404
    body = created(client, plan(patient)).body
    assert body is not None
    assert client.send("DELETE", f"CarePlan/{body['id']}").status in (200, 204)
    assert client.send("GET", f"CarePlan/{body['id']}").status == 410


def observation(patient: str, number: int, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"{patient}-o{number}"[-60:],
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "69548-6"}]},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ([("date", "ge2026-03-02")], {2, 3}),
        ([("date", "lt2026-03-02")], {1}),
        ([("date", "gt2026-03-02"), ("date", "le2026-05-01")], {3}),
        ([("date", "2026-03-02")], {2}),
        ([("status", "final")], {1, 2, 3}),
        ([("status", "preliminary,amended")], set()),
        ([("category", "laboratory")], {2}),
        ([("category", "http://terminology.hl7.org/CodeSystem/observation-category|laboratory")], {2}),
        ([("category", "http://elsewhere.example.org|laboratory")], set()),
        ([("code", "69548-6")], {1, 2, 3}),
        ([("code", "http://loinc.org|1-8,http://loinc.org|69548-6")], {1, 2, 3}),
        ([("code", "http://loinc.org|1-8")], set()),
        ([("identifier", "urn:contract|three")], {3}),
    ],
)
def test_a_search_finds_what_its_parameters_say(
    client: FhirClient, patient: str, query: list[tuple[str, str]], found: set[int]
) -> None:
    lab = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    three = [
        observation(patient, 1, effectiveDateTime="2026-01-15"),
        observation(patient, 2, effectiveDateTime="2026-03-02", category=[{"coding": [lab]}]),
        observation(
            patient, 3, effectiveDateTime="2026-04-30", identifier=[{"system": "urn:contract", "value": "three"}]
        ),
    ]
    for resource in three:
        assert client.send("PUT", f"Observation/{resource['id']}", body=resource).status == 201
    entries, record = client.search("Observation", [("patient", patient), *query])
    assert record.complete, record.error
    assert {int(r["id"][-1]) for _, r in entries} == found
    by_subject, _ = client.search("Observation", [("subject", f"Patient/{patient}"), *query])
    assert {r["id"] for _, r in by_subject} == {r["id"] for _, r in entries}


def test_several_ids_are_searched_at_once(client: FhirClient, patient: str) -> None:
    made = [observation(patient, number) for number in range(3)]
    for resource in made:
        client.send("PUT", f"Observation/{resource['id']}", body=resource)
    entries, _ = client.search("Observation", [("_id", f"{made[0]['id']},{made[2]['id']}")])
    assert {r["id"] for _, r in entries} == {made[0]["id"], made[2]["id"]}


@pytest.mark.parametrize("parameter", [("favourite-colour", "blue"), ("date", "yesterday")])
def test_a_search_that_is_not_understood_is_refused_and_not_answered_with_everything(
    client: FhirClient, patient: str, parameter: tuple[str, str]
) -> None:
    answer = client.send("GET", "Observation", params=[("patient", patient), parameter])
    assert answer.status == 400
    assert answer.body is not None
    assert answer.body["resourceType"] == "OperationOutcome"


def test_a_transaction_is_all_or_nothing(client: FhirClient, patient: str) -> None:
    good = observation(patient, 1)
    entry = [
        {"resource": good, "request": {"method": "PUT", "url": f"Observation/{good['id']}"}},
        {
            "resource": {"resourceType": "Patient", "id": patient, "gender": "female"},
            "request": {"method": "PUT", "url": f"Patient/{patient}", "ifMatch": 'W/"99"'},
        },
    ]
    answer = client.send("POST", "", body={"resourceType": "Bundle", "type": "transaction", "entry": entry})
    assert 400 <= answer.status < 500
    assert client.send("GET", f"Observation/{good['id']}").status == 404


def test_a_transaction_resolves_references_between_its_entries(client: FhirClient, patient: str) -> None:
    result = observation(patient, 1)
    del result["id"]
    report = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "code": {"text": "ctDNA"},
        "subject": {"reference": f"Patient/{patient}"},
        "result": [{"reference": "urn:uuid:7a0f6f3c-6a0c-4f43-9c7b-0f1d1f6c0001"}],
    }
    entry = [
        {"resource": report, "request": {"method": "POST", "url": "DiagnosticReport"}},
        {
            "fullUrl": "urn:uuid:7a0f6f3c-6a0c-4f43-9c7b-0f1d1f6c0001",
            "resource": result,
            "request": {"method": "POST", "url": "Observation"},
        },
    ]
    answer = client.send("POST", "", body={"resourceType": "Bundle", "type": "transaction", "entry": entry})
    assert answer.status == 200
    made, _ = client.search("Observation", [("patient", patient)])
    reports, _ = client.search("DiagnosticReport", [("patient", patient)])
    assert reports[0][1]["result"] == [{"reference": f"Observation/{made[0][1]['id']}"}]


def test_a_batch_answers_entry_by_entry(client: FhirClient, patient: str) -> None:
    entry = [
        {"request": {"method": "GET", "url": f"Patient/{patient}"}},
        {"request": {"method": "GET", "url": "Patient/nobody-of-this-name"}},
    ]
    answer = client.send("POST", "", body={"resourceType": "Bundle", "type": "batch", "entry": entry})
    assert answer.status == 200
    assert answer.body is not None
    assert [e["response"]["status"][:3] for e in answer.body["entry"]] == ["200", "404"]
    assert answer.body["entry"][0]["resource"]["id"] == patient


def test_a_name_is_searched_in_names_only(client: FhirClient) -> None:
    ident = f"n-{uuid.uuid4()}"
    name = f"Zq{uuid.uuid4().hex[:8]}"
    person = {"resourceType": "Patient", "id": ident, "name": [{"family": name, "given": ["Ada"]}]}
    client.send("PUT", f"Patient/{ident}", body=person)
    assert [r["id"] for _, r in client.search("Patient", [("name", name[:6])])[0]] == [ident]
    assert ident not in [r["id"] for _, r in client.search("Patient", [("name", "family")])[0]]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "NoSuchType/1"), ("GET", "NoSuchType"), ("POST", "NoSuchType"), ("DELETE", "CarePlan/a/b/c")],
)
def test_what_is_not_served_is_refused_with_an_operation_outcome(client: FhirClient, method: str, path: str) -> None:
    body = {"resourceType": "NoSuchType"} if method == "POST" else None
    answer = client.send(method, path, body=body)
    assert 400 <= answer.status < 500
    assert answer.body is not None
    assert answer.body["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceType": "Patient"}', b""])
def test_a_bad_body_is_refused_with_an_operation_outcome(client: FhirClient, body: bytes) -> None:
    answer = client.send("POST", "CarePlan", body=body)
    assert 400 <= answer.status < 500
    assert answer.body is not None
    assert answer.body["resourceType"] == "OperationOutcome"


def test_the_capability_statement_declares_what_the_app_uses(client: FhirClient) -> None:
    statement = client.capabilities()
    assert statement["fhirVersion"] == "4.0.1"
    plans = next(r for r in statement["rest"][0]["resource"] if r["type"] == "CarePlan")
    assert {"read", "create", "update", "search-type"} <= {i["code"] for i in plans["interaction"]}
    assert plans["conditionalCreate"] is True
