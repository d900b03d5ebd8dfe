"""Storage of static files."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Serves compressed files under hashed names, or under plain names before `collectstatic` has run.

    Tests and `runserver` therefore work in a fresh clone.
    """

    def stored_name(self, name: str) -> str:
        """Return the hashed name of a file, or its plain name if the manifest does not list it."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
