"""Goatfish's tables as the Django peers see them; Goatfish's migrations make them."""
