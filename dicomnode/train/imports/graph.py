"""Graphs of imported Hugging Face models, each compared with the module it came from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from dicomnode.errors import BundleError
from dicomnode.infer.sessions import (
    DECODER_INPUTS,
    DECODER_OUTPUTS,
    ENCODER_INPUTS,
    ENCODER_OUTPUTS,
    PROMPTER_INPUTS,
    PROMPTER_OUTPUTS,
    open_session,
)
from dicomnode.train.compress.graphs import Names, write_graph
from dicomnode.train.imports.caption import Captioner
from dicomnode.train.imports.classifier import Classifier
from dicomnode.train.imports.language import LanguageShape

# B batch, T new tokens, P prompts, S memory positions

TOLERANCE = 1e-3
"""Largest difference of any output between PyTorch and the graph."""
_MOST_IMAGES = 1024


def write_classifier(classifier: Classifier, pixel_shape: tuple[int, int, int], path: Path) -> None:
    """Write `encoder.onnx` of a classifier.

    Raises
    ------
    BundleError
        If the graph is too large or differs from the module.
    """
    outputs = ("logits", "class_maps") if classifier.has_maps else ("logits",)
    images = torch.randn(2, *pixel_shape, generator=torch.Generator().manual_seed(0))
    shapes = {"pixel_values": {0: Dim("batch", min=1, max=_MOST_IMAGES)}}
    write_graph(classifier, (images,), (tuple(ENCODER_INPUTS), outputs), shapes, path)
    compare(classifier, [(images,), (images[:1],)], (tuple(ENCODER_INPUTS), outputs), path)


def write_captioner(captioner: Captioner, pixel_shape: tuple[int, int, int], longest: int, folder: Path) -> None:
    """Write the three graphs of a captioner, whose drafts have at most `longest` tokens.

    Raises
    ------
    BundleError
        If a graph is too large or differs from its module.
    """
    images = torch.randn(2, *pixel_shape, generator=torch.Generator().manual_seed(0))
    names: Names = (tuple(ENCODER_INPUTS), ENCODER_OUTPUTS)
    batch = Dim("batch", min=1, max=_MOST_IMAGES)
    write_graph(captioner.encoder, (images,), names, {"pixel_values": {0: batch}}, folder / "encoder.onnx")
    compare(captioner.encoder, [(images,), (images[:1],)], names, folder / "encoder.onnx")
    with torch.no_grad():
        encoded = captioner.encoder(images)
    names = (tuple(PROMPTER_INPUTS), PROMPTER_OUTPUTS)
    study = Dim("images", min=1, max=_MOST_IMAGES)
    write_graph(
        captioner.prompter, encoded, names, {name: {0: study} for name in PROMPTER_INPUTS}, folder / "prompter.onnx"
    )
    compare(captioner.prompter, [encoded, tuple(one[:1] for one in encoded)], names, folder / "prompter.onnx")
    write_language(captioner.decoder, captioner.decoder.shape, longest, folder / "decoder.onnx")


def write_language(decoder: nn.Module, shape: LanguageShape, longest: int, path: Path) -> None:
    """Write `decoder.onnx` of an imported language model, for prompts and texts of together `longest` positions.

    Raises
    ------
    BundleError
        If the graph is too large or differs from the module, in a first call or in a cached step.
    """
    batch, memory = Dim("batch", min=1, max=_MOST_IMAGES), Dim("memory", min=0, max=65536)
    names: Names = (tuple(DECODER_INPUTS), DECODER_OUTPUTS)
    shapes = {
        "decoder_input_ids": {0: batch, 1: Dim("tokens", min=1, max=longest)},
        "prompt_embeds": {0: batch, 1: Dim("prompts", min=0, max=longest)},
        "encoder_key_values": {2: batch, 4: memory},
        "anatomical_bias": {0: batch, 2: memory},
        "past_key_values": {2: batch, 4: Dim("cached", min=0, max=longest)},
    }
    write_graph(decoder, _example(shape, 2, (3, 2, 5, 4)), names, shapes, path)
    steps = [_example(shape, 1, sizes) for sizes in ((4, 2, 3, 0), (1, 0, 3, 6))]
    compare(decoder, steps, names, path)


def _example(shape: LanguageShape, batch: int, sizes: tuple[int, int, int, int]) -> tuple[Tensor, ...]:
    """Inputs of a decoder: so many tokens, prompts, memory positions and cached positions."""
    tokens, prompts, memory, cached = sizes
    generator = torch.Generator().manual_seed(tokens)
    state = (shape.layers, 2, batch, shape.heads)
    return (
        torch.randint(shape.vocabulary, (batch, tokens), generator=generator),
        torch.randn(batch, prompts, shape.width, generator=generator),
        torch.randn(*state, memory, shape.head_width, generator=generator),
        torch.randn(batch, shape.layers, memory, generator=generator),
        torch.randn(*state, cached, shape.head_width, generator=generator),
    )


def compare(module: nn.Module, examples: Sequence[tuple[Tensor, ...]], names: Names, path: Path) -> None:
    """Hold a graph against its module.

    Raises
    ------
    BundleError
        If any output differs by more than `TOLERANCE` of its largest value, or of 1.
    """
    runner = open_session(path, threads=1)
    for example in examples:
        with torch.no_grad():
            expected = [tensor.numpy() for tensor in module(*example)]
        feeds = {name: tensor.numpy() for name, tensor in zip(names[0], example, strict=True)}
        for name, ours, theirs in zip(names[1], expected, runner.run([*names[1]], feeds), strict=True):
            apart = float(np.abs(ours - theirs).max(initial=0))
            if not apart <= TOLERANCE * max(1.0, float(np.abs(ours).max(initial=0))):
                raise BundleError(f"{path.name}: {name} differs from PyTorch by {apart:.2g}")
