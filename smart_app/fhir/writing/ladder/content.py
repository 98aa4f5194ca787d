"""What a rung below the care plan carries: the plan in words, who, when, and the line that is read back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smart_app.fhir.reading.record import Json
from smart_app.fhir.writing.identity import plan_key
from smart_app.fhir.writing.ladder.memory import HEAD, Memory

TITLE = "ctDNA ESR1 surveillance plan"


@dataclass(frozen=True, slots=True)
class Content:
    """``plan``: the care plan as built; ``words``: the same in sentences; ``now``: with a time zone.

    ``author``: ``Practitioner/x``, '' where nobody is signed in. ``replaces``: ``Type/id`` of what this takes the place
    of, '' for nothing, with ``replaces_words`` for the reader.
    """

    plan: Json
    words: tuple[str, ...]
    patient_id: str
    now: datetime
    author: str = ""
    author_name: str = ""
    encounter_id: str | None = None
    replaces: str = ""
    replaces_words: str = ""

    @property
    def memory(self) -> Memory:
        return Memory.of(self.plan, self.author, self.replaces)

    @property
    def mark(self) -> str:
        return self.memory.mark

    @property
    def number(self) -> str:
        """The identifier of exactly this write: sent twice, it is the same."""
        return f"{plan_key(self.patient_id)}/{self.mark}"

    @property
    def lines(self) -> list[str]:
        """What a person reads, one statement a line."""
        said = [TITLE, "", *self.words]
        if self.replaces_words:
            said.append(f"This takes the place of {self.replaces_words}.")
        by = f" and confirmed by {self.author_name}" if self.author_name else ""
        said.append(f"Prepared by the ESR1 app{by}. It orders nothing and names no drug.")
        return [s.replace(HEAD, HEAD.replace("-", " ")) for s in said]

    @property
    def shown(self) -> str:
        return "\n".join(self.lines)

    @property
    def document(self) -> str:
        """With the last line. Below the blank line stands nothing that a person has to read."""
        return f"{self.shown}\n\n{self.memory.line(self.patient_id, self.shown)}\n"

    @property
    def moment(self) -> str:
        """FHIR instant."""
        return self.now.isoformat(timespec="seconds")
