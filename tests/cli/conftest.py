"""A settings file that commands read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import free_port
from tiny_bundle import write_tiny_bundle


@pytest.fixture
def a_settings_file(tmp_path, monkeypatch):
    """Write a settings file with the tiny bundle and further lines, and make it the one that commands read."""

    def write(extra: str = "", bundles: str = '["./chest"]') -> Path:
        write_tiny_bundle(tmp_path / "chest")
        path = tmp_path / "node.toml"
        path.write_text(
            f'[store]\ndata_dir = "data"\n[infer]\nbundles = {bundles}\n{extra}\n'
            '[[rules]]\nname = "chest"\nbundle = "chest"\n[rules.when]\nmodality = ["DX"]\n'
        )
        monkeypatch.setenv("DICOMNODE_SETTINGS", str(path))
        if "[receive]" not in extra:
            monkeypatch.setenv("DICOMNODE_RECEIVE__PORT", str(free_port()))  # others may listen on the usual one
        if "TZ" not in os.environ:
            monkeypatch.setenv("TZ", "UTC")  # a machine that names no zone is warned
        return path

    return write
