"""The file that tells `dicomnode bundle import` what a foreign model reads and finds.

It has the tables of bundle.toml, but for those that follow from the model itself, and three additions: `[model]`,
`output` or `present` and `absent` of each finding, and what the card says.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from dicomnode.errors import SettingsError
from dicomnode.infer.manifest import Accepts, Count, FindingTable, PixelRecipe, Prefers

Text = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ForeignModel(_Table):
    """How the model's numbers are to be understood, where it does not say so itself."""

    scores: Literal["sigmoid", "softmax", "probability"] | None = None
    """What turns its scores into probabilities."""
    output: Text | None = None
    """Name of the ONNX output with the scores, where there are several."""
    mean: tuple[FiniteFloat, ...] = ()
    """Of each channel, for values in [0, 1], that the ONNX graph was trained with; empty: that of [pixels]."""
    std: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """Of each channel."""


class ForeignFinding(FindingTable):
    """A finding, and where the model has it."""

    output: int | Text | None = None
    """Classifiers: number of the output from 0, or its label; none at all: the outputs are the findings in order."""
    present: Text | None = None
    """Captioners: a sentence of theirs that states the finding."""
    absent: Text | None = None
    """Captioners: one that denies it."""
    platt: tuple[FiniteFloat, FiniteFloat] = (1.0, 0.0)
    """Slope and offset that calibrate the logit."""

    def as_table(self) -> dict[str, object]:
        """What bundle.toml says of it."""
        return self.model_dump(mode="json", include=set(FindingTable.model_fields))


class About(_Table):
    """The whole file."""

    name: Text
    version: Text
    title: Text
    manufacturer: Text
    description: Text
    """For the card."""
    licences: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Of the weights and of the data behind them, for the card."""
    limits: Annotated[tuple[Text, ...], Field(min_length=1)]
    """What may not be expected of the model, for the card."""
    languages: Annotated[tuple[Text, ...], Field(min_length=1)] = ("en",)
    max_new_tokens: Count | None = None
    """Captioners: a draft is cut off after so many tokens."""
    accepts: Accepts
    prefers: Prefers = Prefers()
    pixels: PixelRecipe
    model: ForeignModel = ForeignModel()
    findings: Annotated[tuple[ForeignFinding, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _all_outputs_or_none(self) -> About:
        named = [finding.output is not None for finding in self.findings]
        if any(named) and not all(named):
            raise ValueError("either every finding names its output, or none does")
        return self

    @property
    def outputs(self) -> tuple[int | str, ...]:
        """Where the model has each finding; empty: in order."""
        return tuple(finding.output for finding in self.findings if finding.output is not None)

    @property
    def phrases(self) -> tuple[tuple[str, str], ...]:
        """What a captioner is asked for each finding.

        Raises
        ------
        SettingsError
            If a finding lacks one of its sentences.
        """
        for finding in self.findings:
            if finding.present is None or finding.absent is None:
                raise SettingsError(
                    f"a captioner is questioned with sentences; findings.{finding.key} lacks present or absent"
                )
        return tuple((finding.present or "", finding.absent or "") for finding in self.findings)


def read_about(path: Path) -> About:
    """Read the file.

    Raises
    ------
    SettingsError
        If it is missing or is no TOML, a key is unknown or missing, or a value is out of its bounds.
    """
    try:
        return About.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingsError(
            f"there is no file {path}; it must describe the model, with the tables of bundle.toml"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is not a readable TOML file: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        known = {"extra_forbidden": "is not a known key", "missing": "is missing"}
        wrong = known.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise SettingsError(f"{path}: {key}: {wrong}") from None
