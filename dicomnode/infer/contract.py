"""Checks whether the graphs of a bundle keep the contract described in `sessions`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort

from dicomnode.errors import BundleError
from dicomnode.infer.sessions import (
    COMPARED_OUTPUTS,
    COMPARER_INPUTS,
    COMPARER_OUTPUTS,
    DECODER_INPUTS,
    DECODER_OUTPUTS,
    ENCODER_INPUTS,
    ENCODER_OUTPUTS,
    GRADIENT_INPUTS,
    GRADIENT_OUTPUTS,
    PROMPTER_INPUTS,
    PROMPTER_OUTPUTS,
    open_session,
    run,
)
from dicomnode.records import Change

# K findings, N images, M structures, P prompts, S memory positions, V vocabulary

ENCODER, PROMPTER, DECODER = "encoder.onnx", "prompter.onnx", "decoder.onnx"
GRADIENTS = "gradients.onnx"
COMPARER = "comparer.onnx"

_Shape = tuple[int | None, ...]
"""None is any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderContract:
    """Sizes that prompter and decoder must have."""

    layers: int
    heads: int
    head_width: int
    width: int
    prompts: int
    bos_token_id: int
    token_ids: frozenset[int] | None
    """Every id that has a word; None: the decoder may know more."""

    def key_values_shape(self, positions: int | None) -> _Shape:
        """(layers, 2, 1, heads, positions, head width)."""
        return (self.layers, 2, 1, self.heads, positions, self.head_width)

    @property
    def empty_cache(self) -> np.ndarray:
        """Keys and values of no token at all, (layers, 2, 1, heads, 0, head width)."""
        return np.zeros((self.layers, 2, 1, self.heads, 0, self.head_width), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphContract:
    """Sizes that the graphs of one bundle must have."""

    pixel_shape: tuple[int, int, int]
    """(channels, rows, columns)."""
    findings: int
    structures: int
    is_volume: bool
    """All images of a study are prompted together, not each by itself."""
    decoder: DecoderContract | None
    """None: the bundle has an encoder alone."""
    optional: frozenset[str] = frozenset()
    """Those of `manifest.OPTIONAL_FILES` that the bundle has."""


class Graphs(NamedTuple):
    """The sessions of one bundle; a classifier has an encoder alone."""

    encoder: ort.InferenceSession
    prompter: ort.InferenceSession | None
    decoder: ort.InferenceSession | None
    comparer: ort.InferenceSession | None = None
    """None: the bundle does not compare with prior images."""

    @property
    def encoder_outputs(self) -> tuple[str, ...]:
        """What is to be asked of the encoder; that of a classifier may come without class maps."""
        if self.prompter is not None:
            return ENCODER_OUTPUTS
        has_maps = any(one.name == "class_maps" for one in self.encoder.get_outputs())
        return ("logits", "class_maps") if has_maps else ("logits",)


def open_graphs(folder: Path, contract: GraphContract, threads: int = 1, provider: str = "cpu") -> Graphs:
    """Load the graphs of a bundle.

    Raises
    ------
    BundleError
        If ONNX Runtime cannot load one of them.
    SettingsError
        If the provider is missing or cannot be started.
    """
    encoder = open_session(folder / ENCODER, threads, provider)
    if contract.decoder is None:
        return Graphs(encoder, None, None)
    prompter, decoder = (open_session(folder / name, threads, provider) for name in (PROMPTER, DECODER))
    comparer = open_session(folder / COMPARER, threads, provider) if COMPARER in contract.optional else None
    return Graphs(encoder, prompter, decoder, comparer)


def graph_faults(folder: Path, contract: GraphContract, provider: str) -> list[str]:
    """Every way in which the graphs in a folder break the contract; runs all once on two empty images.

    Raises
    ------
    SettingsError
        If the provider is missing or cannot be started.
    """
    try:
        faults = contract_faults(open_graphs(folder, contract, provider=provider), contract, images=2)
        if GRADIENTS in contract.optional:
            faults += gradient_faults(open_session(folder / GRADIENTS, 1, provider), contract)
    except BundleError as error:
        return [str(error)]
    return faults


def gradient_faults(session: ort.InferenceSession, contract: GraphContract) -> list[str]:
    """Every way in which a loaded graph of gradients breaks the contract; runs it once on an empty image."""
    if faults := _name_faults(GRADIENTS, session, GRADIENT_INPUTS, GRADIENT_OUTPUTS):
        return faults
    feeds = {
        "pixel_values": np.zeros((1, *contract.pixel_shape), dtype=np.float32),
        "chosen": np.eye(contract.findings, dtype=np.float32)[:1],
    }
    try:
        given = _ran(GRADIENTS, session, GRADIENT_OUTPUTS, feeds)
    except BundleError as error:
        return [str(error)]
    cells = given["activations"].shape[1:] if given["activations"].ndim == 4 else (None, None, None)
    shapes: dict[str, _Shape] = {
        "logits": (1, contract.findings),
        "places": (1, contract.findings, *cells[1:]),
        "activations": (1, *cells),
        "activation_gradients": (1, *cells),
        "pixel_gradients": (1, *contract.pixel_shape),
        "relevance": (1, *contract.pixel_shape),
    }
    return _faults(GRADIENTS, given, shapes)


def contract_faults(graphs: Graphs, contract: GraphContract, *, images: int = 1) -> list[str]:
    """Every way in which loaded graphs break the contract; those that hang on another fault come after it is mended.

    Parameters
    ----------
    images
        Empty images to run the encoder on; two show whether it takes batches.
    """
    faults = _name_faults(ENCODER, graphs.encoder, ENCODER_INPUTS, graphs.encoder_outputs)
    if graphs.prompter is not None and graphs.decoder is not None:
        faults += _name_faults(PROMPTER, graphs.prompter, PROMPTER_INPUTS, PROMPTER_OUTPUTS)
        faults += _name_faults(DECODER, graphs.decoder, DECODER_INPUTS, DECODER_OUTPUTS)
    if graphs.comparer is not None:
        faults += _name_faults(COMPARER, graphs.comparer, COMPARER_INPUTS, COMPARER_OUTPUTS)
    try:
        return faults or next((found for found in _shape_faults(graphs, contract, images) if found), [])
    except BundleError as error:
        return [str(error)]


def _name_faults(
    name: str, session: ort.InferenceSession, inputs: dict[str, str], outputs: tuple[str, ...]
) -> list[str]:
    found = {one.name: one.type for one in session.get_inputs()}
    faults = [f"{name} has the unknown input {extra}" for extra in sorted(found.keys() - inputs)]
    for key, kind in inputs.items():
        if found.get(key) != kind:
            faults.append(f"{name} must have the input {key} of type {kind}, not {found.get(key, 'nothing')}")
    given = {one.name for one in session.get_outputs()}
    return faults + [f"{name} must have the output {key}" for key in outputs if key not in given]


def _shape_faults(graphs: Graphs, contract: GraphContract, count: int) -> Iterator[list[str]]:
    """Run the graphs one after another and compare what comes out of each."""
    findings = contract.findings
    pixel_values = np.zeros((count, *contract.pixel_shape), dtype=np.float32)
    encoded = _ran(ENCODER, graphs.encoder, graphs.encoder_outputs, {"pixel_values": pixel_values})
    shapes: dict[str, _Shape] = {
        "logits": (count, findings),
        "class_maps": (count, findings, None, None),
        "features": (count, None),
        "segmentation": (count, contract.structures, None, None),
        "tokens": (count, None, None),
        "attended": (count, findings, None),
    }
    yield _faults(ENCODER, encoded, shapes)
    if graphs.comparer is not None:
        yield from _comparer_faults(graphs.comparer, findings, encoded)
    if graphs.prompter is None or graphs.decoder is None or contract.decoder is None:
        return
    sizes = contract.decoder
    count = count if contract.is_volume else 1
    encoded = {key: array[:count] for key, array in encoded.items()}
    prompted = _ran(PROMPTER, graphs.prompter, PROMPTER_OUTPUTS, encoded)
    shapes = {
        "study_logits": (findings,),
        "slice_attention": (findings, count),
        "strangeness": (count,),
        "prompt_embeds": (1, sizes.prompts, sizes.width),
        "encoder_key_values": sizes.key_values_shape(None),
    }
    yield _faults(PROMPTER, prompted, shapes)
    positions = prompted["encoder_key_values"].shape[4]
    yield _faults(PROMPTER, prompted, {"anatomical_bias": (1, sizes.layers, positions)})
    yield from _decoder_faults(graphs.decoder, sizes, prompted)


def _comparer_faults(comparer: ort.InferenceSession, findings: int, encoded: Any) -> Iterator[list[str]]:
    """Each image held against itself, with and without a prior one."""
    sides = {f"{side}_{name}": encoded[name] for side in ("current", "prior") for name in COMPARED_OUTPUTS}
    count = len(encoded["logits"])
    for has_prior in (1.0, 0.0):
        feeds = sides | {"has_prior": np.full(count, has_prior, dtype=np.float32)}
        compared = _ran(COMPARER, comparer, COMPARER_OUTPUTS, feeds)
        shapes: dict[str, _Shape] = {
            "change_logits": (count, findings, len(Change)),
            "attentions": (count, findings, 2, None, None),
        }
        yield _faults(COMPARER, compared, shapes)


def _decoder_faults(decoder: ort.InferenceSession, sizes: DecoderContract, prompted: Any) -> Iterator[list[str]]:
    """Two steps, so that a graph whose cache cannot grow, or that needs its prompts twice, is found."""
    prompts, past = prompted["prompt_embeds"], sizes.empty_cache
    for step in (1, 2):
        feeds = {
            "decoder_input_ids": np.array([[sizes.bos_token_id]], dtype=np.int64),
            "prompt_embeds": prompts,
            "encoder_key_values": prompted["encoder_key_values"],
            "anatomical_bias": prompted["anatomical_bias"],
            "past_key_values": past,
        }
        said = _ran(DECODER, decoder, DECODER_OUTPUTS, feeds)
        shapes = {
            "logits": (1, 1, None),
            "present_key_values": sizes.key_values_shape(sizes.prompts + step),
            "cross_attentions": (1, 1, prompted["anatomical_bias"].shape[2]),
        }
        yield _faults(DECODER, said, shapes)
        prompts, past = prompts[:, :0], said["present_key_values"]
    wordless = sorted(set(range(said["logits"].shape[-1])) - sizes.token_ids) if sizes.token_ids is not None else []
    yield [f"tokenizer.json lacks the token ids {wordless[:5]} that {DECODER} can produce"] if wordless else []


def _ran(name: str, session: ort.InferenceSession, outputs: tuple[str, ...], feeds: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(zip(outputs, run(session, outputs, feeds), strict=True))
    except BundleError as error:
        shapes = ", ".join(f"{key} {tuple(array.shape)}" for key, array in feeds.items())
        raise BundleError(f"{name}: {error}; its inputs were {shapes}") from error


def _faults(name: str, arrays: dict[str, Any], shapes: dict[str, _Shape]) -> list[str]:
    return [fault for key, shape in shapes.items() if key in arrays for fault in _fault(name, key, arrays[key], shape)]


def _fault(name: str, output: str, array: Any, expected: _Shape) -> list[str]:
    fits = len(array.shape) == len(expected) and all(
        size is None or size == found for size, found in zip(expected, array.shape, strict=True)
    )
    if not fits or array.dtype != np.float32:
        wanted = tuple("any" if size is None else size for size in expected)
        return [f"{name}: {output} must be float32 of shape {wanted}, got {array.dtype} of shape {array.shape}"]
    return [] if np.isfinite(array).all() else [f"{name}: {output} is not finite for an empty image"]
