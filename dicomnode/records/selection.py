"""Records of what a bundle read of a study, and what not and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from dicomnode.records.reading import ReviewReason


class KernelClass(StrEnum):
    """What a CT was reconstructed for."""

    SOFT = "soft"
    """Soft tissue, brain and vessels included."""
    BONE = "bone"
    LUNG = "lung"
    SHARP = "sharp"
    """Bone or lung: the kernel, or the noise, does not say which."""
    UNKNOWN = "unknown"


class Contrast(StrEnum):
    """Whether a contrast agent was in the vessels."""

    NATIVE = "native"
    """The header says that there was none."""
    GIVEN = "given"
    SUSPECTED = "suspected"
    """No element says so, but the description does."""
    UNKNOWN = "unknown"
    """Nothing is said; by the standard that means none (PS3.3 C.7.6.4)."""


class Omission(StrEnum):
    """Why images were not read."""

    MODALITY = "modality"
    NO_IMAGE = "no_image"
    FOR_PROCESSING = "for_processing"
    LOCALIZER = "localizer"
    RENDERED = "rendered"
    """A projection, a rendering, a screen save: made from images, but none itself."""
    NOT_HU = "not_hu"
    """Values that are no Hounsfield units, as those of material maps."""
    BODY_PART = "body_part"
    VIEW = "view"
    MATRIX = "matrix"
    """Too few pixels."""
    NO_POSITION = "no_position"
    NOT_AXIAL = "not_axial"
    GEOMETRY = "geometry"
    """Slices that cannot be stacked: repeated positions, gantry tilt."""
    INCOMPLETE = "incomplete"
    """Slices are missing, or cover too little of the organ."""
    CONTRAST = "contrast"
    KERNEL = "kernel"
    THICKNESS = "thickness"
    DERIVED = "derived"
    """Computed from images that were read instead."""
    DUPLICATE = "duplicate"
    """The same image once more."""
    OTHER_PHASE = "other_phase"
    """An equal stack that was acquired later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFacts:
    """What is known of images that belong together: one stack of slices, or one film. It does not name the patient."""

    series_instance_uid: str
    """Series Instance UID (0020,000E)."""
    series_number: int | None
    """Series Number (0020,0011)."""
    images: int
    """Frames."""
    orientation: str = ""
    """`axial`, `sagittal`, `coronal` or `oblique`; of a film its view; empty: not known."""
    kernel: str = ""
    """Convolution Kernel (0018,1210); empty: none, or not a CT."""
    kernel_class: KernelClass = KernelClass.UNKNOWN
    slice_thickness_mm: float | None = None
    """Usual one of the slices."""
    coverage_mm: float | None = None
    """From the lower face of the first slice to the upper face of the last, along their normal."""
    acquisition: int | None = None
    """Acquisition Number (0020,0012), where it is the same for all."""
    contrast: Contrast = Contrast.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Images that were not read."""

    facts: StackFacts
    reason: Omission
    sentence: str
    """Why, in English, without patient data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a bundle read of a study."""

    read: tuple[StackFacts, ...]
    left_out: tuple[LeftOut, ...] = ()
    doubts: Mapping[ReviewReason, str]
    """Why what was read is not like what the model was measured on, each in one English sentence; empty: it is."""

    @property
    def others(self) -> int:
        """Series of which nothing was read."""
        read = {facts.series_instance_uid for facts in self.read}
        return len({one.facts.series_instance_uid for one in self.left_out} - read)

    def rows(self) -> list[dict[str, object]]:
        """One row for each stack or film, in plain values that JSON can hold, for the store."""
        kept = [{**_plain(facts), "is_read": True, "reason": "", "sentence": ""} for facts in self.read]
        left = [
            {**_plain(one.facts), "is_read": False, "reason": str(one.reason), "sentence": one.sentence}
            for one in self.left_out
        ]
        return [*kept, *left]


def _plain(facts: StackFacts) -> dict[str, object]:
    return {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(facts).items()}
