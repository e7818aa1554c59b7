"""What stands in bundle.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dicomnode.measure.hierarchy import hierarchy_faults
from dicomnode.records import Acuity, CodedConcept, KernelClass

FORMAT = 2
"""The one bundle format that this node reads."""
CLASSIFIER_FILES = ("encoder.onnx", "calibration.json", "card.md", "card.json")
"""Files beside bundle.toml of a bundle without a decoder; their digests stand in its table [files]."""
FILES = ("encoder.onnx", "prompter.onnx", "decoder.onnx", "tokenizer.json", "calibration.json", "card.md", "card.json")
"""Files beside bundle.toml of a bundle that drafts."""
OPTIONAL_FILES = ("gradients.onnx", "comparer.onnx")
"""Files that a bundle may have beside these; those that it has stand in its table [files] as well."""
_NEEDS_TOKENS = ("comparer.onnx",)
"""Those that only a bundle that drafts can have."""

Count = Annotated[int, Field(ge=1)]
TokenId = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Accepts(_Table):
    """Which instances the model reads; compared with the header in upper case."""

    kind: Literal["radiograph", "ct"]
    """How the pixels are prepared."""
    modalities: Annotated[tuple[str, ...], Field(min_length=1)]
    """Modality (0008,0060) must be one of these."""
    body_parts: tuple[str, ...] = ()
    """Body Part Examined (0018,0015), where the header has one, must be one of these; empty: any."""
    views: tuple[str, ...] = ()
    """View Position (0018,5101), where the header has one, must be one of these; empty: any."""
    min_rows: Count = 1
    """Smaller frames are not read."""
    min_columns: Count = 1
    """Smaller frames are not read."""


class Prefers(_Table):
    """What the model was measured on: of several series the one that is most like it is read (`infer/selection.py`).

    What is read all the same though it is unlike it excludes no finding.
    """

    kernels: tuple[KernelClass, ...] = ()
    """CT: kinds of convolution kernel, the best first; empty: any."""
    contrast: Literal["native", "contrast", "either"] = "either"
    """CT: without a contrast agent in the vessels, with one, or no matter."""
    thickness_mm: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    """CT: thinnest and thickest slices; None: any."""
    coverage_mm: Annotated[float, Field(gt=0)] | None = None
    """CT: what the whole organ measures along the slices' normal; a volume of less excludes nothing. None: any."""
    least_coverage_mm: Annotated[float, Field(gt=0)] | None = None
    """CT: a volume of less is not judged. None: any is."""
    refuses: tuple[Literal["kernels", "contrast", "thickness_mm"], ...] = ()
    """What is not judged at all where it is otherwise than wanted above; what is not named here is read."""

    @model_validator(mode="after")
    def _in_order(self) -> Prefers:
        if self.thickness_mm is not None and self.thickness_mm[0] > self.thickness_mm[1]:
            raise ValueError("thickness_mm must be [thinnest, thickest]")
        if self.least_coverage_mm and self.coverage_mm and self.least_coverage_mm > self.coverage_mm:
            raise ValueError("least_coverage_mm must not be above coverage_mm")
        return self


class PixelRecipe(_Table):
    """How a frame becomes `pixel_values`."""

    rows: Count
    """Rows of `pixel_values`."""
    columns: Count
    """Columns of `pixel_values`."""
    channels: Count
    """Channels of `pixel_values`: for CT one per window, for radiographs the same frame repeated."""
    fit: Literal["pad", "body"]
    """The whole frame ("pad"), or its part that holds the patient ("body"); scaled to fit, centred, the rest black."""
    low_percentile: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Radiographs: grey at or below this percentile of the frame becomes 0."""
    high_percentile: Annotated[float, Field(ge=0, le=100)] = 100.0
    """Radiographs: grey at or above this percentile of the frame becomes 1."""
    mean: float
    """Subtracted from values in [0, 1]."""
    std: Annotated[float, Field(gt=0)]
    """Divides what is left."""
    windows: tuple[tuple[float, Annotated[float, Field(gt=0)]], ...] = ()
    """CT: centre and width in HU of each channel."""
    slices: Count | None = None
    """CT: at most so many slices are read, spread evenly; None: every slice."""

    @model_validator(mode="after")
    def _percentiles_in_order(self) -> PixelRecipe:
        if self.low_percentile >= self.high_percentile:
            raise ValueError("low_percentile must be below high_percentile")
        return self


class Tokens(_Table):
    """Special tokens of the vocabulary."""

    pad_token_id: TokenId
    bos_token_id: TokenId
    eos_token_id: TokenId


class DecoderShape(_Table):
    """Sizes of the attention cache and of the prompts."""

    layers: Count
    heads: Count
    """Heads of keys and values, which grouped queries share."""
    head_width: Count
    width: Count
    """Of one prompt embedding."""
    prompts: Annotated[int, Field(ge=0)]
    """Prompt embeddings that stand before the tokens."""


class Anatomy(_Table):
    """What the encoder outlines beside the findings."""

    structures: tuple[str, ...] = ()
    """In the order of the encoder's `segmentation`, for example "left lung"; empty: none."""


class FindingTable(_Table):
    """One table of [[findings]]."""

    key: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    code: CodedConcept
    site: CodedConcept
    threshold: Annotated[float, Field(ge=0, le=1)]
    acuity: Acuity
    terms: Annotated[tuple[str, ...], Field(min_length=1)]
    implies: tuple[str, ...] = ()
    """Keys of the findings that this one is a kind of."""


class Manifest(_Table):
    """The whole of bundle.toml."""

    format: Literal[2]
    name: Annotated[str, Field(min_length=1)]
    version: Annotated[str, Field(min_length=1)]
    title: Annotated[str, Field(min_length=1)]
    manufacturer: Annotated[str, Field(min_length=1)]
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Languages of the drafts (RFC 5646)."""
    max_new_tokens: Count | None = None
    """A draft is cut off after so many tokens; only with a decoder."""
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
    """SHA-256 of each file of the bundle, hexadecimal."""

    @model_validator(mode="after")
    def _fits_together(self) -> Manifest:
        keys = [finding.key for finding in self.findings]
        if len(set(keys)) < len(keys):
            raise ValueError("findings must have different keys")
        if faults := hierarchy_faults({finding.key: finding.implies for finding in self.findings}):
            raise ValueError(faults[0])
        if self.accepts.kind == "ct" and self.pixels.channels != len(self.pixels.windows):
            raise ValueError("pixels.windows must name one [center, width] for each channel of a CT")
        if self.accepts.kind == "radiograph" and self.prefers != Prefers():
            raise ValueError("prefers is for CT only")
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
            known = "lacks" if name in expected else "names the unknown file"
            raise ValueError(f"files {known} {name}; a bundle {sort} has {', '.join(expected)}")
        return self
