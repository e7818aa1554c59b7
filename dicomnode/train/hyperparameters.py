"""Tables of a recipe for the size of the network and its training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]


class Table(BaseModel):
    """A table of the recipe: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class EncoderRecipe(Table):
    """Size of the image encoder."""

    widths: tuple[Count, Count, Count, Count]
    """Channels at 1/2, 1/4, 1/8 and 1/16 of the image."""
    layers: Count
    """Transformer blocks at 1/16."""
    heads: Count
    dropout: Fraction
    convolution_inner: tuple[Count, ...] = ()
    """Inner channels of the four convolution blocks; empty: as wide as the block."""
    transformer_inner: tuple[Count, ...] = ()
    """Hidden neurons of each transformer block; empty: three times its width."""


class DecoderRecipe(Table):
    """Size of the language decoder and of its prompts."""

    width: Count
    layers: Count
    heads: Count
    max_new_tokens: Count
    """Longest report, in tokens."""
    possible_margin: Annotated[float, Field(ge=0)]
    """Calibrated log-odds above the threshold within which a finding is only called possible."""
    prompts: Annotated[int, Field(ge=0)] = 8
    """Prompt embeddings in front of the text, computed for each image; 0: none."""
    prompting: Literal["none", "static", "prompt_wise", "promptbook_wise"] = "prompt_wise"
    """Empty prompts; the same for every image; each prompt scaled and shifted by the image; or all prompts together."""
    finding_tokens: bool = True
    """Whether the decoder attends to one token for each finding beside the image's cells."""
    anatomical_bias: Weight = 2.0
    """Largest bias of cross-attention towards the anatomy; 0: none."""


class AugmentRecipe(Table):
    """How training images are varied."""

    rotation_degrees: float
    """Largest rotation to either side."""
    smallest_zoom: Annotated[float, Field(gt=0)]
    """Below 1 the image shrinks into black."""
    largest_zoom: Annotated[float, Field(gt=0)]
    """Above 1 the image is cropped."""
    shift: Fraction
    """Largest move along each axis, as a fraction of the side."""
    gamma: Annotated[float, Field(ge=0)]
    """Largest absolute natural logarithm of the exponent."""
    contrast: Fraction
    """Largest relative change of contrast and brightness."""
    noise: Annotated[float, Field(ge=0)]
    """Largest standard deviation of added noise, in [0, 1] grey."""
    erased: Fraction
    """Share of images that lose a rectangle."""
    mirror: bool
    """Mirror half of the images left to right."""


class EncoderStage(Table):
    """One stage of encoder training; the shares say where the images of a batch come from."""

    side: Annotated[int, Field(multiple_of=32)]
    """Image side in pixels."""
    steps: Count
    batch: Count
    learning_rate: Annotated[float, Field(gt=0)]
    sketches: Fraction = 0.0
    """Share of synthetic images."""
    pasted: Fraction = 0.0
    """Share of real images with a synthetic lesion."""
    auxiliary: Fraction = 0.0
    """Share of auxiliary images; the rest are real."""
    strange: Fraction = 0.15
    """Share of out-of-distribution images (rotated, inverted, foreign or empty), to be told from normal ones."""
    hidden: Fraction = 0.0
    """Share of patches that are hidden and must be restored, in a quarter of the images."""


class LossRecipe(Table):
    """Weights of the losses, relative to that of the findings."""

    place: Weight = 0.2
    """Attention and evidence on the masks of lesions."""
    structures: Weight = 0.2
    """Segmentation of the anatomy."""
    strange: Weight = 0.25
    """Recognition of rotated, inverted and foreign images."""
    restore: Weight = 0.5
    """Restoration of hidden patches."""
    text: Weight = 0.05
    """Contrast between images and sentences, in the frozen language decoder's space."""


class DistillRecipe(Table):
    """How a student learns from its teacher."""

    share: Fraction = 0.7
    """Weight of the teacher's probabilities against the labels."""
    attention: Weight = 0.1
    """Weight of the divergence between both lesion attentions."""
    features: Weight = 0.1
    """Weight of the squared difference of the fused maps, after a linear map."""
    stages: Annotated[tuple[EncoderStage, ...], Field(min_length=1)]


class PruneRecipe(Table):
    """What is pruned after distillation, by Taylor scores, and how the network is trained afterwards."""

    transformer: Fraction
    """Share of hidden neurons of the transformer blocks."""
    convolution: Fraction
    """Share of inner channels of the convolution blocks."""
    stages: Annotated[tuple[EncoderStage, ...], Field(min_length=1)]


class ComparerRecipe(Table):
    """The head that compares an image with an earlier one of the patient; the encoder stays as it is."""

    seed: int
    """Seed of weights, drawn lesions and batches."""
    width: Count
    """Width of its attention."""
    heads: Count
    series: Count
    """Training images that lesions are drawn on, six views each."""
    measured_series: Count
    """The same for the validation and the test split."""
    steps: Count
    batch: Count
    """Pairs of views."""
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    dropout: Fraction = 0.1
    growth: Annotated[float, Field(gt=1)] = 1.25
    """Ratio of the drawn areas from which a finding counts as increased; from the inverse on, as decreased."""
    absent: Fraction = 0.15
    """Share of the training pairs without a prior image."""
    unchanged: Weight = 0.5
    """Weight of a pair without change relative to one with change, because most pairs have none."""
    attention: Weight = 1.0
    """Weight of the loss that puts attention on the drawn lesions."""


class FitRecipe(Table):
    """How long and how fast the networks are trained."""

    seed: int
    threads: Count
    language_steps: Count
    """Pretraining of the language decoder on the grammar alone."""
    stages: Annotated[tuple[EncoderStage, ...], Field(min_length=1)]
    """Stages of the first encoder (the teacher, if there is one)."""
    weight_decay: float
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    average_decay: Annotated[float, Field(ge=0, lt=1)]
    """Decay of the weight average that is exported."""
    views: Count
    """Augmented views of each training image that the decoder sees."""
    decoder_steps: Count
    decoder_batch: Count
    decoder_learning_rate: Annotated[float, Field(gt=0)]
    checkpoint_steps: Count
    """Steps between checkpoints."""
