"""Why a study was not read: a code with its values, which reports say in their languages and logs in English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from string import Formatter

from dicomnode.records.selection import KernelClass

Value = str | int | float | tuple[KernelClass, ...]

MISSING = "missing"
"""Value of a header element that is not there."""
UNKNOWN = "not a known value"
"""Value of a header element that is no code, and so may be anything, a name too."""


class ReasonCode(StrEnum):
    """What is wrong; to add one, give it its English template below and its message in every language."""

    NO_INSTANCE = "no_instance"
    NO_RULE = "no_rule"
    RULE_WITHOUT_BUNDLE = "rule_without_bundle"
    MODALITY = "modality"
    BODY_PART = "body_part"
    VIEW = "view"
    NO_IMAGE = "no_image"
    FOR_PROCESSING = "for_processing"
    LOCALIZER = "localizer"
    RENDERED = "rendered"
    RESCALE_TYPE = "rescale_type"
    IMAGE_TYPE = "image_type"
    MATRIX = "matrix"
    NOT_AXIAL = "not_axial"
    NO_POSITION = "no_position"
    STRANGE = "strange"
    BLANK = "blank"
    NOT_HU = "not_hu"
    GAP = "gap"
    GAPS = "gaps"
    COVERAGE = "coverage"
    CONTRAST_GIVEN = "contrast_given"
    CONTRAST_SUSPECTED = "contrast_suspected"
    CONTRAST_UNKNOWN = "contrast_unknown"
    CONTRAST_NATIVE = "contrast_native"
    KERNEL = "kernel"
    THICKNESS = "thickness"
    SAME_POSITION = "same_position"
    TILT = "tilt"
    ORIENTATION = "orientation"
    FRAMES = "frames"
    NARROW = "narrow"
    UNIFORM = "uniform"
    NO_PIXELS = "no_pixels"
    DECODING = "decoding"
    COLOURED = "coloured"
    NO_RESCALE = "no_rescale"
    NOT_A_NUMBER = "not_a_number"
    NOT_NUMBERS = "not_numbers"
    FILE_MISSING = "file_missing"
    FILES_LOST = "files_lost"
    PATIENTS = "patients"
    PATIENTS_DIFFER = "patients_differ"
    CONTESTED = "contested"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; its text is the English sentence of the log, without patient data.

    Raises
    ------
    KeyError
        When it is said in English and a value is missing.
    """

    code: ReasonCode
    values: Mapping[str, Value] = field(default_factory=dict)
    remark: str = ""
    """What only the log says, in English: the type of a library's error, for example."""

    def __str__(self) -> str:
        said = {name: " or ".join(value) if isinstance(value, tuple) else value for name, value in self.values.items()}
        return TEMPLATES[self.code].format(**said) + (f" ({self.remark})" if self.remark else "")


def reason(code: ReasonCode, **values: Value) -> Reason:
    """A reason of a code with its values."""
    return Reason(code, values)


def reason_of(sentence: str) -> Reason | None:
    """The reason that an English sentence of the index was made from; None where it is of no template."""
    for code, template in TEMPLATES.items():
        found = _pattern(template).fullmatch(sentence)
        if found:
            values = found.groupdict().items()
            return Reason(code, {name: int(value) if value.isdecimal() else value for name, value in values})
    return None


@lru_cache(maxsize=128)
def _pattern(template: str) -> re.Pattern[str]:
    parts = (
        re.escape(literal) + (f"(?P<{name}>.+)" if name else "") for literal, name, _, _ in Formatter().parse(template)
    )
    return re.compile("".join(parts))


