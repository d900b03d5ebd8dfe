"""Paths of the API."""


def is_api(path: str) -> bool:
    """Return whether the HTTP contract applies to a path, even an unknown one."""
    return path == "/api" or path.startswith("/api/")
