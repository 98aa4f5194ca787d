"""SMART on FHIR app that follows a patient's ctDNA ESR1 results and flags when to draw and when to review."""

__version__ = "0.1.0"
