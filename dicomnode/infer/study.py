"""The combined answer of the images of one study."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from dicomnode.records import (
    Encoding,
    FloatArray,
    ImageQuality,
    PreparedImage,
    Prompted,
    QualityLevel,
    ReasonCode,
    ReviewReason,
    reason,
)

# K findings, N images

OUT_OF_DISTRIBUTION = 1.0
"""An image with a higher out-of-distribution score does not look like those that the model was trained on."""
_FEW_OUTLIERS = 0.25
"""With a larger share of such slices a volume is judged but excludes nothing; with more than half it is not judged."""
NOT_JUDGED = reason(ReasonCode.STRANGE)
NON_DIAGNOSTIC = reason(ReasonCode.BLANK)


def outlier_share(scores: FloatArray) -> float:
    """Share of images that are out of distribution; one whose score is not a number counts as such."""
    return float((~(scores <= OUT_OF_DISTRIBUTION)).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedStudy:
    """The images of a study that the model can judge: films, each prompted by itself, or the slices of one volume."""

    images: tuple[PreparedImage, ...]
    encodings: tuple[Encoding, ...]
    """One for each image."""
    prompted: tuple[Prompted, ...]
    """One for each film, or one for all slices."""
    not_judged: int
    """Films that were left out."""
    quality: ImageQuality | None
    """Of the images; None: not known."""

    @property
    def strangeness(self) -> FloatArray:
        """(N,) out-of-distribution scores; above 1 an image is not judged."""
        return np.concatenate([one.strangeness for one in self.prompted])

    @property
    def missing(self) -> int:
        """Slices that must lie between the images."""
        return sum(image.missing_before for image in self.images)

    def cannot_exclude(self, doubts: Collection[ReviewReason]) -> tuple[ReviewReason, ...]:
        """Why nothing may be called absent: what the images themselves show of it, and what is known beforehand.

        Parameters
        ----------
        doubts
            What `selection` says against how the images were made.
        """
        is_limited = self.quality is not None and self.quality.level is not QualityLevel.DIAGNOSTIC
        has_outliers = self.not_judged > 0 or outlier_share(self.strangeness) > _FEW_OUTLIERS
        shown = {
            ReviewReason.OUT_OF_DISTRIBUTION: has_outliers,
            ReviewReason.QUALITY: is_limited,
            ReviewReason.INCOMPLETE: self.missing > 0,
        }
        return tuple(reason for reason in ReviewReason if reason in doubts or shown.get(reason, False))

    @property
    def _best_films(self) -> np.ndarray:
        """(K,) index into `prompted` of the likeliest answer for each finding."""
        return np.asarray(np.argmax([one.probabilities for one in self.prompted], axis=0))

    @property
    def probabilities(self) -> FloatArray:
        """(K,) the largest over the films."""
        return np.max([one.probabilities for one in self.prompted], axis=0)  # type: ignore[no-any-return]

    @property
    def logits(self) -> FloatArray:
        """(K,) of the film whose probability is the study's."""
        films = np.stack([one.logits for one in self.prompted])  # (films, K)
        return np.take_along_axis(films, self._best_films[np.newaxis], axis=0)[0]  # type: ignore[no-any-return]

    @property
    def slice_attention(self) -> FloatArray:
        """(K, N): the prompter's over the slices of a volume; of films, the best has all."""
        if len(self.prompted) == 1:
            return self.prompted[0].slice_attention
        return np.asarray(self._best_films[:, np.newaxis] == np.arange(len(self.prompted)), dtype=np.float32)

    @property
    def best_images(self) -> tuple[int, ...]:
        """(K,) index of the image that adds most to the finding's logit; where none adds to it, of the largest."""
        logits = np.stack([encoding.logits for encoding in self.encodings], axis=1)  # (K, N)
        contributions = self.slice_attention * logits
        best = np.where(contributions.max(axis=1) > 0, contributions.argmax(axis=1), logits.argmax(axis=1))
        return tuple(int(index) for index in best)

    def most_conspicuous(self, thresholds: Sequence[float]) -> int:
        """Index of the film whose likeliest finding stands farthest above its threshold; 0 for a volume."""
        margins = [float((one.probabilities - np.array(thresholds)).max()) for one in self.prompted]
        return int(np.argmax(margins))
