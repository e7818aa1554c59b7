"""Table `[infer]`."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import Field

from dicomnode.settings.types import Table


class InferSettings(Table):
    """Models and inference."""

    bundles: tuple[str, ...] = ("cxr", "head_ct")
    """Model bundles: names of bundles that ship with dicomnode, or paths of bundle folders. A relative path is relative
    to the settings file and contains a slash."""
    ensembles: dict[str, tuple[str, ...]] = {}
    """Further bundles with the same findings whose probabilities are averaged with those of a bundle, for example {cxr
    = ["models/cxr-2"]}."""
    threads: Annotated[int, Field(ge=1)] = 1
    """ONNX Runtime threads per worker. More workers usually give more throughput than more threads; more threads
    shorten a single study."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Number of worker processes; each loads its own copy of the models. 0: on the CPU the number of cores divided by
    `threads`, on a GPU one."""
    provider: Literal["cpu", "cuda"] = "cpu"
    """Where models run: "cpu" or "cuda". "cuda" needs the package onnxruntime-gpu; if no GPU is found, the node does
    not start."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """Images encoded in one run of the model. Values above 1 help on a GPU only, and need more memory."""
    beams: Annotated[int, Field(ge=1)] = 1
    """Beam search width of the text decoder. 1: greedy decoding, the fastest."""
    cache_images: Annotated[int, Field(ge=0)] = 64
    """Images per worker whose encodings are kept, so that a study is encoded once for triage and reading. 0: none."""
    memory_limit_mb: Annotated[int, Field(ge=1)] = 1024
    """Memory limit per worker in megabytes. A bundle that would need more is refused when the node starts."""

    @property
    def worker_count(self) -> int:
        """Worker processes that are started."""
        if self.workers or self.provider == "cuda":
            return self.workers or 1
        return max(1, len(os.sched_getaffinity(0)) // self.threads)
