"""The sample studies, written once."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import made_once

from dicomnode.phantoms.samples import write_samples


@pytest.fixture(scope="session")
def a_written_folder(tmp_path_factory) -> Path:
    """Folder that `write_samples` has just filled."""
    return made_once(tmp_path_factory, "samples", write_samples)
