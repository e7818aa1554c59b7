"""What the documents say is there: links, pictures, commands, settings, log events, licence."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer
import yaml
from helpers import ROOT, program
from markdown_it import MarkdownIt
from markdown_it.token import Token

import dicomnode
from dicomnode.cli.app import app
from dicomnode.node.doors import AlertDoor, ResultDoor
from dicomnode.settings import Settings

MADE = {"venv", "build", "dist", "demo-results", "dicomnode-data", "runs", "node_modules"}
"""Folders that commands make; what is in them is not ours."""
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part in MADE or part.startswith(".") for part in path.relative_to(ROOT).parts)
)
README = ROOT / "README.md"
ADMINISTRATOR = ROOT / "docs" / "administrator.md"
SCHEMA = Settings.model_json_schema()
USAGE_ERROR = typer.BadParameter.__mro__[1]
"""What the parser raises for any wrong command line; typer shows its subclass alone."""
FILES = {"csv", "ftl", "html", "json", "key", "md", "onnx", "py", "sqlite3", "toml", "yaml"}
"""What looks like a setting and ends so is the name of a file."""
SOME_DESTINATION = {"send": {"destinations": {"pacs": {"ae_title": "PACS", "host": "192.0.2.10", "port": 104}}}}

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def tokens(path: Path) -> tuple[Token, ...]:
    """The document as a Markdown parser sees it, what stands within lines as well."""
    parsed = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    return tuple(part for token in parsed for part in (token, *(token.children or ())))


def links(path: Path) -> Iterator[str]:
    """Where links lead and pictures lie."""
    for token in tokens(path):
        target = token.attrs.get("href") if token.type == "link_open" else token.attrs.get("src")
        if target is not None:
            yield str(target)


@cache
def anchors(path: Path) -> set[str]:
    """Anchors of a page: those that GitHub makes of headings, and those set by hand."""
    found: set[str] = set()
    parsed = tokens(path)
    for opening, inline in zip(parsed, parsed[1:], strict=False):
        if opening.type == "heading_open":
            words = "".join(part.content for part in inline.children or () if part.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            count = sum(1 for known in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", known))
            found.add(f"{slug}-{count}" if count else slug)
    return found | set(re.findall(r'<a id="([^"]+)">', path.read_text(encoding="utf-8")))


def broken_links(path: Path) -> list[str]:
    """Links that lead nowhere."""
    broken = []
    for target in links(path):
        url = urlsplit(target)
        if url.scheme or url.netloc:
            is_good = url.scheme == "mailto" or (url.scheme in ("https", "http") and "." in url.netloc)
        else:
            page = (path.parent / unquote(url.path)).resolve() if url.path else path
            is_good = page.exists() and (not url.fragment or url.fragment in anchors(page))
        if not is_good:
            broken.append(target)
    return broken


@every_document
def test_every_link_leads_somewhere(path):
    """Files and anchors that a document links to exist, pictures included; addresses of others are well-formed."""
    assert [] == broken_links(path)


def test_the_checker_sees_broken_links(tmp_path):
    """A link to a missing file, heading or picture is found; a heading's anchor follows GitHub's rule."""
    page = tmp_path / "page.md"
    page.write_text("# What's `a.b`, now?\n\n[no](gone.md) [no](#gone) ![no](gone.png) [yes](#whats-ab-now)\n")

    assert ["gone.md", "#gone", "gone.png"] == broken_links(page)


def test_readme_is_a_front_door():
    """README has at most 150 lines, and leads to every page of docs and to licence, notice, changes and security."""
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")}

    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150
    assert {*pages, "LICENSE", "NOTICE", "CHANGELOG.md", "SECURITY.md", "CITATION.cff"} <= set(links(README))


def code(path: Path) -> Iterator[tuple[str, bool]]:
    """Lines of code of a document, and whether each stands in a block."""
    for token in tokens(path):
        if token.type in ("code_block", "fence"):
            yield from ((line, True) for line in token.content.replace("\\\n", " ").splitlines())
        elif token.type == "code_inline":
            yield " ".join(token.content.split()), False


def command_lines(path: Path) -> Iterator[tuple[str, bool]]:
    """Calls of our command, without what stands before and behind them in the shell."""
    for line, is_block in code(path):
        for part in re.split(r"&&|\||;|\s#|>|\$\(|\)", line.replace(r"\|", "/")):
            found = re.match(r"\s*(?:sudo )?(?:[\w./$-]*/)?dicomnode((?: +\S+)+)\s*$", part)
            if found and re.match(r" +-?-?[a-z]", found[1]):
                yield found[1].strip(), is_block and not re.search(r"[][{}]|\.\.\.", found[1])  # not a synopsis


def fault_of(line: str, *, is_whole: bool) -> str:
    """Why our parser would not take a command line; empty where it would."""
    words = [word for word in shlex.split(line) if not re.search(r"[][{}]|\.\.\.", word)]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        found = command.get_command(command.context_class(command), words[0])
        if found is None:
            return f"no command {words[0]!r}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
    if unknown:
        return f"no option {unknown[0]!r}"
    if is_whole and "--help" not in words and not hasattr(command, "get_command"):
        try:
            command.make_context("dicomnode", ["1" if word == "ID" else word for word in words])
        except USAGE_ERROR as error:
            return str(error.format_message())
    return ""


@every_document
def test_every_command_line_parses(path):
    """A command that a document shows exists, with every option; in a block the whole line is taken."""
    faults = {line: fault_of(line, is_whole=is_block) for line, is_block in command_lines(path)}

    assert {} == {line: fault for line, fault in faults.items() if fault}


@pytest.mark.parametrize(
    ("line", "is_whole"),
    [("job list", False), ("jobs list --stat X", False), ("jobs retry", True), ("jobs list --state DONE", True)],
)
def test_the_checker_sees_wrong_command_lines(line, is_whole):
    """Unknown commands and options are faults, in blocks missing arguments and wrong values as well."""
    assert fault_of(line, is_whole=is_whole)


def _below(node: dict[str, Any], part: str) -> Iterator[dict[str, Any]]:
    """What the schema knows below a table by a name, or by any name where the keys are free."""
    for kind in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from _below(kind, part)
    if "$ref" in node:
        yield from _below(SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]], part)
    if part in node.get("properties", {}):
        yield node["properties"][part]
    elif isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]
    if "items" in node:
        yield from _below(node["items"], part)


def is_setting(name: str) -> bool:
    """Whether a dotted name is a setting or a table of settings."""
    found = [SCHEMA]
    for part in name.split("."):
        found = [below for node in found for below in _below(node, part)]
    return bool(found)


def settings_named(path: Path) -> Iterator[str]:
    """Settings that a document names within its lines, as `table.key`."""
    for token in tokens(path):
        name = token.content.split(" = ")[0].strip()
        is_dotted = token.type == "code_inline" and re.fullmatch(r"[a-z_]+(\.\w+)+", name)
        if is_dotted and name.split(".")[0] in SCHEMA["properties"] and name.rsplit(".", 1)[1] not in FILES:
            yield name


@every_document
def test_every_setting_exists(path):
    """A setting that a document names in code, as `receive.port`, is one that the settings know."""
    assert [] == [name for name in settings_named(path) if not is_setting(name)]


def test_the_checker_knows_settings_from_others():
    """Free names within tables are taken, unknown keys are not."""
    assert all(map(is_setting, ("receive.port", "send.destinations.NAME.profile", "send.alerts.x.url", "rules.when")))
    assert not any(map(is_setting, ("receive.prot", "send.destinations.NAME.prot", "store.data")))


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Tables of both; where both have a key, the second one's counts."""
    both = first.keys() & second.keys()
    tables = [key for key in both if isinstance(first[key], dict) and isinstance(second[key], dict)]
    return first | second | {key: _merged(first[key], second[key]) for key in tables}


