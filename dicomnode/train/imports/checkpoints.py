"""Hugging Face checkpoints in a local folder, opened without the network and without running code of theirs.

The modules beside this one put them into the places of a bundle: `imports_vision` an encoder, `imports_language` a
causal language model, `imports_caption` both halves of an image captioner.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dicomnode.errors import BundleError
from dicomnode.infer.tokenizer import TokenizerError
from dicomnode.infer.tokenizer import read_tokenizer as understood

LANGUAGE_CLASSES = ("GPT2LMHeadModel", "LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
"""Causal language models that take the decoder's place."""
CLASSIFIER_CLASSES = (
    "ViTForImageClassification",
    "Dinov2ForImageClassification",
    "Dinov2WithRegistersForImageClassification",
)
"""Image classifiers whose own head gives the findings."""
VISION_CLASSES = (*CLASSIFIER_CLASSES, "ViTModel", "Dinov2Model", "Dinov2WithRegistersModel", "DINOv3ViTModel")
"""Checkpoints whose image encoder takes the encoder's place, beside that of a captioner."""
CAPTIONER_CLASSES = ("VisionEncoderDecoderModel",)
"""Image captioners of which both halves are taken."""


class SpecialTokens(NamedTuple):
    """Ids that a text begins, ends and is filled up with."""

    pad: int
    bos: int
    eos: int

    def as_table(self) -> dict[str, object]:
        """The table [tokens] of bundle.toml."""
        return {f"{name}_token_id": number for name, number in self._asdict().items()}


def open_checkpoint(folder: Path, classes: tuple[str, ...], place: str) -> Any:
    """Load a checkpoint in float32, for evaluation.

    Parameters
    ----------
    folder
        With `config.json` and safetensors weights.
    classes
        What may stand there, by the names of their transformers classes.
    place
        What it is needed for, for the message.

    Raises
    ------
    BundleError
        If the folder holds no checkpoint, one of another class, or one whose weights do not fit its configuration.
    """
    config = read_json(folder / "config.json")
    name = _class_of(config)
    if name not in classes:
        raise BundleError(f"{folder.name} holds a {name}; {place} takes {', '.join(classes)}")
    if not any(folder.glob("*.safetensors")):
        raise BundleError(f"{folder.name} has no *.safetensors; pickled weights can run code and are not opened")
    transformers = offline_transformers()
    from safetensors import SafetensorError

    try:
        model, loaded = getattr(transformers, name).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype="float32",
            attn_implementation="eager",
        )
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise BundleError(f"{folder.name} cannot be loaded as a {name} ({type(error).__name__})") from error
    _refuse_partial(folder, name, loaded)
    return model.eval()


def _class_of(config: Mapping[str, Any]) -> str:
    named = config.get("architectures")
    if isinstance(named, list) and named:
        return str(named[0])
    return f"checkpoint without architectures (model_type {config.get('model_type', 'unknown')})"


def _refuse_partial(folder: Path, name: str, loaded: Mapping[str, Any]) -> None:
    """Weights that are missing would silently be random numbers."""
    # A pooler that no output of ours reads may be missing.
    missing = sorted(key for key in loaded["missing_keys"] if ".pooler." not in f".{key}")
    wrong = sorted(str(key) for key in loaded["mismatched_keys"])
    if missing or wrong:
        first = (missing + wrong)[0]
        raise BundleError(
            f"{folder.name} is not a complete {name}: {len(missing + wrong)} weights are "
            f"missing or have the wrong shape, the first is {first}"
        )


def offline_transformers() -> Any:
    """The library, told before it loads that there is no network.

    Raises
    ------
    BundleError
        If it is not installed.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import transformers
    except ImportError:
        raise BundleError("Hugging Face checkpoints need the extra: pip install 'dicomnode-ai[train]'") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a checkpoint folder.

    Raises
    ------
    BundleError
        If the file is missing or holds no object.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{path.parent.name} has no {path.name}; give the folder of a checkpoint") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path.name} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path.name} must contain one object")
    return content


def read_tokenizer(folder: Path) -> dict[str, Any]:
    """`tokenizer.json` of a checkpoint, of a kind that serving can decode: byte-level BPE (GPT-2, Llama 3, Qwen) is.

    Raises
    ------
    BundleError
        If there is none or one of another kind.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise BundleError(f"{folder.name} has no tokenizer.json: save the checkpoint's fast tokenizer with it")
    content = read_json(path)
    try:
        understood(content)
    except TokenizerError as error:
        raise BundleError(f"{folder.name}: tokenizer.json {error}") from error
    return content


def special_tokens(folder: Path, start: str) -> SpecialTokens:
    """Special tokens of a checkpoint, from its generation configuration or its own.

    Parameters
    ----------
    start
        Name of the token that a text begins with; where there is none, the usual names are tried, and then the token
        that ends a text, as GPT-2 and Qwen have it.

    Raises
    ------
    BundleError
        If it does not say with which token a text ends.
    """
    config, generation = read_json(folder / "config.json"), folder / "generation_config.json"
    sources = (read_json(generation) if generation.is_file() else {}, config, config.get("decoder") or {})

    def said(*names: str) -> int | None:
        found = [source.get(name) for name in names for source in sources]
        numbers = [one[0] if isinstance(one, list) else one for one in found]
        return next((int(number) for number in numbers if number is not None), None)

    eos = said("eos_token_id")
    if eos is None:
        raise BundleError(f"{folder.name}: config.json must contain eos_token_id")
    bos, pad = said(start, "bos_token_id"), said("pad_token_id")
    return SpecialTokens(eos if pad is None else pad, eos if bos is None else bos, eos)
