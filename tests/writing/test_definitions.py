"""Our own FHIR definitions: served to everybody, the same as in docs/fhir, and what a written plan names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from smart_app.fhir import jsontext
from smart_app.fhir.writing.definitions import canonical, plan_definition
from smart_app.policies import SHIPPED, load_policy
from tests.support.running import app_and_sandbox
from tests.writing.support import PATIENT, plan_of

OURS = Path(__file__).resolve().parent.parent.parent / "docs" / "fhir"
FILES = sorted(OURS.glob("*.json"))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with app_and_sandbox(tmp_path_factory.mktemp("served")) as running:
        yield running.app_url


@pytest.mark.parametrize("name", SHIPPED)
def test_the_plan_definition_in_the_documents_is_that_of_the_policy(name: str) -> None:
    made = plan_definition(load_policy(name))
    assert jsontext.loads((OURS / f"PlanDefinition-{made['id']}.json").read_bytes()) == made
    assert canonical(name, load_policy(name).version) == f"{made['url']}|{made['version']}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_each_definition_says_where_it_is_found(file: Path) -> None:
    made = jsontext.loads(file.read_bytes())
    assert file.stem == f"{made['resourceType']}-{made['id']}"
    assert made["url"] == f"https://esr1.example.org/fhir/{made['resourceType']}/{made['id']}"


def test_what_a_plan_instantiates_is_served_by_the_app_without_a_sign_in(app: str) -> None:
    url, _, version = plan_of(PATIENT)["instantiatesCanonical"][0].partition("|")
    answer = requests.get(app + urlsplit(url).path, timeout=10)
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    served = jsontext.loads(answer.content)
    assert (served["resourceType"], served["url"], served["version"]) == ("PlanDefinition", url, version)


@pytest.mark.parametrize("file", [f for f in FILES if "practical" not in f.stem], ids=lambda f: f.stem)
def test_each_definition_is_served(app: str, file: Path) -> None:
    answer = requests.get(f"{app}/fhir/{file.stem.replace('-', '/', 1)}", timeout=10)
    assert jsontext.loads(answer.content) == jsontext.loads(file.read_bytes())


@pytest.mark.parametrize(
    "path", ["CodeSystem/none", "Patient/p1", "PlanDefinition/esr1-other", "CodeSystem/..%2F..%2FREADME"]
)
def test_nothing_else_is_served_there(app: str, path: str) -> None:
    answer = requests.get(f"{app}/fhir/{path}", timeout=10)
    assert answer.status_code == 404
