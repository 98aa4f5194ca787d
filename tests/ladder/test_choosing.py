"""Any combination of statement, scopes and refusals ends on a rung, and on the highest that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smart_app.fhir.writing.ladder.choosing import Situation, choose
from smart_app.fhir.writing.ladder.rungs import features, rungs, shapes
from smart_app.smart.scopes import may_write

TYPES = ("CarePlan", "DocumentReference", "ServiceRequest", "QuestionnaireResponse", "Communication")
ALL = dict.fromkeys(TYPES, ("create", "update"))


def statement(offers: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    resources = [{"type": k, "interaction": [{"code": c} for c in codes]} for k, codes in offers.items()]
    return {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "resource": resources}]}


def everything(_kind: str, _access: str) -> bool:
    return True


def situation(offers: Any = ALL, vendor: str = "generic", **more: Any) -> Situation:
    given = {"granted": everything, "encounter": True, "practitioner": True, **more}
    return Situation(statement(offers) if offers is not None else None, shape=shapes()[vendor], **given)


def scoped(*scopes: str) -> Callable[[str, str], bool]:
    return lambda kind, access: may_write(scopes, kind, access)


def test_a_server_that_takes_everything_gets_a_care_plan() -> None:
    assert choose(situation()).rung.id == "careplan.create"
    assert choose(situation()).passed == ()


def test_a_plan_that_is_there_is_updated_and_never_created_again() -> None:
    assert choose(situation(has_plan=True)).rung.id == "careplan.update"
    assert choose(situation(has_plan=True, refused={"careplan.update": 403})).rung.id == "note"


def test_without_a_care_plan_it_is_a_note_and_the_page_can_say_why() -> None:
    offers = {k: v for k, v in ALL.items() if k != "CarePlan"}
    choice = choose(situation(offers))
    assert choice.rung.id == "note"
    assert "does not let apps create a CarePlan" in choice.passed[0].why


def test_a_refusal_counts_more_than_statement_and_scopes() -> None:
    assert choose(situation(refused={"careplan.create": 403})).rung.id == "note"
    assert choose(situation(refused={"careplan.create": 405, "note": 403})).rung.id == "questionnaire"


def test_a_scope_that_was_not_granted_drops_a_rung_in_either_spelling() -> None:
    for scopes in (("patient/DocumentReference.write",), ("patient/DocumentReference.crus",), ("user/*.c",)):
        choice = choose(situation(granted=scoped("patient/CarePlan.read", *scopes)))
        assert choice.rung.id == ("careplan.create" if scopes == ("user/*.c",) else "note")
    assert choose(situation(granted=scoped("patient/CarePlan.rs"))).rung.id == "text"


def test_the_order_is_a_contract_only() -> None:
    assert choose(situation({"ServiceRequest": ("create",)})).rung.id == "text"


def test_a_message_is_sent_only_where_the_clinician_asks_for_it() -> None:
    offers = {"Communication": ("create",)}
    silent = choose(situation(offers))
    assert silent.rung.id == "text"
    assert silent.on_wish is not None
    assert silent.on_wish.id == "communication"
    assert choose(situation(offers, wish=True)).rung.id == "communication"
    assert choose(situation(offers, wish=True, practitioner=False)).rung.id == "text"


def test_epic_takes_a_note_only_for_a_visit_and_no_answers() -> None:
    offers = {k: v for k, v in ALL.items() if k != "CarePlan"}
    assert choose(situation(offers, "epic")).rung.id == "note"
    assert choose(situation(offers, "epic", encounter=False)).rung.id == "text"


def test_oracle_takes_a_note_only_from_a_practitioner() -> None:
    offers = {"DocumentReference": ("create",), "Communication": ("create",)}
    assert choose(situation(offers, "oracle")).rung.id == "note"
    assert choose(situation(offers, "oracle", practitioner=False)).rung.id == "text"


def test_a_statement_that_cannot_be_read_gives_the_text() -> None:
    assert choose(situation(None)).rung.id == "text"


def test_where_nothing_may_be_written_the_reason_stands_at_every_rung() -> None:
    choice = choose(situation(blocked="The record was merged."))
    assert choice.rung.id == "text"
    assert {s.why for s in choice.passed} == {"The record was merged."}


SCOPES = [
    f"{who}/{kind}.{how}" for who in ("patient", "user") for kind in (*TYPES, "*") for how in ("c", "cud", "write")
]
CODES = st.lists(st.sampled_from(["read", "create", "update", "search-type"]), max_size=4).map(tuple)


@given(
    offers=st.none() | st.dictionaries(st.sampled_from(TYPES), CODES),
    scopes=st.none() | st.lists(st.sampled_from([*SCOPES, "openid", "patient/CarePlan.read"]), max_size=6).map(tuple),
    refused=st.dictionaries(st.sampled_from([r.id for r in rungs()[:-1]]), st.sampled_from([400, 403, 405, 422])),
    vendor=st.sampled_from(list(shapes())),
    flags=st.fixed_dictionaries({n: st.booleans() for n in ("encounter", "practitioner", "has_plan", "wish")}),
)
def test_no_combination_is_a_dead_end_and_no_refused_rung_is_taken(
    offers: Any, scopes: Any, refused: dict[str, int], vendor: str, flags: dict[str, bool]
) -> None:
    now = situation(offers, vendor, granted=lambda k, a: may_write(scopes, k, a), refused=refused, **flags)
    choice = choose(now)
    taken = choice.rung
    assert taken.id not in refused
    assert choice.steps[-1].rung is taken
    assert all(s.why for s in choice.steps[:-1])
    if taken.access:
        word = {"c": "create", "u": "update"}[taken.access]
        assert word in (offers or {}).get(taken.resource, ())
        assert may_write(scopes, taken.resource, taken.access)
        assert taken.works
    # refusing what was taken leads down, step by step, to the text: never round, never the same rung twice
    seen = [taken.id]
    while choice.rung.access:
        refused = {**refused, choice.rung.id: 403}
        choice = choose(situation(offers, vendor, granted=now.granted, refused=refused, **flags))
        assert choice.rung.id not in seen
        seen.append(choice.rung.id)
    assert seen[-1] == "text"


def test_the_tables_of_the_ladder_are_whole() -> None:
    assert [r.number for r in rungs()] == ["1", "2", "3", "4", "5", "6", "7"]
    assert rungs()[-1].access == ""
    assert all(f.without for f in features())
    assert set(shapes()) == {"generic", "epic", "oracle", "athenahealth", "meditech", "eclinicalworks"}
