"""The demo: a believable pipeline with planted failures."""
