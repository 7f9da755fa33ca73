import subprocess
import sys

import pytest

LIBRARIES = {
    "jsonschema", "markdown_it", "numpy", "pycld2", "pyflakes", "rapidfuzz", "referencing", "sqlglot", "stdnum",
}  # fmt: skip
HEAVY = f"print(sorted({LIBRARIES} & set(sys.modules)))"


@pytest.mark.parametrize(
    ("statements", "loaded"),
    [
        ("import pyvalidators", []),
        ("import pyvalidators.host; pyvalidators.catalog()", []),
        ("from pyvalidators import batch; batch.run('max_length', {'limit': 1}, [['a']])", []),
        ("from pyvalidators import batch; batch.run('sql_parses', {}, [['select 1']])", ["sqlglot"]),
        ("import pyvalidators; pyvalidators.get('sql_parses').check_config({})", ["sqlglot"]),
        # The check of the config loads all there is to load, since the CPU budget does not run yet.
        *(
            (f"import pyvalidators; pyvalidators.get('{name}').check_config({config})", [library])
            for name, config, library in [
                ("links_allowed", {"domains": []}, "markdown_it"),
                ("markdown_valid", {}, "markdown_it"),
                ("python_lint", {}, "pyflakes"),
                ("similar_to_expected", {}, "rapidfuzz"),
                ("sql_equivalent", {}, "sqlglot"),
                ("sql_known_names", {"schema": {"t": ["a"]}}, "sqlglot"),
                ("sql_lint", {}, "sqlglot"),
                ("sql_read_only", {}, "sqlglot"),
            ]
        ),
        ("import pyvalidators; pyvalidators.get('pii').check_config({})", ["stdnum"]),
        ("import pyvalidators; pyvalidators.get('same_language_as_input').check_config({})", ["numpy", "pycld2"]),
    ],
)
def test_only_what_is_used_is_loaded(statements, loaded):
    command = [sys.executable, "-c", f"import sys; {statements}; {HEAVY}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == str(loaded)
