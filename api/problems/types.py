"""The kinds of problem that the API answers with; each is a page under `/problems/`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemType:
    """A `type` of RFC 9457: the status it comes with, what went wrong, and how to mend it."""

    status: int
    slug: str
    title: str
    cause: str
    mend: str

    @property
    def uri(self) -> str:
        """The reference that stands in `type`."""
        return f"/problems/{self.slug}"


MALFORMED_REQUEST = ProblemType(
    400,
    "malformed-request",
    "Malformed request",
    "The request could not be read: it has no body where one is needed, its body is not JSON, or a header "
    "(named in errors) does not have the form that it must have.",
    "Send a JSON object, without NaN, Infinity or a byte order mark, and mend the header that errors names.",
)
INVALID_KEY = ProblemType(
    401,
    "invalid-key",
    "Invalid key",
    "The X-API-Key header is missing, or its key is malformed, unknown, expired or revoked, or belongs to a "
    "user who is not active. Which of these it was is not told, because strangers read this answer too.",
    "Send a key that is valid, whole and without quotes. A new one is made in the admin, or by "
    "manage.py issue_key.",
)
READ_ONLY_KEY = ProblemType(
    403,
    "read-only-key",
    "Read-only key",
    "The key may read but not write.",
    "Use a key that is not read-only for requests that write.",
)
FORBIDDEN = ProblemType(
    403,
    "forbidden",
    "Forbidden",
    "This operation is not allowed for the user of this key.",
    "Use a key of a user who may do this, or ask the operator.",
)
NOT_FOUND = ProblemType(
    404,
    "not-found",
    "Not found",
    "There is nothing at this address, or nothing of yours: an object of another user's answers as an id "
    "that does not exist.",
    "Check the path (there is no slash at its end) and the id, and that the key belongs to the owner.",
)
METHOD_NOT_ALLOWED = ProblemType(
    405,
    "method-not-allowed",
    "Method not allowed",
    "The address exists, but does not take this method.",
    "Use one of the methods in the Allow header of the answer.",
)
CONFLICT = ProblemType(
    409,
    "conflict",
    "Conflict",
    "Another object already has a value that must be unique, or the state of the object does not allow this.",
    "Change the value that detail names, or get the object again and look at its state.",
)
REQUEST_IN_PROGRESS = ProblemType(
    409,
    "request-in-progress",
    "Request in progress",
    "A request with the same Idempotency-Key is still running.",
    "Send it again after the number of seconds in the Retry-After header; it is then answered as the first.",
)
PRECONDITION_FAILED = ProblemType(
    412,
    "precondition-failed",
    "Precondition failed",
    "The object is not at the version that the If-Match header names: somebody has changed it meanwhile. "
    "Nothing was written.",
    "Get the object again, look what changed, and send the change with the ETag that came with it.",
)
BODY_TOO_LARGE = ProblemType(
    413,
    "body-too-large",
    "Body too large",
    "The body of the request is longer than this operation takes; detail says how long it may be.",
    "Send less in one request.",
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    415,
    "unsupported-media-type",
    "Unsupported media type",
    "The body is of a type, or in an encoding, that this operation does not take.",
    "Send JSON in UTF-8, with Content-Type: application/json.",
)
VALIDATION_ERROR = ProblemType(
    422,
    "validation-error",
    "Validation error",
    "The request was understood, but some of its values cannot be taken. Nothing was written.",
    "Mend each entry of errors: pointer is the place in the body, parameter the one in the query, "
    "and detail says what belongs there.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    422,
    "idempotency-key-reused",
    "Idempotency key reused",
    "The Idempotency-Key was sent before, with another path or another body. Nothing was written.",
    "Take a new key for each new request; only a retry, the same to the byte, takes the key of the first.",
)
PRECONDITION_REQUIRED = ProblemType(
    428,
    "precondition-required",
    "Precondition required",
    "This service takes no change without an If-Match header, so that no change is lost.",
    "Get the object, and send its ETag in If-Match.",
)
RATE_LIMITED = ProblemType(
    429,
    "rate-limited",
    "Rate limited",
    "The key has sent more requests than its limit allows, or this address too many without a valid key.",
    "Wait for the number of seconds in the Retry-After header. The RateLimit header of each answer tells how "
    "many requests are left.",
)
INTERNAL_ERROR = ProblemType(
    500,
    "internal-error",
    "Internal error",
    "The service failed; the request was not at fault. What had been begun was not kept.",
    "Try again later. If it happens again, tell the operator the request_id: the log has the cause.",
)
UNAVAILABLE = ProblemType(
    503,
    "unavailable",
    "Unavailable",
    "The service cannot reach its database at the moment.",
    "Try again after the number of seconds in the Retry-After header.",
)

PROBLEM_TYPES: dict[str, ProblemType] = {
    value.slug: value for value in list(globals().values()) if isinstance(value, ProblemType)
}
