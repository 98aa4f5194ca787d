"""The decisions. Pure Python: no HTTP, no FHIR JSON, no clock, no globals."""

from smart_app.domain.decide import decide

__all__ = ["decide"]
