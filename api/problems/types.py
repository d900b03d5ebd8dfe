"""The problem types that the API returns. Each has a page under `/problems/`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemType:
    """A problem type (RFC 9457) with its status, its cause and how to fix it."""

    status: int
    slug: str
    title: str
    cause: str
    fix: str

    @property
    def uri(self) -> str:
        """The URI reference in `type`."""
        return f"/problems/{self.slug}"


MALFORMED_REQUEST = ProblemType(
    400,
    "malformed-request",
    "Malformed request",
    "The body is missing or is not valid JSON, or a header is invalid.",
    "Send a JSON object without NaN, Infinity or a byte order mark, and fix the header that is named in "
    "errors.",
)
INVALID_KEY = ProblemType(
    401,
    "invalid-key",
    "Invalid key",
    "The X-API-Key header is missing, or its key is malformed, unknown, expired or revoked, or belongs to "
    "an inactive user. For security, the response does not say which.",
    "Send the complete key, without quotes, or create a new key under Keys.",
)
READ_ONLY_KEY = ProblemType(
    403,
    "read-only-key",
    "Read-only key",
    "The request writes, but its API key is read only.",
    "Use a key with write permission.",
)
FORBIDDEN = ProblemType(
    403,
    "forbidden",
    "Forbidden",
    "The operation is not allowed for this key.",
    "Use the key of a user who has permission, or ask the operator for access.",
)
NOT_FOUND = ProblemType(
    404,
    "not-found",
    "Not found",
    "The path or the object does not exist, or the object belongs to another user.",
    "Check the path, which has no trailing slash, the id, and that the key belongs to the owner.",
)
METHOD_NOT_ALLOWED = ProblemType(
    405,
    "method-not-allowed",
    "Method not allowed",
    "The path exists, but it does not support this method.",
    "Use one of the methods in the Allow header of the response.",
)
REQUEST_IN_PROGRESS = ProblemType(
    409,
    "request-in-progress",
    "Request in progress",
    "Another request with the same Idempotency-Key is still running.",
    "Retry after the number of seconds in the Retry-After header to get the first response.",
)
CONFLICT = ProblemType(
    409,
    "conflict",
    "Conflict",
    "Another object already has a value that must be unique, or the state of the object does not allow "
    "this operation. Nothing was written.",
    "See detail: choose another value, or get the object to check its state.",
)
PRECONDITION_FAILED = ProblemType(
    412,
    "precondition-failed",
    "Precondition failed",
    "The object was changed after the version that the If-Match header names. Nothing was written.",
    "Get the object again, review the change, and repeat your request with the new ETag.",
)
BODY_TOO_LARGE = ProblemType(
    413,
    "body-too-large",
    "Body too large",
    "The request body is larger than this operation allows. See detail for the limit.",
    "Split the data into several smaller requests.",
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    415,
    "unsupported-media-type",
    "Unsupported media type",
    "This operation does not support the media type or the encoding of the body.",
    "Send JSON in UTF-8, with Content-Type: application/json.",
)
VALIDATION_ERROR = ProblemType(
    422,
    "validation-error",
    "Validation error",
    "The request contains invalid values. Nothing was written.",
    "Fix each entry of errors: pointer locates a value in the body, parameter names a query parameter, and "
    "detail states the rule.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    422,
    "idempotency-key-reused",
    "Idempotency key reused",
    "The Idempotency-Key was already used for a request with a different path or body. Nothing was written.",
    "Use a new key for each new request. Reuse a key only to retry the identical request.",
)
PRECONDITION_REQUIRED = ProblemType(
    428,
    "precondition-required",
    "Precondition required",
    "This service requires an If-Match header, so that no change is overwritten by accident.",
    "Get the object, and send its ETag in the If-Match header.",
)
RATE_LIMITED = ProblemType(
    429,
    "rate-limited",
    "Rate limited",
    "The key has exceeded its rate limit, or too many requests without a valid key came from this address.",
    "Wait for the seconds in the Retry-After header. The RateLimit header shows the remaining requests.",
)
INTERNAL_ERROR = ProblemType(
    500,
    "internal-error",
    "Internal error",
    "An error occurred in the service, not in your request. Nothing was written.",
    "Retry later. If the error persists, send the request_id to the operator, who can search the log.",
)
UNAVAILABLE = ProblemType(
    503,
    "unavailable",
    "Unavailable",
    "The database cannot be reached, or a query took too long.",
    "Retry after the number of seconds in the Retry-After header.",
)

PROBLEM_TYPES: dict[str, ProblemType] = {
    value.slug: value for value in list(globals().values()) if isinstance(value, ProblemType)
}
