"""Reading, side by side in one run: ours against ``fhir.resources`` on 2,000 Observations; then ``chart.py``.

Prints CPU seconds (other work on the machine does not count) and the ratio. Nothing is asserted: the machine decides
the seconds, the ratio is what to look at.
"""

from __future__ import annotations

import json
import random
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
LOINC = "http://loinc.org"
CHANGES = ("p.Asp538Gly", "p.Tyr537Ser", "p.Tyr537Asn", "p.Glu380Gln", "p.Leu536His")
GENES = ("HGNC:8975", "HGNC:11998", "HGNC:391", "HGNC:9588", "HGNC:1100", "HGNC:1101", "HGNC:3430", "HGNC:4171")
TESTS = (("718-7", "g/dL"), ("6690-2", "10*3/uL"), ("777-3", "10*3/uL"), ("2160-0", "mg/dL"), ("1742-6", "U/L"))
VITALS = (("8867-4", "/min"), ("29463-7", "kg"), ("8310-5", "Cel"))


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def plain(number: int, code: str, category: str) -> dict[str, Any]:
    kind = "http://terminology.hl7.org/CodeSystem/observation-category"
    return {
        "resourceType": "Observation",
        "id": f"v{number}",
        "status": "final",
        "category": [coded(kind, category)],
        "code": coded(LOINC, code),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": f"20{10 + number % 16:02d}-{1 + number % 12:02d}-{1 + number % 28:02d}",
    }


def variant(number: int, gene: str = "HGNC:3467", change: str = "p.Asp538Gly", percent: float = 0.84) -> dict[str, Any]:
    amount = {"value": percent, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    return {
        **plain(number, "69548-6", "laboratory"),
        "valueCodeableConcept": coded(LOINC, "LA9633-4" if number % 3 else "LA9634-2"),
        "component": [
            {"code": coded(LOINC, "48018-6"), "valueCodeableConcept": coded("http://www.genenames.org", gene)},
            {"code": coded(LOINC, "48005-3"), "valueCodeableConcept": coded("http://varnomen.hgvs.org", change)},
            {"code": coded(LOINC, "81258-6"), "valueQuantity": amount},
        ],
    }


def observation(number: int) -> dict[str, Any]:
    """One change of ESR1, one amount."""
    return variant(number)


def varied(number: int) -> dict[str, Any]:
    """Five changes of ESR1, amounts of their own."""
    return variant(number, change=CHANGES[number % 5], percent=(1 + number * 37 % 900) / 100)


def mixed(number: int) -> dict[str, Any]:
    """A record as it is: laboratory values and vital signs, other genes, one ESR1 variant in fifty."""
    dice = random.Random(number)
    if number % 50 == 0:
        return varied(number)
    if number % 4 == 0:
        change = f"p.Arg{100 + number % 700}His"
        return variant(number, gene=GENES[number // 4 % 8], change=change, percent=dice.randint(1, 900) / 100)
    code, unit = (VITALS if number % 4 == 1 else TESTS)[number % 3]
    amount = {"value": dice.randint(10, 4000) / 10, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    display = {"coding": [{"system": LOINC, "code": code, "display": f"Test {code}"}], "text": f"Test {code}"}
    category = "vital-signs" if number % 4 == 1 else "laboratory"
    return {**plain(number, code, category), "code": display, "valueQuantity": amount}


def best_of(run: Callable[[], object], times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def compare(name: str, make: Callable[[int], dict[str, Any]]) -> None:
    entries: list[dict[str, Any]] = [{"resource": {"resourceType": "Patient", "id": "p"}}]
    entries += [{"resource": make(number)} for number in range(COUNT)]
    raw = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    codebook = load_codebook()

    def ours() -> object:
        bundle = jsontext.loads(raw)
        pairs = [("", entry["resource"]) for entry in bundle["entry"]]
        return read_chart(pairs, patient_id="p", zone=UTC, codebook=codebook, receipt=Receipt())

    fast, slow = best_of(ours, 9), best_of(lambda: Bundle.model_validate_json(raw))
    print(f"{COUNT} Observations, {name}")
    print(f"  JSON -> chart:              {fast:.3f} s")
    print(f"  fhir.resources parse alone: {slow:.3f} s")
    print(f"  ratio: {slow / fast:.1f} times faster")


def main() -> None:
    compare("every one the same ESR1 variant", observation)
    compare("ESR1 variants that differ", varied)
    compare("a record of laboratory values, vital signs and genes", mixed)
    chart.main()


if __name__ == "__main__":
    main()
