"""Records of what a model reads and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dicomnode.records.dicom import CodedConcept
from dicomnode.records.job import Acuity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    ByteArray = NDArray[np.uint8]
else:  # NumPy is not needed to name the type, and who only lists jobs does not wait for it
    FloatArray = ByteArray = Any


class ReviewReason(StrEnum):
    """Why a physician is asked to look at the answer itself, or why there is none."""

    UNDETERMINED = "undetermined"
    """A finding can neither be called present nor absent at the coverage that the bundle promises."""
    DISAGREEMENT = "disagreement"
    """The draft and the classifier, or the members of an ensemble, do not say the same."""
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    """Images do not look like those that the model was trained on."""
    QUALITY = "quality"
    """The images are of limited quality or none."""
    INCOMPLETE = "incomplete"
    """Images of the study are missing."""


class QualityLevel(StrEnum):
    """How good the images are (PS3.16 CID 7036)."""

    DIAGNOSTIC = "diagnostic"
    LIMITED = "limited"
    NON_DIAGNOSTIC = "non_diagnostic"


class QualityFault(StrEnum):
    """What is wrong with an image (PS3.16 CID 7011)."""

    BLURRED = "blurred"
    UNDER_EXPOSED = "under_exposed"
    OVER_EXPOSED = "over_exposed"
    NOISY = "noisy"
    BLANK = "blank"


class Change(StrEnum):
    """How a finding stands against the prior study (PS3.16 CID 6002)."""

    NEW = "new"
    INCREASED = "increased"
    UNCHANGED = "unchanged"
    DECREASED = "decreased"
    RESOLVED = "resolved"


class ChangeUnknown(StrEnum):
    """Why it cannot be told how a finding stands against the prior study."""

    UNDETERMINED_NOW = "undetermined_now"
    UNDETERMINED_THEN = "undetermined_then"
    NOT_JUDGED_THEN = "not_judged_then"
    """Nothing is known of it in the prior study."""
    OTHER_VIEW = "other_view"
    """It is there both times, but in films of different views, whose areas do not compare."""
    NOT_MEASURED = "not_measured"
    """It is there both times, and neither its size nor the certainty of its probability is known both times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleIdentity:
    """Which model artefact made a result."""

    name: str
    version: str
    manufacturer: str
    digest: str
    """SHA-256 of the bundle, hexadecimal; the device UID derives from it."""
    is_synthetic: bool = False
    """Its card says that it was trained on computed images only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSpec:
    """One finding that a bundle can report."""

    key: str
    """Stable name in settings and figures, for example `pneumonia`."""
    code: CodedConcept
    site: CodedConcept
    """Anatomical site that the finding concerns."""
    threshold: float
    """Calibrated probability from which the finding counts as present."""
    acuity: Acuity
    """The bundle's default; settings may say otherwise."""
    terms: tuple[str, ...]
    """Lower-case phrases by which a drafted sentence names the finding."""
    certain: tuple[float, float] | None = None
    """Below the first probability the finding counts as absent, from the second on as present, between them as
    undetermined (split conformal prediction for each class); None: the threshold alone decides."""
    implies: tuple[str, ...] = ()
    """Keys of the findings that this one is a kind of, for example `any_ich`: it cannot be likelier than they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How the model's grid lies on the upright source frame.

    A model pixel (row, column) stands at source (row / scale + top, column / column_scale + left)
    in the frame as stored, before `rotate_quarters` counter-clockwise turns (np.rot90) and
    `flip_columns`, which were applied in this order to the stored frame to make it upright.
    """

    scale: float
    """Model pixels per upright source row."""
    top: float
    """Upright source row of the first model row; negative where the model image is padded."""
    left: float
    rotate_quarters: int = 0
    flip_columns: bool = False
    column_stretch: float = 1.0
    """Width of an upright source pixel divided by its height; other than 1 where pixels are not square."""

    @property
    def column_scale(self) -> float:
        """Model pixels per upright source column."""
        return self.scale * self.column_stretch

    @property
    def pixel_aspect(self) -> float:
        """Height of a pixel of the frame as stored, divided by its width."""
        return self.column_stretch if self.rotate_quarters % 2 else 1 / self.column_stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedImage:
    """One frame made ready for the encoder."""

    sop_instance_uid: str
    sop_class_uid: str
    frame_number: int
    """1-based, PS3.3 C.7.6.6."""
    pixel_values: FloatArray
    """(channels, rows, columns) as the bundle's recipe asks."""
    display: ByteArray
    """(rows, columns) of the frame as stored, windowed to 8 bit, 0 black: what an overlay is drawn on."""
    placement: Placement
    missing_before: int = 0
    """Slices that must lie between this one and the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What the encoder says of one prepared image. K findings, D features, M anatomical structures.

    What the encoder of a mere classifier does not give has no elements.
    """

    probabilities: FloatArray
    """(K,) calibrated."""
    logits: FloatArray
    """(K,) before calibration."""
    class_maps: FloatArray
    """(K, h, w); sums with the bias to the logit, so it may be negative."""
    features: FloatArray
    """(D,) pooled."""
    segmentation: FloatArray
    """(M, h, w) probability of each structure."""
    tokens: FloatArray
    """(cells, token width): what was seen where."""
    attended: FloatArray
    """(K, token width): what was seen where each finding was looked for."""

    @property
    def has_maps(self) -> bool:
        """Whether it says where the evidence lies."""
        return self.class_maps.size > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """What the images of one reading say together. K findings, N images, S positions of the decoder's memory."""

    probabilities: FloatArray
    """(K,) calibrated."""
    logits: FloatArray
    """(K,) before calibration: the images' logits, weighed by `slice_attention`."""
    slice_attention: FloatArray
    """(K, N), sums to 1 over the images."""
    strangeness: FloatArray
    """(N,) out-of-distribution scores; above 1 an image does not look like those that the model was trained on."""
    prompt_embeds: FloatArray
    """(1, prompts, width): what stands before the draft."""
    encoder_key_values: FloatArray
    """(layers, 2, 1, heads, S, head width): what the decoder attends to."""
    anatomical_bias: FloatArray
    """(1, layers, S): how much it should look where, for the anatomy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The decoder's text, unchecked."""

    sentences: tuple[str, ...]
    is_truncated: bool
    """The token limit was reached before the end token."""
    mean_log_probability: float
    attention: FloatArray
    """(sentences, S): where the decoder looked in its memory for each sentence, the mean over its tokens."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no draft: no sentence, and none that was cut off."""
        return not self.sentences and not self.is_truncated


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuality:
    """How good the images of a study are."""

    level: QualityLevel
    faults: tuple[QualityFault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the model says of one study. K findings, N images."""

    images: tuple[PreparedImage, ...]
    """Those that were read."""
    encodings: tuple[Encoding, ...]
    """One for each image, in the same order."""
    logits: FloatArray
    """(K,) of the study, before calibration."""
    probabilities: FloatArray
    """(K,) of the study, calibrated."""
    slice_attention: FloatArray
    """(K, N): how much each image counts in the study's answer; sums to 1 over the images."""
    strangeness: FloatArray
    """(N,) out-of-distribution scores; above 1 an image does not look like those that the model was trained on."""
    best_images: tuple[int, ...]
    """(K,) index of the image that speaks most for the finding."""
    not_judged: int
    """Images of the study that were left out as out of distribution."""
    draft: Draft
    intervals: FloatArray | None = None
    """(K, 2) lower and upper limit of each probability, 95 %; None: the bundle does not know them."""
    quality: ImageQuality | None = None
    """None: nothing is known of it."""
    missing_images: int = 0
    """Slices that must lie between those that came."""
    members_disagree: bool = False
    """Members of an ensemble stand on different sides of a threshold."""
    cannot_exclude: tuple[ReviewReason, ...] = ()
    """Why nothing may be called absent: quality or coverage lie outside what the model was measured on; empty: it
    may."""
    drafted_from: int | None = None
    """Index of the film that the draft was written from; None: all images, or not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the model says of a study and an earlier one of the same patient, image against image. K findings."""

    probabilities: FloatArray
    """(K, 5) in the order of `Change`, calibrated; where there is no prior study they mean nothing."""
    attention: FloatArray
    """(K, 2, h, w): where it looked in the current and in the prior image, on the model's grid; sums to 1 over both."""
    current_images: tuple[int, ...]
    """(K,) index of the image of the current reading that was compared."""
    prior_images: tuple[int, ...]
    """(K,) index of the image of the prior reading; empty: there is none."""

    @property
    def changes(self) -> tuple[Change | None, ...]:
        """(K,) the likeliest change; None where there is no prior study, of which nothing can be said."""
        if not self.prior_images:
            return (None,) * len(self.probabilities)
        return tuple(tuple(Change)[int(best)] for best in self.probabilities.argmax(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradients:
    """How one finding's logit depends on one image. C channels, D features, cells (h, w), finding k."""

    logit: float
    """Of the finding, before calibration."""
    places: FloatArray
    """(h, w): where the encoder looked for the finding; sums to 1."""
    activations: FloatArray
    """(D, h, w): the map that the classifier reads."""
    activation_gradients: FloatArray
    """(D, h, w): of the logit by this map."""
    pixel_gradients: FloatArray
    """(C, rows, columns): of the logit by the pixels."""
    relevance: FloatArray
    """(C, rows, columns): layer-wise relevance of the pixels, in parts of the logit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap:
    """Where the model looked for one finding."""

    finding: str
    """FindingSpec.key."""
    method: str
    """Registered name of the explanation method."""
    image: PreparedImage
    weights: FloatArray
    """(rows, columns) of the frame as stored, [0, 1]."""

    def __post_init__(self) -> None:
        if self.weights.shape != self.image.display.shape:
            raise ValueError(
                f"heat map {self.weights.shape} must have the shape of its frame {self.image.display.shape}"
            )
