"""What each step of the compression costs and saves: teacher, student, pruned, FP32 graphs, INT8, INT4.

Usage: python bench/compression.py RECIPE DATA BUNDLE_DIR [--rounds 20] [--images 100]

BUNDLE_DIR was trained by `dicomnode model train RECIPE`; its checkpoints lie in BUNDLE_DIR.training, where the table
goes as compression.json, which the bundle's card takes. Figures are of the validation split. Times are of one image
to logits, maps and draft: CPU time at one thread, the versions in turn, only ratios mean anything. Drafts are written
by the same words everywhere: teacher and student have no decoder of their own and are timed with that of the last one.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dicomnode.infer.generate import Step, generate
from dicomnode.infer.sessions import open_session
from dicomnode.measure.metrics import auc
from dicomnode.records import FloatArray
from dicomnode.train.calibration import study_calibrations
from dicomnode.train.compress.export import (
    LANGUAGE,
    Reader,
    StudyPrompter,
    float_encoder,
    float_language,
    read_images,
)
from dicomnode.train.compress.graphs import PROMPTER
from dicomnode.train.compress.parity import Said, agreement, pointing
from dicomnode.train.compress.quantize import dynamic_int8, weights_int4, weights_int8
from dicomnode.train.data import Split, read_split
from dicomnode.train.decoder import no_past
from dicomnode.train.drafting import Drafter, load_drafter
from dicomnode.train.language import BOS, EOS
from dicomnode.train.model import Encoder
from dicomnode.train.phantoms import Drawn, drawn_on
from dicomnode.train.recipe import Recipe, read_recipe
from dicomnode.train.stages import language_folder, trained_encoders

# N images, C channels, S side, K findings

Arrays = list[FloatArray]
Call = Callable[[Sequence[FloatArray]], Arrays]
"""Inputs of a graph, or of the module it was made of, to its outputs."""
WRITTEN = {"INT8": dynamic_int8, "INT8 in blocks": weights_int8, "INT4 in blocks": weights_int4}
TORCH = "PyTorch"
FLOAT = "FP32 ONNX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One step of the compression."""

    read: Call
    """pixel_values (1, C, S, S) to the encoder's outputs."""
    tell: Call
    """The encoder's outputs to the prompter's."""
    speak: Call
    """The decoder's inputs to its outputs."""
    writes: bool
    """Whether the language side was trained for this encoder."""
    megabytes: float
    start: tuple[str, ...]
    """Arguments of load_version.py."""


def module_call(module: nn.Module) -> Call:
    def call(inputs: Sequence[FloatArray]) -> Arrays:
        with torch.inference_mode():
            return [output.numpy() for output in module(*(torch.from_numpy(array) for array in inputs))]

    return call


def graph_call(path: Path) -> Call:
    session = open_session(path, 1)
    names = [asked.name for asked in session.get_inputs()]

    def call(inputs: Sequence[FloatArray]) -> Arrays:
        return session.run(None, dict(zip(names, inputs, strict=True)))

    return call


def module_version(
    encoder: Encoder, prompter: StudyPrompter, drafter: Drafter, *, writes: bool, start: tuple[str, ...]
):
    parts = (encoder, drafter.prompter, drafter.decoder)
    size = sum(parameter.nbytes for part in parts for parameter in part.parameters()) / 1e6
    calls = [module_call(module.eval()) for module in (Reader(encoder), prompter, drafter.decoder)]
    return Version(read=calls[0], tell=calls[1], speak=calls[2], writes=writes, megabytes=size, start=start)


def graph_version(paths: Sequence[Path]) -> Version:
    size = sum(path.stat().st_size for path in paths) / 1e6
    read, tell, speak = (graph_call(path) for path in paths)
    start = ("onnx", *(str(path) for path in paths))
    return Version(read=read, tell=tell, speak=speak, writes=True, megabytes=size, start=start)


def draft(version: Version, encoded: Sequence[FloatArray], recipe: Recipe) -> tuple[int, ...]:
    """Token ids of the draft on one image's encoding, greedily."""
    told = dict(zip(PROMPTER[1], version.tell(encoded), strict=True))
    prompts, past = told["prompt_embeds"], no_past(recipe, 1).numpy()

    def step(new: Any, _parents: Any) -> Step:
        nonlocal prompts, past
        told_once = (new, prompts, told["encoder_key_values"], told["anatomical_bias"], past)
        logits, past, attention = version.speak(told_once)
        prompts = prompts[:, :0]
        return Step(logits, attention)

    longest = recipe.decoder.max_new_tokens
    return generate(step, bos_token_id=BOS, eos_token_id=EOS, max_new_tokens=longest).token_ids


def said(version: Version, images: FloatArray, recipe: Recipe) -> Said:
    """What a version says of images (N, C, S, S), one by one."""
    encoded = [version.read([image[None]]) for image in images]
    return Said(
        logits=np.concatenate([one[0] for one in encoded]),
        class_maps=np.concatenate([one[1] for one in encoded]),
        drafts=tuple(draft(version, one, recipe) for one in encoded) if version.writes else (),
    )


def timed(versions: dict[str, Version], images: FloatArray, recipe: Recipe, rounds: int) -> dict[str, float]:
    """Median CPU milliseconds of one image to its draft, the versions in turn; other load does not count."""
    told_of = [versions[writer_of(versions)].read([image[None]]) for image in images[: rounds + 1]]
    taken: dict[str, list[float]] = {name: [] for name in versions}
    for image, encoded in zip(images, told_of, strict=False):
        for name, version in versions.items():
            started = time.process_time()
            own = version.read([image[None]])
            draft(version, own if version.writes else encoded, recipe)
            taken[name].append(1000 * (time.process_time() - started))
    return {name: statistics.median(times[1:]) for name, times in taken.items()}  # the first warms up