def settings_blocks(path: Path) -> Iterator[dict[str, Any]]:
    """Blocks of a document that are settings files, or parts of one."""
    for token in tokens(path):
        if token.type in ("code_block", "fence") and re.match(r"\[+\w", token.content):
            with contextlib.suppress(tomllib.TOMLDecodeError):
                tables = tomllib.loads(token.content)
                if tables.keys() <= SCHEMA["properties"].keys():
                    yield tables


@every_document
def test_every_example_of_settings_is_valid(path):
    """Settings that a document shows are taken as they stand, beside a destination that they may name."""
    for tables in settings_blocks(path):
        Settings.model_validate(_merged(SOME_DESTINATION, tables))


def sources() -> str:
    """Source of the package."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "dicomnode").rglob("*.py")))


def test_every_log_event_of_the_manual_is_written():
    """The first column of "Log events" holds texts that the program writes."""
    table = ADMINISTRATOR.read_text(encoding="utf-8").split("### Log events")[1].split("\n## ")[0]
    events = [name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`([^`]+)`", row)]
    written = sources()

    assert len(events) > 40
    assert [] == [event for event in events if f'"{event}"' not in written]


def test_every_warning_is_in_the_manual():
    """Each event that the serving rooms log as a warning or error is explained in "Log events"."""
    table = ADMINISTRATOR.read_text(encoding="utf-8").split("### Log events")[1].split("\n## ")[0]
    events = {
        call.args[0].value
        for path in (ROOT / "dicomnode").rglob("*.py")
        if path.relative_to(ROOT / "dicomnode").parts[0] not in ("train", "bundles")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("warning", "error")
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "log"
        if call.args and isinstance(call.args[0], ast.Constant)
    }

    events |= {
        event
        for door in (ResultDoor, AlertDoor)
        for event in (door.done, door.not_yet, door.given_up, door.works_again)
    }

    assert [] == sorted(event for event in events if f"`{event}`" not in table)


def test_the_size_of_a_serving_install_is_stated_alike():
    """README states it as `.ci/serving_size` reads it, and the administrator's manual states the same."""
    pages = [" ".join(page.read_text(encoding="utf-8").split()) for page in (README, ADMINISTRATOR)]
    stated = [re.findall(r"\b(\d+) MB with the environment's own pip", page) for page in pages]

    assert stated[0] == stated[1] != []
    assert re.search(r"\d MB with the environment's own pip", README.read_text(encoding="utf-8"))  # in one line


