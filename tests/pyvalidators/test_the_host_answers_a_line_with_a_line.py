import json
import os
import signal
import subprocess
import sys

import pytest

NOISY = """
import os, sys
from pyvalidators import host, validator

@validator
def noisy(output: str) -> bool:
    print('{"print": 1}')
    os.write(1, b'{"descriptor": 1}\\n')
    sys.__stdout__.write('{"original": 1}\\n')
    sys.__stdout__.flush()
    return sys.stdin.read() == ""

host.main()
"""


@pytest.fixture
def start():
    hosts = []

    def start(*arguments):
        pipe = subprocess.PIPE
        command = [sys.executable, *(arguments or ("-m", "pyvalidators.host"))]
        hosts.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True))
        return hosts[-1]

    yield start
    for host in hosts:
        with host:
            host.kill()


def ask(host, request):
    host.stdin.write((request if isinstance(request, str) else json.dumps(request)) + "\n")
    host.stdin.flush()
    return json.loads(host.stdout.readline())


LENGTH = {"validator": "max_length", "config": {"limit": 3}, "columns": [["abc", "abcd", None]]}


def test_results_are_parallel_lists(start):
    assert ask(start(), LENGTH) == {
        "passed": [True, False, None],
        "score": [None, None, None],
        "reason": [None, "4 characters, limit 3", "output is NULL"],
        "details": [None, None, None],
        "status": ["ok", "ok", "abstained"],
    }


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (LENGTH | {"validator": "maxlength"}, "did you mean 'max_length'"),
        (LENGTH | {"config": {"limitt": 3}}, "did you mean 'limit'"),
        (LENGTH | {"columns": []}, "max_length reads output: expected 1 columns"),
        (LENGTH | {"step_budget_s": 0}, "expected more than 0"),
        ({"config": {}}, "KeyError: 'validator'"),
        ("[1]", "TypeError"),
        ("not json", "JSONDecodeError"),
        ("", "JSONDecodeError"),
    ],
)
def test_a_request_that_cannot_run_is_answered_and_the_next_one_runs(start, request_, says):
    host = start()
    answer = ask(host, request_)
    assert list(answer) == ["error"]
    assert says in answer["error"]
    assert ask(host, LENGTH)["status"] == ["ok", "ok", "abstained"]


def test_a_loop_is_stopped_and_the_host_lives_on(start):
    host = start()
    loop = {"validator": "matches", "config": {"pattern": "(x|xx)+y"}, "columns": [["x" * 90, "xy"]]}
    assert ask(host, loop | {"step_budget_s": 0.05, "batch_budget_s": 1})["status"] == ["timeout", "ok"]
    assert ask(host, LENGTH)["status"] == ["ok", "ok", "abstained"]


def test_neither_print_nor_stdin_of_a_validator_touches_the_protocol(start, tmp_path):
    (tmp_path / "noisy_host.py").write_text(NOISY)
    host = start(str(tmp_path / "noisy_host.py"))
    request = {"validator": "noisy", "config": {}, "columns": [["a", "b"]]}
    assert ask(host, request)["passed"] == [True, True]
    assert ask(host, request)["status"] == ["ok", "ok"]


def test_any_text_survives_the_way_there_and_back(start):
    text = 'é漢𝄞\n\t"\\\u2028'
    config = {"pattern": text + "!"}
    assert ask(start(), {"validator": "matches", "config": config, "columns": [[text]]})["reason"] == [
        f"no match for {config['pattern']!r}"
    ]


def test_it_ends_with_stdin_and_not_with_an_interrupt(start):
    host = start()
    assert ask(host, LENGTH)["status"]
    os.kill(host.pid, signal.SIGINT)
    assert ask(host, LENGTH)["status"]
    host.stdin.close()
    assert host.wait(timeout=30) == 0
