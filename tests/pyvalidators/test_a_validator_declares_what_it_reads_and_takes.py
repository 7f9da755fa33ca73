import hashlib
import json
from pathlib import Path
from typing import Literal

import pytest
from jsonschema import Draft202012Validator

import pyvalidators
from pyvalidators import VALIDATORS, UnknownValidator, Verdict, catalog, get, validator


def test_the_signature_is_the_declaration():
    @validator
    def cheap(cost_usd: float, output: str | None, *, limit: float, units: list[str] = ()) -> Verdict | bool:
        """Is it cheap?"""
        return cost_usd <= limit

    declared = VALIDATORS["cheap"]
    assert declared.name == "cheap"
    assert declared.fields == ("cost_usd", "output")
    assert declared.doc == "Is it cheap?"
    assert declared.function is cheap
    assert declared.config_schema == {
        "type": "object",
        "properties": {
            "limit": {"type": "number"},
            "units": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["limit"],
        "additionalProperties": False,
    }


def test_the_decorated_function_stays_callable():
    @validator
    def short(output: str, *, limit: int = 3) -> bool:
        return len(output) <= limit

    assert short("abc") is True
    assert short("abc", limit=2) is False


def test_the_fingerprint_is_the_hash_of_the_source_file():
    @validator
    def fine(output: str) -> bool:
        return True

    assert VALIDATORS["fine"].fingerprint == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def test_a_helper_of_another_file_counts_in_the_fingerprint():
    package = Path(pyvalidators.__file__).parent
    files = [package / name for name in ("sql.py", "code.py")]
    source = b"".join(file.read_bytes() for file in files)
    assert get("sql_parses").fingerprint == hashlib.sha256(source).hexdigest()[:16]


def test_validators_of_different_files_have_different_fingerprints():
    assert get("max_length").fingerprint == get("matches").fingerprint != get("sql_parses").fingerprint


def test_the_catalog_is_sorted_json_rows():
    rows = json.loads(json.dumps(catalog()))
    assert [row["name"] for row in rows] == sorted(VALIDATORS)
    assert {"contains_none", "equals_expected", "json_schema"} <= VALIDATORS.keys()
    assert {"matches", "max_length", "sql_parses"} <= VALIDATORS.keys()
    for row in rows:
        assert set(row) == {"name", "fields", "config_schema", "fingerprint", "doc"}
        Draft202012Validator.check_schema(row["config_schema"])
        assert "Passes when" in row["doc"]


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(
        UnknownValidator, match=r"'maxlength' \(did you mean 'max_length'\?\)\. There are: .*contains_none, "
    ):
        get("maxlength")


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="'max_length' exists already"):

        @validator
        def max_length(output: str) -> bool:
            return True


def no_column(answer: str): ...
def not_annotated(output): ...
def column_with_default(output: str = ""): ...
def anything(*output: str): ...
def any_config(output: str, **config: str): ...
def bytes_column(output: bytes): ...
def two_types(output: str | int): ...
def set_config(output: str, *, words: set[str]): ...
def bare_list_config(output: str, *, words: list): ...
def wrong_default(output: str, *, limit: int = "3"): ...
def wrong_literal(output: str, *, unit: Literal["a", "b"] = "c"): ...
def reads_nothing(*, limit: int = 1): ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (no_column, "'answer' is not a column of flywheel.traces"),
        (not_annotated, "'output' has no annotation"),
        (column_with_default, "'output' has a default"),
        (anything, "would take anything"),
        (any_config, "would take anything"),
        (bytes_column, "'output' is annotated <class 'bytes'>, expected str"),
        (two_types, r"'output' is annotated str \| int, expected str"),
        (set_config, r"set\[str\] is not supported, expected"),
        (bare_list_config, "<class 'list'> is not supported, expected"),
        (wrong_default, "'limit' is '3', expected integer"),
        (wrong_literal, "'unit' is 'c', expected \"a\" or \"b\""),
        (reads_nothing, "reads no column"),
        (len, "expected a plain function"),
    ],
)
def test_a_function_that_cannot_work_is_refused_at_import(function, says):
    with pytest.raises((TypeError, ValueError), match=says) as refused:
        validator(function)
    assert function.__name__ in str(refused.value)
    assert function.__name__ not in VALIDATORS


def test_a_misspelt_column_gets_a_hint():
    with pytest.raises(
        TypeError, match=r"'outptu' is not a column of flywheel\.traces \(did you mean 'output'\?\)"
    ):

        @validator
        def typo(outptu: str) -> bool:
            return True
