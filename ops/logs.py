"""The log on standard error: lines for people or JSON for programs, with the request id."""

import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson

KEY = re.compile(r"gf_[0-9A-Za-z]{36}")  # keys must never be logged


class JSONFormatter(logging.Formatter):
    """Formats a record, including its traceback, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Lone surrogates, which UTF-8 cannot encode, are escaped."""
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
    """Return a text that UTF-8 can encode."""
    return text.encode(errors="backslashreplace").decode()


def is_unexplained(record: logging.LogRecord) -> bool:
    """Whether Django's line about a response says something new: the cause of a 503 has been logged."""
    return getattr(record, "status_code", None) != 503


def logging_as(form: str) -> dict[str, Any]:
    """Return Django's LOGGING setting for a LOG_FORMAT."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "ops.middleware.requests.RequestIDFilter"},
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
            # 4xx responses are only in the access log
            "django.request": {"level": "ERROR", "filters": ["cause"]},
        },
    }
