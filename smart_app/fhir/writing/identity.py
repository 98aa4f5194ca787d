"""The names by which our care plans are known."""

from __future__ import annotations

SYSTEM = "https://esr1.example.org/fhir/careplan"
FLAG_URL = "https://esr1.example.org/fhir/StructureDefinition/switch-review"
PLAN_URL = "https://esr1.example.org/fhir/PlanDefinition/esr1-surveillance"


def plan_key(patient_id: str) -> str:
    """One living plan per patient and server: a relaunch finds it by this value and writes no twin."""
    return f"esr1-surveillance-{patient_id}"
