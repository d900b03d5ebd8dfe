"""In CI a skipped test is a failed one: what was not run there was not run anywhere."""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest
from django.conf import settings

# What is there on PostgreSQL alone: its sessions, standbys and poolers.
collect_ignore = ["postgresql"] if settings.ON_SQLITE else []

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return no_skip((yield))


def no_skip(report: Report) -> Report:
    if os.environ.get("CI") and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"Skipped in CI. {reason}"
    return report
