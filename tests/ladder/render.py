"""The chapter "The ladder" of docs/write-back.md, made from the data: python -m tests.ladder.render."""

from __future__ import annotations

from pathlib import Path

from smart_app.fhir.plans import choose_plan
from smart_app.fhir.writing.ladder.asking import listed, wanted
from smart_app.fhir.writing.ladder.choosing import Choice, Situation, choose
from smart_app.fhir.writing.ladder.rungs import Rung, features, rungs, shape_of, shapes
from smart_app.sandbox.capability import capability_statement
from smart_app.sandbox.profiles import Profile, profiles

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "write-back.md"
BEGIN, END = "<!-- the ladder: made by tests/ladder/render.py -->", "<!-- the ladder: end -->"
ACCESS = {"c": "create", "u": "update", "": "none"}


def situation(profile: Profile, **more: object) -> Situation:
    """A clinician with a visit, every scope granted."""
    statement = capability_statement("https://ehr.example.org/fhir", None, profile.habits)
    refused = {
        r.id: profile.habits.refuses[r.resource] for r in rungs() if r.resource in profile.habits.refuses and r.writes
    }
    given = {"refused": refused, "encounter": True, "practitioner": True, **more}
    shape = shape_of(choose_plan(statement).name)
    return Situation(statement, lambda _kind, _access: True, shape, **given)  # type: ignore[arg-type]


def chosen(profile: Profile, **more: object) -> Choice:
    return choose(situation(profile, **more))


def cell(profile: Profile, rung: Rung) -> str:
    """What this rung is at this server: taken, works (below the one that is taken), or no."""
    if rung.id == "careplan.update":
        return "taken" if chosen(profile, has_plan=True).rung is rung else "no"
    if rung.wish:
        alone = choose(situation(profile, wish=True), [rung, rungs()[-1]]).rung is rung
        return "on wish" if alone else "no"
    if not rung.works:
        return "contract"
    taken = chosen(profile).rung
    if taken is rung:
        return "**taken**"
    return "works" if choose(situation(profile), [rung, rungs()[-1]]).rung is rung else "no"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(r)} |" for r in (head, ["---"] * len(head), *rows)]


def asks(pairs: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"`{kind}.{letters}`" for kind, letters in pairs) or "nothing"


