import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators.code import code_of

SQL = "select 1\n"


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("select 1", ["select 1"]),
        ("", [""]),
        (f"```sql\n{SQL}```", [SQL]),
        (f"Here it is:\n\n```sql\n{SQL}```\nHope that helps!", [SQL]),
        (f"~~~~ SQL title\n{SQL}~~~~~\n", [SQL]),
        (f"```\n{SQL}```\nor\n```\n{SQL}```", [SQL, SQL]),
        (f"````\n```\n{SQL}```\n````", [f"```\n{SQL}```\n"]),
        ("```sql\r\nselect 1\r\n```\r\n", ["select 1\r\n"]),
        (f"   ```\n{SQL}   ```", [SQL]),
        (f"```sql\n{SQL}", [f"```sql\n{SQL}"]),
        ("`select 1`", ["`select 1`"]),
        ("```select 1```", ["```select 1```"]),
        ("```\n```", [""]),
    ],
)
def test_the_code_is_what_is_fenced_or_all_of_it(output, code):
    assert code_of(output) == code


@given(st.text().filter(lambda text: "```" not in text and "~~~" not in text))
def test_fencing_and_taking_out_changes_nothing(text):
    assert code_of(f"Here:\n```python\n{text}\n```\n") == [f"{text}\n"]


@pytest.mark.parametrize(
    ("output", "config", "reason"),
    [
        ("```\nx\n```", {}, None),
        ("text\n```python\nx\n```\ntext", {"language": "Python"}, None),
        ("```python\nx\n```\n", {"only": True}, None),
        ("x", {}, "no fenced code block"),
        ("", {}, "no fenced code block"),
        ("```\n```", {}, "an empty code block"),
        ("```python\nx", {}, "a code fence is not closed"),
        ("```\nx\n```\n```", {}, "a code fence is not closed"),
        ("```js\nx\n```", {"language": "python"}, "a code block of 'js', expected 'python'"),
        ("```\nx\n```", {"language": "python"}, "a code block of 'no language', expected 'python'"),
        ("Sure:\n```\nx\n```", {"only": True}, "text beside the code block"),
        ("```\nx\n```\n```\ny\n```", {"only": True}, "2 code blocks"),
    ],
)
def test_a_fence_is_there_closed_and_as_asked_for(verdict, output, config, reason):
    assert verdict("code_fenced", config, output) == (reason is None, None, reason, None, "ok")


def test_null_abstains(verdict):
    assert verdict("code_fenced", {}, None).status == "abstained"
