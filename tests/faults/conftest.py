"""Select the tests for each database, and print the measurements after `make faults`."""

import logging
import os
from pathlib import Path

import pytest
from django.conf import settings

from tests.faults.figures import LONG, MEASURED, table, write

# These start their own servers, whatever database the tests use. They run once, with the tests on PostgreSQL.
OWN_SERVERS = ["test_failover", "test_hostile", "test_postgres", "test_redis", "test_restarts"]
collect_ignore = [
    f"{name}.py" for name in (OWN_SERVERS if settings.ON_SQLITE else ["test_full_disk"]) if not LONG
]

# Otherwise, its line for each request would fill the output of a failed test.
logging.getLogger("httpx").setLevel(logging.WARNING)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LONG and MEASURED:
        terminalreporter.write_line(f"\n{table()}")
        if page := os.environ.get("FAULTS_PAGE"):
            write(Path(page))
