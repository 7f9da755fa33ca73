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
"""Steps of every tenth statement; the others insert one."""


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
            n = BATCH if number % 10 == 9 else 1
            node = "answer" if number % 3 == 0 else "intent"
            lines.write(f"sent {number} {n}\n")
            try:
                if conn is None or conn.closed:
                    conn = psycopg.connect(dsn, autocommit=True, connect_timeout=5)
                row = (f"application {number}", node, f"question {number}", f"answer to {number}")
                values = ", ".join(["(%s, %s, %s, %s)"] * n)
                steps = [part for i in range(n) for part in (*row[:2], f"{row[2]} {i}", f"{row[3]} {i}")]
                conn.execute(f"INSERT INTO flywheel.traces (trace_id, node, input, output) VALUES {values}", steps)
            except psycopg.Error as error:
                lines.write(f"refused {number} {str(error).splitlines()[0]}\n")
            else:
                lines.write(f"committed {number} {n}\n")
            due = max(due + EVERY_S, time.monotonic() - EVERY_S)  # does not catch up what an outage kept back
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
