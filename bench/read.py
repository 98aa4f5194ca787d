"""Reading, side by side in one run: ours against ``fhir.resources`` on 2,000 genomic Observations; then ``chart.py``.

Prints seconds and the ratio. Nothing is asserted: the machine decides the seconds, the ratio is what to look at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

import chart  # beside this file
from fhir.resources.R4B.bundle import Bundle

from smart_app.codes import load_codebook
from smart_app.fhir import jsontext
from smart_app.fhir.reading.chart import read_chart
from smart_app.fhir.receipt import Receipt

COUNT = 2_000


def observation(number: int) -> dict[str, Any]:
    def coded(system: str, code: str) -> dict[str, Any]:
        return {"coding": [{"system": system, "code": code}]}

    loinc = "http://loinc.org"
    return {
        "resourceType": "Observation",
        "id": f"v{number}",
        "status": "final",
        "category": [coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
        "code": coded(loinc, "69548-6"),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": f"20{10 + number % 16:02d}-{1 + number % 12:02d}-{1 + number % 28:02d}",
        "valueCodeableConcept": coded(loinc, "LA9633-4" if number % 3 else "LA9634-2"),
        "component": [
            {"code": coded(loinc, "48018-6"), "valueCodeableConcept": coded("http://www.genenames.org", "HGNC:3467")},
            {
                "code": coded(loinc, "48005-3"),
                "valueCodeableConcept": coded("http://varnomen.hgvs.org", "p.Asp538Gly"),
            },
            {
                "code": coded(loinc, "81258-6"),
                "valueQuantity": {"value": 0.84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
            },
        ],
    }


def best_of(run: Callable[[], object], times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    entries: list[dict[str, Any]] = [{"resource": {"resourceType": "Patient", "id": "p"}}]
    entries += [{"resource": observation(number)} for number in range(COUNT)]
    raw = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    codebook = load_codebook()

    def ours() -> object:
        bundle = jsontext.loads(raw)
        pairs = [("", entry["resource"]) for entry in bundle["entry"]]
        return read_chart(pairs, patient_id="p", zone=UTC, codebook=codebook, receipt=Receipt())

    fast, slow = best_of(ours), best_of(lambda: Bundle.model_validate_json(raw))
    print(f"{COUNT} Observations, JSON -> chart: {fast:.3f} s")
    print(f"{COUNT} Observations, fhir.resources parse alone: {slow:.3f} s")
    print(f"ratio: {slow / fast:.1f} times faster")
    chart.main()


if __name__ == "__main__":
    main()
