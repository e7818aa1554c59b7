"""Whether the graphs of a bundle fit into the memory that a worker may use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PROCESS_MB = 170
"""Resident memory of a worker without the graphs' weights.

Measured as VmRSS with a bundle of a few kilobytes: 136 after the imports, 145 with the database open, 168 after a film
and a CT of 24 slices were read.
"""
GRAPH_FACTOR = 2.5
"""Resident megabytes for each megabyte of graph files.

Measured as growth of VmRSS over loading and one run: INT8 matrix products 2.3 (ONNX Runtime packs them anew), FP32 ones
1.2, activations included; the larger is taken, with a margin.
"""
_MEGABYTE = 2**20


def needed_mb(graphs: Sequence[Path]) -> int:
    """Estimate of a worker's resident memory with these graphs loaded, megabytes."""
    return round(PROCESS_MB + GRAPH_FACTOR * _size_mb(graphs))


def memory_faults(graphs: Sequence[Path], limit_mb: int) -> list[str]:
    """Why graphs must not be opened: one sentence, or none if they fit within the limit."""
    needed = needed_mb(graphs)
    if needed <= limit_mb:
        return []
    return [
        f"graphs of {_size_mb(graphs):.1f} MB need about {needed} MB of memory in each worker, more than "
        f"infer.memory_limit_mb = {limit_mb}: raise the limit or use a smaller bundle"
    ]


def _size_mb(graphs: Sequence[Path]) -> float:
    return sum(path.stat().st_size for path in graphs) / _MEGABYTE