def writer_of(versions: dict[str, Version]) -> str:
    return next(name for name, version in versions.items() if version.writes)


def aurocs(logits: FloatArray, split: Split, recipe: Recipe) -> dict[str, float]:
    """Of the main finding, by source."""
    main = recipe.keys.index(recipe.card.main_finding)
    truth, sources = split.labels[:, main], np.array([film.source for film in split.films])
    figures = {}
    for source in sorted(set(sources)):
        chosen = np.flatnonzero((sources == source) & ~np.isnan(truth))
        figures[f"auroc_{source}"] = round(auc(truth, logits[:, main], chosen), 4)
    return figures


def loaded(start: tuple[str, ...]) -> dict[str, float]:
    """Figures of a fresh process, the middle of three."""
    program = Path(__file__).with_name("load_version.py")
    outputs = [
        subprocess.run([sys.executable, program, *start], check=True, capture_output=True, text=True).stdout
        for _ in range(3)
    ]
    figures = [json.loads(output.splitlines()[-1]) for output in outputs]
    return {name: statistics.median(one[name] for one in figures) for name in figures[0]}


def table(
    versions: dict[str, Version], recipe: Recipe, split: Split, drawn: Drawn | None, rounds: int, images: int
) -> dict[str, dict[str, Any]]:
    """A row of figures for each version."""
    pixels = normal(split.images, recipe)
    times = timed(versions, pixels, recipe, rounds)
    some = slice(0, images)
    answers = {name: said(version, pixels[some], recipe) for name, version in versions.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, version in versions.items():
        row: dict[str, Any] = {"megabytes": round(version.megabytes, 2), **loaded(version.start)}
        for torch_name in [other for other in versions if TORCH in other and other != name]:
            row[f"times_faster_than_{torch_name.split(',')[0]}"] = round(times[torch_name] / times[name], 2)
        logits = np.concatenate([version.read([image[None]])[0] for image in pixels])
        row |= aurocs(logits, split, recipe)
        if drawn is not None:
            maps = np.concatenate([version.read([image[None]])[1] for image in normal(drawn.images, recipe)])
            row["pointing_game_on_drawn_lesions"] = pointing(maps, drawn.masks)
        if FLOAT in answers and name != FLOAT:
            row |= agreement(answers[FLOAT], answers[name])
        rows[name] = row
        print(name, json.dumps(row))
    return rows


def normal(images: FloatArray, recipe: Recipe) -> FloatArray:
    values: FloatArray = ((images - recipe.pixels.mean) / recipe.pixels.std).astype(np.float32)
    return values


def graphs(
    encoder: Encoder, prompter: StudyPrompter, drafter: Drafter, recipe: Recipe, bundle: Path, folder: Path
) -> dict[str, Version]:
    """All graphs: in float, with the bundle's own INT8 encoder, and with each kind of weights behind it."""
    plain = folder / "float"
    plain.mkdir()
    float_encoder(encoder, recipe, plain / "encoder.onnx")
    float_language(prompter, drafter, recipe, plain)
    language = [plain / name for name in LANGUAGE]
    shutil.copy(bundle / "encoder.onnx", folder / "encoder.onnx")
    versions = {
        FLOAT: graph_version([plain / "encoder.onnx", *language]),
        "INT8 encoder": graph_version([folder / "encoder.onnx", *language]),
    }
    for name, write in WRITTEN.items():
        place = folder / name.replace(" ", "_")
        place.mkdir()
        for path in language:
            write(path, place / path.name)
        versions[f"INT8 encoder, {name} language"] = graph_version(
            [folder / "encoder.onnx", *(place / path.name for path in language)]
        )
    return versions


def trained(recipe: Recipe, recipe_path: Path, bundle: Path, validation: Split) -> tuple[dict[str, Version], Any]:
    """The PyTorch versions of a run, and what the graphs are made of."""
    checkpoints = bundle.with_name(bundle.name + ".training")
    encoders, language = trained_encoders(recipe, checkpoints), language_folder(recipe, checkpoints)
    recipe = recipe.reported
    drafter, last = load_drafter(recipe, language), [*encoders][-1]
    read = read_images(bundle / "encoder.onnx", normal(validation.images, recipe))
    logits, features = (np.concatenate([getattr(one, part) for one in read]) for part in ("logits", "features"))
    lines = study_calibrations(validation, logits, recipe.keys, recipe.fit.seed)
    # How strange an image is says nothing here, so any features set its border.
    prompter = StudyPrompter(drafter.prompter, encoders[last].domain, lines, (features, features))
    versions = {}
    for name, encoder in encoders.items():
        start = ("torch", str(recipe_path), name, str(checkpoints))
        versions[f"{name}, {TORCH}"] = module_version(encoder, prompter, drafter, writes=name == last, start=start)
    return versions, (encoders[last], prompter, drafter)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--images", type=int, default=100)
    arguments = parser.parse_args()
    logging.disable(logging.INFO)  # the exporter's
    torch.set_num_threads(1)
    recipe = read_recipe(arguments.recipe)
    reported = recipe.reported
    validation = read_split(arguments.data, "val", reported.keys, reported.pixels, reported.data)
    drawn = drawn_on(reported, validation, arguments.images, np.random.default_rng(recipe.fit.seed))
    with tempfile.TemporaryDirectory() as scratch:
        versions, parts = trained(recipe, arguments.recipe, arguments.bundle, validation)
        versions |= graphs(*parts, reported, arguments.bundle, Path(scratch))
        rows = table(versions, reported, validation, drawn, arguments.rounds, arguments.images)
    target = arguments.bundle.with_name(arguments.bundle.name + ".training") / "compression.json"
    target.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
