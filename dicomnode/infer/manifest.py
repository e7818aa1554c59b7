"""The contents of bundle.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dicomnode.measure.hierarchy import hierarchy_faults
from dicomnode.records import Acuity, CodedConcept, KernelClass

FORMAT = 2
"""The one bundle format that this node reads."""
CLASSIFIER_FILES = ("encoder.onnx", "calibration.json", "card.md", "card.json")
"""Files beside bundle.toml of a bundle without a decoder; its table [files] holds their digests."""
FILES = ("encoder.onnx", "prompter.onnx", "decoder.onnx", "tokenizer.json", "calibration.json", "card.md", "card.json")
"""Files beside bundle.toml of a bundle that drafts."""
OPTIONAL_FILES = ("gradients.onnx", "comparer.onnx")
"""Files that a bundle may have in addition; its table [files] holds their digests too."""
_NEEDS_TOKENS = ("comparer.onnx",)
"""Optional files that only a bundle that drafts can have."""

Count = Annotated[int, Field(ge=1)]
TokenId = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Accepts(_Table):
    """Which instances the model reads; case does not matter."""

    kind: Literal["radiograph", "ct"]
    """How pixels are prepared, and whether the images of a study are read one by one or as one volume."""
    modalities: Annotated[tuple[str, ...], Field(min_length=1)]
    """Modality (0008,0060) must be one of these."""
    body_parts: tuple[str, ...] = ()
    """Body Part Examined (0018,0015), if present, must be one of these. Empty: any."""
    views: tuple[str, ...] = ()
    """View Position (0018,5101), if present, must be one of these. Empty: any."""
    min_rows: Count = 1
    """Frames with fewer rows are not read."""
    min_columns: Count = 1
    """Frames with fewer columns are not read."""


class Prefers(_Table):
    """What the model was measured on, for CT: of several series the most similar one is read (`infer/selection.py`).

    A series that deviates but is still read excludes no finding.
    """

    kernels: tuple[KernelClass, ...] = ()
    """Kinds of convolution kernel, the best first. Empty: any."""
    contrast: Literal["native", "contrast", "either"] = "either"
    """Without a contrast agent in the vessels, with one, or either."""
    thickness_mm: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    """Thinnest and thickest slices. Empty: any."""
    coverage_mm: Annotated[float, Field(gt=0)] | None = None
    """Extent of the whole organ along the slices' normal; a shorter volume excludes nothing. Empty: any."""
    least_coverage_mm: Annotated[float, Field(gt=0)] | None = None
    """A shorter volume is not judged. Empty: every volume is."""
    refuses: tuple[Literal["kernels", "contrast", "thickness_mm"], ...] = ()
    """Deviations for which a series is not judged at all; with any other deviation it is read."""

    @model_validator(mode="after")
    def _in_order(self) -> Prefers:
        if self.thickness_mm is not None and self.thickness_mm[0] > self.thickness_mm[1]:
            raise ValueError("thickness_mm must be [thinnest, thickest]")
        if self.least_coverage_mm and self.coverage_mm and self.least_coverage_mm > self.coverage_mm:
            raise ValueError("least_coverage_mm must not exceed coverage_mm")
        return self


class PixelRecipe(_Table):
    """How a frame becomes `pixel_values`, the input of the encoder."""

    rows: Count
    """Rows of `pixel_values`."""
    columns: Count
    """Columns of `pixel_values`."""
    channels: Count
    """Channels of `pixel_values`: one per window (CT), or the same frame repeated (radiograph)."""
    fit: Literal["pad", "body"]
    """The whole frame ("pad") or the part that holds the patient ("body"); scaled, centred, padded with black."""
    low_percentile: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Radiographs: grey values up to this percentile of the frame become 0."""
    high_percentile: Annotated[float, Field(ge=0, le=100)] = 100.0
    """Radiographs: grey values from this percentile of the frame on become 1."""
    mean: float
    """Subtracted from the values, which lie in [0, 1]."""
    std: Annotated[float, Field(gt=0)]
    """Divisor after the subtraction."""
    windows: tuple[tuple[float, Annotated[float, Field(gt=0)]], ...] = ()
    """CT: centre and width in HU of each channel."""
    slices: Count | None = None
    """CT: at most this many slices are read, spread evenly. Empty: every slice."""

    @model_validator(mode="after")
    def _percentiles_in_order(self) -> PixelRecipe:
        if self.low_percentile >= self.high_percentile:
            raise ValueError("low_percentile must be below high_percentile")
        return self


class Tokens(_Table):
    """Special tokens of the vocabulary; only with a decoder."""

    pad_token_id: TokenId
    """Padding."""
    bos_token_id: TokenId
    """Begin of a draft."""
    eos_token_id: TokenId
    """End of a draft."""


class DecoderShape(_Table):
    """Sizes of the decoder; only with a decoder."""

    layers: Count
    """Layers of the attention cache."""
    heads: Count
    """Heads of keys and values in each layer."""
    head_width: Count
    """Width of one head."""
    width: Count
    """Width of a prompt embedding."""
    prompts: Annotated[int, Field(ge=0)]
    """Prompt embeddings in front of the tokens."""


class Anatomy(_Table):
    """Anatomy that the encoder segments."""

    structures: tuple[str, ...] = ()
    """Names, in the order of the encoder's `segmentation`, for example "left lung". Empty: none."""


