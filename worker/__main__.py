"""`python -m pg_flywheel` is `flywheel`."""

from .command import app

app(prog_name="flywheel")
