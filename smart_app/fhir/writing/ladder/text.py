"""Rung 7: the plan to copy, to print, and as a file. It needs nothing of the server, so the ladder always ends here."""

from __future__ import annotations

from smart_app.fhir import jsontext
from smart_app.fhir.writing.ladder.content import Content


def copyable(content: Content, patient: str) -> str:
    """For the chart, with whose it is and without the app's own line: nobody could vouch for a pasted one."""
    return f"{content.lines[0]}\n{patient}\n" + "\n".join(content.lines[1:]) + "\n"


def fhir_file(content: Content) -> bytes:
    """The care plan as it would be written where care plans are taken."""
    return jsontext.dumps(content.plan, indent=2)
