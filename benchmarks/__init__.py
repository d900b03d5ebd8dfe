"""Benchmarks of Goatfish, compared with its peers and at scale. They are not part of the service."""
