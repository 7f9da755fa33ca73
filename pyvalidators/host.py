"""Validators in a process of their own, which the worker can kill: `python -m pyvalidators.host`.

A request is a line of JSON on stdin, {"validator", "config", "columns", "step_budget_s"?, "batch_budget_s"?};
the answer a line on stdout, batch.Results as an object of lists, or {"error": text} for a request that cannot
be run. Ends with stdin. Ignores SIGINT: the parent decides.
"""

import json
import os
import signal

from . import batch

_BUDGETS = ("step_budget_s", "batch_budget_s")


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The protocol moves to other descriptors, out of the reach of a validator that prints or reads.
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "w", encoding="ascii") as answers:
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        for line in requests:
            answers.write(json.dumps(_answer(line)) + "\n")
            answers.flush()


def _answer(line: bytes) -> dict:
    try:
        request = json.loads(line)
        budgets = {key: request[key] for key in _BUDGETS if key in request}
        results = batch.run(request["validator"], request["config"], request["columns"], **budgets)
        return results._asdict()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
