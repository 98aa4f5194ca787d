"""The names by which our care plans are known."""

from __future__ import annotations

SYSTEM = "https://esr1.example.org/fhir/careplan"
NUMBER_SYSTEM = "https://esr1.example.org/fhir/careplan-number"
FLAG_URL = "https://esr1.example.org/fhir/StructureDefinition/switch-review"

# by these texts our activities are known in a stored plan
DRAW_TEXT = "ctDNA ESR1 test (plasma)"
REVIEW_TEXT = "Switch review: ESR1 mutation detected"


def plan_key(patient_id: str) -> str:
    """One living plan per patient and server: a relaunch finds it by this value and writes no twin."""
    return f"esr1-surveillance-{patient_id}"


def plan_number(patient_id: str, number: int) -> str:
    """The identifier of the first, second … plan of a patient.

    ``plan_key`` stays the same after a plan was closed; a conditional create on it would find the closed plan and write
    nothing. On this one it finds just a twin of the plan that is being created.
    """
    return f"{plan_key(patient_id)}/{number}"
