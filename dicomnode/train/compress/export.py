"""From trained modules to compressed ONNX graphs, each compared with what it came from."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor, nn
from torch.export import Dim

from dicomnode.errors import BundleError
from dicomnode.infer.sessions import COMPARED_OUTPUTS, open_session
from dicomnode.measure.calibration import Calibration
from dicomnode.records import FloatArray
from dicomnode.train.comparer import Comparer, ServedComparer
from dicomnode.train.compress.graphs import COMPARER, DECODER, ENCODER, PROMPTER, compare, write_graph
from dicomnode.train.compress.quantize import dynamic_int8, static_int8, weights_int8
from dicomnode.train.decoder import Prompter, slice_attention
from dicomnode.train.drafting import Drafter
from dicomnode.train.model import Encoder
from dicomnode.train.recipe import Recipe

# B batch, N images of a study, K findings, D features, T new tokens, P prompts

INT8_TOLERANCE = 0.25
"""Largest mean difference of the logits between the FP32 and the INT8 graph."""
LANGUAGE = ("prompter.onnx", "decoder.onnx")
"""Files of the language side."""
_MOST_CALIBRATION = 128
_FALSE_ALARMS = 99.5
"""Percentile of the validation images that still counts as usual."""
_ROOM = 1.15
"""How much farther out than these an image may lie."""
_STRANGE = 0.6
"""Share of the third head's belief in anything but upright from which an image is strange."""


