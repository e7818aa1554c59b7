"""What the project says of itself is true: targets, layers, style, imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT


def test_every_target_is_in_the_makefile():
    """The targets that README names exist."""
    makefile = (ROOT / "Makefile").read_text()
    for target in ("venv", "venv-train", "demo", "test", "lint", "docs", "bench"):
        assert f"\n{target}:" in makefile


def test_the_node_loads_no_torch():
    """Serving needs neither torch nor transformers, even where they are installed."""
    rooms = "dicomnode.node.service, dicomnode.node.pipeline, dicomnode.node.worker, dicomnode.node.doors"
    code = f"import dicomnode.node, {rooms}, sys; print(sorted({{'torch', 'transformers'}} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize("room", ["receive.scp", "node.doors"])
def test_receiver_and_alerter_are_light(room):
    """The processes that receive and that alert load neither highdicom nor ONNX Runtime."""
    code = (
        f"import dicomnode.cli.main, dicomnode.node.processes, dicomnode.node.rooms, dicomnode.{room}, sys;"
        "print(sorted({'highdicom', 'onnxruntime', 'scipy'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_imports_point_down():
    """The import contract of pyproject holds."""
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter], capture_output=True, text=True, cwd=ROOT, check=False)

    assert 0 == done.returncode, done.stdout


def test_every_test_says_what_it_claims():
    """Each test function has a docstring."""
    silent = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_")
        if not ast.get_docstring(function)
    ]

    assert [] == silent
