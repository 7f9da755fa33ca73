"""`flywheel review` on a real terminal and over a pipe: a key labels, and the judge's verdict comes after it."""

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
import unicodedata

import psycopg
import pytest

DEADLINE_S = 60
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]")


class Terminal:
    """A command on a pseudo-terminal: what it shows, and keys to press when it shows something."""

    def __init__(self, *command: object):
        self._ours, its = pty.openpty()
        env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
        call = [sys.executable, "-m", "pg_flywheel", *map(str, command)]
        own = {"start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}  # for Ctrl-C
        self.popen = subprocess.Popen(call, stdin=its, stdout=its, stderr=its, env=env, **own)
        os.close(its)
        self._written = b""
        self._seen = 0

    @property
    def shown(self) -> str:
        return self._written.decode(errors="ignore").replace("\r\n", "\n")

    def until(self, text: str) -> str:
        """What is shown up to a text that was not waited for before."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.shown[self._seen :]:
            assert time.monotonic() < deadline and self.read(), f"waited for {text!r} after {self.shown[self._seen :]}"
        begin, self._seen = self._seen, self.shown.index(text, self._seen) + len(text)
        return self.shown[begin : self._seen]

    def read(self) -> bool:
        if not select.select([self._ours], [], [], DEADLINE_S)[0]:
            return False
        try:
            self._written += os.read(self._ours, 65536)
            return True
        except OSError:  # EIO: it is gone
            return False

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        while self.read():
            pass
        os.close(self._ours)
        return self.popen.wait(DEADLINE_S)


@pytest.fixture
def judged(flow):
    """Three steps that a judge failed, because of their feelings."""
    flow.add_judge("http://127.0.0.1:9/v1")
    flow.insert(3)
    fail(flow)
    return flow


def fail(flow):
    flow.db.execute("""
        INSERT INTO flywheel.verdicts (step_id, version_id, passed, status, reason, step_created_at, pipeline)
        SELECT t.id, d.version_id, false, 'ok', 'hurts feelings', t.created_at, t.pipeline
        FROM flywheel.traces t CROSS JOIN flywheel.validators d""")


def labels(flow):
    return flow.db.execute(
        "SELECT passed, critique, rater, sampling_design FROM flywheel.labels ORDER BY id"
    ).fetchall()


def claims(flow):
    return flow.value("SELECT count(*) FROM flywheel.review_claims")


def piped(flow, lines, *options):
    call = [sys.executable, "-m", "pg_flywheel", "review", "--dsn", flow.dsn, *options]
    return subprocess.run(call, input=lines, capture_output=True, text=True, timeout=120)


def test_keys_on_a_terminal(judged):
    terminal = Terminal("review", "helpful", "--dsn", judged.dsn, "--rater", "ann", "--design", "random")
    before = terminal.until("q quit")
    assert "answer to" in before and "1 of 3" in before
    assert "hurts feelings" not in before
    terminal.press("?")
    assert "Passes if the output answers the input." in terminal.until("q quit")
    terminal.press("f")
    terminal.until("Why?")
    terminal.press("u\n")
    terminal.until("taken back")
    terminal.until("q quit")
    terminal.press("p")
    before = terminal.until("Why?")
    assert "hurts feelings" not in before and labels(judged) == []
    terminal.press("\n")
    assert "The judge said fail: hurts feelings" in terminal.until("1 labelled, 0 of 1 as the judge")
    terminal.until("q quit")
    terminal.press("f")
    terminal.until("Why?")
    terminal.press("too rude\n")
    terminal.until("2 labelled, 1 of 2 as the judge")
    terminal.until("q quit")
    terminal.press("q")
    terminal.until("2 labelled.")
    assert terminal.end() == 0
    assert labels(judged) == [(True, None, "ann", "random"), (False, "too rude", "ann", "random")]
    assert claims(judged) == 0, "what was not looked at is given back"


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_give_back_what_was_not_labelled(judged, key):
    terminal = Terminal("review", "--dsn", judged.dsn)
    terminal.until("q quit")
    assert claims(judged) == 3
    terminal.press(key)
    terminal.until("0 labelled.")
    assert terminal.end() == 0
    assert claims(judged) == 0


def test_lines_over_a_pipe(judged):
    done = piped(judged, "f it hurts\ns\nx\np\n", "helpful")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    user = judged.value("SELECT session_user::text")
    assert labels(judged) == [(False, "it hurts", user, "priority"), (True, None, user, "priority")]
    assert claims(judged) == 1, "a skipped step rests until its claim is over"
    assert "Your label stands as its correction." in done.stdout


@pytest.mark.parametrize(
    "change",
    [
        "SELECT flywheel.add_judge('helpful', 'Passes if it rhymes.', 'model', 'default')",
        "UPDATE flywheel.traces SET output = 'another'",
        "UPDATE flywheel.traces SET context = '[1]'",
        "DELETE FROM flywheel.traces",
    ],
)
def test_a_label_is_of_what_was_shown(judged, change):
    terminal = Terminal("review", "--dsn", judged.dsn)
    terminal.until("q quit")
    judged.db.execute(change)
    terminal.press("p")
    terminal.until("Why?")
    terminal.press("\n")
    terminal.until("Not labelled: since it was shown it has changed or gone, or its rubric has.")
    terminal.until("q quit")
    terminal.press("q")
    terminal.until("0 labelled.")
    assert terminal.end() == 0
    assert (labels(judged), claims(judged)) == ([], 0)


def test_a_label_that_was_given_meanwhile_is_thought_over(judged):
    terminal = Terminal("review", "helpful", "--dsn", judged.dsn, "--rater", "ann", "--design", "random")
    terminal.until("q quit")
    judged.db.execute(
        "INSERT INTO flywheel.labels (step_id, validator, passed, rater) "
        "SELECT id, 'helpful', true, 'ann' FROM flywheel.traces"
    )
    terminal.press("f")
    terminal.until("Why?")
    terminal.press("no\n")
    terminal.until("1 labelled, 1 of 1 as the judge")
    terminal.until("q quit")
    terminal.press("q")
    assert terminal.end() == 0
    assert sorted(labels(judged), key=str) == [(False, "no", "ann", "random"), *[(True, None, "ann", "random")] * 2]


def test_a_label_that_comes_late_still_knows_how_its_step_was_chosen(judged):
    terminal = Terminal("review", "helpful", "--dsn", judged.dsn, "--rater", "ann", "--design", "random")
    terminal.until("q quit")
    judged.db.execute("UPDATE flywheel.review_claims SET until = now() - interval '1 second'")
    assert judged.value("SELECT count(*) FROM flywheel.claim_review('bob', 3, 'helpful', 'random')") == 3
    for n in (1, 2, 3):
        terminal.press("p")
        terminal.until("Why?")
        terminal.press("\n")
        terminal.until(f"{n} labelled, 0 of {n} as the judge")
    assert terminal.end() == 0
    assert labels(judged) == [(True, None, "ann", "random")] * 3
    assert judged.value("SELECT count(*) FROM flywheel.labels WHERE inclusion_probability = 1") == 3


def test_a_step_that_changed_since_its_label_is_labelled_anew(judged):
    assert piped(judged, "f\n" * 3, "helpful", "--rater", "ann").returncode == 0
    judged.db.execute("UPDATE flywheel.traces SET output = 'another'")
    fail(judged)
    done = piped(judged, "p\n" * 3, "helpful", "--rater", "ann", "--design", "random")
    assert "3 labelled." in done.stdout, done.stderr
    assert labels(judged) == [(True, None, "ann", "random")] * 3
    assert judged.value("SELECT count(*) FROM flywheel.labels WHERE step_changed_at IS NULL") == 3
    assert claims(judged) == 0


def test_hostile_steps_are_shown_harmlessly(flow, hostile_steps):
    flow.add_judge("http://127.0.0.1:9/v1")
    for case in hostile_steps:
        text = case.output[:5000]
        flow.db.execute(
            "INSERT INTO flywheel.traces (pipeline, node, input, output, expected, context) "
            "VALUES (%s, %s, %s, %s, %s, to_jsonb(%s::text))",
            [text[:99], text[:99], *[text] * 4],
        )
    fail(flow)
    flow.db.execute("UPDATE flywheel.verdicts v SET reason = t.output FROM flywheel.traces t WHERE t.id = v.step_id")
    terminal = Terminal("review", "--dsn", flow.dsn, "--n", len(hostile_steps))
    for n in range(1, len(hostile_steps) + 1):
        terminal.until("q quit")
        terminal.press("m")
        terminal.until("q quit")
        terminal.press("f")
        terminal.until("Why?")
        terminal.press("\n")
        terminal.until(f"{n} labelled, {n} of {n} as the judge")
    assert terminal.end() == 0
    shown = OURS.sub("", terminal.shown)
    assert {each for each in shown if unicodedata.category(each) in ("Cc", "Cf") and each != "\n"} == set()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nobody"], "validator nobody does not exist"),
        (["--design", "random"], "Say which"),
        (["--rater", ""], "the rater has no name"),
        (["--design", "luck"], "luck"),
    ],
)
def test_what_it_cannot_mean_is_said_in_words(judged, options, said):
    done = piped(judged, "", *options)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_who_may_not_is_told_which_role_may(judged):
    role = f"{judged.db.info.dbname}_nobody"
    judged.db.execute(f"CREATE ROLE {role} LOGIN")
    try:
        dsn = psycopg.conninfo.make_conninfo(judged.dsn, user=role)
        call = [sys.executable, "-m", "pg_flywheel", "review", "--dsn", dsn]
        done = subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    finally:
        judged.db.execute(f"DROP ROLE {role}")
    assert done.returncode == 1
    assert "review flywheel_reviewer" in done.stderr


def test_nothing_to_label_says_so(flow):
    done = piped(flow, "")
    assert done.returncode == 0
    assert "Nothing to label" in done.stdout
