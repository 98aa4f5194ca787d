"""The real HAPI FHIR server and the real FHIR validator, where this machine has a JDK and Maven."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smart_app.fhir import jsontext

JAVA = Path(__file__).resolve().parent.parent / "java"
HOW = "install a JDK (17 or newer) and Maven, on Debian: apt install openjdk-17-jdk-headless maven"


def require_java() -> None:
    for program in ("javac", "mvn", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} on this machine, so the real FHIR server and validator are not tried: {HOW}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def hapi_server() -> Iterator[str]:
    """The base URL of a running HAPI FHIR R4 server with an empty store."""
    require_java()
    port = free_port()
    try:
        start = subprocess.run(
            ["bash", str(JAVA / "fhir-server" / "start-hapi.sh"), str(port)],
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert start.returncode == 0, start.stderr[-2000:]
        yield re.search(r"base=(\S+)", start.stdout).group(1)  # type: ignore[union-attr]
    finally:
        subprocess.run(["bash", str(JAVA / "fhir-server" / "stop-hapi.sh"), str(port)], capture_output=True, timeout=60)


def validate(resources: dict[str, Any], folder: Path, us_core: str = "8.0.0") -> dict[str, list[str]]:
    """Errors by name of resource, as the validator says them; an empty list is a valid one."""
    require_java()
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, resource in resources.items():
        file = folder / f"{name}.json"
        file.write_bytes(jsontext.dumps(resource))
        files.append(str(file))
    script = str(JAVA / "fhir-validator" / "validate.sh")
    run = subprocess.run(
        ["bash", script, "--us-core", us_core, "--json", *files], capture_output=True, text=True, timeout=900
    )
    outcomes = [json.loads(part) for part in _documents(run.stdout)]
    assert len(outcomes) == len(files), run.stderr[-2000:]
    return {
        name: [i.get("diagnostics", "") for i in outcome.get("issue", []) if i["severity"] in ("error", "fatal")]
        for name, outcome in zip(resources, outcomes, strict=True)
    }


def _documents(output: str) -> list[str]:
    found, start = [], 0
    decoder = json.JSONDecoder()
    text = output.strip()
    while start < len(text):
        _, end = decoder.raw_decode(text, start)
        found.append(text[start:end])
        start = end + len(text[end:]) - len(text[end:].lstrip())
    return found
