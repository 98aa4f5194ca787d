"""Observations that differ in nothing but identity, date and amount are read once: a record can hold thousands.

The first of a kind is read in full. Where what it told depends on its own entry alone, the next ones of its kind tell
the same with their own source, date and amount. The memory lives as long as the reading of one chart.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from smart_app.domain.facts import DateBasis, Draw, Finding, Outcome, Source
from smart_app.fhir.reading.esr1_context import accession_of, identifiers_of
from smart_app.fhir.reading.esr1_gene import LOINC
from smart_app.fhir.reading.esr1_tree import Group
from smart_app.fhir.reading.record import Json, Record, obj, source_of
from smart_app.fhir.reading.told import Told, with_sources
from smart_app.fhir.reading.vaf import Vaf, from_quantity

# what differs from one Observation to the next and is read anew, or is not read at all
_OWN = frozenset(
    {"id", "meta", "subject", "encounter", "identifier", "effectiveDateTime", "issued", "basedOn", "resourceType"}
    | {"component"}  # looked into
)
_ELSEWHERE = frozenset({"specimen", "derivedFrom", "hasMember", "contained", "effectivePeriod", "effectiveInstant"})


_UNREAD = Told(Draw(Outcome.NOT_READABLE))


class Kind(NamedTuple):
    """What Observations of one kind share (``shape``), and the amount of this one."""

    shape: bytes
    amount: Json | None


@dataclass(slots=True)
class Alike:
    """What the first Observation of each kind told: a draw, or (None) nothing."""

    record: Record
    known: dict[bytes, Told | None] = field(default_factory=dict)

    def again(self, group: Group, kind: Kind) -> tuple[Told, ...] | None:
        """What this Observation tells; None where it has to be read."""
        told = self.known.get(kind.shape, _UNREAD)
        if told is None:
            return ()
        resource = group.anchor
        day = self.record.when(resource["effectiveDateTime"])
        if day is None or told is _UNREAD:
            return None
        issued = self.record.when(resource["issued"]) if "issued" in resource else None
        source = source_of(resource)
        named = "identifier" in resource
        draw = told.draw
        return (
            Told(
                Draw(
                    outcome=draw.outcome,
                    date=day,
                    date_basis=DateBasis.EFFECTIVE,
                    known_on=issued or day,
                    specimen=draw.specimen,
                    standing=draw.standing,
                    findings=tuple([_own(f, kind.amount, source) for f in draw.findings]),
                    uninformative=draw.uninformative,
                    laboratory=draw.laboratory,
                    assay=draw.assay,
                    accession=accession_of([resource]) if named else None,
                    limit=draw.limit,
                    covers=draw.covers,
                    note=draw.note,
                    sources=(source,),
                ),
                rank=told.rank,
                keys=identifiers_of([resource]) if named else frozenset(),
                denied=told.denied,
                inferred=told.inferred,
            ),
        )

    def learn(self, group: Group, kind: Kind, told: list[Told]) -> None:
        """Remember what was told, over which nothing was set aside, where its own entry says how to tell it again."""
        if not told:
            self.known[kind.shape] = None
        elif len(told) == 1:
            self.known[kind.shape] = told[0]
            if self.again(group, kind) != (told[0],):  # something else than source, date and amount is its own
                del self.known[kind.shape]


def kind_of(group: Group) -> Kind | None:
    """None for reports, panels and Observations that have their date or specimen from elsewhere."""
    resource = group.anchor
    if group.report or group.missing or len(group.entries) != 1 or group.entries[0].above:
        return None
    if not isinstance(resource.get("effectiveDateTime"), str) or not _ELSEWHERE.isdisjoint(resource):
        return None
    shared = [(name, value) for name, value in resource.items() if name not in _OWN]
    if "meta" in resource:
        shared.append(("meta", obj(resource["meta"]).get("profile")))
    try:
        parts, amount = resource.get("component", ()), None
        for number, part in enumerate(parts):
            if "valueQuantity" in part:
                amount = part["valueQuantity"]
                if part["code"]["coding"][0]["code"] != LOINC["vaf"] or type(amount["value"]) not in (Decimal, int):
                    return None
                named = {**part, "valueQuantity": [(k, v) for k, v in amount.items() if k != "value"]}
                shared.append(("component", [*parts[:number], named, *parts[number + 1 :]]))
                break  # marshalling refuses a second one with a fraction; a whole number is part of the kind
        else:
            shared.append(("component", parts))
        return Kind(marshal.dumps(shared, 2), amount)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None


def _own(finding: Finding, amount: Json | None, source: Source) -> Finding:
    if amount is None or finding.vaf_text is None:
        return with_sources(finding, (source,))
    vaf = from_quantity(amount) or Vaf()
    return Finding(
        protein_change=finding.protein_change,
        dna_change=finding.dna_change,
        vaf=vaf.fraction,
        vaf_comparator=vaf.comparator,
        vaf_text=vaf.shown,
        kind=finding.kind,
        significance=finding.significance,
        origin=finding.origin,
        below_limit=finding.below_limit,
        sources=(source,),
    )
