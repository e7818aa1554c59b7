"""Measures explanations: whether maps lie on the finding, and whether they follow the model."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import structlog
from PIL import Image

from dicomnode.errors import ExplainError, PermanentError, SettingsError
from dicomnode.explain import Case, explain, is_slow, methods
from dicomnode.explain.case import FindGradients
from dicomnode.explain.integrated_gradients import attributions
from dicomnode.explain.pixels import CELL_PX, blurred
from dicomnode.infer.bundle import load_bundle
from dicomnode.infer.calibrate import calibrated
from dicomnode.infer.model import Model
from dicomnode.records import FloatArray, Gradients, PreparedImage, Reading
from dicomnode.train.data import Split
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.evaluation.answers import prepared
from dicomnode.train.evaluation.faithfulness import (
    area,
    hiding_curves,
    randomised_bundle,
    rank_correlation,
    shift_correlation,
    shifted,
)
from dicomnode.train.evaluation.maps import overlap
from dicomnode.train.evaluation.marked import NO_BOXES, MarkedImage, marked_images
from dicomnode.train.evaluation.pointing import Figures, Found, is_better, mean_figure, places
from dicomnode.train.recipe import Recipe

log = structlog.get_logger(__name__)

# N images, C channels, K findings, S side, h, w cells

RANDOM = "random"
"""The baseline: a smooth map that knows nothing."""
SLICES = "slices of volumes"
VOLUMES = "temporal_attention"
"""The one method whose map is level: it points at slices."""
_TIMED = 3
_GRAIN = 8
"""Cells of a random map along one side."""


class _Asker:
    """Makes cases of images, and keeps those of marked images with their gradients: all methods ask for them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._known: dict[int, Case] = {}

    def known(self, marked: MarkedImage) -> Case:
        """The case of a marked image, which must outlive this."""
        if id(marked) not in self._known:
            self._known[id(marked)] = self.case(marked.image, marked.finding)
        return self._known[id(marked)]

    def case(self, image: FloatArray, finding: int) -> Case:
        """A case of one image (C, S, S) in [0, 1]."""
        reading = _read(self.model, prepared(self.model, image))
        own = reading.images[0].pixel_values
        kept: list[Gradients] = []

        def gradients(pixel_values: FloatArray, k: int) -> Gradients:
            if pixel_values is not own:
                return self.model.gradients(pixel_values, k)
            if not kept:
                kept.append(self.model.gradients(own, k))
            return kept[0]

        return self._case(reading, finding, gradients)

    def fresh(self, case: Case) -> Case:
        """The same case, with nothing kept."""
        return self._case(case.reading, case.finding, self.model.gradients)

    def _case(self, reading: Reading, finding: int, gradients: FindGradients) -> Case:
        return Case(
            reading=reading,
            finding=finding,
            spec=self.model.bundle.findings[finding],
            encode_logits=self.model.logits,
            find_gradients=gradients if self.model.has_gradients else None,
        )


def _read(model: Model, image: PreparedImage) -> Reading:
    """One image as a study of its own, however strange it looks."""
    encoding = model.encode(image)
    prompted = model.prompt([encoding])
    return Reading(
        images=(image,),
        encodings=(encoding,),
        logits=prompted.logits,
        probabilities=prompted.probabilities,
        slice_attention=prompted.slice_attention,
        strangeness=prompted.strangeness,
        best_images=(0,) * len(model.bundle.findings),
        not_judged=0,
        draft=model.generate(prompted, beams=1),
        drafted_from=0,
    )


def evaluate_explanations(
    bundle_dir: Path,
    data_dir: Path,
    recipe: Recipe,
    *,
    chosen: Sequence[str] = (),
    counts: tuple[int, int] = (48, 12),
    split: str = "test",
    bootstrap: tuple[int, int] = (1000, 1),
) -> Figures:
    """Measure the methods of explanation with one bundle.

    Parameters
    ----------
    recipe
        Of the bundle: columns of the data, and its synthetic lesions.
    chosen
        Methods; none: all that are registered.
    counts
        Images of each source, and the same for methods that take seconds and for what is measured by many runs.
    bootstrap
        Resamples and seed.

    Returns
    -------
    dict[str, Any]
        `methods`: by method what it costs, how it follows the model, and `better_than_chance`; `sources`: by source
        and method where its maps lie; `curves` for plots; `not_measured`, in words.

    Raises
    ------
    SettingsError
        If a method is unknown.
    BundleError, PermanentError
        As `evaluate.evaluate_bundle`.
    """
    if unknown := sorted(set(chosen) - set(methods())):
        raise SettingsError(f"no explanation method {unknown[0]!r}; known: {', '.join(methods())}")
    model, recipe = Model(load_bundle(bundle_dir)), recipe.reported
    keys = tuple(finding.key for finding in model.bundle.findings)
    if recipe.keys != keys:
        raise PermanentError(f"the recipe reports {', '.join(recipe.keys)}, the bundle {', '.join(keys)}")
    films = read_any_split(data_dir, split, keys, model.bundle, recipe.data)
    images = marked_images(recipe, model.bundle, data_dir, films, counts[0], bootstrap[1])
    with tempfile.TemporaryDirectory() as scratch:
        spoilt = Model(load_bundle(randomised_bundle(bundle_dir, Path(scratch), bootstrap[1])))
        measured = _Measured(model, spoilt, images, counts[1], bootstrap)
        figures = measured.figures([*(name for name in chosen or methods() if name != VOLUMES), RANDOM])
    if model.bundle.is_volume and (not chosen or VOLUMES in chosen):
        _add_slices(figures, slice_figures(model, films, bootstrap))
    figures["split"], figures["images"] = split, {source: len(some) for source, some in images.items()}
    figures["not_measured"] = [NO_BOXES] if model.bundle.pixels.fit != "pad" else []
    return figures


