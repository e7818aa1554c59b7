"""Peers of other makers, each test with its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.peers import Orthanc, StoreSCP, orthanc, storescp


@pytest.fixture
def an_orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """A running Orthanc; `register` a node to have studies at rest routed to it."""
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with orthanc(folder) as running:
        yield running


@pytest.fixture
def a_storescp(tmp_path: Path) -> Iterator[StoreSCP]:
    """DCMTK's `storescp` with an empty folder."""
    with storescp(tmp_path / "storescp") as running:
        yield running
