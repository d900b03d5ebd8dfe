"""What is run where, and, after `make faults`, what was measured."""

import logging
import os
from pathlib import Path

import pytest
from django.conf import settings

from tests.faults.figures import LONG, MEASURED, table, write

# These start servers of their own, whatever the tests' database is: once is enough, in the run on PostgreSQL.
OWN = ["test_failover", "test_hostile", "test_postgres", "test_redis", "test_restarts"]
collect_ignore = [f"{name}.py" for name in (OWN if settings.ON_SQLITE else ["test_full_disk"]) if not LONG]

logging.getLogger("httpx").setLevel(
    logging.WARNING
)  # its line for each request would fill what a failure prints


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LONG and MEASURED:
        terminalreporter.write_line(f"\n{table()}")
        if page := os.environ.get("FAULTS_PAGE"):
            write(Path(page))
