"""The SQL sources as a package: `flywheel install` and the extension build read the same files."""