class _Measured:
    """All methods on the same images."""

    def __init__(
        self,
        model: Model,
        spoilt: Model,
        images: Mapping[str, tuple[MarkedImage, ...]],
        few: int,
        bootstrap: tuple[int, int],
    ) -> None:
        self._asker, self._spoilt, self._images = _Asker(model), _Asker(spoilt), images
        self._few, self._bootstrap = few, bootstrap
        self._suspected = self._pick()

    def _pick(self) -> tuple[MarkedImage, ...]:
        """A few images on which the finding is suspected, from all sources in turn: nothing follows from nothing."""
        specs = self._asker.model.bundle.findings
        each = [
            [
                one
                for one in images
                if self._asker.known(one).reading.probabilities[one.finding] >= specs[one.finding].threshold
            ]
            for images in self._images.values()
        ]
        mixed = [one for turn in zip_longest(*each) for one in turn if one is not None]
        return tuple(mixed[: self._few])

    def figures(self, names: Sequence[str]) -> Figures:
        """Figures of each method; one that cannot run with this bundle says why."""
        sources: dict[str, Figures] = {source: {} for source in self._images}
        rows: dict[str, Figures] = {}
        curves: dict[str, Figures] = {}
        for name in names:
            began = time.perf_counter()
            try:
                found = {source: self._maps(name, images) for source, images in self._images.items()}
            except ExplainError as error:
                rows[name] = {"why_not_measured": str(error)}
                continue
            for source, maps in found.items():
                sources[source][name] = places(maps, self._bootstrap)
            rows[name], curves[name] = self._followed(name)
            if name != RANDOM:
                rows[name] |= {"better_than_chance": is_better(found, self._bootstrap)} | self._tried(name)
            log.info("measured", method=name, seconds=round(time.perf_counter() - began, 1))
        return {"methods": rows, "sources": sources, "curves": curves}

    def _maps(self, name: str, images: Sequence[MarkedImage]) -> list[Found]:
        """Maps of a method; an image about which it has nothing to say is left out, unless that is every one."""
        found, why = [], None
        for marked in images[: self._few] if name != RANDOM and is_slow(name) else images:
            try:
                weights = self._weights(name, marked)
            except ExplainError as error:
                why = error
                continue
            found.append(Found(marked, overlap(weights, marked.mask), int(weights.argmax())))
        if why is not None and not found:
            raise why
        return found

    def _weights(self, name: str, marked: MarkedImage) -> FloatArray:
        if name == RANDOM:
            return _random_map(marked, self._bootstrap[1])
        return explain(name, self._asker.known(marked)).weights

    def _followed(self, name: str) -> tuple[Figures, Figures]:
        """Deletion and insertion, and their mean curves."""
        deleted, inserted, patients = [], [], []
        for number, marked in enumerate(self._suspected):
            try:
                weights = self._weights(name, marked)
            except ExplainError:
                continue
            case = self._asker.known(marked)
            pair = hiding_curves(case.image.pixel_values, weights, self._judge(marked.finding), number)
            deleted.append(pair[0])
            inserted.append(pair[1])
            patients.append(marked.patient)
        if not patients:
            return {}, {}
        named = {"deletion": np.stack(deleted), "insertion": np.stack(inserted)}
        row = {
            key: mean_figure([area(one) for one in curves], patients, self._bootstrap) for key, curves in named.items()
        }
        means = {key: [round(float(value), 4) for value in curves.mean(0)] for key, curves in named.items()}
        return {"hidden_images": len(patients)} | row, means

    def _judge(self, finding: int) -> Callable[[FloatArray], FloatArray]:
        model = self._asker.model
        return lambda images: calibrated(model.logits(images), model.bundle.calibration)[:, finding]

    def _tried(self, name: str) -> Figures:
        """Against a model that learned nothing, on a moved image, and how long it takes."""
        spoilt, moved, patients = [], [], []
        for marked in self._suspected:
            case = self._asker.known(marked)
            try:
                weights = explain(name, case).weights
                other = explain(name, self._spoilt.known(marked)).weights
                after = explain(name, self._asker.case(shifted(marked.image), marked.finding)).weights
            except ExplainError:
                continue
            spoilt.append(rank_correlation(_coarse(weights), _coarse(other)))
            moved.append(shift_correlation(weights, after))
            patients.append(marked.patient)
        row: Figures = {
            "correlation_with_a_random_model": mean_figure(spoilt, patients, self._bootstrap),
            "correlation_when_moved": mean_figure(moved, patients, self._bootstrap),
            "milliseconds": self._milliseconds(name),
        }
        if name == "integrated_gradients":
            errors = [_completeness_error(self._asker.known(marked)) for marked in self._suspected]
            own = [marked.patient for marked in self._suspected]
            row["completeness_error"] = mean_figure(errors, own, self._bootstrap)
        return row

    def _milliseconds(self, name: str) -> float | None:
        """Median CPU time of a map, beside the reading itself and once its graph is loaded."""
        times = []
        for marked in self._suspected[:_TIMED]:
            case = self._asker.fresh(self._asker.known(marked))
            began = time.process_time()
            try:
                explain(name, case)
            except ExplainError:
                continue
            times.append(1000 * (time.process_time() - began))
        return round(float(np.median(times)), 1) if times else None


