"""ONNX Runtime sessions and the contract of the two graphs.

encoder.onnx takes `pixel_values` (B, C, H, W) and gives `logits` (B, K), `class_maps` (B, K, h, w), `features` (B, D)
and `encoder_key_values` (layers, 2, B, heads, S, head width).
decoder.onnx takes `decoder_input_ids` (B, T), `encoder_key_values` and `past_key_values`
(layers, 2, B, heads, P, head width), P from 0, and gives `logits` (B, T, V), `present_key_values`
(layers, 2, B, heads, P + T, head width) and `cross_attentions` (B, T, S).
B, T and P vary from call to call; B is 1 here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    NotImplemented,
    RuntimeException,
)

from dicomnode.errors import BundleError

RUNTIME_ERRORS = (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    NotImplemented,
    RuntimeException,
    ValueError,
)
"""What ONNX Runtime raises for a graph that it cannot load or run; the classes share no base of their own."""

ENCODER_INPUTS = {"pixel_values": "tensor(float)"}
ENCODER_OUTPUTS = ("logits", "class_maps", "features", "encoder_key_values")
DECODER_INPUTS = {
    "decoder_input_ids": "tensor(int64)",
    "encoder_key_values": "tensor(float)",
    "past_key_values": "tensor(float)",
}
DECODER_OUTPUTS = ("logits", "present_key_values", "cross_attentions")


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphContract:
    """Sizes that the graphs of one bundle must have."""

    pixel_shape: tuple[int, int, int]
    """(channels, rows, columns)."""
    findings: int
    layers: int
    heads: int
    head_width: int
    bos_token_id: int
    token_ids: frozenset[int]
    """Every id that has a word."""

    def key_values_shape(self, positions: int) -> tuple[int, ...]:
        """(layers, 2, 1, heads, positions, head width)."""
        return (self.layers, 2, 1, self.heads, positions, self.head_width)


def open_session(path: Path, threads: int) -> ort.InferenceSession:
    """Load a graph for the CPU.

    Raises
    ------
    BundleError
        If ONNX Runtime cannot load the file.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what goes wrong is raised; its own log lines would bypass ours
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads must not burn a shared CPU
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise BundleError(f"{path.name} cannot be loaded ({type(error).__name__})") from error


def run(session: ort.InferenceSession, outputs: tuple[str, ...], feeds: dict[str, Any]) -> list[Any]:
    """Run a graph.

    Raises
    ------
    BundleError
        If the graph fails on inputs that its contract allows.
    """
    try:
        return session.run(list(outputs), feeds)  # type: ignore[no-any-return]
    except RUNTIME_ERRORS as error:
        raise BundleError(
            f"the graph failed while it computed {', '.join(outputs)} ({type(error).__name__})"
        ) from error


def graph_faults(folder: Path, contract: GraphContract, threads: int = 1) -> list[str]:
    """Every way in which the graphs of a bundle break the contract; runs both once on an empty image."""
    try:
        encoder = open_session(folder / "encoder.onnx", threads)
        decoder = open_session(folder / "decoder.onnx", threads)
    except BundleError as error:
        return [str(error)]
    return contract_faults(encoder, decoder, contract)


def contract_faults(encoder: ort.InferenceSession, decoder: ort.InferenceSession, contract: GraphContract) -> list[str]:
    """Every way in which two loaded graphs break the contract."""
    faults = [
        *_name_faults("encoder.onnx", encoder, ENCODER_INPUTS, ENCODER_OUTPUTS),
        *_name_faults("decoder.onnx", decoder, DECODER_INPUTS, DECODER_OUTPUTS),
    ]
    try:
        return faults or _shape_faults(encoder, decoder, contract)
    except BundleError as error:
        return [str(error)]


def _name_faults(
    name: str, session: ort.InferenceSession, inputs: dict[str, str], outputs: tuple[str, ...]
) -> list[str]:
    found = {one.name: one.type for one in session.get_inputs()}
    faults = [f"{name} has the unknown input {extra}" for extra in sorted(found.keys() - inputs)]
    for key, kind in inputs.items():
        if found.get(key) != kind:
            faults.append(f"{name} must take {key} as {kind}, not {found.get(key, 'nothing')}")
    given = {one.name for one in session.get_outputs()}
    return faults + [f"{name} must give {key}" for key in outputs if key not in given]


def _shape_faults(encoder: ort.InferenceSession, decoder: ort.InferenceSession, contract: GraphContract) -> list[str]:
    """Run both graphs once and compare what comes out; None in a shape is any size."""
    pixel_values = np.zeros((1, *contract.pixel_shape), dtype=np.float32)
    encoded = dict(zip(ENCODER_OUTPUTS, run(encoder, ENCODER_OUTPUTS, {"pixel_values": pixel_values}), strict=True))
    findings = contract.findings
    faults = [
        *_fault("encoder.onnx", "logits", encoded["logits"], (1, findings)),
        *_fault("encoder.onnx", "class_maps", encoded["class_maps"], (1, findings, None, None)),
        *_fault("encoder.onnx", "features", encoded["features"], (1, None)),
        *_fault(
            "encoder.onnx",
            "encoder_key_values",
            encoded["encoder_key_values"],
            (contract.layers, 2, 1, contract.heads, None, contract.head_width),
        ),
    ]
    return faults or _decoder_faults(decoder, contract, encoded["encoder_key_values"])


def _decoder_faults(decoder: ort.InferenceSession, contract: GraphContract, encoder_key_values: Any) -> list[str]:
    """Two steps, so that a graph whose cache cannot grow is found."""
    faults: list[str] = []
    past = np.zeros(contract.key_values_shape(0), dtype=np.float32)
    for step in (1, 2):
        feeds = {
            "decoder_input_ids": np.array([[contract.bos_token_id]], dtype=np.int64),
            "encoder_key_values": encoder_key_values,
            "past_key_values": past,
        }
        logits, past, attention = run(decoder, DECODER_OUTPUTS, feeds)
        positions = encoder_key_values.shape[4]
        faults += [
            *_fault("decoder.onnx", "logits", logits, (1, 1, None)),
            *_fault("decoder.onnx", "present_key_values", past, contract.key_values_shape(step)),
            *_fault("decoder.onnx", "cross_attentions", attention, (1, 1, positions)),
        ]
        if faults:
            return faults
    wordless = sorted(set(range(logits.shape[-1])) - contract.token_ids)
    return [f"tokenizer.json has no word for token ids {wordless[:5]} that decoder.onnx can give"] if wordless else []


def _fault(name: str, output: str, array: Any, expected: tuple[int | None, ...]) -> list[str]:
    fits = len(array.shape) == len(expected) and all(
        size is None or size == found for size, found in zip(expected, array.shape, strict=True)
    )
    if fits and array.dtype == np.float32:
        return []
    wanted = tuple("any" if size is None else size for size in expected)
    return [f"{name}: {output} must be float32 of shape {wanted}, got {array.dtype} of shape {array.shape}"]
