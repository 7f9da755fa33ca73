import sys

from pyvalidators import batch, validator


def test_what_a_validator_prints_goes_to_stderr(capsys):
    @validator
    def chatty(output: str) -> bool:
        print("seen", output)
        return True

    before = sys.stdout
    assert batch.run("chatty", {}, [["a", "b"]]).passed == [True, True]
    assert sys.stdout is before
    assert capsys.readouterr() == ("", "seen a\nseen b\n")
