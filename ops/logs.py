"""The log, to standard error: lines for people, or JSON for programs. Each names its request."""

import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson

KEY = re.compile(r"gf_[0-9A-Za-z]{36}")  # which nothing that is logged may hold


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON, and so a traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a lone surrogate, which UTF-8 does not have, is written as an escape."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", "-"),
            "message": storable(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = storable(self.formatException(record.exc_info))
        return orjson.dumps(line, option=orjson.OPT_UTC_Z).decode()


def storable(text: str) -> str:
    """Return a text that can be written as UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def is_unexplained(record: logging.LogRecord) -> bool:
    """Whether Django's line about a response says something new: the cause of a 503 has been logged."""
    return getattr(record, "status_code", None) != 503


def logging_as(form: str) -> dict[str, Any]:
    """Return Django's LOGGING, in the form that LOG_FORMAT names."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "ops.request_ids.RequestIDFilter"},
            "cause": {"()": "django.utils.log.CallbackFilter", "callback": is_unexplained},
        },
        "formatters": {
            "line": {"format": "{asctime} {levelname} {name} [{request_id}] {message}", "style": "{"},
            "json": {"()": "ops.logs.JSONFormatter"},
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "filters": ["request_id"], "formatter": form},
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "axes": {"level": "WARNING"},
            "django.request": {
                "level": "ERROR",
                "filters": ["cause"],
            },  # a client's 4xx is in the access log, not worth a warning
        },
    }
