"""Plans of ours that stand in the EHR as notes, answers or messages: which they are, and which can be believed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from smart_app.errors import FhirError
from smart_app.fhir.client import FhirClient
from smart_app.fhir.reading.record import Json, items, obj, reference_of, text
from smart_app.fhir.receipt import SearchRecord
from smart_app.fhir.writing.identity import NUMBER_SYSTEM
from smart_app.fhir.writing.ladder import communication, note, questionnaire
from smart_app.fhir.writing.ladder.memory import HEAD, Memory, parse
from smart_app.fhir.writing.looking import of_patient
from smart_app.fhir.writing.offers import offered

KINDS = ("DocumentReference", "QuestionnaireResponse", "Communication")
NEWEST = 12  # notes of the type ours have, whose words are fetched one by one where the server keeps them apart


@dataclass(frozen=True, slots=True)
class Recalled:
    """A resource that holds a plan of ours. ``memory`` None: it looks like one, and ``why`` says why it is not used."""

    resource: Json
    memory: Memory | None
    why: str = ""

    @property
    def reference(self) -> str:
        return reference_of(self.resource)

    @property
    def on(self) -> str:
        return self.memory.on if self.memory is not None else ""

    @property
    def written(self) -> str:
        """When, as the resource says it; for the order and for people."""
        for name in ("date", "authored", "sent"):
            if said := text(self.resource.get(name)):
                return said
        return text(obj(self.resource.get("meta")).get("lastUpdated")) or ""

    @property
    def is_draft(self) -> bool:
        return self.resource.get("docStatus") == "preliminary"

    @property
    def is_over(self) -> bool:
        """Taken out of use in the EHR."""
        return self.resource.get("status") == "superseded"

    @property
    def plan(self) -> Json | None:
        return self.memory.as_plan(self.resource) if self.memory is not None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What of ours the server has of one kind. ``complete`` False: looking cannot tell, and ``why`` says why."""

    found: tuple[Recalled, ...] = ()
    complete: bool = True
    why: str = ""

    @property
    def version(self) -> str:
        """What a preview is bound to."""
        seen = [f"{r.reference}/{obj(r.resource.get('meta')).get('versionId', '')}/{r.memory}" for r in self.found]
        return hashlib.sha256("\n".join([str(self.complete), *seen]).encode()).hexdigest()

    @property
    def living(self) -> Recalled | None:
        return next((r for r in self.found if r.memory is not None and not r.is_over), None)

    def with_mark(self, mark: str) -> Recalled | None:
        return next((r for r in self.found if r.memory is not None and r.memory.mark == mark), None)


def recalled(client: FhirClient, resource: Json, patient_id: str) -> Recalled | None:
    """None where it is none of ours."""
    if not of_patient(resource, client, patient_id):
        return None
    kind = resource.get("resourceType")
    if kind == "DocumentReference" and note.may_be_ours(resource):
        said, authors = note.words(client, resource), [text(a.get("reference")) for a in items(resource.get("author"))]
    elif kind == "QuestionnaireResponse" and questionnaire.may_be_ours(resource):
        said, authors = questionnaire.words(resource), [questionnaire.author_of(resource)]
    elif kind == "Communication" and communication.may_be_ours(resource):
        said, authors = communication.words(resource), [communication.author_of(resource)]
    else:
        return None
    ours = any(i.get("system") == NUMBER_SYSTEM for i in items(resource.get("identifier")))
    if said is None:
        return Recalled(resource, None, "Its words could not be read.") if ours else None
    if HEAD not in said:
        return Recalled(resource, None, "Its last line is gone.") if ours else None
    memory = parse(said, patient_id)
    if memory is None:
        return Recalled(resource, None, "It was changed or copied since the app wrote it, so the app does not use it.")
    known = {(a or "").removeprefix(f"{client.base}/").split("/_history/")[0] for a in authors} - {""}
    if known != ({memory.author} - {""}):
        return Recalled(resource, None, "It has another author than the app wrote, so the app does not use it.")
    return Recalled(resource, memory)


def recall(client: FhirClient, resources: Iterable[Json], patient_id: str) -> tuple[Recalled, ...]:
    """Those of ours among resources that were read, the newest first."""
    candidates = [r for r in resources if r.get("resourceType") in KINDS]
    typed = [r for r in candidates if r["resourceType"] == "DocumentReference" and note.may_be_ours(r)]
    typed.sort(key=lambda r: text(r.get("date")) or "", reverse=True)
    others = [r for r in candidates if r["resourceType"] != "DocumentReference"]
    wanted = [*typed[:NEWEST], *others]
    if not wanted:
        return ()
    with ThreadPoolExecutor(4) as pool:
        found = [r for r in pool.map(lambda one: recalled(client, one, patient_id), wanted) if r is not None]
    return tuple(sorted(found, key=lambda r: (r.on, r.written, r.reference), reverse=True))


def look_for(client: FhirClient, kind: str, patient_id: str, author: str) -> Standing:
    """Asks the server for all of one kind; never raises for an answer that cannot be had."""
    try:
        statement = client.capabilities()
    except FhirError as error:
        return Standing(complete=False, why=error.message)
    if "search-type" not in offered(statement, kind):
        return Standing(complete=False, why=f"This EHR does not let apps search for a {kind}.")
    names = _parameters(statement, kind)
    if not names or "patient" in names:
        params = [("patient", patient_id)]
    elif "subject" in names:
        params = [("subject", f"Patient/{patient_id}")]
    elif "recipient" in names and author:
        params = [("recipient", author)]
    else:
        return Standing(complete=False, why=f"This EHR does not search a {kind} by patient.")
    entries, record = client.search(kind, params)
    found = recall(client, [r for _, r in entries], patient_id)
    return Standing(found, record.complete, record.error or "")


def more(
    client: FhirClient, statement: Json, patient_id: str, author: str, granted: Iterable[str]
) -> tuple[list[Json], list[SearchRecord]]:
    """Answers and messages, which no search plan reads; asked only where the token allows it (``granted``: types)."""
    asking: list[tuple[str, list[tuple[str, str]]]] = []
    for kind in granted:
        names = _parameters(statement, kind)
        if "search-type" not in offered(statement, kind) or (names and "patient" not in names and not author):
            continue
        asking.append((kind, [("patient", patient_id)] if not names or "patient" in names else [("recipient", author)]))
    if not asking:
        return [], []
    with ThreadPoolExecutor(len(asking)) as pool:
        answers = list(pool.map(lambda one: client.search(*one, shown="plans of this app"), asking))
    for _, record in answers:
        record.needed = False
    return [resource for entries, _ in answers for _, resource in entries], [record for _, record in answers]


def _parameters(statement: Json, kind: str) -> set[str]:
    return {
        text(p.get("name")) or ""
        for rest in items(statement.get("rest"))
        for resource in items(rest.get("resource"))
        if resource.get("type") == kind
        for p in items(resource.get("searchParam"))
    }
