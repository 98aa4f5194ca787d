"""Synthetic patients as readable source, with dates relative to a given day so that they never go stale."""

from smart_app.sandbox.patients.builder import TAG, Patient
from smart_app.sandbox.patients.people import everybody

__all__ = ["TAG", "Patient", "everybody"]