class FindingTable(_Table):
    """A finding that the model reports; one table each, in the order of the encoder's `logits`."""

    key: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    """Name in settings, logs and labels: small letters, digits and underscores."""
    code: CodedConcept
    """Code value, coding scheme designator, code meaning; for example ["233604007", "SCT", "Pneumonia"]."""
    site: CodedConcept
    """Anatomical site, coded likewise."""
    threshold: Annotated[float, Field(ge=0, le=1)]
    """Probability from which the finding is suspected."""
    acuity: Acuity
    """Category; `acuity.findings` in the settings overrides it."""
    terms: Annotated[tuple[str, ...], Field(min_length=1)]
    """Phrases by which the finding is recognized in a draft."""
    implies: tuple[str, ...] = ()
    """Keys of the findings that this one is a kind of."""


class Manifest(_Table):
    """The whole of bundle.toml."""

    format: Literal[2]
    """Version of this format."""
    name: Annotated[str, Field(min_length=1)]
    """Name in settings and results."""
    version: Annotated[str, Field(min_length=1)]
    """Version of the model."""
    title: Annotated[str, Field(min_length=1)]
    """One line for listings."""
    manufacturer: Annotated[str, Field(min_length=1)]
    """Who made the model."""
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Languages of the drafts (RFC 5646)."""
    max_new_tokens: Count | None = None
    """Longest draft; only with a decoder."""
    accepts: Accepts
    prefers: Prefers = Prefers()
    pixels: PixelRecipe
    anatomy: Anatomy = Anatomy()
    tokens: Tokens | None = None
    """None: the bundle classifies and drafts nothing."""
    decoder: DecoderShape | None = None
    """None: the bundle classifies and drafts nothing."""
    findings: Annotated[tuple[FindingTable, ...], Field(min_length=1)]
    """In the order of the encoder's `logits`."""
    files: dict[str, Digest]
    """File name to SHA-256, hexadecimal, for every other file of the bundle."""

    @model_validator(mode="after")
    def _fits_together(self) -> Manifest:
        keys = [finding.key for finding in self.findings]
        if len(set(keys)) < len(keys):
            raise ValueError("the keys of findings must be unique")
        if faults := hierarchy_faults({finding.key: finding.implies for finding in self.findings}):
            raise ValueError(faults[0])
        if self.accepts.kind == "ct" and self.pixels.channels != len(self.pixels.windows):
            raise ValueError("pixels.windows must name one [center, width] for each channel of a CT")
        if self.accepts.kind == "radiograph" and self.prefers != Prefers():
            raise ValueError("[prefers] is for CT only")
        if self.accepts.kind == "radiograph" and (self.pixels.windows or self.pixels.slices):
            raise ValueError("pixels.windows and pixels.slices are for CT only")
        return self

    @model_validator(mode="after")
    def _drafts_or_not(self) -> Manifest:
        parts = {"decoder": self.decoder, "tokens": self.tokens, "max_new_tokens": self.max_new_tokens}
        lacking = [name for name, part in parts.items() if part is None]
        if 0 < len(lacking) < len(parts):
            raise ValueError(f"lacks {' and '.join(lacking)}: a bundle that drafts has {', '.join(parts)}")
        expected, sort = (CLASSIFIER_FILES, "without a decoder") if lacking else (FILES, "with a decoder")
        optional = set(OPTIONAL_FILES) - set(_NEEDS_TOKENS if lacking else ())
        for name in sorted(set(expected) ^ (set(self.files) - optional)):
            known = "lacks" if name in expected else "contains the unknown file"
            raise ValueError(f"files {known} {name}; a bundle {sort} has {', '.join(expected)}")
        return self
