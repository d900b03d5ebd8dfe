"""Measures Goatfish beside its peers, and at scale; nothing of this is part of the service."""
