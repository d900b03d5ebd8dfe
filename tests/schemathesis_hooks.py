"""Parts of the contract that an OpenAPI document cannot express, for schemathesis.

Schemathesis runs as a process of its own and loads this file (`hooks` in schemathesis.toml).
"""

import copy
import csv
import json
from datetime import date
from io import StringIO
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import Failure

MAX_QUERY = 8_000  # gunicorn itself rejects a request line of more than 8,190 bytes (gunicorn.conf.py)

# Error codes for requests that are valid according to the schema. JSON Schema cannot express these rules.
BEYOND_SCHEMAS = {
    "date_order",  # end_date is before start_date, which can be the stored one
    "date_parsing",  # such as 30 February in `overlaps`, which matches the pattern
    "interval_order",  # `overlaps` ends before it starts
    "invalid_cursor",  # a cursor is signed for one list
}

Row = dict[str, str]

# In the document, CSV and NDJSON are strings. These strategies generate valid rows.
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300)
rows = st.builds(
    lambda name, days: {"name": name, "start_date": min(days), "end_date": max(days)},
    names.filter(str.strip),
    st.tuples(*[st.dates().map(date.isoformat)] * 2),
)


def as_csv(rows: list[Row]) -> str:
    out = StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_ndjson(rows: list[Row]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


schemathesis.openapi.format("csv", st.lists(rows, min_size=1, max_size=5).map(as_csv))
schemathesis.openapi.format("ndjson", st.lists(rows, min_size=1, max_size=5).map(as_ndjson))
schemathesis.serializer.alias("application/x-ndjson", "text/plain")

# Schemathesis generates no quotes in headers from a pattern, and random tags would hardly ever match.
schemathesis.openapi.format("tags", st.sampled_from(["*", '"1"', 'W/"1"', '"1", "2"', '"another"']))


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Use the formats above, and add `POST /{id}`, an undocumented equivalent of PATCH."""
    if_match = raw_schema["components"]["parameters"]["If-Match"]
    if_match["schema"]["format"] = "tags"
    if_match["example"] = "*"  # the basis of every valid request; a version would match only once
    bulk = raw_schema["paths"]["/api/simulations/bulk"]["post"]["requestBody"]["content"]
    bulk["text/csv"]["schema"] = {"type": "string", "format": "csv"}
    bulk["application/x-ndjson"]["schema"] = {"type": "string", "format": "ndjson"}

    create = raw_schema["paths"]["/api/simulations"]["post"]
    methods = raw_schema["paths"]["/api/simulations/{id}"]
    post = methods["post"] = copy.deepcopy(methods["patch"])
    post["operationId"] = "update_simulation_by_post"
    post["parameters"] += [p for p in create["parameters"] if p not in post["parameters"]]
    post["responses"] |= {status: create["responses"][status] for status in ("409", "422")}
    header = "Idempotent-Replayed"
    post["responses"]["200"]["headers"][header] = create["responses"]["201"]["headers"][header]


numbers = count()
used: set[str] = set()


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Change values that would make every valid request fail."""
    # With or without quotes, it is the same key.
    key = case.headers.get("Idempotency-Key", "").strip('"').replace("\\", "")
    seen = key in used
    used.add(key)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if key and seen:  # probably with another body
        case.headers["Idempotency-Key"] = f"schemathesis-{next(numbers)}"
    if "." not in case.query.get("cursor", "."):  # generated: real cursors contain a dot
        del case.query["cursor"]


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Failure,
    case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> bool:
    """Return whether a failure is real, and not a response that the contract requires."""
    if response.status_code == 414:
        return len(urlsplit(response.request.url).query) < MAX_QUERY
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    if response.status_code == 412:
        return False  # the object has another version than If-Match by now
    errors = response.json().get("errors", [])
    return not errors or any(error["code"] not in BEYOND_SCHEMAS for error in errors)
