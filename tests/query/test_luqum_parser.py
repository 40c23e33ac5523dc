"""That the first query prints nothing of how its parser is made."""

import shutil
import subprocess
import sys
from pathlib import Path

import luqum

from tests.support.command import ROOT, environment

MAKE = "import sys, espcap.query.lucene; import luqum; print(luqum.__file__); assert 'luqum.parser' in sys.modules"


def test_the_first_import_is_quiet(tmp_path: Path) -> None:
    """With a luqum whose tables are not made yet."""
    ours = Path(luqum.__file__).parent
    shutil.copytree(ours, tmp_path / "luqum", ignore=shutil.ignore_patterns("parsetab*", "parser.out", "__pycache__"))
    paths = f"{tmp_path}:{ROOT}"
    ran = subprocess.run(
        [sys.executable, "-c", MAKE], capture_output=True, text=True, env=environment(PYTHONPATH=paths), check=True
    )
    assert (ran.stdout, ran.stderr) == (f"{tmp_path / 'luqum' / '__init__.py'}\n", "")
    assert not (tmp_path / "luqum" / "parser.out").exists()
