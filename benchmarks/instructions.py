"""Counts the instructions of a request in one process, which no other program on the machine changes.

    .venv/bin/python -m benchmarks.instructions            # compare with instructions.json
    .venv/bin/python -m benchmarks.instructions --write    # after a change that is meant to change them

Needs valgrind and PostgreSQL. valgrind runs the service twice, with few and with many requests; the
difference is theirs alone. Another version of Python, Django or psycopg has other figures, so that an upgrade
needs `--write`.
"""

import gc
import json
import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from itertools import cycle
from pathlib import Path

from benchmarks.cpu import BODY, service
from benchmarks.fill import ROOT, database, service_environment

RECORDED = Path(__file__).with_suffix(".json")
WITHIN = 0.03  # of what is recorded
FEW, MANY = 20, 170
VALGRIND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]


def main() -> None:
    """Count, and compare or write. Exits with what differs."""
    parser = ArgumentParser(description="Counts the instructions of a request.")
    parser.add_argument("--write", action="store_true", help="record the counts in instructions.json")
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="PostgreSQL's URL")
    parser.add_argument("--send", nargs=2, help="used inside valgrind: a kind of request, and how many")
    options = parser.parse_args()
    if options.send:
        send(options.send[0], int(options.send[1]))
        return
    with database(options.server, "goatfish_instructions") as url:
        count("get", FEW, url)  # creates the user, and compiles what has changed
        found = {kind: per_request(kind, url) for kind in ("get", "list", "create")}
    for kind, number in found.items():
        sys.stdout.write(f"{kind}: {number:,} instructions\n")
    if options.write:
        RECORDED.write_text(json.dumps(found, indent=2) + "\n")
        return
    recorded = json.loads(RECORDED.read_text())
    differences = [
        f"A {kind} takes {number / recorded[kind] - 1:+.1%} instructions, compared with {RECORDED.name}."
        for kind, number in found.items()
        if abs(number / recorded[kind] - 1) > WITHIN
    ]
    if differences:
        sys.exit("\n".join([*differences, "If this is meant, run benchmarks.instructions with --write."]))


def per_request(kind: str, url: str) -> int:
    """Return the instructions of one request."""
    return round((count(kind, MANY, url) - count(kind, FEW, url)) / (MANY - FEW))


def count(kind: str, number: int, url: str) -> int:
    """Return the instructions of a process that sends this many requests."""
    command = [sys.executable, "-m", "benchmarks.instructions", "--send", kind, str(number)]
    environment = {**service_environment(url), "PYTHONHASHSEED": "0"}
    run = subprocess.run(
        [*VALGRIND, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    counted = re.search(r"I\s+refs:\s+([\d,]+)", run.stderr)
    if run.returncode or counted is None:
        sys.exit(f"valgrind failed:\n{run.stderr[-2000:]}")
    return int(counted[1].replace(",", ""))


def send(kind: str, number: int) -> None:
    """Send requests to the service in this process."""
    sys.argv = ["gunicorn"]  # the settings of the service, not those of manage.py
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["RATE_LIMIT"] = "900000000/minute"  # counted, and never reached
    call, body = service(), json.dumps(BODY).encode()
    gc.disable()  # it looks at all objects now and then, which may be in one run and not in the other
    ids = cycle([json.loads(call("POST", "", body))["id"] for _ in range(110)])
    for _ in range(number):
        if kind == "get":
            call("GET", f"/{next(ids)}")
        elif kind == "list":
            call("GET", "")
        else:
            call("POST", "", body)


if __name__ == "__main__":
    main()
