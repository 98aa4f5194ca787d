"""``/about``: intended use, limits, and the 13 source attributes of evidence-based decision support (HTI-1)."""

from __future__ import annotations

from flask import Blueprint, Response

from smart_app import __version__
from smart_app.evidence import load_evidence
from smart_app.web.page import beside
from smart_app.web.settings import services
from smart_app.web.timeline import shown

blueprint = Blueprint("about", __name__)


@blueprint.get("/about")
def about() -> Response:
    """Holds nothing about a patient."""
    evidence = load_evidence()
    return shown(
        "about.html",
        version=__version__,
        policies=sorted({p.name: p for p in services().policies.values()}.values(), key=lambda p: p.name),
        evidence=evidence,
        contested=beside(evidence),
        today=services().settings.now().date(),
        checked=max(e.checked_on for e in evidence),
        recheck=min(e.recheck_by for e in evidence),
        stale=[e for e in evidence if e.is_stale(services().settings.now().date())],
    )
