"""Every resource is checked against the patient of the launch before it becomes a fact."""

from __future__ import annotations

from typing import Any

import pytest

from smart_app.fhir.reading.sift import sift
from smart_app.fhir.receipt import Receipt

BASE = "https://ehr.example/fhir"
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "urn:mrn", "value": "1"}, {"system": "urn:mrn", "value": "2"}],
}


def observation(**subject: Any) -> dict[str, Any]:
    return (
        {"resourceType": "Observation", "id": "o", "subject": subject}
        if subject
        else {
            "resourceType": "Observation",
            "id": "o",
        }
    )


def sifted(resource: dict[str, Any], *, strict: bool = True, patient_url: str = "") -> tuple[bool, Receipt]:
    receipt = Receipt()
    kept = sift([(patient_url, PATIENT), ("", resource)], "p", receipt, base=BASE, strict=strict)
    return any(r is resource for _, r in kept), receipt


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p"},
        {"reference": "Patient/p/_history/3"},
        {"reference": f"{BASE}/Patient/p"},
        {"identifier": {"system": "urn:mrn", "value": "2"}},
    ],
)
def test_every_way_to_name_this_patient_is_understood(subject: dict[str, Any]) -> None:
    kept, receipt = sifted(observation(**subject))
    assert kept
    assert receipt.foreign == []


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/q"},
        {"reference": "Patient/p2"},
        {"reference": "https://other.example/fhir/Patient/p"},
        {"reference": "Group/p"},
        {"reference": "#p"},
        {"identifier": {"system": "urn:mrn", "value": "9"}},
        {"identifier": {"value": "1"}},
        {"display": "Jane"},
    ],
)
def test_another_patient_or_an_unclear_one_is_refused_loudly(subject: dict[str, Any]) -> None:
    kept, receipt = sifted(observation(**subject))
    assert not kept
    assert [refused.source for refused in receipt.alarms] == ["Observation/o"]
    assert not receipt.complete


@pytest.mark.parametrize(
    ("focus", "ours"),
    [
        ({"reference": "Patient/p"}, True),
        ({"reference": f"{BASE}/Patient/p"}, True),
        ({"reference": "Condition/c"}, True),
        ({"reference": "Patient/q"}, False),
        ({"reference": f"{BASE}/Patient/q"}, False),
        ({"reference": "RelatedPerson/donor"}, False),
        ({"type": "Patient", "display": "Jane"}, False),
    ],
)
def test_what_was_observed_of_somebody_else_is_not_this_patients(focus: dict[str, Any], ours: bool) -> None:
    kept, receipt = sifted({**observation(reference="Patient/p"), "focus": [focus]})
    assert kept is ours
    assert [refused.source for refused in receipt.alarms] == ([] if ours else ["Observation/o"])


@pytest.mark.parametrize("address", [f"{BASE}/Patient/q", "Patient/q", f"{BASE}/Patient/q/_history/1"])
def test_an_address_that_names_somebody_else_makes_nobody_else_ours(address: str) -> None:
    kept, receipt = sifted(observation(reference=address), patient_url=address)
    assert not kept
    assert [refused.source for refused in receipt.alarms] == ["Observation/o"]


def test_a_resource_without_a_subject_is_set_aside_from_a_server_and_kept_from_a_file() -> None:
    kept, receipt = sifted(observation())
    assert not kept
    assert [note.code for note in receipt.set_aside] == ["subject.missing"]
    kept, _ = sifted(observation(), strict=False)
    assert kept


def test_in_a_file_of_several_patients_the_others_are_left_out_without_alarm() -> None:
    kept, receipt = sifted(observation(reference="urn:uuid:2"), strict=False, patient_url="urn:uuid:1")
    assert not kept
    assert receipt.alarms == []
    kept, _ = sifted(observation(reference="urn:uuid:1"), strict=False, patient_url="urn:uuid:1")
    assert kept


def test_an_appointment_counts_by_its_patient_participant() -> None:
    def appointment(who: str) -> dict[str, Any]:
        actors = [{"actor": {"reference": "Practitioner/x"}}, {"actor": {"reference": who}}]
        return {"resourceType": "Appointment", "id": "a", "participant": actors}

    assert sifted(appointment("Patient/p"))[0]
    assert not sifted(appointment("Patient/q"))[0]


def test_another_patient_resource_is_refused() -> None:
    kept, receipt = sifted({"resourceType": "Patient", "id": "q"})
    assert not kept
    assert receipt.alarms[0].code == "patient.other"
