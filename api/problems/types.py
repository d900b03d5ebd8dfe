"""The problem types that the API returns. Each has a page under `/problems/`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProblemType:
    """A problem type (RFC 9457): its status, its cause and how to fix it."""

    slug: str
    status: int
    title: str
    cause: str
    fix: str
    general: bool = False

    @property
    def uri(self) -> str:
        """The URI reference in `type`."""
        return f"/problems/{self.slug}"


with Path(__file__).with_name("types.toml").open("rb") as file:
    PROBLEM_TYPES = {slug: ProblemType(slug, **entry) for slug, entry in tomllib.load(file).items()}

MALFORMED_REQUEST = PROBLEM_TYPES["malformed-request"]
INVALID_KEY = PROBLEM_TYPES["invalid-key"]
READ_ONLY_KEY = PROBLEM_TYPES["read-only-key"]
FORBIDDEN = PROBLEM_TYPES["forbidden"]
NOT_FOUND = PROBLEM_TYPES["not-found"]
METHOD_NOT_ALLOWED = PROBLEM_TYPES["method-not-allowed"]
REQUEST_IN_PROGRESS = PROBLEM_TYPES["request-in-progress"]
CONFLICT = PROBLEM_TYPES["conflict"]
PRECONDITION_FAILED = PROBLEM_TYPES["precondition-failed"]
BODY_TOO_LARGE = PROBLEM_TYPES["body-too-large"]
UNSUPPORTED_MEDIA_TYPE = PROBLEM_TYPES["unsupported-media-type"]
VALIDATION_ERROR = PROBLEM_TYPES["validation-error"]
IDEMPOTENCY_KEY_REUSED = PROBLEM_TYPES["idempotency-key-reused"]
PRECONDITION_REQUIRED = PROBLEM_TYPES["precondition-required"]
RATE_LIMITED = PROBLEM_TYPES["rate-limited"]
INTERNAL_ERROR = PROBLEM_TYPES["internal-error"]
UNAVAILABLE = PROBLEM_TYPES["unavailable"]

BY_STATUS = {type.status: type for type in PROBLEM_TYPES.values() if type.general}
