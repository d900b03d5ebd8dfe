"""Where the pages' static files are found."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Compressed files under hashed names, and plain names until `collectstatic` has made those.

    So a fresh clone runs its tests and `runserver` without a build step.
    """

    def stored_name(self, name: str) -> str:
        """Return the hashed name of a file, or its plain name where no manifest lists it."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
