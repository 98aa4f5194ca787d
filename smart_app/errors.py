"""One error tree. Every error that a user may meet has a stable code that can be quoted."""

from __future__ import annotations


class AppError(Exception):
    """``code`` is stable and may be quoted; ``message`` is for people and never holds patient data or a token."""

    code = "app.error"

    def __init__(self, message: str, *, code: str | None = None, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        if code is not None:
            self.code = code


class ConfigError(AppError):
    """A configuration, policy, code or evidence file is not right. The message names file and line."""

    code = "config.invalid"


class LaunchError(AppError):
    """A SMART launch cannot go on."""

    code = "launch.failed"


class FhirError(AppError):
    """The FHIR server could not be read or written."""

    code = "fhir.failed"


class WriteError(AppError):
    """The care plan was not written, or it is not known whether it was."""

    code = "write.failed"
    status: int | None = None  # the HTTP status by which the EHR refused it