def chapter() -> str:
    out = [BEGIN, "", "## The ladder", ""]
    out += [
        "None of Epic, Oracle Health, athenahealth, MEDITECH and eClinicalWorks lets an app create a CarePlan (2026). So the app",
        "takes the highest rung that works: the server's own statement must offer it, the granted scopes allow it, nothing refused it in this",
        "launch (an actual refusal counts more than either), and the launch must name what the rung needs. The page says which one, and why not a",
        "higher one. Code: `smart_app/fhir/writing/ladder/`; the rungs are data (`rungs.toml`, `vendors.toml`).",
        "",
    ]
    rows = [
        [r.number, r.name, f"`{r.resource}` {ACCESS[r.access]}" if r.access else "–", r.where, r.carries, _how(r)]
        for r in rungs()
    ]
    out += table(["", "rung", "needs", "where", "carries", "how"], rows)
    out += ["", "What a server may lack, and what the rungs do without it:", ""]
    out += table(["lacking", "rungs", "then"], [[f.name, f.rungs, f.without] for f in features()])
    out += ["", "The shapes that vendors take (`generic` is every other server):", ""]
    shape_rows = [
        [
            s.name,
            f"`{s.content_type}`",
            f"`{s.doc_status}`",
            "; ".join(
                said
                for said, needed in (
                    ("a visit", s.needs_encounter),
                    ("one Practitioner as author", s.needs_practitioner),
                    ("`context.period.end` with a time", s.needs_period_end),
                )
                if needed
            )
            or "–",
            "no identifier, description, contained resource or relation"
            if s.plain_fields
            else "identifier, description",
            "; ".join(s.barred.values()) or "–",
        ]
        for s in shapes().values()
    ]
    out += table(["", "words of a note", "docStatus", "needs", "elements", "not tried"], shape_rows)
    out += [
        "",
        "**Once.** Rungs 3, 5 and 6 go the way of the care plan: preview, confirm (bound to exactly what was previewed), one writer per patient",
        "over all rungs, journal, look, POST, read back and compare. Nobody offers an idempotency key: a POST without an answer is *unknown*. The",
        "server is looked at by the mark in the last line; not found, the next preview says so and a second POST needs the clinician's word that",
        "nothing is there. The same where the server cannot be searched.",
        "",
        "**The last line** is `ESR1-PLAN-1 <data> <checksum>`. The checksum covers the version, the patient, the author, the data and every word",
        "above the line. It is believed only in a note of the app's type, for this patient, by the author it names, once, at the very end. A",
        "line that was edited, copied into another note or another patient's record, or stands below other words is shown as *not used* and",
        "closes no flag. It is no signature: it guards against copying and editing, not against somebody who forges a whole note by purpose.",
        "",
        "**One plan, never two.** A living care plan is the plan. Where a care plan becomes possible, it names the note whose place it takes. Where a care",
        "plan can no longer be changed, the note says that it takes its place, and is the plan until the care plan names it. Else the newest note",
        "counts and the others are history. Decisions on a review count from wherever they were recorded, each once.",
        "",
        "**Rung 4** is a contract only: `order.py` makes the CDS Hooks 2.0 card (one `create` suggestion, a draft ServiceRequest for the draw with the",
        "site's own order code). No service offers it yet. **Rung 5** answers [our Questionnaire](fhir/Questionnaire-esr1-surveillance-plan.json), served",
        "at `/fhir/Questionnaire/esr1-surveillance-plan`.",
        "",
        "### Scopes to write",
        "",
        "Asked for is what a rung of this issuer could use. Known from the statement that an earlier launch read; before the first one from the",
        "vendor that the issuer is registered as (`plan = …`), else from the scopes its SMART configuration lists, else the care plan alone. A",
        "registration's own `scopes` win. SMART v1 spelling: `.read` and `.write`.",
        "",
    ]
    scope_rows = [[p.name, asks(listed(p.scopes)), asks(wanted(situation(p).statement))] for p in profiles().values()]
    out += table(["server", "at the first launch, by its list", "afterwards, by its statement"], scope_rows)
    named = [[name, asks(tuple(s.asks.items()))] for name, s in shapes().items() if s.asks]
    out += ["", "First launch of an issuer that is registered as:", "", *table(["`plan`", "asks for"], named)]
    out += [
        "",
        "### Servers and rungs",
        "",
        "For a clinician with a visit and every scope asked for. Derived from the vendors' statements and documents; the sandbox plays each of them, and",
        "`tests/ladder/test_matrix.py` goes from launch to *written*, or to the text, at each. No line is without a **taken**. To look at one:",
        "`smart-app demo --as epic`, or another name of the table.",
        "",
    ]
    matrix = [[p.name, *(cell(p, r) for r in rungs()), p.source] for p in profiles().values()]
    out += table(["server", *(r.number for r in rungs()), "from"], matrix)
    out += [
        "",
        "Not from a live server: FHIR-native ones are played as R4 servers with or without conditional create. `strict`, `promises-only` and",
        "`messages-only` are made up to show a refusal.",
        "",
        END,
    ]
    return "\n".join(out)


def _how(rung: Rung) -> str:
    if not rung.works:
        return "not offered yet; its contract is `order.py`"
    return (
        "only where the clinician asks"
        if rung.wish
        else "written after a confirmation"
        if rung.access
        else "taken along"
    )


def rendered(document: str) -> str:
    """The document with its chapter renewed, at the end where there is none."""
    if BEGIN not in document:
        return f"{document.rstrip()}\n\n{chapter()}\n"
    before, _, rest = document.partition(BEGIN)
    return before + chapter() + rest.partition(END)[2]


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
