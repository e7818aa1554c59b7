"""Image quality compared with that of the training images (PS3.16 CID 7011, CID 7036)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dicomnode.records import FloatArray, ImageQuality, QualityFault, QualityLevel

# N images, C channels, S side

Limits = Mapping[str, tuple[float, float]]
"""Lowest and highest usual value of each measure, by its name; a measure that is not named is not looked at."""

MEASURES = ("contrast", "detail", "dark", "bright")
_FAULTS: Mapping[str, tuple[QualityFault | None, QualityFault | None]] = {
    "contrast": (QualityFault.BLANK, None),
    "detail": (QualityFault.BLURRED, QualityFault.NOISY),
    "dark": (None, QualityFault.OVER_EXPOSED),  # as shown: much radiation blackens the image
    "bright": (None, QualityFault.UNDER_EXPOSED),
}
"""What it means that a measure is below or above its limits."""


def measures(image: FloatArray) -> dict[str, float]:
    """Measures of one image (C, S, S) in [0, 1], taken of its first channel.

    `contrast`: between the 5th and the 95th percentile. `detail`: mean of a difference of two Laplacians, which blur
    takes away and noise adds to (Immerkaer, 1996). `dark`, `bright`: share of cells at the ends of the grey scale.
    """
    grey = image[0].astype(np.float64)
    low, high = np.percentile(grey, (5, 95))
    across = grey[:, :-2] - 2 * grey[:, 1:-1] + grey[:, 2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    return {
        "contrast": float(high - low),
        "detail": float(np.abs(both).mean() * np.sqrt(np.pi / 2) / 6),
        "dark": float((grey <= 0.01).mean()),
        "bright": float((grey >= 0.99).mean()),
    }


def assessed(images: Sequence[FloatArray], limits: Limits) -> ImageQuality:
    """Quality of the images of one reading: of a volume, the median of each measure counts.

    Parameters
    ----------
    images
        N images (C, S, S) in [0, 1], at least one.
    """
    each = [measures(image) for image in images]
    faults = []
    for name, (lowest, highest) in limits.items():
        value = float(np.median([one[name] for one in each]))
        below, above = _FAULTS[name]
        faults += [below] if below and value < lowest else []
        faults += [above] if above and value > highest else []
    if QualityFault.BLANK in faults:
        return ImageQuality(level=QualityLevel.NON_DIAGNOSTIC, faults=(QualityFault.BLANK,))
    level = QualityLevel.LIMITED if faults else QualityLevel.DIAGNOSTIC
    return ImageQuality(level=level, faults=tuple(faults))


def worst(qualities: Sequence[ImageQuality | None]) -> ImageQuality | None:
    """Quality of a study of several films: that of the worst, with the faults of all."""
    known = [quality for quality in qualities if quality is not None]
    if not known:
        return None
    level = max((quality.level for quality in known), key=list(QualityLevel).index)
    return ImageQuality(level=level, faults=tuple(dict.fromkeys(fault for one in known for fault in one.faults)))
