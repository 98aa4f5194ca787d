"""Tests run in a time zone that is neither UTC nor whole hours, and a skipped test fails where CI says so."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import collected
from tests.support.leaks import Listener, Scanner

os.environ["TZ"] = "Asia/Kathmandu"
time.tzset()

IN_CI = os.environ.get("SKIP_IS_FAILURE") == "1"
# in CI the same examples each time, so that red means a change; new ones are sought on every other machine and nightly
settings.register_profile("default", deadline=None, print_blob=True, derandomize=IN_CI)
settings.register_profile("nightly", deadline=None, max_examples=100_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
collected.watch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)  # they look at what the others did


@pytest.fixture(scope="session", autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Every answer and every log line of the whole run is looked at; the run fails where one holds what it must not."""
    scanner = Scanner()
    listener = Listener(scanner)
    scanner.connect()
    logging.getLogger().addHandler(listener)
    yield
    logging.getLogger().removeHandler(listener)
    scanner.disconnect()
    assert scanner.leaks() == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.skipped and IN_CI and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and here a skip is a failure: {report.longrepr}"
    return report
