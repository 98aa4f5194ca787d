"""The FHIR validator over many resources in one run, with our own definitions known to it."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

from smart_app.fhir import jsontext
from tests.support.java import JAVA, require_java
from tests.writing.support import Json

# the warnings that docs/write-back.md explains
KNOWN = (
    "appears to be a simple element, so the context type should be 'element' not 'fhirpath'",
    "Provenance.meta.tag[0]: CodeSystem is unknown",
    "The markdown contains content that appears to be an embedded HTML tag",
)
OURS = Path(__file__).resolve().parent.parent.parent / "docs" / "fhir"


def validated(resources: dict[str, Json], folder: Path, us_core: str) -> list[str]:
    """One line for each resource: ``plan-NAME.json: valid, 0 errors, 0 warnings``, and the messages before it."""
    require_java()
    package = folder / "ours.tgz"
    manifest = {"name": "org.example.esr1", "version": "1.0.0", "fhirVersions": ["4.0.1"], "type": "fhir.ig"}
    (folder / "package.json").write_text(json.dumps(manifest))
    with tarfile.open(package, "w:gz") as out:
        for file in (folder / "package.json", *sorted(OURS.glob("*.json"))):
            out.add(file, f"package/{file.name}")
    for name, resource in resources.items():
        (folder / f"plan-{name}.json").write_bytes(jsontext.dumps(resource))
    files = [str(folder / f"plan-{name}.json") for name in resources]
    script = str(JAVA / "fhir-validator" / "validate.sh")
    run = ["bash", script, "--us-core", us_core, "--ig", str(package), *files]
    return subprocess.run(run, capture_output=True, text=True, timeout=1800).stdout.splitlines()


def unexplained(said: list[str]) -> list[str]:
    """Errors, and warnings that the documents do not explain."""
    messages = [line for line in said if line not in verdicts(said)]
    wrong = [m for m in messages if ": error: " in m or ": fatal: " in m or not any(known in m for known in KNOWN)]
    return wrong + [line for line in verdicts(said) if ".json: valid, 0 errors, " not in line]


def verdicts(said: list[str]) -> list[str]:
    return [line for line in said if ".json: valid, " in line or ".json: INVALID, " in line]
