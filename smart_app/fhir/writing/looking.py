"""Looking for our plan on the server, completely or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from smart_app.errors import FhirError, WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient, Response, expect
from smart_app.fhir.reading.record import Json, obj, text
from smart_app.fhir.writing.stored import is_living, own_plans


@dataclass(frozen=True, slots=True)
class Found:
    """Our living plan as the server has it now (None: there is none), and all plans of ours, closed ones included."""

    plan: Json | None = None
    etag: str | None = None  # for If-Match; None where the server keeps no versions
    own: list[Json] = field(default_factory=list)

    @classmethod
    def of(cls, answer: Response, own: list[Json] | None = None) -> Found:
        """From the answer to a read; FhirError where it is no CarePlan."""
        plan = expect(answer, "CarePlan")
        version = text(obj(plan.get("meta")).get("versionId"))
        return cls(plan, f'W/"{version}"' if version is not None else answer.etag, own or [])

    @property
    def version(self) -> str:
        """Id, version and content of the living plan, '' for none: what a preview is bound to."""
        if self.plan is None:
            return ""
        content = {k: v for k, v in self.plan.items() if k != "meta"}
        digest = hashlib.sha256(jsontext.dumps(content)).hexdigest()[:16]
        return f"{self.plan.get('id')}/{obj(self.plan.get('meta')).get('versionId', '')}/{digest}"

    @property
    def living(self) -> int:
        return sum(1 for p in self.own if is_living(p))


def look(client: FhirClient, patient_id: str) -> Found:
    """Asks the server. WriteError ``write.cannot_look`` where it cannot be asked completely: then nothing is written.

    All care plans of the patient are read and ours picked here, because not every server can search by identifier, and
    one that ignores or misreads it would hide our plan. The plan is then read by its id: a list may give it shortened.
    """
    entries, record = client.search("CarePlan", [("patient", patient_id)])
    if not record.complete:  # Epic and Oracle Health answer only with a category
        entries, record = client.search("CarePlan", [("patient", patient_id), ("category", "assess-plan")])
    if not record.complete:
        raise _cannot(record.error or "")
    found = own_plans([r for _, r in entries if r.get("resourceType") == "CarePlan"], patient_id)
    own = [p for p in found if of_patient(p, client, patient_id)]
    for plan in own:
        if not is_living(plan) or not text(plan.get("id")):
            continue
        try:
            answer = client.send("GET", f"CarePlan/{plan['id']}")
            if answer.status in (404, 410):
                continue  # deleted, and still in the server's index
            now = Found.of(answer, own)
        except FhirError as error:
            raise _cannot(error.message) from error
        if now.plan is not None and is_living(now.plan) and of_patient(now.plan, client, patient_id):
            return now
    return Found(own=own)


def _cannot(why: str) -> WriteError:
    return WriteError(f"Whether a plan is there already could not be looked up: {why}", code="write.cannot_look")


def find_living(client: FhirClient, patient_id: str) -> Json | None:
    """Our living plan, None where there is none; errors as ``look``."""
    return look(client, patient_id).plan


def of_patient(plan: Json, client: FhirClient, patient_id: str) -> bool:
    """Whether the plan is this patient's, on this server."""
    reference = (text(obj(plan.get("subject")).get("reference")) or "").split("/_history/")[0]
    return reference in (f"Patient/{patient_id}", f"{client.base}/Patient/{patient_id}")
