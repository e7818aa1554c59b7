"""A sandbox PACS, sample films and the whole service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT
from service_process import Service, service

from dicomnode.node.sandbox import SandboxPACS
from dicomnode.settings import Destination

SAMPLES = ROOT / "sample_dicom"


@pytest.fixture
def a_pacs(tmp_path: Path) -> Iterator[tuple[SandboxPACS, Destination]]:
    """A PACS of our own and where it listens."""
    pacs = SandboxPACS(tmp_path / "pacs", ae_title="PACS")
    yield pacs, Destination(ae_title="PACS", host="127.0.0.1", port=pacs.start())
    pacs.stop()


@pytest.fixture
def a_service(tmp_path: Path, a_pacs: tuple[SandboxPACS, Destination]) -> Iterator[Service]:
    """The whole service, not yet started, with the sandbox PACS as its destination."""
    with service(tmp_path / "node", destination=a_pacs[1]) as running:
        yield running


@pytest.fixture
def a_film() -> Path:
    """A synthetic chest film with an opacity."""
    return next((SAMPLES / "chest-opacity").glob("*.dcm"))


@pytest.fixture
def a_head_ct() -> list[Path]:
    """A synthetic head CT with a bleed."""
    return sorted((SAMPLES / "head-ct-bleed").glob("*.dcm"))
