"""Tests run in a time zone that is neither UTC nor whole hours, and a skipped test fails where CI says so."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import settings

os.environ["TZ"] = "Asia/Kathmandu"
time.tzset()

settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("nightly", deadline=None, max_examples=100_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.skipped and os.environ.get("SKIP_IS_FAILURE") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and here a skip is a failure: {report.longrepr}"
    return report
