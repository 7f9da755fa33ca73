from typing import Literal

import pytest

from pyvalidators import ConfigError, batch, get, validator


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            {"limit": 3, "unti": "words"},
            r"unknown config key 'unti' \(did you mean 'unit'\?\)\. max_length takes",
        ),
        ({}, "'limit' is missing"),
        ({"limit": "3"}, "'limit' is '3', expected integer"),
        ({"limit": True}, "'limit' is True, expected integer"),
        ({"limit": 3.0}, "'limit' is 3.0, expected integer"),
        ({"limit": None}, "'limit' is None, expected integer"),
        ({"limit": 3, "unit": "tokens"}, 'expected "characters" or "words"'),
        ({"limit": -1}, "limit is -1, expected 0 or more"),
        ([], "expected a JSON object"),
    ],
)
def test_the_error_names_the_key_and_what_was_expected(config, says):
    with pytest.raises(ConfigError, match=says) as refused:
        get("max_length").check_config(config)
    assert str(refused.value).startswith("max_length: ")


def test_the_error_lists_what_the_validator_takes():
    with pytest.raises(ConfigError) as refused:
        get("max_length").check_config({"size": 3})
    assert str(refused.value).endswith(
        'max_length takes limit: integer (required); unit: "characters" or "words" (default "characters")'
    )


def test_a_batch_with_a_refused_config_does_not_start():
    with pytest.raises(ConfigError):
        batch.run("max_length", {"limit": "3"}, [["text"]])


def test_every_supported_type_tells_right_from_wrong():
    @validator
    def typed(
        output: str,
        *,
        text: str = "",
        whole: int = 0,
        number: float = 0.0,
        flag: bool = False,
        texts: list[str] = (),
        objects: list[dict] = (),
        thing: dict | None = None,
        choice: Literal["a", 1] = "a",
        maybe: int | None = None,
    ) -> bool:
        return True

    fits = {
        "text": ["", "x"],
        "whole": [0, -1],
        "number": [1, 1.5],
        "flag": [True, False],
        "texts": [[], ["a"]],
        "objects": [[], [{"a": 1}]],
        "thing": [{}, None],
        "choice": ["a", 1],
        "maybe": [1, None],
    }
    misfits = {
        "text": [1, None],
        "whole": [1.5, False],
        "number": ["1", True, float("nan")],
        "flag": [0, "true"],
        "texts": ["a", [1], None],
        "objects": [{}, ["a"]],
        "thing": [[], "x"],
        "choice": ["b", True, 1.0],
        "maybe": ["1", 1.5],
    }
    check = get("typed").check_config
    for key, values in fits.items():
        for value in values:
            check({key: value})
    for key, values in misfits.items():
        for value in values:
            with pytest.raises(ConfigError, match=f"'{key}'"):
                check({key: value})


def test_a_validator_can_look_deeper_and_sees_the_defaults():
    def ordered(*, low: int, high: int) -> None:
        if low > high:
            raise ValueError(f"low {low} is above high {high}")

    @validator(check=ordered)
    def between(output: str, *, low: int, high: int = 10) -> bool:
        return low <= len(output) <= high

    get("between").check_config({"low": 10})
    with pytest.raises(ConfigError, match="between: low 11 is above high 10"):
        get("between").check_config({"low": 11})
