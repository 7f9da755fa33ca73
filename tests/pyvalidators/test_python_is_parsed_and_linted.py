import json

import pytest

from pyvalidators import ConfigError, get


@pytest.mark.parametrize(
    "output",
    [
        "x = 1",
        "def f(a: int) -> str:\n    return f'{a!r:>{3}}'\n",
        "```python\nprint('é漢😀')\n```",
        "First:\n```py\nimport os\n```\nthen\n```py\nos.getcwd()\n```",
        "match 1:\n    case _:\n        pass",
        "# nothing but a comment",
        "'\\d'",
    ],
)
def test_python_parses(verdict, output):
    assert verdict("python_parses", {}, output) == (True, None, None, None, "ok")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "no code"),
        (" \n", "no code"),
        ("x = (", "'(' was never closed at line 1 column 5"),
        ("Here is your code", "invalid syntax at line 1 column"),
        ("if x:\nprint(x)", "at line 2 column 1"),
        ("for i in x:\n  a\n\tb", "at line 3"),
        ("print 'old'", "Missing parentheses"),
        ("a\0b", "null bytes"),
        ("'\ud800'", "surrogates not allowed"),
        ("(" * 300, "too many nested parentheses"),
        ("-" * 100_000 + "1", "nested too deeply"),
        ("1+" * 50_000 + "1", "nested too deeply"),
    ],
)
def test_the_rest_fails_and_says_where(verdict, output, reason):
    result = verdict("python_parses", {}, output)
    assert (result.passed, result.status) == (False, "ok")
    assert reason in result.reason


def found(verdict, output, **config):
    result = verdict("python_lint", config, output)
    assert result.status == "ok"
    rows = json.loads(result.details)["found"] if result.details else []
    assert result.passed == (not rows)
    return [(row["line"], row["rule"]) for row in rows]


@pytest.mark.parametrize(
    "output",
    [
        "import os\nprint(os.path.join('a', 'b'), os.getcwd())",
        "import re\nprint(re.compile('x'))",
        "def f(model):\n    return model.eval()",
        "from urllib.parse import quote\nprint(quote('x'))",
        "def f(df):\n    df.exec = 3\n    return df.query('a').compile",
    ],
)
def test_harmless_code_passes(verdict, output):
    assert found(verdict, output) == []


@pytest.mark.parametrize(
    ("output", "rule"),
    [
        ("import os", "UnusedImport"),
        ("print(x)", "UndefinedName"),
        ("def f():\n    x = 1", "UnusedVariable"),
        ("def f(): pass\ndef f(): pass", "RedefinedWhileUnused"),
        ("x = '{}'.format()", "StringDotFormatMissingArgument"),
    ],
)
def test_what_pyflakes_says_fails_unless_ignored(verdict, output, rule):
    assert [each for _, each in found(verdict, output)] == [rule]
    assert found(verdict, output, ignore=[rule]) == []


def test_names_can_be_known(verdict):
    assert found(verdict, "display(spark)", known=["display", "spark"]) == []


@pytest.mark.parametrize(
    "output",
    [
        "eval('1')",
        "exec('x = 1')",
        "e = eval\nf = e\nf('1')",
        "import os\nos.system('x')",
        "import os as o\no.popen('x')",
        "from os import system as s\ns('x')",
        "from os import *",
        "import subprocess",
        "import os.path, socket",
        "from urllib import request\nrequest.urlopen('x')",
        "import urllib.request",
        "__import__('sub' + 'process').run([])",
        "import importlib\nimportlib.import_module('os')",
        "import os\ngetattr(os, 'sys' + 'tem')('x')",
        "import os\ngetattr(os, input())()",
        "import os\nvars(os)['system']('x')",
        "import os\nos.__dict__['execv']('x', [])",
        "import sys\nsys.modules['os'].system('x')",
        "import builtins\nbuiltins.eval('1')",
        "__builtins__['exec']('1')",
        "globals()['eval']('1')",
        "print(().__class__.__bases__[0].__subclasses__())",
        "(lambda: 0).__globals__['x']",
        "print(f\"{eval('1')}\")",
        "@eval\ndef f(): pass",
        "import pickle\npickle.loads(b'')",
        "async def f():\n    import httpx\n    return httpx",
    ],
)
def test_what_is_denied_fails(verdict, output):
    assert "denied" in {rule for _, rule in found(verdict, output)}
    assert "denied" not in {rule for _, rule in found(verdict, output, deny=[])}


def test_the_reason_names_what_is_used_and_where(verdict):
    result = verdict("python_lint", {}, "import os\n\nos.system('ls')")
    assert result.reason == "uses os.system at line 3 (denied)"


def test_the_list_is_a_choice(verdict):
    code = "import os\nprint(os.getenv('A'))\nopen('f')"
    assert found(verdict, code) == []
    assert found(verdict, code, deny=["open", "os.get*"]) == [(2, "denied"), (3, "denied")]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("python_parses", None),
        ("python_parses", "x" * 200_001),
        ("python_lint", None),
        ("python_lint", "x" * 200_001),
        ("python_lint", "def f(:"),
        ("python_lint", ""),
    ],
)
def test_what_cannot_be_analysed_abstains(verdict, name, output):
    assert verdict(name, {}, output).status == "abstained"


def test_an_unknown_kind_of_message_is_refused():
    with pytest.raises(ConfigError, match="ignore has 'F401', expected names of pyflakes messages"):
        get("python_lint").check_config({"ignore": ["F401"]})