TEMPLATES: Mapping[ReasonCode, str] = {
    ReasonCode.NO_INSTANCE: "the study has no instances",
    ReasonCode.NO_RULE: "no routing rule matches this study",
    ReasonCode.RULE_WITHOUT_BUNDLE: "routing rule '{rule}' names no bundle",
    ReasonCode.MODALITY: "Modality is {found}; the model reads {allowed}",
    ReasonCode.BODY_PART: "Body Part Examined is {found}; the model reads {allowed}",
    ReasonCode.VIEW: "View Position is {found}; the model reads {allowed}",
    ReasonCode.NO_IMAGE: "{modality} instance {uid} has no pixel data (Rows or Columns is missing)",
    ReasonCode.FOR_PROCESSING: "the image is FOR PROCESSING; the model reads images FOR PRESENTATION",
    ReasonCode.LOCALIZER: "the series is a {found}; the model reads axial slices",
    ReasonCode.RENDERED: "the image is a {found}; the model reads slices as reconstructed",
    ReasonCode.RESCALE_TYPE: "Rescale Type is {found}; the model reads Hounsfield units (HU)",
    ReasonCode.IMAGE_TYPE: "Image Type says {found}; the model reads Hounsfield units (HU)",
    ReasonCode.MATRIX: (
        "the frame has {rows} x {columns} pixels; the model needs at least {least_rows} x {least_columns}"
    ),
    ReasonCode.NOT_AXIAL: "no series of the study is axial; the model reads axial slices",
    ReasonCode.NO_POSITION: (
        "no slice has Image Position (Patient) and Image Orientation (Patient), so the CT cannot be stacked"
    ),
    ReasonCode.STRANGE: (
        "the image does not look like those the model was trained on: "
        "it may be rotated, inverted, or of another body part"
    ),
    ReasonCode.BLANK: "the image is nearly uniform: its grey values hardly differ",
    ReasonCode.NOT_HU: "the values cannot be Hounsfield units: none is as low as that of air",
    ReasonCode.GAP: "the volume is incomplete: 1 slice is missing between the {images} that were received",
    ReasonCode.GAPS: "the volume is incomplete: {missing} slices are missing between the {images} that were received",
    ReasonCode.COVERAGE: "the volume covers {covered} mm; the model needs {needed} mm to see the whole organ",
    ReasonCode.CONTRAST_GIVEN: "a contrast agent was given; the model reads studies without contrast",
    ReasonCode.CONTRAST_SUSPECTED: "a contrast agent may have been given; the model reads studies without contrast",
    ReasonCode.CONTRAST_UNKNOWN: "no header names a contrast agent; the model reads studies with contrast",
    ReasonCode.CONTRAST_NATIVE: "no contrast agent was given; the model reads studies with contrast",
    ReasonCode.KERNEL: "the reconstruction is {found}; the model was measured on {wanted} kernels",
    ReasonCode.THICKNESS: "the slices are {thickness:g} mm thick; the model was measured on {low:g} to {high:g} mm",
    ReasonCode.SAME_POSITION: "series {series} has two slices at the same position",
    ReasonCode.TILT: (
        "series {series} was acquired with a gantry tilt of {degrees} degrees; "
        "slices must be stacked along their normal"
    ),
    ReasonCode.ORIENTATION: ("instance {uid}: Image Orientation (Patient) must be two unit vectors at right angles"),
    ReasonCode.FRAMES: "instance {uid} has {count} frames; a radiograph has at most {most}",
    ReasonCode.NARROW: "a frame of {rows} x {columns} pixels is too narrow to be read",
    ReasonCode.UNIFORM: "the frame has the same grey value everywhere",
    ReasonCode.NO_PIXELS: "instance {uid} has no pixel data (7FE0,0010)",
    ReasonCode.DECODING: "instance {uid}, frame {frame}: {syntax} pixel data cannot be decoded",
    ReasonCode.COLOURED: "instance {uid}: a CT must be greyscale, but this is a colour image",
    ReasonCode.NO_RESCALE: (
        "instance {uid} has neither Rescale Slope and Intercept nor a modality LUT; "
        "its values cannot be converted to HU"
    ),
    ReasonCode.NOT_A_NUMBER: "instance {uid}: {element} must be a finite number",
    ReasonCode.NOT_NUMBERS: "instance {uid}: {element} must be {count} finite numbers",
    ReasonCode.FILE_MISSING: "image file {name} is missing",
    ReasonCode.FILES_LOST: "none of the study's {count} files can be read from the node's disk any longer",
    ReasonCode.PATIENTS: (
        "images of {patients} patients share this Study Instance UID; none of this patient's images was read. "
        "The study must be corrected and sent again"
    ),
    ReasonCode.PATIENTS_DIFFER: (
        "images of {patients} patients share this Study Instance UID (conflict in {elements}); "
        "none of this patient's images was read. The study must be corrected and sent again"
    ),
    ReasonCode.CONTESTED: (
        "the node already holds these images under another patient or study; an operator must decide which is right "
        "(`dicomnode studies correct`)"
    ),
}
"""English sentences by code; logs and listings show them, and the index keeps them."""
