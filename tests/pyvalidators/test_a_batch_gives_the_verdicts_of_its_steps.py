"""Properties that hold for any texts: a batch adds nothing, loses nothing, and its results can be stored."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyvalidators import batch

SCHEMA = {"type": "object", "required": ["a"]}
CONFIGS = [
    ("max_length", {"limit": 5}),
    ("max_length", {"limit": 2, "unit": "words"}),
    ("contains_none", {"words": ["a", "ß", "漢", "\ud800"]}),
    ("contains_none", {"words": ["A"], "case_sensitive": True, "whole_words": False}),
    ("matches", {"pattern": r"\d+"}),
    ("matches", {"pattern": ".*", "full": True, "negate": True}),
    ("json_schema", {"schema": SCHEMA}),
    ("equals_expected", {"normalize": ["unicode", "case", "punctuation", "whitespace"]}),
    ("sql_parses", {}),
]
any_text = st.text(st.characters(), max_size=30) | st.text(
    st.sampled_from("aAßé漢 \0\ud800\udc00\"'{}[]:1;-$")
)
any_step = st.none() | any_text | st.sampled_from(['{"a": 1}', "[]", "select 1", "select", "123"])


@pytest.mark.parametrize(("name", "config"), CONFIGS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_for_any_texts(name, config, data):
    width = 2 if name == "equals_expected" else 1
    steps = data.draw(st.lists(st.tuples(*[any_step] * width), min_size=1, max_size=12))
    columns = [list(column) for column in zip(*steps, strict=True)]
    results = batch.run(name, config, columns)

    assert {len(column) for column in results} == {len(steps)}
    rows = list(zip(*results, strict=True))
    alone = [batch.run(name, config, [[text] for text in step]) for step in steps]
    assert rows == [tuple(column[0] for column in result) for result in alone]

    for step, (passed, score, reason, details, status) in zip(steps, rows, strict=True):
        assert (status == "abstained") >= (None in step), "NULL never passes, fails or errs"
        assert (status == "ok") == (passed is not None or score is not None)
        for text in (reason, details):
            if text is not None:
                text.encode()
                assert "\0" not in text
        if details is not None:
            json.dumps(json.loads(details), ensure_ascii=False).encode()
            assert "\0" not in str(list(json.loads(details).values()))
