"""Graphs of imported Hugging Face models, each compared with the module it came from."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from dicomnode.train.compress.graphs import DECODER, ENCODER, PROMPTER, compare, write_graph
from dicomnode.train.imports.caption import Captioner
from dicomnode.train.imports.classifier import Classifier
from dicomnode.train.imports.language import LanguageShape

# B batch, T new tokens, P prompts, S memory positions

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
    write_graph(classifier, (images,), (ENCODER[0], outputs), shapes, path)
    compare(classifier, [(images,), (images[:1],)], (ENCODER[0], outputs), path)


def write_captioner(captioner: Captioner, pixel_shape: tuple[int, int, int], longest: int, folder: Path) -> None:
    """Write the three graphs of a captioner, whose drafts have at most `longest` tokens.

    Raises
    ------
    BundleError
        If a graph is too large or differs from its module.
    """
    images = torch.randn(2, *pixel_shape, generator=torch.Generator().manual_seed(0))
    batch = Dim("batch", min=1, max=_MOST_IMAGES)
    write_graph(captioner.encoder, (images,), ENCODER, {"pixel_values": {0: batch}}, folder / "encoder.onnx")
    compare(captioner.encoder, [(images,), (images[:1],)], ENCODER, folder / "encoder.onnx")
    with torch.no_grad():
        encoded = captioner.encoder(images)
    study = Dim("images", min=1, max=_MOST_IMAGES)
    write_graph(
        captioner.prompter, encoded, PROMPTER, {name: {0: study} for name in PROMPTER[0]}, folder / "prompter.onnx"
    )
    compare(captioner.prompter, [encoded, tuple(one[:1] for one in encoded)], PROMPTER, folder / "prompter.onnx")
    write_language(captioner.decoder, captioner.decoder.shape, longest, folder / "decoder.onnx")


def write_language(decoder: nn.Module, shape: LanguageShape, longest: int, path: Path) -> None:
    """Write `decoder.onnx` of an imported language model, for prompts and texts of together `longest` positions.

    Raises
    ------
    BundleError
        If the graph is too large or differs from the module, in a first call or in a cached step.
    """
    batch, memory = Dim("batch", min=1, max=_MOST_IMAGES), Dim("memory", min=0, max=65536)
    shapes = {
        "decoder_input_ids": {0: batch, 1: Dim("tokens", min=1, max=longest)},
        "prompt_embeds": {0: batch, 1: Dim("prompts", min=0, max=longest)},
        "encoder_key_values": {2: batch, 4: memory},
        "anatomical_bias": {0: batch, 2: memory},
        "past_key_values": {2: batch, 4: Dim("cached", min=0, max=longest)},
    }
    write_graph(decoder, _example(shape, 2, (3, 2, 5, 4)), DECODER, shapes, path)
    steps = [_example(shape, 1, sizes) for sizes in ((4, 2, 3, 0), (1, 0, 3, 6))]
    compare(decoder, steps, DECODER, path)


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
