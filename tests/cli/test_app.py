"""The parser: complete for whoever walks it, light for whoever only looks."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from cli.test_commands import make_index, run
from typer.main import get_command

from dicomnode.cli.app import COMMANDS, app, app_for

HEAVY = (
    "alembic", "apscheduler", "highdicom", "numpy", "onnxruntime", "pandas", "PIL", "pydicom", "pynetdicom", "scipy",
    "structlog", "torch",
)  # fmt: skip


def test_the_list_of_commands_says_what_the_commands_say():
    """Every command is in the table of names, with the first sentence of its own help."""
    told = {name: command.get_short_help_str(400) for name, command in get_command(app).commands.items()}

    assert list(COMMANDS) == list(told)
    assert {name: about.rstrip(".") for name, about in COMMANDS.items()} == {
        name: about.rstrip(".") for name, about in told.items()
    }


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_that_is_named_is_whole(name):
    """What is loaded for one command is what all commands have under its name."""
    alone, among_all = get_command(app_for([name])).commands[name], get_command(app).commands[name]

    assert type(alone) is type(among_all)
    assert sorted(getattr(alone, "commands", {})) == sorted(getattr(among_all, "commands", {}))
    assert [p.name for p in alone.params] == [p.name for p in among_all.params]


@pytest.mark.parametrize(("words", "status"), [(("--help",), 0), (("--version",), 0), ((), 2), (("nonsense",), 2)])
def test_the_parser_answers_without_loading_commands(capsys, words, status):
    """Help, version, and what is no command."""
    assert status == run(*words, capsys=capsys)[0]


def test_help_says_what_the_exit_status_means(capsys):
    """At the end of the list of commands."""
    assert "Exit status: 0 success; 1 failure" in run("--help", capsys=capsys)[1]


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("jobs", "list"),
        ("jobs", "show", "1"),
        ("jobs", "--help"),
        ("studies", "list"),
        ("studies", "show", "A"),
        ("alerts", "list"),
        ("destinations", "list"),
        ("priors", "--help"),
        ("explain", "--help"),
        ("bundle", "--help"),
        ("send", "--help"),
    ],
)
def test_a_command_that_looks_loads_nothing_heavy(a_settings_file, words):
    """Neither images nor models nor migrations are needed to list what the index holds."""
    make_index(a_settings_file())
    code = (
        "import sys; from dicomnode.cli.main import main; "
        f"main({list(words)!r}); print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.splitlines()[-1]


def test_the_whole_parser_is_a_typer_app():
    """Documents are made from it."""
    assert isinstance(app, typer.Typer)
    assert not [group for group in app.registered_groups if not group.typer_instance.registered_commands]
