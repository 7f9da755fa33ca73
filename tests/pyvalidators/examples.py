"""Of every Python validator: a config, a step that passes and one that fails."""

import json
from pathlib import Path
from typing import NamedTuple

from pyvalidators import VALIDATORS


class Example(NamedTuple):
    """steps: columns of the one that passes and of the one that fails."""

    validator: str
    config: dict
    steps: tuple[dict, dict]

    def columns(self) -> list[list[str | None]]:
        """The steps, as batch.run takes them."""
        return [[_text(step.get(name)) for step in self.steps] for name in VALIDATORS[self.validator].fields]


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


ROWS = map(json.loads, Path(__file__).with_suffix(".jsonl").read_text().splitlines())
EXAMPLES = [Example(row["validator"], row["config"], (row["passes"], row["fails"])) for row in ROWS]
