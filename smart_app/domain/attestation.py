"""What a chart keeps of an attested fact: who vouches for it, when, on what basis, and whether it is used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Attested:
    """``reference`` is that of the sources of the facts that rest on it.

    ``used`` False: the fact gave way, and ``why`` says to what; ``contradicted``: the record says otherwise.
    ``first_line``: it also says that the treatment is the first line for advanced disease.
    """

    reference: str
    what: str  # "HER2 negative, metastasis, 3 Nov 2025"
    short: str  # "the HER2 status", for a headline
    by: str  # the clinician's name, or the reference where the EHR gives no name
    on: date
    basis: str  # the clinician's own words
    clause: str  # the clause of the rules that it serves
    used: bool = True
    contradicted: bool = False
    why: str = ""
    first_line: bool = False
