"""One scripted EHR and one running app a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.smart.ehr import App, Browser, Ehr, running, without_wire
from tests.support.fake_server import fake_server


@pytest.fixture
def ehr() -> Iterator[Ehr]:
    with fake_server() as fake:
        yield Ehr(fake)


@pytest.fixture
def app(ehr: Ehr, tmp_path: Path) -> Iterator[App]:
    yield from running(ehr, tmp_path)


@pytest.fixture(scope="session")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[Browser, Ehr]]:
    """A fresh browser and the EHR as it was at first, for tests of very many small cases."""
    app, ehr = without_wire(Path(tmp_path_factory.mktemp("memory")))
    document, token = dict(ehr.document), dict(ehr.token)

    def fresh() -> tuple[Browser, Ehr]:
        ehr.document, ehr.token = dict(document), dict(token)
        ehr.scope, ehr.id_token, ehr.claims = None, True, {}
        return Browser(app.test_client(), ehr), ehr

    return fresh
