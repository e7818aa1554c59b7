"""The parts of the manuals that are made from the program are those that it makes now."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from dicomnode.cli import app as front
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
from docs.generate.blocks import DOCS, filled

PAGES = sorted(DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_as_the_program_makes_it(page):
    """`make docs` changes nothing: settings, commands, figures and DICOM tables are those of this version."""
    written = page.read_text(encoding="utf-8")

    assert written == filled(written), f"docs/{page.name} is stale; run `make docs`"


@pytest.mark.parametrize("page", ["settings", "commands", "models", "explanations", "researcher", "conformance"])
def test_a_page_has_generated_parts(page):
    """The pages with tables have them from the program, and an edit by hand would be undone."""
    written = (DOCS / f"{page}.md").read_text(encoding="utf-8")

    assert written == filled(written.replace("| --- |", "| :-: |"))
    assert "<!-- generated: " in written


def test_a_block_that_nobody_makes_is_named():
    """A marker with a typing mistake stops the build and says which blocks there are."""
    with pytest.raises(LookupError, match="no block 'setings'; known: .*settings"):
        filled("<!-- generated: setings -->\n<!-- end of generated -->")


def keys() -> Iterator[str]:
    """Every setting, by the classes themselves."""
    tables: list[type[BaseModel]] = [
        field.annotation for name, field in Settings.model_fields.items() if name != "rules"
    ]
    tables += [Destination, HL7Channel, WebhookChannel, EmailChannel, AcuityLevel, Rule, Conditions]
    yield from sorted({key for table in tables for key in table.model_fields})


@pytest.mark.parametrize("key", list(keys()))
def test_every_setting_has_a_row(key):
    """docs/settings.md explains every setting: no cell of its row is empty."""
    rows = re.findall(rf"^\| <a id=\"[\w-]+\"></a>`{key}` \|.*$", (DOCS / "settings.md").read_text(), re.MULTILINE)

    assert rows
    assert all(cell.strip() for row in rows for cell in re.split(r"(?<!\\)\|", row)[1:-1])


def test_every_command_has_a_section():
    """docs/commands.md has a heading for each command that `dicomnode --help` leads to."""
    headings = re.findall(r"^### `(dicomnode [^`]+)`$", (DOCS / "commands.md").read_text(), re.MULTILINE)

    for noun in listed([]):
        below = listed([noun])
        assert set(headings) >= {f"dicomnode {noun} {verb}" for verb in below} or f"dicomnode {noun}" in headings
        assert below or f"dicomnode {noun}" in headings


def listed(group: list[str]) -> list[str]:
    """Names that the help of a group lists; none for a command."""
    shown = CliRunner().invoke(front.app, [*group, "--help"]).output
    _, found, lines = shown.partition("Commands:\n")
    return re.findall(r"^  (\w[\w-]*)  ", lines, re.MULTILINE) if found else []
