"""The application of a cell: a process that INSERTs steps at a steady pace, whatever happens, and keeps a journal.

    application.py DSN JOURNAL   until SIGTERM

A statement is in the journal before it is sent, and again when the server said that it is committed.
"""

import itertools
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import psycopg

EVERY_S = 0.1
BATCH = 20
"""Steps of every other statement, the others insert one: 105 a second, more than the validators take."""

INSERT = """
INSERT INTO flywheel.traces (trace_id, node, input, output)
SELECT concat_ws(' ', 'application', %(number)s::int), CASE WHEN g %% 11 < 5 THEN 'answer' ELSE 'intent' END,
       concat_ws(' ', 'question', %(number)s::int, g), concat_ws(' ', 'answer to', %(number)s::int, g)
FROM generate_series(1, %(n)s::int) AS g
"""


def main(dsn: str, journal: Path) -> None:
    stopped = False

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    conn: psycopg.Connection | None = None
    due = time.monotonic()
    with journal.open("w", buffering=1) as lines:
        for number in itertools.count():
            if stopped:
                return
            n = BATCH if number % 2 else 1
            lines.write(f"sent {number} {n}\n")
            try:
                if conn is None or conn.closed:
                    conn = psycopg.connect(dsn, autocommit=True, connect_timeout=5)
                conn.execute(INSERT, {"number": number, "n": n})
            except psycopg.Error as error:
                lines.write(f"refused {number} {str(error).splitlines()[0]}\n")
            else:
                lines.write(f"committed {number} {n}\n")
            due = max(due + EVERY_S, time.monotonic() - EVERY_S)  # does not catch up what an outage kept back
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
