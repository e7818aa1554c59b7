"""What holds for every bundle that ships."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest

import dicomnode.bundles
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.report.languages import known_languages, language_of
from dicomnode.report.terms import finding_term

_BUNDLES = sorted(path.parent for path in Path(dicomnode.bundles.__file__).parent.glob("*/bundle.toml"))
_LARGEST_BYTES = 15_000_000

of_each = pytest.mark.parametrize("folder", _BUNDLES, ids=lambda folder: folder.name)


@of_each
def test_the_node_can_run_it(folder: Path):
    """The node finds no fault with the bundle."""
    assert [] == check_bundle(folder)


@of_each
def test_every_file_is_the_one_that_was_measured(folder: Path):
    """The digests in bundle.toml are those of the files, and no other file lies there."""
    files = tomllib.loads((folder / "bundle.toml").read_text(encoding="utf-8"))["files"]

    assert {*files, "bundle.toml"} == {path.name for path in folder.iterdir()}
    for name, digest in files.items():
        assert digest == hashlib.sha256((folder / name).read_bytes()).hexdigest()


@of_each
def test_the_graphs_tell_nothing_of_where_they_were_made(folder: Path):
    """The exporter's stack traces, with the paths of a machine, are not shipped."""
    for path in folder.glob("*.onnx"):
        assert b"stack_trace" not in path.read_bytes()


@of_each
def test_it_is_small(folder: Path):
    """The whole bundle is within the size that was promised."""
    assert sum(path.stat().st_size for path in folder.iterdir()) <= _LARGEST_BYTES


@of_each
def test_its_card_says_what_it_is_not_for(folder: Path):
    """Every card names the intended use, the limits and how it was made."""
    card = (folder / "card.md").read_text(encoding="utf-8")

    assert "not for diagnostic use" in card
    assert {"## Data", "## Limits and known shortcuts", "## How it was made"} <= set(card.splitlines())


@of_each
def test_every_finding_has_its_name_in_every_language(folder: Path):
    """What ships is never named in English in another language's report."""
    unknown = [
        (spec.key, language)
        for spec in load_bundle(folder).findings
        for language in known_languages()
        if finding_term(spec.code) is None or not language_of(language).knows(spec)
    ]

    assert [] == unknown
