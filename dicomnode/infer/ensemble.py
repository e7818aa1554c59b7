"""Several models of one task side by side: where they disagree, the answer is uncertain (Lakshminarayanan 2017)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import Bundle
from dicomnode.infer.model import Model
from dicomnode.measure.hierarchy import coherent
from dicomnode.records import Comparison, FloatArray, Gradients, PreparedImage, Reading, ReviewReason

# M members, K findings


class Ensemble:
    """Models of the same findings on the same pixels.

    Does: average their probabilities, widen the limits to those of all, say where they stand on different sides.
    Does not: draft more than once; text and maps are the first one's.

    Parameters
    ----------
    first
        Whose bundle, text and maps the results are.
    others
        At least one.

    Raises
    ------
    BundleError
        If they do not judge the same findings, or prepare images differently.
    """

    def __init__(self, first: Model, others: Sequence[Model]) -> None:
        for other in others:
            _require_alike(first.bundle, other.bundle)
        self._first, self._others = first, tuple(others)
        digests = "".join(model.bundle.identity.digest for model in (first, *others))
        # Another device than the first alone: its results differ (IHE AIR 6.5.3.1).
        identity = replace(first.bundle.identity, digest=hashlib.sha256(digests.encode()).hexdigest())
        self.bundle = replace(first.bundle, identity=identity)

    @property
    def has_gradients(self) -> bool:
        """As `Model.has_gradients`, of the first."""
        return self._first.has_gradients

    def logits(self, pixel_values: FloatArray) -> FloatArray:
        """As `Model.logits`, of the first, whose maps are shown."""
        return self._first.logits(pixel_values)

    def gradients(self, pixel_values: FloatArray, finding: int) -> Gradients:
        """As `Model.gradients`, of the first."""
        return self._first.gradients(pixel_values, finding)

    def compare(self, current: Reading, prior: Reading | None) -> Comparison | None:
        """As `Model.compare`, of the first."""
        return self._first.compare(current, prior)

    def triage(self, images: Sequence[PreparedImage]) -> FloatArray:
        """Probabilities (K,), the mean over the members; raises as `Model.triage`."""
        members = [model.triage(images) for model in (self._first, *self._others)]
        return self._coherent(np.mean(members, axis=0, dtype=np.float32))

    def _coherent(self, values: FloatArray) -> FloatArray:
        """By the first's hierarchy: the others' bundles may know of none."""
        return coherent(self.bundle.findings, values)

    def read(
        self, images: Sequence[PreparedImage], *, has_draft: bool = True, doubts: Collection[ReviewReason] = ()
    ) -> Reading:
        """Read one study; raises as `Model.read`, also where only one member finds the images out of distribution."""
        reading = self._first.read(images, has_draft=has_draft, doubts=doubts)
        judged = [other.judge(images) for other in self._others]
        probabilities = np.stack([reading.probabilities, *(one.probabilities for one in judged)])  # (M, K)
        thresholds = np.array(
            [[spec.threshold for spec in model.bundle.findings] for model in (self._first, *self._others)]
        )
        above = probabilities >= thresholds
        intervals = _widest([reading.intervals, *(one.intervals for one in judged)])
        return replace(
            reading,
            probabilities=self._coherent(probabilities.mean(0, dtype=np.float32)),
            intervals=None if intervals is None else self._coherent(intervals),
            members_disagree=bool((above.any(0) & ~above.all(0)).any()),
        )


Reader = Model | Ensemble
"""What reads studies, whether it is one model or several."""


def _require_alike(first: Bundle, other: Bundle) -> None:
    keys = [tuple(spec.key for spec in bundle.findings) for bundle in (first, other)]
    if keys[0] != keys[1]:
        raise BundleError(
            f"{other.folder} reports {', '.join(keys[1])}; to read beside "
            f"{first.folder} it must report {', '.join(keys[0])}"
        )
    if first.pixels != other.pixels or first.accepts.kind != other.accepts.kind:
        raise BundleError(
            f"{other.folder} prepares images differently from {first.folder}; their [pixels] must be the same"
        )


def _widest(limits: Sequence[FloatArray | None]) -> FloatArray | None:
    """(K, 2) from the lowest to the highest limit; None where one of them is not known."""
    known = [one for one in limits if one is not None]
    if len(known) < len(limits):
        return None
    return np.stack([np.min(known, 0)[:, 0], np.max(known, 0)[:, 1]], axis=1)
