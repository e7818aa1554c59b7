"""What a training run is made of: one frozen tree of settings, read from TOML."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dicomnode.errors import SettingsError
from dicomnode.infer.manifest import Accepts, PixelRecipe
from dicomnode.records import Acuity, CodedConcept

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Sentences = Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z][a-z, ]*\.$")], ...], Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BundleRecipe(_Table):
    """How the bundle is called."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    """Folder name and name in settings."""
    version: str
    """Version of the weights."""
    title: str
    """One line for listings."""
    manufacturer: str
    """Who made it."""
    description: str
    """What it is for, first paragraph of the card."""


class FindingRecipe(_Table):
    """One finding: its column in labels.csv, its codes and its words."""

    key: str
    """Column of labels.csv: 1 present, 0 absent, empty unknown."""
    code: CodedConcept
    site: CodedConcept
    """Anatomical site."""
    acuity: Acuity
    terms: Annotated[tuple[str, ...], Field(min_length=1)]
    """Phrases of which every sentence below contains one."""
    present: Sentences
    """Wordings when it is there."""
    possible: Sentences
    """Wordings when it is just above the threshold."""
    absent: Sentences
    """Wordings when it is not there."""

    @model_validator(mode="after")
    def _sentences_name_it(self) -> FindingRecipe:
        for sentence in (*self.present, *self.possible, *self.absent):
            if not any(term in sentence for term in self.terms):
                raise ValueError(f"{sentence!r} holds none of the terms of {self.key}")
        return self


class EncoderRecipe(_Table):
    """Size of the image encoder."""

    widths: tuple[Count, Count, Count, Count]
    """Channels at 1/2, 1/4, 1/8 and 1/16 of the image."""
    layers: Count
    """Transformer blocks at 1/16."""
    heads: Count
    dropout: Fraction


class DecoderRecipe(_Table):
    """Size of the language decoder."""

    width: Count
    layers: Count
    heads: Count
    max_new_tokens: Count
    """Longest report, in tokens."""
    possible_margin: Annotated[float, Field(ge=0)]
    """Calibrated log-odds above the threshold within which a finding is only called possible."""


class AugmentRecipe(_Table):
    """How training images are varied."""

    rotation_degrees: float
    """Largest turn to either side."""
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


class EncoderStage(_Table):
    """One stage of encoder training."""

    side: Annotated[int, Field(multiple_of=32)]
    """Image side in pixels."""
    steps: Count
    batch: Count
    learning_rate: Annotated[float, Field(gt=0)]
    drawn_opacities: Fraction = 0.0
    """Share of the films without the main finding that get a drawn opacity, and so its label."""


class FitRecipe(_Table):
    """How long and how fast."""

    seed: int
    threads: Count
    stages: Annotated[tuple[EncoderStage, ...], Field(min_length=1)]
    """Encoder stages; the last one has the bundle's own image side."""
    weight_decay: float
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    average_decay: Annotated[float, Field(ge=0, lt=1)]
    """Decay of the weight average that is exported."""
    negatives: Fraction
    """Share of a batch without a patient: blank, grey ramps, noise; every finding absent."""
    views: Count
    """Augmented views of each training image that the decoder sees."""
    decoder_steps: Count
    decoder_batch: Count
    decoder_learning_rate: Annotated[float, Field(gt=0)]
    checkpoint_steps: Count
    """A checkpoint is written every so many steps."""


class CardRecipe(_Table):
    """What the card says and figures cannot."""

    bootstrap: Count
    """Resamples of patients for each interval."""
    main_finding: str
    """Finding measured per source."""
    licences: tuple[str, ...]
    """Licence and attribution of each source."""
    limits: tuple[str, ...]
    """Known shortcuts and what may not be claimed."""


class Recipe(_Table):
    """Everything that decides a bundle besides the data."""

    bundle: BundleRecipe
    accepts: Accepts
    pixels: PixelRecipe
    findings: Annotated[tuple[FindingRecipe, ...], Field(min_length=1)]
    non_chest: Sentences
    """Wordings for an image without a patient."""
    encoder: EncoderRecipe
    decoder: DecoderRecipe
    augment: AugmentRecipe
    fit: FitRecipe
    card: CardRecipe

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        keys = [finding.key for finding in self.findings]
        if len(set(keys)) != len(keys):
            raise ValueError(f"findings must have different keys, got {', '.join(keys)}")
        if self.card.main_finding not in keys:
            raise ValueError(f"card.main_finding must be one of {', '.join(keys)}, got {self.card.main_finding!r}")
        sides = {self.pixels.rows, self.pixels.columns, self.fit.stages[-1].side}
        if len(sides) > 1 or self.pixels.rows % 32 or self.pixels.channels != 1:
            raise ValueError(
                "pixels must be square with one channel and the side of the last of fit.stages, a multiple of 32"
            )
        for name, width, heads in (
            ("encoder", self.encoder.widths[-1], self.encoder.heads),
            ("decoder", self.decoder.width, self.decoder.heads),
        ):
            if width % heads:
                raise ValueError(f"{name}: width {width} must be divisible by heads {heads}")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the findings, in the order of the logits."""
        return tuple(finding.key for finding in self.findings)

    @property
    def digest(self) -> str:
        """SHA-256 of the settings that decide the weights, hexadecimal: which recipe made a checkpoint."""
        decisive = self.model_dump_json(exclude={"bundle", "accepts", "card"})
        return hashlib.sha256(decisive.encode()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        TOML file.

    Raises
    ------
    SettingsError
        If the file is missing or is no TOML, a key is unknown or a value is out of its bounds.
    """
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingsError(f"no recipe {path}; conf/train/cxr.toml is an example") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is not a readable TOML file: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "recipe"
        wrong = "is not a known setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise SettingsError(f"{path}: {key}: {wrong.removeprefix('Value error, ')}") from None
