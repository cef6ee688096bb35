import subprocess
import sys

import pytest


@pytest.mark.parametrize("heavy", ["scipy.stats", "sklearn", "matplotlib"])
def test_the_analysis_is_imported_without_what_only_some_of_it_needs(heavy: str) -> None:
    code = f"import sys, pauca.analysis; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
