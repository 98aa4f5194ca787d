"""W: the surveillance window, clause by clause. Each row: what differs from a patient inside, and the answer."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from smart_app.domain import decide
from smart_app.domain.decision import WindowAnswer
from smart_app.domain.policy import Policy
from tests.domain.charts import *

POS, NEG, EQ = ReceptorStatus.POSITIVE, ReceptorStatus.NEGATIVE, ReceptorStatus.EQUIVOCAL
IN, OUT, CANNOT = WindowAnswer.INSIDE, WindowAnswer.OUTSIDE, WindowAnswer.CANNOT_TELL
MET = Biopsy.METASTASIS
GAP = {p: (Gap(p, "search.incomplete", f"{p.value} not read"),) for p in Part}
TAM = drug("tamoxifen", DrugClass.SERM, "2026-05-01")
CAPE = "capecitabine"
HOLD = {"on_hold": True}

Row = tuple[str, dict[str, Any], WindowAnswer, str]
ROWS: list[Row] = [
    ("everything known and fitting", {}, IN, ""),
    ("W1 no diagnosis", {"diagnoses": ()}, CANNOT, "W1"),
    ("W1 no diagnosis, conditions not read", {"diagnoses": (), "gaps": GAP[Part.DISEASE]}, CANNOT, "W1"),
    ("W1 nothing on extent", {"spread": ()}, CANNOT, "W1"),
    ("W1 only early disease", {"spread": (Spread(Extent.EARLY),)}, OUT, "W1"),
    ("W1 early, but conditions not read", {"spread": (Spread(Extent.EARLY),), "gaps": GAP[Part.DISEASE]}, CANNOT, "W1"),
    ("W1 stage IV without a site", {"spread": (Spread(Extent.STAGE_IV, P("2025-12-15")),)}, IN, ""),
    ("W1 locally advanced", {"spread": (Spread(Extent.LOCALLY_ADVANCED, P("2025-12")),)}, IN, ""),
    ("W1 another cancer is shown", {"diagnoses": (*INSIDE.diagnoses, Diagnosis("Melanoma", False))}, IN, ""),
    ("W2 oestrogen receptor not found", {"receptors": (her2(),)}, CANNOT, "W2"),
    ("W2 negative", {"receptors": (er(NEG), her2())}, OUT, "W2"),
    ("W2 low is inside", {"receptors": (er(low=True, percent=Decimal(5)), her2())}, IN, ""),
    ("W2 only progesterone positive", {"receptors": (receptor(Marker.PR, POS), her2())}, CANNOT, "W2"),
    ("W2 only progesterone negative", {"receptors": (receptor(Marker.PR, NEG), her2())}, CANNOT, "W2"),
    (
        "W2 metastasis wins over a later primary",
        {"receptors": (er(NEG, "2025-11-01", biopsy=MET), er(POS, "2025-12-01", biopsy=Biopsy.PRIMARY), her2())},
        OUT,
        "W2",
    ),
    ("W2 two results of one day differ", {"receptors": (er(POS), er(NEG), her2())}, CANNOT, "W2"),
    ("W2 equivocal", {"receptors": (er(EQ), her2())}, CANNOT, "W2"),
    ("W2 unreadable counts for nothing", {"receptors": (er(ReceptorStatus.UNREADABLE), her2())}, CANNOT, "W2"),
    ("W2 undated", {"receptors": (er(day=None), her2())}, IN, ""),
    ("W2 undated against dated", {"receptors": (er(POS, None), er(NEG), her2())}, CANNOT, "W2"),
    ("W3 not found", {"receptors": (er(),)}, CANNOT, "W3"),
    ("W3 positive", {"receptors": (er(), her2(POS))}, OUT, "W3"),
    ("W3 low is negative", {"receptors": (er(), her2(low=True, score="1+"))}, IN, ""),
    ("W3 2+ without hybridisation", {"receptors": (er(), her2(EQ, score="2+"))}, CANNOT, "W3"),
    ("W3 2+ not amplified", {"receptors": (er(), her2(EQ, score="2+"), her2(NEG, method="ish"))}, IN, ""),
    ("W3 2+ amplified", {"receptors": (er(), her2(EQ, score="2+"), her2(POS, method="ish"))}, OUT, "W3"),
    ("W3 two results of one day differ", {"receptors": (er(), her2(POS), her2(NEG))}, CANNOT, "W3"),
    ("W4 no AI", {"exposures": (cdk(),)}, OUT, "W4"),
    ("W4 no AI, drugs not read", {"exposures": (cdk(),), "gaps": GAP[Part.DRUGS]}, CANNOT, "W4"),
    ("W4 an unclear drug may be one", {"exposures": (cdk(),), "unclear_drugs": ("?",)}, CANNOT, "W4"),
    ("W4 stopped 61 days ago", {"exposures": (ai(end="2026-09-21"), cdk())}, OUT, "W4"),
    ("W4 stopped 60 days ago", {"exposures": (ai(end="2026-09-22"), cdk())}, IN, ""),
    ("W4 stopped, when unknown", {"exposures": (ai(ongoing=False), cdk())}, CANNOT, "W4"),
    (
        "W4 old order only",
        {
            "exposures": (
                ai(
                    "2018-01-01",
                    ongoing=None,
                    last_seen="2018-01-01",
                    proofs=frozenset({Proof.ORDERED}),
                    setting=Setting.ADVANCED,
                ),
                cdk(),
            )
        },
        CANNOT,
        "W4",
    ),
    (
        "W4 order of this year",
        {"exposures": (ai(ongoing=None, last_seen="2026-06-01", proofs=frozenset({Proof.ORDERED})), cdk())},
        IN,
        "",
    ),
    (
        "W4 last given half a year ago",
        {"exposures": (ai(ongoing=None, last_seen="2026-05-01", proofs=frozenset({Proof.TAKEN})), cdk())},
        CANNOT,
        "W4",
    ),
    (
        "W4 supply lasts",
        {"exposures": (ai(ongoing=None, last_seen="2026-01-10", covered_until="2026-12-01"), cdk())},
        IN,
        "",
    ),
    ("W4 end this year, month unknown", {"exposures": (ai(end="2026"), cdk())}, CANNOT, "W4"),
    ("W4 end in the future", {"exposures": (ai(end="2027-01-01", proofs=frozenset({Proof.TAKEN})), cdk())}, IN, ""),
    (
        "W4 end in the future, recent order only",
        {"exposures": (ai(end="2027-01-01", last_seen="2026-10-01", proofs=frozenset({Proof.ORDERED})), cdk())},
        IN,
        "",
    ),
    (
        "W6 a HER2 drug is part of the line",
        {"exposures": (drug("trastuzumab", DrugClass.HER2, "2026-01-01"), ai(), cdk())},
        OUT,
        "W6",
    ),
    (
        "W6 a HER2 drug perhaps",
        {"exposures": (drug("trastuzumab", DrugClass.HER2, "2026-01-01", "2026"), ai(), cdk())},
        CANNOT,
        "W6",
    ),
    (
        "W6 an old AI whose setting is not said",
        {"exposures": (ai("2015-01-01", "2020-01-01", name="anastrozole"), ai(), cdk())},
        IN,
        "",
    ),
    ("W6 an AI begun years before and taken on", {"exposures": (ai("2015-01-01"), cdk())}, CANNOT, "W6"),
    ("W6 the same drug again is the same line", {"exposures": (ai(end="2026-03-01"), ai("2026-04-01"), cdk())}, IN, ""),
    ("W4 no dates at all", {"exposures": (ai(None, ongoing=None), cdk())}, CANNOT, "W4"),
    ("W4 begins tomorrow", {"exposures": (ai("2026-11-22"), cdk())}, OUT, "W4"),
    ("W4 begins this month, day unknown", {"exposures": (ai("2026-11", ongoing=None), cdk())}, CANNOT, "W4"),
    ("W4 exemestane under trial-strict", {"exposures": (ai(name="exemestane"), cdk())}, OUT, "W4"),
    ("W4 exemestane perhaps", {"exposures": (ai(name="exemestane", end="2026"), cdk())}, OUT, "W4"),
    (
        "W4 swapped for another AI",
        {"exposures": (ai(end="2026-06-01"), ai("2026-06-02", name="anastrozole"), cdk())},
        IN,
        "",
    ),
    ("W5 never had one", {"exposures": (ai(),)}, OUT, "W5"),
    ("W5 none, drugs not read", {"exposures": (ai(),), "gaps": GAP[Part.DRUGS]}, CANNOT, "W5"),
    ("W5 stopped, AI goes on", {"exposures": (ai(), cdk(end="2026-07-01"))}, OUT, "W5"),
    ("W5 on hold for 8 weeks", {"exposures": (ai(), cdk(on_hold_since="2026-09-26", **HOLD))}, IN, ""),
    ("W5 on hold for longer", {"exposures": (ai(), cdk(on_hold_since="2026-09-25", **HOLD))}, CANNOT, "W5"),
    ("W5 on hold, since when unknown", {"exposures": (ai(), cdk(**HOLD))}, CANNOT, "W5"),
    ("W5 held, swapped for another", {"exposures": (ai(), cdk(**HOLD), cdk("2026-05-01", name="ribociclib"))}, IN, ""),
    (
        "W5 old order only",
        {
            "exposures": (
                ai(),
                cdk("2026-01-12", ongoing=None, last_seen="2025-01-01", proofs=frozenset({Proof.ORDERED})),
            )
        },
        CANNOT,
        "W5",
    ),
    ("W6 second endocrine line", {"exposures": (ai(end="2026-04-01"), cdk(), TAM)}, OUT, "W6"),
    (
        "W6 new drug after progression",
        {
            "exposures": (ai(), cdk(end="2026-05-01"), cdk("2026-06-01", name="abemaciclib")),
            "statuses": (status(Progress.WORSENED, "2026-05-15"),),
        },
        OUT,
        "W6",
    ),
    (
        "W6 stopped for progression, then another",
        {
            "exposures": (
                ai(),
                cdk(end="2026-05-01", stop_reason=StopReason.PROGRESSION),
                cdk("2026-06-01", name="abemaciclib"),
            )
        },
        OUT,
        "W6",
    ),
    (
        "W6 chemotherapy before, trial-strict",
        {"exposures": (drug(CAPE, DrugClass.CHEMOTHERAPY, "2025-12-20", "2026-01-05"), ai(), cdk())},
        CANNOT,
        "W6",
    ),
    (
        "W6 chemotherapy running",
        {"exposures": (drug(CAPE, DrugClass.CHEMOTHERAPY, "2026-05-01"), ai(), cdk())},
        OUT,
        "W6",
    ),
    (
        "W6 adjuvant AI years ago",
        {"exposures": (ai("2015-01-01", "2020-01-01", name="anastrozole", setting=Setting.ADJUVANT), ai(), cdk())},
        IN,
        "",
    ),
    (
        "W6 relapse on adjuvant AI",
        {"exposures": (ai("2022-01-01", "2025-12-01", name="anastrozole", setting=Setting.ADJUVANT), ai(), cdk())},
        IN,
        "",
    ),
    ("W6 AI alone for three months first", {"exposures": (ai("2025-12-20"), cdk("2026-03-20"))}, CANNOT, "W6"),
    (
        "W6 advanced since an unknown day, an old AI",
        {
            "spread": (Spread(Extent.METASTASIS, None, "bone"),),
            "exposures": (ai("2015-01-01", "2020-01-01", name="anastrozole"), ai(), cdk()),
        },
        CANNOT,
        "W6",
    ),
    ("W6 advanced since an unknown day, one line only", {"spread": (Spread(Extent.METASTASIS, None, "bone"),)}, IN, ""),
    (
        "W6 no drugs for advanced disease",
        {"exposures": (ai(setting=Setting.ADJUVANT), cdk(setting=Setting.ADJUVANT))},
        CANNOT,
        "W6",
    ),
    ("W6 drugs not read", {"gaps": GAP[Part.DRUGS]}, CANNOT, "W6"),
    ("W7 on a SERD", {"exposures": (ai(), cdk(), serd("2026-10-01", setting=Setting.ADVANCED))}, OUT, "W7"),
    ("W7 had one for advanced disease", {"exposures": (ai(), cdk(), serd("2026-02-01", "2026-03-01"))}, OUT, "W7"),
    (
        "W7 adjuvant SERD",
        {"exposures": (ai(), cdk(), serd("2020-01-01", "2021-01-01", setting=Setting.ADJUVANT))},
        CANNOT,
        "W7",
    ),
    ("W7 seen without dates", {"exposures": (ai(), cdk(), serd(None, ongoing=False))}, CANNOT, "W7"),
    ("W7 planned for next month", {"exposures": (ai(), cdk(), serd("2026-12-20"))}, IN, ""),
    ("W8 progression recorded", {"statuses": (status(Progress.WORSENED, "2026-09-01"),)}, OUT, "W8"),
    ("W8 progression before the line", {"statuses": (status(Progress.WORSENED, "2025-12-01"),)}, IN, ""),
    ("W8 progression, date unknown", {"statuses": (status(Progress.WORSENED, None),)}, CANNOT, "W8"),
    (
        "W8 conflicting on one day",
        {"statuses": (status(Progress.WORSENED, "2026-09-01"), status(Progress.STABLE, "2026-09-01"))},
        CANNOT,
        "W8",
    ),
    ("W8 progression in the year the line began", {"statuses": (status(Progress.WORSENED, "2026"),)}, CANNOT, "W8"),
    (
        "W8 equivocal imaging is no progression",
        {"statuses": (status(Progress.EQUIVOCAL_IMAGING, "2026-10-01"),)},
        IN,
        "",
    ),
    ("W8 not read", {"gaps": GAP[Part.STATUS]}, CANNOT, "W8"),
    ("W9 deceased", {"person": Person(P("1960"), "female", True, P("2026-10-01"))}, OUT, "W9"),
    ("W9 deceased, when unknown", {"person": Person(P("1960"), "female", True)}, OUT, "W9"),
    ("W9 seventeen", {"person": Person(P("2009-05-05"), "female")}, OUT, "W9"),
    ("W9 eighteen or not", {"person": Person(P("2008"), "female")}, CANNOT, "W9"),
    ("W9 birth date missing", {"person": Person(None, "female")}, CANNOT, "W9"),
    ("W9 a man", {"person": Person(P("1960"), "male")}, IN, ""),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r[0])
def test_the_window(row: Row) -> None:
    _, changes, answer, clause = row
    decision = decide(chart(**changes), STRICT, TODAY)
    assert decision.window.answer is answer, [r.sentence for r in decision.reasons]
    if clause:
        assert clause in decision.window.clauses
    if answer is CANNOT:
        assert decision.window.settle
        assert decision.headline.startswith("Cannot tell")
    if answer is OUT:
        assert decision.headline.startswith("Outside the window")
        assert decision.next_draw is None


@pytest.mark.parametrize(
    ("changes", "policy", "answer"),
    [
        ({"exposures": (ai(name="exemestane"), cdk())}, PRACTICAL, IN),
        ({"exposures": (drug(CAPE, DrugClass.CHEMOTHERAPY, "2025-12-20", "2026-01-05"), ai(), cdk())}, PRACTICAL, IN),
        ({"exposures": (ai(), cdk(end="2026-07-01"))}, Policy("own", "1", "site", ai_alone_inside=True), IN),
    ],
)
def test_what_a_policy_decides_otherwise(changes: dict[str, Any], policy: Policy, answer: WindowAnswer) -> None:
    assert decide(chart(**changes), policy, TODAY).window.answer is answer


def test_a_notice_where_no_ovarian_suppression_is_found_before_fifty() -> None:
    young = Person(P("1985-01-01"), "female")
    suppressed = (*INSIDE.exposures, drug("goserelin", DrugClass.OVARIAN_SUPPRESSION, "2026-01-01"))
    codes = [r.code for r in decide(chart(person=young), STRICT, TODAY).reasons]
    assert "window.person.no_ovarian_suppression" in codes
    assert decide(chart(person=young), STRICT, TODAY).window.answer is IN
    codes = [r.code for r in decide(chart(person=young, exposures=suppressed), STRICT, TODAY).reasons]
    assert "window.person.no_ovarian_suppression" not in codes


def test_an_empty_chart_has_an_answer() -> None:
    decision = decide(Chart(), STRICT, date(2026, 1, 1))
    assert decision.window.answer is OUT
    assert decision.switch_review.answer.value == "not_raised"
