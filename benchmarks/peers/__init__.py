"""The peers of Goatfish: one file each. Several share tables and cursors."""
