"""What a preview of the care plan holds: the record read anew, the plan built, and what writing it would do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from smart_app.domain.decision import ReviewAnswer
from smart_app.errors import FhirError, WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.decisionjson import replayable
from smart_app.fhir.reading.attested import attested_changes
from smart_app.fhir.reading.record import Json, obj, text
from smart_app.fhir.writing.careplan import Moved, PlanContext, build_plan, sentences
from smart_app.fhir.writing.compare import differences, ended_by
from smart_app.fhir.writing.following import followed, result_since
from smart_app.fhir.writing.journal import Entry, Journal
from smart_app.fhir.writing.ladder.recall import Recalled
from smart_app.fhir.writing.ladder.standing import current
from smart_app.fhir.writing.looking import Found, look
from smart_app.fhir.writing.patching import mark_of, patched
from smart_app.fhir.writing.protocol import can_write
from smart_app.fhir.writing.provenance import draft, put_beside
from smart_app.fhir.writing.stored import living, next_number, replaced
from smart_app.fhir.writing.wording import typed
from smart_app.smart.launches import Launch
from smart_app.smart.scopes import may_write
from smart_app.web.chart import ChartView, read_view
from smart_app.web.climbing import is_merged, place_of, refused, without_refused
from smart_app.web.i18n import _
from smart_app.web.settings import services

LATEST = 366  # days ahead of today within which a draw may be moved


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the clinician typed at the preview. ``wrong``: what cannot be taken as typed, in words."""

    note: str = ""
    decided: str = ""
    draw_from: str = ""
    draw_until: str = ""
    draw_reason: str = ""
    declined: str = ""  # "yes": ``decided`` is the reason why the flag is declined
    keep: str = ""  # "yes": the stored plan is updated, also where a new draw result would end it

    @classmethod
    def of(cls, form: dict[str, str]) -> Wishes:
        return cls(**{name: typed(form.get(name, "")) for name in cls.__slots__})

    def as_value(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__slots__}

    def moved(self, view: ChartView) -> tuple[Moved | None, str]:
        """The draw's other days, or why they cannot be taken."""
        planned = view.decision.next_draw
        if planned is None or not (self.draw_from or self.draw_until):
            return None, ""
        try:
            first = date.fromisoformat(self.draw_from) if self.draw_from else planned.earliest
            last = date.fromisoformat(self.draw_until) if self.draw_until else planned.latest
        except ValueError:
            return None, _("The days of the draw could not be read; write them as 2027-01-31.")
        if (first, last) == (planned.earliest, planned.latest):
            return None, ""
        if first > last:
            return None, _("The first day of the draw lies after its last day.")
        if last < view.today or (last - view.today).days > LATEST:
            return None, _("The draw must lie between today and a year from now.")
        if not self.draw_reason and not (planned.earliest <= first and last <= planned.latest):
            return None, _("Outside the policy's days the draw needs a reason.")
        return Moved(first, last, self.draw_reason), ""

    def undecided(self, view: ChartView) -> str:
        """Why the flag cannot be declined like this; '' where it can, or is not."""
        if self.declined and not self.decided and view.decision.switch_review.answer is ReviewAnswer.RAISED:
            return _("Declining the flag needs a reason.")
        return ""


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan as it would be written, and what writing it would do."""

    view: ChartView
    plan: Json  # as built
    shown: Json  # as it would be sent: the stored one, patched, where there is one
    words: list[str]
    found: Found
    changes: list[str]
    why_not: str | None  # why it cannot be written here; the plan can still be copied
    wrong: str  # what the clinician typed and could not be taken
    withdrawn: frozenset[str]
    conditional: bool  # the server refuses a twin by itself
    ends: Json | None  # the stored plan as it is completed first, where a new draw result ends it
    new_result: bool  # there is such a result, whether or not the clinician wishes to keep the plan
    whole: Json  # as built, also with what this EHR has refused

    @property
    def stored(self) -> Json | None:
        return self.found.plan

    @property
    def earlier(self) -> list[Json]:
        """Plans of ours that are not the living one, newest first."""
        return [p for p in self.found.own if p.get("id") != obj(self.stored).get("id")]


def prepare(launch: Launch, wishes: Wishes) -> Preview:
    """Reads the record anew and builds the plan. FhirError where the patient cannot be read."""
    view = read_view(launch)
    client = services().client(launch)
    why_not, offered = _why_not(client, launch, view)
    found = Found(own=view.own_plans)
    if why_not is None:
        try:
            found = look(client, launch.patient_id)
        except (WriteError, FhirError) as error:
            why_not = error.message
    if found.plan is not None and ("modifierExtension" in found.plan or "implicitRules" in found.plan):
        why_not = "Somebody has put a rule on the stored plan that this app does not know, so it does not change it."
    before = current(found.own, view.kept)
    moved, wrong = wishes.moved(view)
    drawn = result_since(found.plan, view.chart) if found.plan is not None and offered["create"] else None
    follows = found.plan is not None and drawn is not None and not wishes.keep
    context = PlanContext(
        patient_id=launch.patient_id,
        chart=view.chart,
        user_reference=launch.user_reference if launch.user_name or _is_there(client, launch.user_reference) else None,
        user_name=launch.user_name,
        encounter_id=_encounter(client, launch, view),
        note=wishes.note,
        decided=wishes.decided,
        declined=wishes.declined == "yes",
        moved=moved,
        number=next_number(found.own),
        replaces=f"CarePlan/{obj(found.plan).get('id')}" if follows else replaced(found.own),
        attested=view.supplied.standing,
        follows=place_of(before) if why_not is None and isinstance(before, Recalled) else None,
    )
    whole = build_plan(view.decision, context)
    plan = without_refused(launch, whole)
    withdrawn = frozenset(s.reference for w in view.chart.withdrawn for s in w.sources) | view.supplied.gone
    shown, changes, ends = plan, [], None
    if found.plan is not None and drawn is not None and follows:
        ends = followed(found.plan, drawn, view.today, signature(launch))
        changes = ended_by(found.plan, plan, drawn) + attested_changes(found.plan, plan)
    elif found.plan is not None:
        shown = patched(found.plan, plan, withdrawn)
        changes = differences(found.plan, shown) + attested_changes(found.plan, shown)
    words = sentences(view.decision, context)
    wrong = wrong or wishes.undecided(view)
    conditional = offered["conditional"]
    new_result = drawn is not None
    return Preview(
        view, plan, shown, words, found, changes, why_not, wrong, withdrawn, conditional, ends, new_result, whole
    )


def signature(launch: Launch) -> Json:
    """Who is signed in, as an annotation names an author."""
    return {"authorString": launch.user_name} if launch.user_name else {}


def _is_there(client: FhirClient, reference: str | None) -> bool:
    """False where the server knows that it has none: it would refuse a plan that names it."""
    if reference is None:
        return False
    try:
        return client.send("GET", reference).status not in (404, 410)
    except FhirError:
        return True


def _encounter(client: FhirClient, launch: Launch, view: ChartView) -> str | None:
    ident = launch.encounter_id
    if ident is None or f"Encounter/{ident}" in view.resources or _is_there(client, f"Encounter/{ident}"):
        return ident
    return None


_NOTHING = {"create": False, "update": False, "conditional": False}


def _why_not(client: FhirClient, launch: Launch, view: ChartView) -> tuple[str | None, dict[str, bool]]:
    """Why a plan cannot be written here, and what the server and the granted scopes offer."""
    there = living(view.own_plans) is not None
    if is_merged(view):
        why = (
            "The EHR has merged this patient record into another one. Launch the app from the record that is used now."
        )
        return why, _NOTHING
    if view.resources.get(f"Patient/{launch.patient_id}", {}).get("active") is False:
        why = "The EHR calls this patient record not active (merged or retired). Launch the app from the one in use."
        return why, _NOTHING
    status = refused(launch).get("careplan.update" if there else "careplan.create")
    if status is not None:
        return f"The EHR refused a care plan in this session (HTTP {status}).", _NOTHING
    if not may_write(launch.scopes_granted, "CarePlan", "u" if there else "c"):
        return "The EHR did not grant this app to write care plans.", _NOTHING
    try:
        offered = can_write(client)
    except FhirError as error:
        return f"What this EHR accepts could not be looked up: {error.message}", _NOTHING
    if not offered["update" if there else "create"]:
        return "This EHR does not let apps write a care plan (its own statement says so).", _NOTHING
    offered["create"] = offered["create"] and may_write(launch.scopes_granted, "CarePlan", "c")
    return None, offered


def fingerprint(made: Preview) -> str:
    """Digest of everything a confirmation is bound to: patient, what would be sent, stored version, inputs."""
    bound = {
        "patient": made.view.launch.patient_id,
        "sent": made.shown,
        "ended": made.ends,
        "expected": made.found.version,
        "inputs": made.view.decision.input_digest,
        "policy": f"{made.view.decision.policy_name} {made.view.decision.policy_version}",
    }
    return hashlib.sha256(jsontext.dumps(bound)).hexdigest()


def journal_of(launch: Launch) -> Journal:
    return Journal.of(services().store, launch.issuer.id, launch.patient_id)


def left_over(made: Preview) -> tuple[str, Entry | None]:
    """What became of an earlier write that ended without an answer.

    "arrived" (the stored plan holds it), "closed" (it closed a plan and did), "absent", "unseen" (nothing can be told
    here), or "" where there was none.
    """
    journal = journal_of(made.view.launch)
    entry = journal.unfinished()
    if entry is None:
        return "", None
    ours = [*([made.stored] if made.stored is not None else []), *made.earlier]
    arrived = next((p for p in ours if entry.mark and mark_of(p) == entry.mark), None)
    if arrived is None and entry.state == "sent":
        arrived = made.stored
    if arrived is None and not (entry.creating and made.stored is not None) and entry.state != "sent":
        return "unseen" if made.why_not is not None else "absent", entry
    if made.why_not is not None:  # where nothing may be written, no witness is either
        return "", None
    if arrived is None or bear_witness(made.view.launch, entry.witness, arrived) != "unknown":
        journal.settle()
    if entry.state == "sent":
        return "", None
    return "closed" if arrived is not None and arrived is not made.stored else "arrived", entry


def witness_of(made: Preview) -> Json | None:
    """The Provenance that goes with what is confirmed; None where the granted scopes hold none."""
    view = made.view
    if not may_write(view.launch.scopes_granted, "Provenance", "c"):
        return None
    record = replayable(view.decision, view.chart, view.policy)
    author = text(obj(made.plan.get("author")).get("reference"))
    creating = made.stored is None or made.ends is not None
    return draft(view.decision, view.chart, record, author, services().settings.now(), creating=creating)


def bear_witness(launch: Launch, witness: Json | None, plan: Json) -> str:
    """What became of the Provenance beside a written plan (``provenance.put_beside``); "" where there is none."""
    return put_beside(services().client(launch), witness, [plan]) if witness is not None else ""


def banner_id(plan: Json) -> str | None:
    """The version of a stored plan, for the page."""
    return text(obj(plan.get("meta")).get("versionId"))
