"""Tiny Hugging Face checkpoints, built from their configurations and saved as anybody would save one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from dicomnode.train.imports.checkpoints import offline_transformers

SIDE, PATCH = 16, 8
_SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
_VISION = {**_SIZES, "image_size": SIDE, "patch_size": PATCH, "num_channels": 3, "initializer_range": 0.3}
_LANGUAGE = {**_SIZES, "num_key_value_heads": 2, "max_position_embeddings": 128, "initializer_range": 0.3}
_WORDS = 259
"""All bytes, and three special tokens."""
PAD, BOS, EOS = 256, 257, 258
_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "GPT2LMHeadModel": (
        "GPT2Config",
        {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 128, "vocab_size": _WORDS, "initializer_range": 0.3},
    ),
    "LlamaForCausalLM": ("LlamaConfig", {**_LANGUAGE, "vocab_size": _WORDS}),
    "Qwen2ForCausalLM": ("Qwen2Config", {**_LANGUAGE, "vocab_size": _WORDS}),
    "Qwen3ForCausalLM": ("Qwen3Config", {**_LANGUAGE, "vocab_size": _WORDS, "head_dim": 8}),
    "BertLMHeadModel": ("BertConfig", {**_SIZES, "vocab_size": _WORDS, "is_decoder": True}),
    "ViTModel": ("ViTConfig", _VISION),
    "Dinov2Model": ("Dinov2Config", _VISION),
    "Dinov2WithRegistersModel": ("Dinov2WithRegistersConfig", _VISION),
    "DINOv3ViTModel": ("DINOv3ViTConfig", {**_VISION, "num_register_tokens": 3}),
    "ViTForImageClassification": ("ViTConfig", _VISION),
    "Dinov2ForImageClassification": ("Dinov2Config", _VISION),
    "Dinov2WithRegistersForImageClassification": ("Dinov2WithRegistersConfig", _VISION),
}


def write_checkpoint(folder: Path, name: str, **changes: object) -> Any:
    """Save a model with random weights of a transformers class; returns it."""
    transformers = offline_transformers()
    config, sizes = _CONFIGS[name]
    torch.manual_seed(1)
    model = getattr(transformers, name)(getattr(transformers, config)(**{**sizes, **changes})).eval()
    model.save_pretrained(folder)
    return model


def write_captioner(folder: Path, decoder: str = "GPT2LMHeadModel", width: int = 16, layers: int = 2) -> Any:
    """Save a ViT, a language model with cross-attention, and a tokenizer whose tokens are bytes; returns the model."""
    transformers = offline_transformers()
    config, sizes = _CONFIGS[decoder]
    sizes = {**sizes, "n_embd": width, "n_layer": layers} if decoder == "GPT2LMHeadModel" else sizes
    vision = {**_VISION, "num_hidden_layers": layers}
    torch.manual_seed(1)
    model = transformers.VisionEncoderDecoderModel(
        encoder=transformers.ViTModel(transformers.ViTConfig(**vision), add_pooling_layer=False),
        decoder=getattr(transformers, decoder)(
            getattr(transformers, config)(**sizes, add_cross_attention=True, bos_token_id=BOS, eos_token_id=EOS)
        ),
    ).eval()
    model.config.decoder_start_token_id, model.config.pad_token_id, model.config.eos_token_id = BOS, PAD, EOS
    model.save_pretrained(folder)
    write_byte_tokenizer(folder)
    normalisation = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(normalisation))
    return model


def write_byte_tokenizer(folder: Path) -> None:
    """Byte-level BPE without a single merge."""
    vocab = {character: number for number, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.add_special_tokens(["<pad>", "<s>", "</s>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))


def as_theirs(pixel_values: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """The bundle's pixels (B, 1, rows, columns) as the captioner's own preprocessor gives them."""
    theirs_mean, theirs_std = (torch.tensor(x).view(3, 1, 1) for x in ([0.4, 0.5, 0.6], [0.2, 0.3, 0.4]))
    return ((pixel_values * std + mean).expand(-1, 3, -1, -1) - theirs_mean) / theirs_std
