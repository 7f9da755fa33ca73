import pytest


@pytest.mark.parametrize(
    ("output", "config", "passed", "reason"),
    [
        ("", {"limit": 0}, True, None),
        ("abc", {"limit": 3}, True, None),
        ("abcd", {"limit": 3}, False, "4 characters, limit 3"),
        ("漢字かな", {"limit": 4}, True, None),
        ("𝄞𝄞", {"limit": 2}, True, None),
        ("e\u0301", {"limit": 1}, False, "2 characters, limit 1"),
        ("one two\u3000three\n", {"limit": 3, "unit": "words"}, True, None),
        ("one two three", {"limit": 2, "unit": "words"}, False, "3 words, limit 2"),
        ("  \n ", {"limit": 0, "unit": "words"}, True, None),
    ],
)
def test_at_the_limit_passes_and_beyond_fails(verdict, output, config, passed, reason):
    assert verdict("max_length", config, output) == (passed, None, reason, None, "ok")
