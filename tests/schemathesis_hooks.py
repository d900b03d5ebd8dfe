"""What schemathesis has to know of the contract, and no OpenAPI document can tell.

It runs in a process of its own, which loads this file (`hooks` in schemathesis.toml).
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

LONGEST_ADDRESS = 8_000  # gunicorn itself refuses a request line over 8,190 bytes (gunicorn.conf.py)

# Codes of errors in a request that is valid by the schema, each for what no JSON Schema can say.
BEYOND_SCHEMAS = {
    "date_order",  # end_date is before start_date, which may be the stored one
    "date_parsing",  # 30 February, which a pattern lets through (`overlaps`)
    "interval_order",  # `overlaps` ends before it begins
    "invalid_cursor",  # a cursor is signed, for this list
}

Row = dict[str, str]

# For the document, rows in CSV and NDJSON are a text; here they are rows, which have to be taken.
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

# schemathesis makes no header with quotes in it from a pattern, and hardly any tag would be an object's.
schemathesis.openapi.format("tags", st.sampled_from(["*", '"1"', 'W/"1"', '"1", "2"', '"another"']))


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Name the formats above, and put in `POST /{id}`, which does what PATCH does and is left out."""
    if_match = raw_schema["components"]["parameters"]["If-Match"]
    if_match["schema"]["format"] = "tags"
    if_match["example"] = "*"  # what every valid request is built on; a version is the object's but once
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
    """Keep from valid requests what would have each refused, whatever else is in it."""
    # Quoted or bare, it is one key.
    key = case.headers.get("Idempotency-Key", "").strip('"').replace("\\", "")
    seen = key in used
    used.add(key)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if key and seen:  # with another body, most likely
        case.headers["Idempotency-Key"] = f"schemathesis-{next(numbers)}"
    if "." not in case.query.get("cursor", "."):  # made up: those of the service have one
        del case.query["cursor"]


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Failure,
    case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> bool:
    """Tell whether a failure is one: not where the contract itself asks for the answer."""
    if response.status_code == 414:
        return len(urlsplit(response.request.url).query) < LONGEST_ADDRESS
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    if response.status_code == 412:
        return False  # If-Match names another version than the object has by now
    errors = response.json().get("errors", [])
    return not errors or any(error["code"] not in BEYOND_SCHEMAS for error in errors)
