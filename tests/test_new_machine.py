"""What holds a first run on a new machine: types without extras, the size that README states, how CI begins."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from helpers import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CI = ROOT / ".ci"


def serving_distributions() -> set[str]:
    """Names of what `pip install .` installs without any extra."""
    found: set[str] = set()
    waiting = list(PROJECT["project"]["dependencies"])
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += metadata.requires(name) or []
    return found


def imported_modules() -> set[str]:
    """Top-level modules of others that the package imports anywhere, inside functions too."""
    names: set[str] = set()
    for path in (ROOT / "dicomnode").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(str(node.module).split(".")[0])
    return names - sys.stdlib_module_names - {"dicomnode"}


def test_types_need_no_extra():
    """Mypy follows no module that only an extra installs: it says the same with and without."""
    serving, brings = serving_distributions(), metadata.packages_distributions()
    of_extras = {
        module
        for module in imported_modules()
        if not serving & {canonicalize_name(name) for name in brings.get(module, [])}
    }
    skipped = {
        pattern.removesuffix(".*")
        for override in PROJECT["tool"]["mypy"]["overrides"]
        if override.get("follow_imports") == "skip"
        for pattern in override["module"]
    }

    assert "torch" in of_extras
    assert set() == of_extras - skipped


@pytest.fixture
def a_weighed_install(tmp_path):
    """Run .ci/serving_size where README states some size, over an environment that takes 20 MB."""

    def weigh(readme: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / ".ci").mkdir()
        (tmp_path / ".ci" / "serving_size").write_bytes((CI / "serving_size").read_bytes())
        (tmp_path / "README.md").write_text(readme, encoding="utf-8")
        interpreter = tmp_path / "python"
        interpreter.write_text(
            "#!/bin/sh\n"  # python -m venv FOLDER
            'mkdir -p "$3/bin" "$3/lib/python3/site-packages"\n'
            'head -c 20M /dev/urandom >"$3/lib/python3/site-packages/heavy"\n'
            'printf "#!/bin/sh\\n" >"$3/bin/pip"\n'
            'chmod +x "$3/bin/pip"\n'
        )
        interpreter.chmod(0o755)
        return subprocess.run(
            ["bash", tmp_path / ".ci" / "serving_size"],
            env=os.environ | {"PYTHON": str(interpreter)},
            capture_output=True,
            text=True,
            check=False,
        )

    return weigh


@pytest.mark.parametrize(("stated", "status"), [(19, 1), (21, 0), (210, 1)])
def test_the_size_that_readme_states_is_held(a_weighed_install, stated, status):
    """An install that is larger than README states fails, and so does a statement far too large."""
    done = a_weighed_install(f"Needs no torch: {stated} MB with the environment's own pip, and so on.")

    assert status == done.returncode, done.stderr
    assert f"README states {stated} MB" in done.stdout
    assert re.search(r"^\d+\theavy$", done.stdout, re.MULTILINE)


def test_a_readme_without_a_size_fails(a_weighed_install):
    """The check cannot pass for want of a figure."""
    done = a_weighed_install("A small thing.")

    assert (1, "README no longer states the size of a serving install") == (done.returncode, done.stderr.strip())


def test_readme_states_the_size_once():
    """The words by which .ci/serving_size finds the figure stand in README once."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert 1 == len(re.findall(r"\b\d+ MB with the environment's own pip", readme))


def test_ci_begins_as_a_new_machine():
    """CI uses a temporary root of its own, and takes the first steps without the training extra before it adds it."""
    run = (CI / "run").read_text(encoding="utf-8")

    assert "export PYTEST_DEBUG_TEMPROOT=" in run
    assert 0 < run.index("step .ci/bare ") < run.index("step make venv-train")
    assert "train" not in (CI / "first_steps").read_text(encoding="utf-8").split("set -euo pipefail")[1]
