import subprocess
import sys

import pytest

HEAVY = "print(sorted({'sqlglot', 'jsonschema', 'referencing', 'numpy', 'pycld2', 'stdnum'} & set(sys.modules)))"


@pytest.mark.parametrize(
    ("statements", "loaded"),
    [
        ("import pyvalidators", []),
        ("import pyvalidators.host; pyvalidators.catalog()", []),
        ("from pyvalidators import batch; batch.run('max_length', {'limit': 1}, [['a']])", []),
        ("from pyvalidators import batch; batch.run('sql_parses', {}, [['select 1']])", ["sqlglot"]),
        ("import pyvalidators; pyvalidators.get('sql_parses').check_config({})", ["sqlglot"]),
        ("import pyvalidators; pyvalidators.get('pii').check_config({})", ["stdnum"]),
        ("import pyvalidators; pyvalidators.get('same_language_as_input').check_config({})", ["numpy", "pycld2"]),
    ],
)
def test_only_what_is_used_is_loaded(statements, loaded):
    command = [sys.executable, "-c", f"import sys; {statements}; {HEAVY}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == str(loaded)