def _random_map(marked: MarkedImage, seed: int) -> FloatArray:
    """(S, S) smooth and drawn for this image alone."""
    rng = np.random.default_rng([seed, *marked.mask.shape, int(marked.image.sum() * 1000) % (1 << 31)])
    coarse = Image.fromarray(rng.random((_GRAIN, _GRAIN), dtype=np.float32))
    return np.asarray(coarse.resize(marked.mask.shape[::-1], Image.Resampling.BICUBIC)).clip(0, 1)


def _coarse(weights: FloatArray) -> FloatArray:
    """(S, S) to cells: neighbouring pixels say the same."""
    side = len(weights) // CELL_PX
    cells = weights[: side * CELL_PX, : side * CELL_PX].reshape(side, CELL_PX, side, CELL_PX)
    return np.asarray(cells.mean((1, 3)), np.float32)


def _completeness_error(case: Case) -> float:
    """Difference between the sum of the attributions and that of the two logits, as a share of the latter."""
    image = case.image.pixel_values
    whole, nothing = case.logits(np.stack([image, blurred(image)]))
    difference = float(whole - nothing)
    return abs(float(attributions(case).sum()) - difference) / max(abs(difference), 0.1)


def slice_figures(model: Model, films: Split, bootstrap: tuple[int, int]) -> Figures:
    """Whether the attention over slices points at a slice with the finding, in volumes where some have it.

    Returns
    -------
    dict[str, Any]
        `marked` volumes and findings, `pointing_game`, `energy_inside` (share of the attention on slices with the
        finding), `marked_area` (share of such slices), and `better_than_chance`.
    """
    hits, energies, areas, patients = [], [], [], []
    for members in films.volumes.values():
        prompted = model.prompt(model.encode_many([prepared(model, films.images[n]) for n in members]))
        for k in range(len(model.bundle.findings)):
            has_it = films.labels[members, k] == 1
            if has_it.any() and not has_it.all() and not np.isnan(films.labels[members, k]).any():
                shares = prompted.slice_attention[k]
                hits.append(float(has_it[shares.argmax()]))
                energies.append(float(shares[has_it].sum()))
                areas.append(float(has_it.mean()))
                patients.append(str(films.patients[members[0]]))
    if not hits:
        return {}
    gain = mean_figure((np.array(hits) - np.array(areas)).tolist(), patients, bootstrap)
    return {
        "marked": len(hits),
        "pointing_game": mean_figure(hits, patients, bootstrap),
        "energy_inside": mean_figure(energies, patients, bootstrap),
        "marked_area": mean_figure(areas, patients, bootstrap),
        "better_than_chance": gain["interval"][0] > 0,  # type: ignore[index]
    }


def _add_slices(figures: Figures, of_slices: Figures) -> None:
    if not of_slices:
        return
    figures["methods"][VOLUMES] = {"better_than_chance": of_slices.pop("better_than_chance")}
    figures["sources"][SLICES] = {VOLUMES: of_slices}
