"""What a token answer says beside the token: visit, intent, tenant, what was open, the EHR's style.

SMART App Launch 2.2, launch context. Nothing here may change who the patient is, and what is unknown or not of the
right form counts as not said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smart_app.errors import FhirError
from smart_app.fhir.reading.record import items, text
from smart_app.smart.discovery import trusted
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import fhir_id

INTENTS = {"esr1-timeline": "", "esr1-care-plan": "plan"}  # the page below the launch that an intent opens
_TENANT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:/")
_ADDRESS = _TENANT | frozenset("~?=&%")
_MANY = 10


@dataclass(frozen=True, slots=True)
class Context:
    """``opened_from``: ``Type/id`` of what the EHR had open. ``style_url`` lies on an origin that the issuer names."""

    encounter_id: str | None = None
    need_patient_banner: bool = True
    intent: str | None = None
    tenant: str | None = None
    opened_from: tuple[str, ...] = ()
    style_url: str | None = None


def context_of(answer: dict[str, Any], issuer: Issuer) -> Context:
    """Total: any answer gives a context."""
    intent = text(answer.get("intent"))
    return Context(
        encounter_id=fhir_id(answer.get("encounter"), "Encounter"),
        need_patient_banner=answer.get("need_patient_banner") is not False,
        intent=intent if intent in INTENTS else None,
        tenant=_plain(answer.get("tenant"), _TENANT, 64),
        opened_from=_opened_from(answer.get("fhirContext"), issuer.base),
        style_url=_style_url(answer.get("smart_style_url"), issuer),
    )


def _plain(value: object, allowed: frozenset[str], longest: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest and set(value) <= allowed else None


def _style_url(value: object, issuer: Issuer) -> str | None:
    found = _plain(value, _ADDRESS, 500)
    try:
        return found if found is not None and trusted(issuer, found) else None
    except FhirError:
        return None


def _opened_from(value: object, base: str) -> tuple[str, ...]:
    """Resources on this very server. A Patient in it is no second word about who the patient is (2.2, fhirContext)."""
    found = []
    for one in items(value):
        said = (text(one.get("reference")) or "").removeprefix(base + "/")
        kind, _, ident = said.partition("/")
        if kind.isascii() and kind.isalpha() and kind not in ("Patient", "Encounter") and fhir_id(ident) == ident:
            found.append(f"{kind}/{ident}")
    return tuple(dict.fromkeys(found[:_MANY]))
