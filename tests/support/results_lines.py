"""One line for each draw, withdrawn result and ordered draw, as the spec tables write them."""

from __future__ import annotations

from smart_app.domain.facts import Draw, Finding, OrderedDraw, Origin, Outcome, Significance, WithdrawnResult


def finding_line(f: Finding) -> str:
    parts = [f.protein_change or f.dna_change or "unnamed"]
    parts += [f.dna_change] if f.protein_change and f.dna_change else []
    parts += [f.kind.value]
    if f.vaf is not None:
        parts.append(f"VAF {f.vaf_comparator or ''}{f.vaf}")
    elif f.vaf_text:
        parts.append(f"VAF unreadable ({f.vaf_text})")
    parts += [f.significance.value] if f.significance is not Significance.UNKNOWN else []
    parts += ["germline"] if f.origin is Origin.GERMLINE else []
    parts += ["below limit"] if f.below_limit else []
    return " ".join(parts)


def says(d: Draw) -> str:
    """Outcome and findings alone."""
    return "; ".join(
        [d.outcome.value + (" uninformative" if d.uninformative else ""), *(finding_line(f) for f in d.findings)]
    )


def draw_line(d: Draw) -> str:
    parts = [d.outcome.value, f"{d.date or '?'} {d.date_basis or '-'}", d.specimen.value, d.standing.value]
    parts += ["uninformative"] if d.uninformative else []
    parts += [finding_line(f) for f in d.findings]
    parts += [f"link {d.document}"] if d.outcome is Outcome.NOT_READABLE and d.document else []
    return " | ".join(parts)


def withdrawn_line(w: WithdrawnResult) -> str:
    return " | ".join([w.why, str(w.date or "?"), *(finding_line(f) for f in w.findings)])


def ordered_line(o: OrderedDraw) -> str:
    return str(o.date or "?")
