"""What Goatfish is measured beside: each peer is one file, on tables and cursors that several share."""