class Reader(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """The encoder as it serves."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(B, C, S, S) to the outputs named in `ENCODER`."""
        said = self.encoder(pixel_values)
        segmentation = torch.sigmoid(said.segmentation)
        return said.logits, said.class_maps, said.features, segmentation, said.tokens, said.attended


class StudyPrompter(nn.Module):  # type: ignore[misc]
    """All images of a reading to the study's logits and to what the decoder is told.

    Parameters
    ----------
    prompter
        Trained.
    domain
        The encoder's third head, which asks whether an image is upright.
    calibrations
        One for each finding, of studies.
    usual
        (N, 2 * D) features of usual images, and (V, 2 * D) of those on which the border is set.
    """

    def __init__(
        self,
        prompter: Prompter,
        domain: nn.Linear,
        calibrations: tuple[Calibration, ...],
        usual: tuple[FloatArray, FloatArray],
    ) -> None:
        super().__init__()
        self.prompter, self.domain = prompter, domain
        self.register_buffer("lines", torch.tensor([calibration.line for calibration in calibrations]))
        gaussian = LedoitWolf().fit(usual[0])
        self.register_buffer("mean", torch.from_numpy(gaussian.location_).float())
        self.register_buffer("precision", torch.from_numpy(gaussian.precision_).float())
        with torch.no_grad():
            far = self.distance(torch.from_numpy(usual[1]))
        self.border = float(np.percentile(far.numpy(), _FALSE_ALARMS)) * _ROOM

    def distance(self, features: Tensor) -> Tensor:
        """(N, 2 * D) to (N,) Mahalanobis distances."""
        apart = features - self.mean
        return torch.sqrt((apart @ self.precision * apart).sum(1) + 1e-6)

    def forward(
        self,
        logits: Tensor,
        class_maps: Tensor,
        features: Tensor,
        segmentation: Tensor,
        tokens: Tensor,
        attended: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The encoder's outputs of N images to the outputs named in `PROMPTER`."""
        attention = slice_attention(logits)  # (K, N)
        study_logits = (attention * logits.transpose(0, 1)).sum(1)
        shares = attention.mean(0)  # (N,)
        turned = 1 - torch.softmax(self.domain(features), 1)[:, 0]
        strangeness = torch.maximum(self.distance(features) / self.border, turned / _STRANGE)
        told = self.prompter(
            (study_logits * self.lines[:, 0] + self.lines[:, 1])[None],
            (shares[:, None] * features).sum(0, keepdim=True),
            (shares[:, None, None, None] * segmentation).sum(0, keepdim=True),
            (shares[:, None, None] * tokens).sum(0, keepdim=True),
            (attention.transpose(0, 1)[:, :, None] * attended).sum(0, keepdim=True),
            (attention.transpose(0, 1)[:, :, None, None] * class_maps).sum(0, keepdim=True),
        )
        return study_logits, attention, strangeness, *told


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEncoder:
    """What the export of the encoder measured."""

    float_difference: float
    """Largest difference between PyTorch and the FP32 graph."""
    int8_logit_difference: float
    """Mean absolute difference of the logits, INT8 against FP32, on the images given."""
    float_logits: FloatArray
    """(N, K) of the FP32 graph on these images."""
    int8_logits: FloatArray
    """(N, K) of the INT8 graph."""


def export_encoder(
    encoder: Encoder, recipe: Recipe, calibration: FloatArray, compared: FloatArray, folder: Path
) -> ExportedEncoder:
    """Write `encoder.onnx` in INT8.

    Parameters
    ----------
    calibration
        (N, C, S, S) pixel values that set the ranges of the activations.
    compared
        (N, C, S, S), N >= 2: pixel values to compare the graphs on.

    Raises
    ------
    BundleError
        If a graph differs from its model by more than the tolerance written here.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "encoder.onnx")
        reader = float_encoder(encoder, recipe, path)
        difference = compare(reader, [(torch.from_numpy(compared[:3]),)], ENCODER, path)
        static_int8(path, folder / path.name, calibration[:_MOST_CALIBRATION])
        float_logits, int8_logits = (
            np.concatenate([read.logits for read in read_images(graph, compared)])
            for graph in (path, folder / path.name)
        )
    mean_difference = float(np.abs(float_logits - int8_logits).mean())
    if mean_difference > INT8_TOLERANCE:
        raise BundleError(
            f"INT8 moves the logits by {mean_difference:.2g} on average; the tolerance is {INT8_TOLERANCE}"
        )
    return ExportedEncoder(
        float_difference=difference,
        int8_logit_difference=mean_difference,
        float_logits=float_logits,
        int8_logits=int8_logits,
    )


def float_encoder(encoder: Encoder, recipe: Recipe, path: Path) -> Reader:
    """Write an encoder as FP32 graph; returns the module that the graph was made of."""
    example = (torch.zeros(2, recipe.pixels.channels, recipe.pixels.rows, recipe.pixels.columns),)
    reader = Reader(encoder.eval())
    write_graph(reader, example, ENCODER, {"pixel_values": {0: Dim("batch", min=1, max=1024)}}, path)
    return reader


@dataclass(frozen=True, slots=True)
class ReadImage:
    """The encoder graph's logits (1, K) and features (1, 2 * D) of one image."""

    logits: FloatArray
    features: FloatArray


def read_images(path: Path, pixel_values: FloatArray) -> list[ReadImage]:
    """Run an encoder graph on images (N, C, S, S), one by one."""
    runner = open_session(path, threads=1)
    return [ReadImage(*runner.run(["logits", "features"], {"pixel_values": image[None]})) for image in pixel_values]


def export_language(prompter: StudyPrompter, drafter: Drafter, recipe: Recipe, folder: Path) -> float:
    """Write `prompter.onnx` and `decoder.onnx` with INT8 weights.

    Returns
    -------
    float
        Largest difference between PyTorch and the FP32 graphs.

    Raises
    ------
    BundleError
        If a graph differs from its model by more than the tolerance written here.
    """
    with tempfile.TemporaryDirectory() as scratch:
        difference = float_language(prompter, drafter, recipe, Path(scratch))
        for name in LANGUAGE:
            dynamic_int8(Path(scratch, name), folder / name)
    return difference


def float_language(prompter: StudyPrompter, drafter: Drafter, recipe: Recipe, folder: Path) -> float:
    """Write `prompter.onnx` and `decoder.onnx` as FP32 graphs.

    Returns
    -------
    float
        Largest difference between PyTorch and these graphs.

    Raises
    ------
    BundleError
        If a graph differs from its model by more than the tolerance written here.
    """
    of_prompter, of_decoder = (folder / name for name in LANGUAGE)
    images = Dim("images", min=1, max=4096)
    shapes = {name: {0: images} for name in PROMPTER[0]}
    write_graph(prompter.eval(), study_example(recipe, 3), PROMPTER, shapes, of_prompter)
    decoder = drafter.decoder.eval()
    write_graph(decoder, decoder_example(recipe, 2, (3, 2, 5, 4)), DECODER, _decoder_shapes(recipe), of_decoder)
    prompts = recipe.decoder.prompts
    steps = [decoder_example(recipe, 1, sizes) for sizes in ((5, prompts, 7, 0), (1, 0, 7, 5 + prompts))]
    return max(
        compare(prompter, [study_example(recipe, n) for n in (1, 5)], PROMPTER, of_prompter),
        compare(decoder, steps, DECODER, of_decoder),
    )


def study_example(recipe: Recipe, images: int) -> tuple[Tensor, ...]:
    """Inputs of the prompter graph for a study of so many images, drawn at random."""
    generator = torch.Generator().manual_seed(images)
    findings, features, side = len(recipe.findings), recipe.encoder.widths[-1], recipe.pixels.rows // 8
    shapes = {
        "logits": (images, findings),
        "class_maps": (images, findings, side, side),
        "features": (images, 2 * features),
        "segmentation": (images, len(recipe.phantoms.structures), side, side),
        "tokens": (images, (side // 2) ** 2, features),
        "attended": (images, findings, features),
    }
    return tuple(torch.rand(shapes[name], generator=generator) for name in PROMPTER[0])


def decoder_example(recipe: Recipe, batch: int, sizes: tuple[int, int, int, int]) -> tuple[Tensor, ...]:
    """Inputs of the decoder graph: so many tokens, prompts, memory positions and cached positions."""
    tokens, prompts, memory, cached = sizes
    shape = recipe.decoder
    generator = torch.Generator().manual_seed(tokens)
    wide, state = shape.width // shape.heads, (shape.layers, 2, batch, shape.heads)
    return (
        torch.full((batch, tokens), 4),
        torch.randn(batch, prompts, shape.width, generator=generator),
        torch.randn(*state, memory, wide, generator=generator),
        torch.rand(batch, shape.layers, memory, generator=generator),
        torch.randn(*state, cached, wide, generator=generator),
    )


def _decoder_shapes(recipe: Recipe) -> dict[str, dict[int, Dim]]:
    longest = recipe.decoder.max_new_tokens + recipe.decoder.prompts
    batch, tokens = Dim("batch", min=1, max=1024), Dim("tokens", min=1, max=longest)
    prompts, cached = Dim("prompts", min=0, max=longest), Dim("cached", min=0, max=longest)
    memory = Dim("memory", min=1, max=65536)
    return {
        "decoder_input_ids": {0: batch, 1: tokens},
        "prompt_embeds": {0: batch, 1: prompts},
        "encoder_key_values": {2: batch, 4: memory},
        "anatomical_bias": {0: batch, 2: memory},
        "past_key_values": {2: batch, 4: cached},
    }


def export_comparer(comparer: Comparer, recipe: Recipe, folder: Path) -> float:
    """Write `comparer.onnx` with INT8 weights.

    Returns
    -------
    float
        Largest difference between PyTorch and the FP32 graph.

    Raises
    ------
    BundleError
        If the FP32 graph differs from its model by more than the tolerance written here.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "comparer.onnx")
        difference = float_comparer(comparer, recipe, path)
        # By blocks, so that a pair says the same in any batch.
        weights_int8(path, folder / path.name)
    return difference


def float_comparer(comparer: Comparer, recipe: Recipe, path: Path) -> float:
    """Write a comparer as FP32 graph; returns its largest difference to PyTorch, with a prior image and without."""
    served = ServedComparer(comparer.eval())
    width = comparer.absent_token.shape[0]
    batch = Dim("batch", min=1, max=1024)
    write_graph(served, comparer_example(recipe, width, 3), COMPARER, {name: {0: batch} for name in COMPARER[0]}, path)
    return compare(served, [comparer_example(recipe, width, pairs) for pairs in (1, 5)], COMPARER, path)


def comparer_example(recipe: Recipe, width: int, pairs: int) -> tuple[Tensor, ...]:
    """Inputs of the comparer graph for so many pairs, drawn at random; the first has no prior image."""
    generator = torch.Generator().manual_seed(pairs)
    findings, side = len(recipe.findings), recipe.pixels.rows // 8
    shapes = {
        "logits": (pairs, findings),
        "class_maps": (pairs, findings, side, side),
        "tokens": (pairs, (side // 2) ** 2, width),
        "attended": (pairs, findings, width),
    }
    sides = [torch.rand(shapes[name], generator=generator) for _ in range(2) for name in COMPARED_OUTPUTS]
    return (*sides, (torch.arange(pairs) > 0).float())