def test_the_licence_is_stated_alike():
    """pyproject, LICENSE and CITATION.cff name the same licence; the files that pyproject ships exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert "Apache-2.0" == project["license"] == citation["license"]
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert [] == [name for name in project["license-files"] if not (ROOT / name).is_file()]


def test_the_citation_is_of_this_version():
    """CITATION.cff has what version 1.2.0 of its format requires, and names the program's version."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert ("1.2.0", dicomnode.__version__) == (citation["cff-version"], citation["version"])


def test_git_ignores_what_documented_commands_make():
    """A clone stays clean after the commands of README."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()

    assert {"venv/", ".venv/", "demo-results/", "dicomnode-data/", "/dicomnode.toml"} <= set(ignored)


def test_the_systemd_unit_is_valid(tmp_path):
    """Systemd finds no fault in the unit, but for the program, which is elsewhere here; it keeps the folder private."""
    unit = (ROOT / "conf" / "dicomnode.service").read_text(encoding="utf-8")
    here = tmp_path / "dicomnode.service"
    here.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit, flags=re.M), encoding="utf-8")

    done = subprocess.run(
        [program("systemd-analyze", "systemd"), "verify", "--man=no", here], capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert {"StateDirectoryMode=0700", "UMask=0077", "NoNewPrivileges=yes"} <= set(unit.splitlines())
