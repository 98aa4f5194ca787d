"""One real HAPI server for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.java import hapi_server


@pytest.fixture(scope="session")
def hapi() -> Iterator[str]:
    with hapi_server() as base:
        yield base
