"""What one version of a model costs a fresh process: how long it loads, and how much memory it then holds.

Usage: python bench/load_version.py onnx GRAPH...
       python bench/load_version.py torch RECIPE STAGE CHECKPOINTS

Prints one JSON object. The clock starts when the libraries are imported and stops when the encoder has read one image
at one thread.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def load_graphs(paths: list[Path]) -> float:
    import numpy as np

    from dicomnode.infer.sessions import open_session

    started = time.perf_counter()
    sessions = [open_session(path, 1) for path in paths]
    asked = sessions[0].get_inputs()[0]
    shape = [1, *asked.shape[1:]]
    sessions[0].run(None, {asked.name: np.zeros(shape, np.float32)})
    KEPT.extend(sessions)
    return time.perf_counter() - started


def load_modules(recipe_path: Path, stage: str, checkpoints: Path) -> float:
    import torch

    from dicomnode.train.drafting import load_drafter
    from dicomnode.train.recipe import read_recipe
    from dicomnode.train.stages import language_folder, trained_encoders

    torch.set_num_threads(1)
    started = time.perf_counter()
    recipe = read_recipe(recipe_path)
    encoder = trained_encoders(recipe, checkpoints)[stage]
    with torch.inference_mode():
        encoder(torch.zeros(1, recipe.pixels.channels, recipe.pixels.rows, recipe.pixels.columns))
    KEPT.extend([encoder, load_drafter(recipe.reported, language_folder(recipe, checkpoints))])
    return time.perf_counter() - started


KEPT: list[object] = []
"""So that nothing is freed before the memory is read."""


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    kind, *rest = sys.argv[1:]
    if kind == "onnx":
        taken = load_graphs([Path(path) for path in rest])
    else:
        taken = load_modules(Path(rest[0]), rest[1], Path(rest[2]))
    print(json.dumps({"load_ms": round(1000 * taken), "rss_mb": round(resident_mb())}))


if __name__ == "__main__":
    main()
