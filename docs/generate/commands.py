"""The manual of the command line, from the commands themselves.

Only what every command-line library of this family has is asked for, so that it does not matter whether a group holds
its commands or loads them when they are called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import typer

from dicomnode.cli import app as front
from docs.generate.markdown import code, table

_SHARED = ("--settings", "--json", "--help")
"""Options that are explained once, at the head of the page."""


def every_command() -> str:
    """An index of all commands, then a section for each group."""
    sections = list(_sections())
    index = [
        (f"[`{path}`](#{_anchor(path)})", _summary(command))
        for _, commands in sections
        for path, command, _ in commands
    ]
    parts = [table(("command", "what it does"), index)]
    for group, commands in sections:
        parts += [f"## {group.title}", *([group.text] if group.text else [])]
        parts += [_command(path, command, context) for path, command, context in commands]
    return "\n\n".join(parts)


class _Group(NamedTuple):
    title: str
    text: str


_Command = tuple[str, Any, Any]
"""Command line, command, and the context in which it is asked for its words."""


def _sections() -> Iterator[tuple[_Group, list[_Command]]]:
    """The commands that stand alone, then each group."""
    root = typer.main.get_command(front.app)
    context = root.make_context("dicomnode", [], resilient_parsing=True)
    members = list(_members(root, context))
    alone = [member for member in members if not _is_group(member[1])]
    yield _Group("Commands that stand alone", ""), alone
    for path, command, inner in members:
        if _is_group(command):
            yield _Group(f"`{path}`", _help(command)), _below(command, inner)


def _is_group(command: Any) -> bool:
    return hasattr(command, "list_commands")


def _below(group: Any, context: Any) -> list[_Command]:
    found = []
    for path, command, inner in _members(group, context):
        found += _below(command, inner) if _is_group(command) else [(path, command, inner)]
    return found


def _members(group: Any, context: Any) -> Iterator[_Command]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if not getattr(command, "hidden", False):
            inner = command.make_context(name, [], parent=context, resilient_parsing=True)
            yield inner.command_path, command, inner


def _command(path: str, command: Any, context: Any) -> str:
    parts = [f"### `{path}`", _help(command), f"Usage: {code(_usage(path, command, context))}"]
    rows = [record for parameter in command.get_params(context) if (record := _row(parameter, context))]
    if rows:
        parts.append(table(("argument or option", "meaning"), rows))
    shared = [name for name in _SHARED[:2] if any(name in parameter.opts for parameter in command.params)]
    if shared:
        parts.append(f"Also takes {' and '.join(code(name) for name in shared)}.")
    return "\n\n".join(parts)


def _usage(path: str, command: Any, context: Any) -> str:
    """The command line: arguments in capitals, then the options that must be given."""
    arguments = [
        re.sub(r"[a-z_]+", lambda name: name[0].upper(), piece.replace("{", "").replace("}", ""))
        for piece in command.collect_usage_pieces(context)
        if piece != "[OPTIONS]"
    ]
    needed = [
        parameter.get_help_record(context)[0]
        for parameter in command.get_params(context)
        if parameter.required and parameter.param_type_name == "option"
    ]
    return " ".join([path, *arguments, *needed, "[OPTIONS]"])


def _row(parameter: Any, context: Any) -> tuple[str, str] | None:
    record = parameter.get_help_record(context)
    if record is None or any(name in _SHARED for name in parameter.opts):
        return None
    return code(record[0]), record[1]


def _help(command: Any) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def _summary(command: Any) -> str:
    return _help(command).split("\n\n")[0]


def _anchor(path: str) -> str:
    return path.replace(" ", "-")
