"""The receipt: what was read and what was not. It travels beside the chart and limits what may be said."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SetAside:
    """One entry that was not used: a stable code, a sentence, the resource."""

    code: str
    why: str
    source: str  # "Observation/abc", or "" where the entry has no identity


# a server that was asked for one patient gave another one's: it may have held back some of ours, too
ALARMING = frozenset({"patient.other", "subject.other"})


@dataclass(slots=True)
class SearchRecord:
    """One search as it was run: type, parameters (without the patient), pages, entries, server's words."""

    resource_type: str
    query: str
    pages: int = 0
    entries: int = 0
    total: int | None = None
    complete: bool = False
    error_code: str | None = None
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    parts: tuple[str, ...] = ()  # the parts of the chart (domain.facts.Part) that this search serves
    needed: bool = True  # False: its absence limits nothing that the decision says
    offered: bool = True  # False: the server does not have this kind of resource; nothing was asked


@dataclass(slots=True)
class Receipt:
    """Everything the page's receipt line and the decision's completeness rest on."""

    searches: list[SearchRecord] = field(default_factory=list)
    scopes_asked: tuple[str, ...] = ()
    scopes_granted: tuple[str, ...] | None = None  # None: no token (open server or file)
    set_aside: list[SetAside] = field(default_factory=list)
    foreign: list[SetAside] = field(default_factory=list)  # resources of another patient: refused, loudly
    resources_read: int = 0
    resources_used: int = 0
    read_at: str = ""  # ISO instant

    @property
    def alarms(self) -> list[SetAside]:
        """Entries of another patient that the server gave for this one."""
        return [refused for refused in self.foreign if refused.code in ALARMING]

    @property
    def complete(self) -> bool:
        return all(s.complete or not s.offered for s in self.searches if s.needed) and not self.alarms
