"""The names by which our care plans are known."""

from __future__ import annotations

BASE = "https://esr1.example.org/fhir"
SYSTEM = f"{BASE}/careplan"
NUMBER_SYSTEM = f"{BASE}/careplan-number"
FLAG_URL = f"{BASE}/StructureDefinition/switch-review"
ACTIVITY_SYSTEM = f"{BASE}/CodeSystem/activity"

# by these codes and texts our activities are known in a stored plan
DRAW, REVIEW = "ctdna-esr1-draw", "switch-review"
DRAW_TEXT = "ctDNA ESR1 test (plasma)"
REVIEW_TEXT = "Switch review: ESR1 mutation detected"
DECLINED_TEXT = "Flag declined by the clinician"


def plan_key(patient_id: str) -> str:
    """One living plan per patient and server: a relaunch finds it by this value and writes no twin."""
    return f"esr1-surveillance-{patient_id}"


def plan_number(patient_id: str, number: int) -> str:
    """The identifier of the first, second … plan of a patient.

    ``plan_key`` stays the same after a plan was closed; a conditional create on it would find the closed plan and write
    nothing. On this one it finds just a twin of the plan that is being created.
    """
    return f"{plan_key(patient_id)}/{number}"
