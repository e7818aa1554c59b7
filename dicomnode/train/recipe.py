"""The recipe of a training run: one frozen tree of settings, read from TOML."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from dicomnode.errors import SettingsError
from dicomnode.infer.manifest import Accepts, PixelRecipe, Prefers
from dicomnode.measure.hierarchy import hierarchy_faults, wholes_of
from dicomnode.records import Acuity, CodedConcept
from dicomnode.train.hyperparameters import (
    AugmentRecipe,
    ComparerRecipe,
    Count,
    DecoderRecipe,
    DistillRecipe,
    EncoderRecipe,
    FitRecipe,
    LossRecipe,
    PruneRecipe,
    Table,
)

Sentences = Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z{][a-z_, {}]*\.$")], ...], Field(min_length=1)]


class BundleRecipe(Table):
    """Name and description of the bundle."""

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
    reports: tuple[str, ...] = ()
    """Keys of the findings that the bundle reports; the others only help the encoder to learn. Empty: all."""


class FindingRecipe(Table):
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
    """Wordings if it is present."""
    possible: Sentences
    """Wordings if its probability is just above the threshold."""
    absent: Sentences
    """Wordings if it is absent."""
    implies: tuple[str, ...] = ()
    """Keys of the findings that this one is a kind of."""

    @model_validator(mode="after")
    def _sentences_name_it(self) -> FindingRecipe:
        for sentence in (*self.present, *self.possible, *self.absent):
            if not any(term in sentence for term in self.terms):
                raise ValueError(f"{sentence!r} contains none of the terms of {self.key}")
        return self


class DataRecipe(Table):
    """Meaning of the columns of labels.csv."""

    files: Annotated[tuple[str, ...], Field(min_length=1)] = ("file",)
    """Columns with the name of an image in the split's tar file, one for each channel."""
    volume: str = ""
    """Column that identifies the study of a slice. Empty: every row is a study."""
    order: str = ""
    """Column with the slice number, from bottom to top; required with volume."""
    auxiliary: str = ""
    """Second labels file whose training images serve the encoder only, `<name>_labels.csv` with `<name>_train.tar`."""

    @model_validator(mode="after")
    def _slices_are_numbered(self) -> DataRecipe:
        if bool(self.volume) != bool(self.order):
            raise ValueError("volume and order must be given together")
        return self


class LanguageRecipe(Table):
    """Words for place and extent, and how the language decoder is pretrained on them."""

    place: str
    """Phrase for one side; `{side}` and, where there are zones, `{zone}`."""
    place_both: str
    """Phrase for both sides."""
    sides: tuple[str, str]
    """Words for image left and image right."""
    zones: tuple[str, ...] = ()
    """Words for bands of equal height from the top of the image's middle part."""
    extents: Annotated[tuple[str, ...], Field(min_length=1)]
    """Words from the smallest to the largest share of the image."""
    extent_borders: tuple[float, ...]
    """Shares of the image between them."""

    @model_validator(mode="after")
    def _borders_between_extents(self) -> LanguageRecipe:
        if len(self.extent_borders) != len(self.extents) - 1 or list(self.extent_borders) != sorted(
            self.extent_borders
        ):
            raise ValueError("extent_borders must be ascending and one fewer than extents")
        return self


class PhantomRecipe(Table):
    """Synthetic images that are used in training beside real ones."""

    kind: Literal["chest", "head_ct", "ctpa"]
    sketches: Annotated[int, Field(ge=0)]
    """Whole synthetic images, half of them with lesions."""
    pasted: Annotated[int, Field(ge=0)]
    """Synthetic lesions on real images without any finding."""
    foreign: Count
    """Images of another body part, to be recognized as foreign."""
    lesions: dict[str, dict[str, int]]
    """Kind of lesion to labels by finding; findings that are not named are unknown."""
    mask_of: dict[str, tuple[str, ...]]
    """Finding to the kinds of lesions whose masks mark it."""
    structures: Annotated[tuple[str, ...], Field(min_length=1)]
    """Anatomy that the segmentation head learns, in the order of the phantoms."""


class CardRecipe(Table):
    """What the model card says in words."""

    bootstrap: Count
    """Resamples of patients for each interval."""
    main_finding: str
    """Finding that is measured by source."""
    licences: tuple[str, ...]
    """Licence and attribution of each source."""
    limits: tuple[str, ...]
    """Known shortcuts and what may not be claimed."""
    warning: str = ""
    """Shown at the top of the card."""


