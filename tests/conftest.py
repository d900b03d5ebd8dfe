"""In CI, a skipped test fails: otherwise it might never run anywhere."""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
from django.conf import settings

# These tests need PostgreSQL: locks, sessions, standbys and connection poolers.
collect_ignore = ["postgresql"] if settings.ON_SQLITE else []

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return fail_if_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return fail_if_skipped((yield))


def fail_if_skipped(report: Report) -> Report:
    if os.environ.get("CI") and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"Skipped in CI: {reason}"
    return report
