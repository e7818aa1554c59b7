"""A Hugging Face image classifier as it is, with its own head: ViT, DINOv2 with or without registers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from dicomnode.errors import BundleError
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.train.imports.checkpoints import CLASSIFIER_CLASSES, open_checkpoint
from dicomnode.train.imports.vision import Backbone, backbone_of

# B batch, C channels, D features, K findings, g cells of the backbone's grid by side


class Classifier(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """A classification checkpoint with its own head.

    Where the head reads the mean of the patches (DINOv2), each patch's share of a logit is exact and makes the class
    map; what comes from elsewhere is spread evenly over the map, so that it sums to the logit. A head on the class
    token alone (ViT) has no such shares, and no maps are given.

    Parameters
    ----------
    backbone
        Under the head.
    head
        (K of the checkpoint, D or 2 * D).
    outputs
        Which of the head's outputs each finding is.
    is_softmax
        Whether the outputs exclude each other; each logit is then that of its softmax probability.
    """

    def __init__(self, backbone: Backbone, head: nn.Linear, outputs: Sequence[int], *, is_softmax: bool) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.outputs, self.is_softmax = list(outputs), is_softmax
        self.has_maps = head.in_features == 2 * backbone.width

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        """(B, C, rows, columns) to logits (B, K), and to class_maps (B, K, g, g) if it has any."""
        leading, patches = self.backbone(pixel_values)
        features = torch.cat([leading[:, 0], patches.mean(1)], 1) if self.has_maps else leading[:, 0]
        scores = self.head(features)
        logits = one_against_rest(scores, self.outputs) if self.is_softmax else scores[:, self.outputs]
        return (logits, self._class_maps(patches, logits, scores)) if self.has_maps else (logits,)

    def _class_maps(self, patches: Tensor, logits: Tensor, scores: Tensor) -> Tensor:
        width, cells = self.backbone.width, patches.shape[1]
        shares = patches @ self.head.weight[:, width:].T / cells  # (B, cells, all outputs)
        mine = shares[:, :, self.outputs]
        if self.is_softmax:
            # What speaks for the other classes speaks against this one, as far as they are believed.
            chances = torch.softmax(scores, 1)
            mine = (mine - shares @ chances[..., None]) / (1 - chances[:, None, self.outputs]).clamp_min(1e-6)
        rest = logits - mine.sum(1)
        return self.backbone.map_of(mine + rest[:, None] / cells)


def one_against_rest(scores: Tensor, outputs: Sequence[int]) -> Tensor:
    """Log-odds (B, K) of the softmax probabilities of some of the scores (B, all outputs)."""
    own = torch.zeros(len(outputs), scores.shape[1], dtype=torch.bool)
    own[range(len(outputs)), list(outputs)] = True
    rest = scores[:, None].masked_fill(own[None], -torch.inf).logsumexp(2)
    return scores[:, list(outputs)] - rest


def classifier_from(
    folder: Path, pixels: PixelRecipe, outputs: Sequence[int | str], findings: int, scores: str | None
) -> Classifier:
    """A classification checkpoint of a local folder.

    Parameters
    ----------
    outputs
        For each finding a label of the checkpoint, or its number from 0; empty: all, in their order.
    findings
        How many there are.
    scores
        "sigmoid" or "softmax"; None: as its `problem_type` says.

    Raises
    ------
    BundleError
        If the folder holds another kind of checkpoint, or one without these labels.
    """
    model = open_checkpoint(folder, CLASSIFIER_CLASSES, "an hf-classifier")
    config = model.config
    if scores is None:
        known = {"multi_label_classification": "sigmoid", "single_label_classification": "softmax"}
        scores = known.get(config.problem_type)
    if scores is None:
        raise BundleError(f'{folder.name} has no problem_type: set scores = "sigmoid" or "softmax"')
    labels = {str(label): int(number) for number, label in config.id2label.items()}
    if not outputs and config.num_labels != findings:
        raise BundleError(
            f"{folder.name} has {config.num_labels} labels, but {findings} findings "
            "are described: give each finding its output"
        )
    chosen = [_chosen(output, labels, config.num_labels) for output in outputs or range(findings)]
    if scores == "softmax" and config.num_labels == 1:
        raise BundleError(f'{folder.name} has a single output, for which softmax is always 1: set scores = "sigmoid"')
    backbone = backbone_of(model, folder, pixels)
    classifier = Classifier(backbone, model.classifier, chosen, is_softmax=scores == "softmax")
    classifier.eval()
    return classifier


def _chosen(output: int | str, labels: dict[str, int], count: int) -> int:
    """Number of an output that is named by its label or by its number."""
    number = labels.get(output) if isinstance(output, str) else output
    if number is None or not 0 <= number < count:
        known = ", ".join(labels) or "none by name"
        raise BundleError(f"output {output!r} is not one of the model's {count} ({known})")
    return number
