"""pg_flywheel: the judge worker and the command."""
