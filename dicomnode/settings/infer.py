"""Table `[infer]`."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from dicomnode.settings.types import Table


class InferSettings(Table):
    """Models and how they run."""

    bundles: tuple[str, ...] = ("cxr", "head_ct")
    """Names of shipped bundles, or paths of bundle folders (relative ones count from the settings file)."""
    ensembles: dict[str, tuple[str, ...]] = {}
    """Bundle to further ones of the same findings that read beside it, for example {cxr = ["models/cxr-2"]}."""
    threads: Annotated[int, Field(ge=1)] = 1
    """ONNX Runtime threads of one worker; more workers pay better than more threads."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Worker processes; 0: one for each core on the CPU (divided by `threads`), one in all on a GPU."""
    provider: Annotated[str, Field(pattern="^(cpu|cuda)$")] = "cpu"
    """Where graphs run: `cpu`, or `cuda` (needs onnxruntime-gpu; the CPU never stands in for a missing GPU)."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """Images that are encoded at once; more pays on a GPU."""
    beams: Annotated[int, Field(ge=1)] = 1
    """Drafts that are tried side by side, the likeliest is kept; 1: always the likeliest word."""
    cache_images: Annotated[int, Field(ge=0)] = 64
    """Images whose encodings a worker remembers, so that triage and reading encode a study once."""
    memory_limit_mb: Annotated[int, Field(ge=1)] = 1024
    """A bundle with which a worker would need more memory is refused."""

    @property
    def worker_count(self) -> int:
        """Worker processes that are started."""
        if self.workers or self.provider == "cuda":
            return self.workers or 1
        return max(1, len(os.sched_getaffinity(0)) // self.threads)
