"""How well the area of a finding is repeated when the same phantom is filmed again: the error of a comparison.

    python bench/extent.py [BUNDLE]

Prints the 95 % limits of an area, in percent, over films of the same patients that were shifted by up to 10 mm, turned
by up to 2 degrees and exposed anew; `priors.reading.EXTENT_ERROR` stands above them. Then how often the rule of
`report.comparison` tells lesions that grew to 1.7 times their diameter, shrank, or stayed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from dicomnode.bundles import shipped_bundle
from dicomnode.errors import NotJudgedError
from dicomnode.explain import explain
from dicomnode.explain.extent import area_mm2
from dicomnode.infer.bundle import load_bundle
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.phantoms.chest import PIXEL_SPACING_MM, chest_film
from dicomnode.phantoms.headers import digital_radiograph
from dicomnode.priors.reading import EXTENT_ERROR, EXTENT_METHOD
from dicomnode.records import Change, Presence
from dicomnode.report.comparison import Extent, Standing, change

SEEDS, SCALES, FILMS = (7, 3, 5), (0.6, 1.0), 8
SHIFT_PX, TURN_DEGREES, GAMMA, NOISE = 25.0, 2.0, 0.07, 12.0
HIGHEST = 4095


def again(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """The same patient before the same detector a minute later."""
    shift = tuple(rng.uniform(-SHIFT_PX, SHIFT_PX, 2))
    turned = Image.fromarray(pixels.astype(np.float32)).rotate(
        rng.uniform(-TURN_DEGREES, TURN_DEGREES), Image.Resampling.BILINEAR, translate=shift, fillcolor=0
    )
    exposed = (np.asarray(turned) / HIGHEST) ** rng.uniform(1 - GAMMA, 1 + GAMMA) * HIGHEST
    return np.clip(exposed + rng.normal(0, NOISE, pixels.shape), 0, HIGHEST).astype(np.uint16)


def main(bundle: str = "cxr") -> None:
    model = Model(load_bundle(shipped_bundle(bundle) or Path(bundle)))
    rng = np.random.default_rng(0)
    deviations: list[np.ndarray] = []
    found: dict[tuple[int, float], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.dcm"
        for seed in SEEDS:
            for scale in SCALES:
                pixels = chest_film(seed, has_opacity=True, opacity_scale=scale).pixels
                areas = []
                for number in range(FILMS):
                    film = again(rng, pixels) if number else pixels
                    digital_radiograph("extent", film).save_as(path, enforce_file_format=True)
                    try:
                        reading = model.read(prepare([path], model.bundle), has_draft=False)
                    except NotJudgedError:
                        continue
                    heatmap = explain(EXTENT_METHOD, reading, 0, model.bundle.findings[0])
                    areas.append(area_mm2(heatmap, (PIXEL_SPACING_MM, PIXEL_SPACING_MM)))
                found[seed, scale] = areas
                logs = np.log(np.maximum(areas, 1))
                deviations.append(logs - logs.mean())
                print(f"seed {seed}, scale {scale}: mean {np.mean(areas):6.0f} mm2, SD {logs.std(ddof=1):5.1%}")
    every = np.concatenate(deviations)
    pooled = np.sqrt((every**2).sum() / (len(every) - len(deviations)))
    print(f"pooled SD {pooled:.1%} of {len(every)} films; 95 % limits {1.96 * pooled:.1%}")
    tell("grown", Change.INCREASED, [(found[s, SCALES[1]], found[s, SCALES[0]]) for s in SEEDS])
    tell("shrunk", Change.DECREASED, [(found[s, SCALES[0]], found[s, SCALES[1]]) for s in SEEDS])
    tell("the same", Change.UNCHANGED, [(areas, areas) for areas in found.values()])


def tell(what: str, expected: Change, groups: list[tuple[list[float], list[float]]]) -> None:
    """Print how often the rule gives the right change, over all pairs of films of one patient."""
    pairs = [(now, then) for current, prior in groups for now in current for then in prior if now != then]
    said = [change(standing(now), standing(then)) for now, then in pairs]
    print(f"{what}: {said.count(expected)} of {len(pairs)} pairs {expected.value}, {said.count(Change.UNCHANGED)} same")


def standing(area: float) -> Standing:
    """A finding of this area."""
    return Standing(presence=Presence.PRESENT, extent=Extent(area=area, error=EXTENT_ERROR * area))


if __name__ == "__main__":
    main(*sys.argv[1:])
