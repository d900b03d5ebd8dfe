"""An app of the tests alone: owned models with what a resource may have, and their tables."""
