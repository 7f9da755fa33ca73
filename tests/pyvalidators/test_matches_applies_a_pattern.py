import pytest

from pyvalidators import ConfigError, get


@pytest.mark.parametrize(
    ("output", "config", "passed", "reason", "details"),
    [
        ("order 42", {"pattern": r"\d+"}, True, None, None),
        ("order", {"pattern": r"\d+"}, False, r"no match for '\\d+'", None),
        ("ORDER", {"pattern": "order"}, False, "no match for 'order'", None),
        ("ORDER", {"pattern": "order", "ignore_case": True}, True, None, None),
        ("order 42", {"pattern": r"\d+", "full": True}, False, r"no match for '\\d+'", None),
        ("42", {"pattern": r"\d+", "full": True}, True, None, None),
        ("42\n", {"pattern": r"\d+", "full": True}, False, r"no match for '\\d+'", None),
        ("a\nb", {"pattern": "(?s)a.b"}, True, None, None),
        ("", {"pattern": ""}, True, None, None),
        ("", {"pattern": "."}, False, "no match for '.'", None),
        ("order", {"pattern": r"\d+", "negate": True}, True, None, None),
        (
            "é 42",
            {"pattern": r"\d+", "negate": True},
            False,
            r"matches '\\d+' at character 2: '42'",
            '{"start": 2, "end": 4}',
        ),
        ("４２", {"pattern": r"^\d\d$"}, True, None, None),
    ],
)
def test_the_pattern_decides(verdict, output, config, passed, reason, details):
    assert verdict("matches", config, output) == (passed, None, reason, details, "ok")


@pytest.mark.parametrize("pattern", ["(", "[", "*a"])
def test_a_pattern_that_does_not_compile_is_refused(pattern):
    with pytest.raises(ConfigError, match="is not a regular expression"):
        get("matches").check_config({"pattern": pattern})
