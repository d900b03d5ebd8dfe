"""Goatfish's tables for the Django peers. Goatfish's migrations create them."""
