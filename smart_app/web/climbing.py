"""What a preview on a lower rung holds: the rung chosen, what it would write, and what stands there already."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from smart_app.domain.wording import day_words
from smart_app.errors import FhirError, WriteError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.offer import granted
from smart_app.fhir.plans import choose_plan
from smart_app.fhir.reading.record import Json, items, reference_of
from smart_app.fhir.receipt import Receipt, SearchRecord
from smart_app.fhir.writing.journal import Entry, Journal
from smart_app.fhir.writing.ladder.asking import listed, wanted
from smart_app.fhir.writing.ladder.choosing import Choice, Situation, choose
from smart_app.fhir.writing.ladder.content import Content
from smart_app.fhir.writing.ladder.memory import short_mark
from smart_app.fhir.writing.ladder.posting import BUILDERS
from smart_app.fhir.writing.ladder.recall import Recalled, Standing, look_for, more, recall
from smart_app.fhir.writing.ladder.rungs import Rung, Shape, rungs, shape_of
from smart_app.fhir.writing.ladder.standing import current
from smart_app.fhir.writing.stored import living
from smart_app.smart.discovery import Endpoints
from smart_app.smart.issuers import Issuer
from smart_app.smart.launches import ABSOLUTE_SECONDS, Launch
from smart_app.smart.scopes import may_write
from smart_app.web.i18n import N_
from smart_app.web.settings import services

if TYPE_CHECKING:
    from smart_app.web.chart import ChartView
    from smart_app.web.planning import Preview

_RUNG_REFUSED = frozenset({403, 404, 405, 501})
_CONTENT_REFUSED = frozenset({400, 413, 422})
KIND = {
    "DocumentReference": N_("clinical note"),
    "QuestionnaireResponse": N_("form"),
    "Communication": N_("message"),
}
_LEARNT_SECONDS = 90 * 24 * 3600.0
EXTENSION = "extension"  # remembered beside the rungs: this server refuses a plan with our extension


def refused(launch: Launch) -> dict[str, int]:
    """What this EHR refused in this launch: HTTP status by rung id."""
    value = services().store.get("refused", launch.id) or {}
    return {str(k): int(v) for k, v in value.items()}


def note_refusal(launch: Launch, rung_id: str, error: WriteError) -> None:
    """An actual refusal counts more than statement and scopes, for the rest of the launch.

    A care plan found not valid is tried once more without the extension.
    """
    status = error.status
    if error.code != "write.refused" or status is None or status not in _RUNG_REFUSED | _CONTENT_REFUSED:
        return
    known = refused(launch)
    of_plan = rung_id.startswith("careplan")
    key = EXTENSION if of_plan and status in _CONTENT_REFUSED - {413} and EXTENSION not in known else rung_id
    services().store.put("refused", launch.id, {**known, key: status}, ABSOLUTE_SECONDS)


def without_refused(launch: Launch, plan: Json) -> Json:
    """The care plan without what this EHR has refused."""
    return {k: v for k, v in plan.items() if k != "extension"} if EXTENSION in refused(launch) else plan


def asked(issuer: Issuer, endpoints: Endpoints) -> tuple[tuple[str, str], ...]:
    """The writing to ask for at sign-in: by the statement that an earlier launch read, else by what is listed."""
    known = services().store.get("offers", issuer.id)
    if known is not None:
        return tuple((str(kind), str(letters)) for kind, letters in known["wanted"])
    return listed(endpoints.scopes, issuer.plan)


def _learn(issuer: Issuer, statement: Json) -> None:
    """For the next sign-in: what a rung of this EHR could use."""
    found = {"wanted": [list(w) for w in wanted(statement, issuer.plan)]}
    if services().store.get("offers", issuer.id) != found:
        services().store.put("offers", issuer.id, found, _LEARNT_SECONDS)


@dataclass(slots=True)
class Beside:
    """What no search plan reads: answers and messages that may hold a plan of ours. Asked for beside the searches."""

    launch: Launch
    statement: Json | None  # None: not known yet
    found: list[Json] = field(default_factory=list)
    records: list[SearchRecord] = field(default_factory=list)

    def ask(self, client: FhirClient) -> None:
        """Needs nothing of the app but what it was made with: it runs in a thread of its own."""
        if self.statement is None:
            try:
                self.statement = client.capabilities()
            except FhirError:
                return
        kinds = [k for k in ("QuestionnaireResponse", "Communication") if granted(k, self.launch.scopes_granted)]
        self.found, self.records = more(client, self.statement, self.launch.patient_id, _author(self.launch), kinds)


def kept_plans(
    client: FhirClient, beside: Beside, resources: dict[str, Json], receipt: Receipt
) -> tuple[Recalled, ...]:
    """Plans of ours that stand in the EHR as notes, answers or messages."""
    if beside.statement:
        _learn(beside.launch.issuer, beside.statement)
    receipt.searches.extend(beside.records)
    return recall(client, [*resources.values(), *beside.found], beside.launch.patient_id)


def _author(launch: Launch) -> str:
    user = launch.user_reference or ""
    return user if user.startswith("Practitioner/") else ""


def is_out_of_use(view: ChartView) -> bool:
    """Merged into another record, or retired: nothing is written to it on any rung."""
    return is_merged(view) or view.resources.get(f"Patient/{view.launch.patient_id}", {}).get("active") is False


def is_merged(view: ChartView) -> bool:
    patient = view.resources.get(f"Patient/{view.launch.patient_id}", {})
    return any(link.get("type") == "replaced-by" for link in items(patient.get("link")))


def choice_of(made: Preview, *, wish: bool = False) -> tuple[Choice, Shape]:
    """The rung for a prepared plan (``web.planning.Preview``)."""
    view, launch = made.view, made.view.launch
    client = services().client(launch)
    statement: Json | None = None
    try:
        statement = client.capabilities()
    except FhirError:
        statement = None
    shape = shape_of(choose_plan(statement, launch.issuer.plan).name)
    now = Situation(
        statement,
        lambda kind, access: may_write(launch.scopes_granted, kind, access),
        shape,
        refused(launch),
        asked=lambda kind, access: launch.open_server or may_write(launch.scopes_asked, kind, access),
        encounter="encounter" in made.plan,
        practitioner=bool(_author(launch)) and "author" in made.plan,
        has_plan=made.stored is not None or living(view.own_plans) is not None,
        wish=wish,
        blocked=made.why_not or "" if is_out_of_use(view) else "",
    )
    choice = choose(now)
    if choice.rung.resource == "CarePlan" and made.why_not is not None:
        # a care plan would be taken, but whether one is there could not be told: no other rung may make a second plan
        choice = choose(Situation(statement, now.granted, shape, blocked=made.why_not))
    return choice, shape


@dataclass(frozen=True, slots=True)
class Climbed:
    """A preview on the chosen rung. ``draft`` None: nothing is written there (care plan, text)."""

    made: Preview
    choice: Choice
    content: Content
    draft: Json | None
    standing: Standing
    wish: bool

    @property
    def rung(self) -> Rung:
        return self.choice.rung

    @property
    def view(self) -> ChartView:
        return self.made.view

    @property
    def same(self) -> Recalled | None:
        """The very same plan, where it is there already."""
        there = self.standing.with_mark(self.content.mark)
        return there if there is not None and not there.is_over else None

    @property
    def fingerprint(self) -> str:
        """What a confirmation is bound to."""
        bound = {
            "patient": self.view.launch.patient_id,
            "rung": self.rung.id,
            "draft": self.draft,
            "expected": self.standing.version,
            "inputs": self.view.decision.input_digest,
        }
        return hashlib.sha256(jsontext.dumps(bound)).hexdigest()


def climb(launch: Launch, made: Preview, now: datetime, *, wish: bool = False) -> Climbed:
    """The chosen rung with its draft, and what of ours stands there."""
    choice, shape = choice_of(made, wish=wish)
    view = made.view
    before = current(view.own_plans, view.kept)
    content = Content(
        made.whole,
        tuple(made.words),
        launch.patient_id,
        now,
        author=_author(launch) if "author" in made.plan else "",
        author_name=launch.user_name or "",
        encounter_id=launch.encounter_id if "encounter" in made.plan else None,
    )
    known = before.memory if isinstance(before, Recalled) else None
    if before is not None and (known is None or known.mark != content.mark):
        reference, said = place_of(before)
        content = replace(content, replaces=reference, replaces_words=said)
    draft, standing = None, Standing()
    if choice.rung.posts:
        standing = look_for(services().client(launch), choice.rung.resource, launch.patient_id, content.author)
        draft = BUILDERS[choice.rung.id](content, shape)
    return Climbed(made, choice, content, draft, standing, wish)


def place_of(before: Json | Recalled) -> tuple[str, str]:
    """What a new plan takes the place of: its reference, and in words."""
    if not isinstance(before, Recalled):
        return reference_of(before), "the care plan of this app in the EHR, which could not be changed from here"
    return before.reference, f"the {KIND[before.reference.split('/')[0]]} of {day_words(date.fromisoformat(before.on))}"


def journal_for(launch: Launch, rung_id: str) -> Journal:
    """Each rung keeps its own journal; the lock over all rungs is the care plan's."""
    return Journal.of(services().store, f"{launch.issuer.id}|{rung_id}", launch.patient_id)


def open_entries(launch: Launch) -> list[tuple[Rung, Journal, Entry]]:
    """Writes on any rung that ended without an answer."""
    found = []
    for rung in rungs():
        if rung.posts:
            journal = journal_for(launch, rung.id)
            entry = journal.unfinished()
            if entry is not None:
                found.append((rung, journal, entry))
    return found


def settle_arrived(client: FhirClient, climbed: Climbed) -> tuple[str, ...]:
    """Settles what has arrived meanwhile; gives the names of the rungs whose outcome is still not known."""
    launch = climbed.view.launch
    unknown = []
    for rung, journal, entry in open_entries(launch):
        standing = climbed.standing
        if rung.id != climbed.rung.id:
            standing = look_for(client, rung.resource, launch.patient_id, climbed.content.author)
        if standing.with_mark(short_mark(entry.mark)) is not None:
            journal.settle()
        else:
            unknown.append(rung.name)
    if Journal.of(services().store, launch.issuer.id, launch.patient_id).unfinished() is not None:
        unknown.append("a care plan")
    return tuple(unknown)
