"""Which paths are the API's."""


def is_api(path: str) -> bool:
    """Tell whether the HTTP contract governs this path, known or not."""
    return path == "/api" or path.startswith("/api/")