class Recipe(Table):
    """Everything except the data that determines a bundle."""

    bundle: BundleRecipe
    accepts: Accepts
    prefers: Prefers = Prefers()
    pixels: PixelRecipe
    findings: Annotated[tuple[FindingRecipe, ...], Field(min_length=1)]
    data: DataRecipe = DataRecipe()
    language: LanguageRecipe
    phantoms: PhantomRecipe
    encoder: EncoderRecipe
    teacher: EncoderRecipe | None = None
    """A larger encoder that is trained first and teaches the one that ships."""
    decoder: DecoderRecipe
    augment: AugmentRecipe
    fit: FitRecipe
    loss: LossRecipe = LossRecipe()
    distill: DistillRecipe | None = None
    prune: PruneRecipe | None = None
    comparer: ComparerRecipe | None = None
    """None: the bundle does not compare with prior images."""
    card: CardRecipe

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        keys = [finding.key for finding in self.findings]
        if len(set(keys)) != len(keys):
            raise ValueError(f"the keys of findings must be unique, got {', '.join(keys)}")
        if faults := hierarchy_faults({finding.key: finding.implies for finding in self.findings}):
            raise ValueError(faults[0])
        if self.card.main_finding not in keys:
            raise ValueError(f"card.main_finding must be one of {', '.join(keys)}, got {self.card.main_finding!r}")
        unknown = sorted(set(self.bundle.reports) - set(keys))
        if unknown or (self.bundle.reports and self.card.main_finding not in self.bundle.reports):
            raise ValueError("bundle.reports must name findings of this recipe, the main finding among them")
        if (self.teacher is None) != (self.distill is None):
            raise ValueError("teacher and distill must be given together")
        self._check_sizes()
        self._check_phantoms(keys)
        self._check_comparer()
        return self

    def _check_sizes(self) -> None:
        final = (self.prune or self.distill or self.fit).stages[-1].side
        if {self.pixels.rows, self.pixels.columns} != {final}:
            raise ValueError("pixels must be square with the side of the last stage")
        for name, width, heads in (
            ("encoder", self.encoder.widths[-1], self.encoder.heads),
            ("decoder", self.decoder.width, self.decoder.heads),
        ):
            if width % heads:
                raise ValueError(f"{name}: width {width} must be divisible by heads {heads}")

    def _check_phantoms(self, keys: list[str]) -> None:
        named = {key for labels in self.phantoms.lesions.values() for key in labels} | set(self.phantoms.mask_of)
        if named - set(keys):
            raise ValueError(f"phantoms name {', '.join(sorted(named - set(keys)))}, which is not a finding")

    def _check_comparer(self) -> None:
        if self.comparer is None:
            return
        if self.phantoms.kind != "chest":
            raise ValueError("comparer: only chest lesions are drawn at several sizes; remove the table")
        if self.comparer.width % self.comparer.heads:
            raise ValueError(f"comparer: width {self.comparer.width} must be divisible by heads {self.comparer.heads}")

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the findings, in the order of the logits."""
        return tuple(finding.key for finding in self.findings)

    @property
    def reported(self) -> Recipe:
        """The same recipe with only those findings that the bundle reports."""
        keys = set(self.bundle.reports or self.keys)
        phantoms = self.phantoms.model_copy(
            update={
                "lesions": {
                    kind: {key: label for key, label in labels.items() if key in keys}
                    for kind, labels in self.phantoms.lesions.items()
                },
                "mask_of": {key: kinds for key, kinds in self.phantoms.mask_of.items() if key in keys},
            }
        )
        implies = {finding.key: finding.implies for finding in self.findings}
        findings = tuple(
            # What it implies over a finding that is not reported it still implies.
            finding.model_copy(update={"implies": tuple(sorted(wholes_of(finding.key, implies) & keys))})
            for finding in self.findings
            if finding.key in keys
        )
        return self.model_copy(update={"findings": findings, "phantoms": phantoms})

    @property
    def digest(self) -> str:
        """SHA-256 of the settings that decide the weights, hexadecimal: which recipe made a checkpoint.

        The comparer is left out, as no other weight depends on it, and so is what implies what.
        """
        decisive = self.model_dump_json(
            exclude={
                "bundle": True,
                "accepts": True,
                "prefers": True,
                "card": True,
                "comparer": True,
                "fit": {"threads"},
                "findings": {"__all__": {"implies"}},
            }
        )
        return hashlib.sha256(decisive.encode()).hexdigest()


def read_recipe(path: Path, *, threads: int | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        TOML file.
    threads
        In place of those of the recipe; the weights do not depend on it but for the order of sums.

    Raises
    ------
    SettingsError
        If the file is missing or is no TOML, a key is unknown or a value is out of its bounds.
    """
    try:
        recipe = Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingsError(f"there is no recipe {path}; conf/train/cxr.toml is an example") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is not a readable TOML file: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "recipe"
        wrong = "is not a known setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise SettingsError(f"{path}: {key}: {wrong.removeprefix('Value error, ')}") from None
    if threads is None:
        return recipe
    return recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"threads": threads})})
