"""ONNX Runtime sessions, and the names of what the graphs take and give.

K findings, N images of one reading, C channels, D features, D2 width of a token, M anatomical structures, P prompts,
S positions of the encoder's memory, H heads, W head width, V vocabulary; T tokens and B rows vary from call to call.

encoder.onnx takes `pixel_values` (B, C, rows, columns) and gives `logits` (B, K), `class_maps` (B, K, h, w), which add
up with a bias to the logit, `features` (B, D), `segmentation` (B, M, h, w), probabilities of the anatomy, `tokens`
(B, cells, D2) and `attended` (B, K, D2).
prompter.onnx takes these of all images of one reading, N instead of B (1 for a radiograph, every slice of a CT), and
gives `study_logits` (K), `slice_attention` (K, N), which sums to 1 over N and weighs the logits to the study's,
`strangeness` (N), the out-of-distribution score (above 1, an image does not look like those of the training),
`prompt_embeds` (1, P, width), `encoder_key_values` (layers, 2, 1, H, S, W) and `anatomical_bias` (1, layers, S).
decoder.onnx takes `decoder_input_ids` (B, T), `prompt_embeds` (B, P, width), which stand before the tokens (whole in
the first call, (B, 0, width) afterwards), `encoder_key_values` (layers, 2, B, H, S, W), `anatomical_bias`
(B, layers, S), added to the scores of cross-attention at every step, and `past_key_values` (layers, 2, B, H, past, W),
and gives `logits` (B, T, V) of the tokens only, `present_key_values` and `cross_attentions` (B, T, S).
gradients.onnx, which a bundle may do without, takes `pixel_values` (1, C, rows, columns) and `chosen` (1, K), one-hot,
and gives the encoder's `logits` (1, K) and `places` (1, K, h, w), where it looked for each finding, which sum to 1,
the map `activations` (1, D, h, w) that its head reads, and of the chosen finding's logit the gradient by this map,
`activation_gradients`, and by the pixels, `pixel_gradients`, and the pixels' `relevance`, both as `pixel_values`.
comparer.onnx, which a bundle may do without, takes of the encoder's outputs `logits`, `class_maps`, `tokens` and
`attended` of two images of one patient, as `current_logits` ... and `prior_logits` ..., and `has_prior` (B), 1, or 0
where the patient has no prior image and what stands in its place does not count; it gives `change_logits` (B, K, 5),
whose softmax are the probabilities of new, increased, unchanged, decreased and resolved, and `attentions`
(B, K, 2, h2, w2), where it looked for each finding in the current and in the prior image, which sum to 1 over both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

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

from dicomnode.errors import BundleError, SettingsError

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

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""ONNX Runtime's names of what `infer.provider` may be."""

_FLOAT = "tensor(float)"
ENCODER_INPUTS = {"pixel_values": _FLOAT}
ENCODER_OUTPUTS = ("logits", "class_maps", "features", "segmentation", "tokens", "attended")
PROMPTER_INPUTS = dict.fromkeys(ENCODER_OUTPUTS, _FLOAT)
PROMPTER_OUTPUTS = (
    "study_logits",
    "slice_attention",
    "strangeness",
    "prompt_embeds",
    "encoder_key_values",
    "anatomical_bias",
)
DECODER_INPUTS = {
    "decoder_input_ids": "tensor(int64)",
    "prompt_embeds": _FLOAT,
    "encoder_key_values": _FLOAT,
    "anatomical_bias": _FLOAT,
    "past_key_values": _FLOAT,
}
DECODER_OUTPUTS = ("logits", "present_key_values", "cross_attentions")
GRADIENT_INPUTS = {"pixel_values": _FLOAT, "chosen": _FLOAT}
GRADIENT_OUTPUTS = ("logits", "places", "activations", "activation_gradients", "pixel_gradients", "relevance")
COMPARED_OUTPUTS = ("logits", "class_maps", "tokens", "attended")
"""What the comparer takes of the encoder's outputs."""
COMPARER_INPUTS = {f"{side}_{name}": _FLOAT for side in ("current", "prior") for name in COMPARED_OUTPUTS} | {
    "has_prior": _FLOAT
}
COMPARER_OUTPUTS = ("change_logits", "attentions")


def require_provider(provider: str) -> None:
    """Make sure that ONNX Runtime can compute where the settings want it to.

    Raises
    ------
    SettingsError
        If this build of ONNX Runtime has no such provider: the CPU never stands in for a GPU unasked.
    """
    if PROVIDERS[provider] not in ort.get_available_providers():
        raise SettingsError(
            f"infer.provider is {provider!r}, but this ONNX Runtime lacks {PROVIDERS[provider]}: "
            "install onnxruntime-gpu in place of onnxruntime, or set it to 'cpu'"
        )


def open_session(path: Path, threads: int, provider: str = "cpu") -> ort.InferenceSession:
    """Load a graph.

    Parameters
    ----------
    threads
        For one operator.
    provider
        `cpu` or `cuda`. Single nodes that ONNX Runtime has for the CPU only run there under `cuda`, too.

    Raises
    ------
    BundleError
        If ONNX Runtime cannot load the file.
    SettingsError
        If the provider is missing or cannot be started.
    """
    require_provider(provider)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what goes wrong is raised; its own log lines would bypass ours
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads must not burn a shared CPU
    try:
        session = ort.InferenceSession(path, options, providers=[PROVIDERS[provider]])
    except RUNTIME_ERRORS as error:
        raise BundleError(f"{path.name} cannot be loaded ({type(error).__name__})") from error
    session.disable_fallback()
    if PROVIDERS[provider] not in session.get_providers():  # ONNX Runtime takes the CPU where a driver is missing
        raise SettingsError(
            f"infer.provider is {provider!r}, but {PROVIDERS[provider]} cannot be started: "
            "check the driver and its libraries, or set it to 'cpu'"
        )
    return session


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
        raise BundleError(f"the graph failed while computing {', '.join(outputs)} ({type(error).__name__})") from error
