"""Prints the lowest allowed version of each dependency in pyproject.toml, as arguments of pip."""

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]

for requirement in PROJECT["dependencies"]:
    match = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*>=\s*([0-9][^,;\s]*)", requirement)
    if match is None:
        raise SystemExit(f"Error: {requirement} has no lowest version")
    print(f"{match[1]}=={match[2]}")
