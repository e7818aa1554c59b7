"""What the project says of itself is true: README, layers, style, imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from helpers import ROOT

from dicomnode.cli.app import app
from dicomnode.settings import (
    AcuityLevel,
    Conditions,
    Destination,
    EmailChannel,
    HL7Channel,
    Rule,
    Settings,
    WebhookChannel,
)

README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(group: typer.Typer, prefix: str = "dicomnode") -> Iterator[str]:
    """Every command line that the parser knows."""
    for command in group.registered_commands:
        yield f"{prefix} {command.name or command.callback.__name__}"
    for sub in group.registered_groups:
        yield from commands(sub.typer_instance, f"{prefix} {sub.typer_instance.info.name}")


@pytest.mark.parametrize("command", list(commands(app)))
def test_every_command_is_in_the_readme(command):
    """README shows a call of every command the parser knows."""
    assert f"`{command}" in README


def settings() -> Iterator[str]:
    """Every setting by its full name."""
    for table, field in Settings.model_fields.items():
        if table != "rules":
            yield from (f"{table}.{key}" for key in field.annotation.model_fields)
    yield from (f"send.destinations.NAME.{key}" for key in Destination.model_fields)
    channels = {key: None for kind in (HL7Channel, WebhookChannel, EmailChannel) for key in kind.model_fields}
    yield from (f"send.alerts.NAME.{key}" for key in channels)
    yield from (f"acuity.levels.CATEGORY.{key}" for key in AcuityLevel.model_fields)
    yield from (f"rules.{key}" for key in Rule.model_fields)
    yield from (f"rules.when.{key}" for key in Conditions.model_fields)


@pytest.mark.parametrize("setting", list(settings()))
def test_every_setting_is_in_the_readme(setting):
    """README has a row for every setting."""
    assert f"| `{setting}` |" in README


def test_every_target_is_in_the_makefile():
    """The targets that README names exist."""
    makefile = (ROOT / "Makefile").read_text()
    for target in ("venv", "venv-train", "demo", "test", "lint", "bench"):
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
