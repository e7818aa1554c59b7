"""A loaded model: prepared images in, findings and a draft out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import onnxruntime as ort

from dicomnode.errors import BundleError, NotJudgedError
from dicomnode.infer.bundle import Bundle
from dicomnode.infer.cache import EncodingCache, encoding_key
from dicomnode.infer.calibrate import calibrated, limits_of
from dicomnode.infer.contract import GRADIENTS, contract_faults, gradient_faults, open_graphs
from dicomnode.infer.decoding import NO_DRAFT, CachedDecoder, written
from dicomnode.infer.memory import memory_faults
from dicomnode.infer.quality import assessed, worst
from dicomnode.infer.sessions import (
    COMPARED_OUTPUTS,
    COMPARER_OUTPUTS,
    ENCODER_OUTPUTS,
    GRADIENT_OUTPUTS,
    PROMPTER_OUTPUTS,
    open_session,
    run,
)
from dicomnode.infer.study import (
    NON_DIAGNOSTIC,
    NOT_JUDGED,
    OUT_OF_DISTRIBUTION,
    EncodedStudy,
    outlier_share,
)
from dicomnode.measure.hierarchy import coherent
from dicomnode.records import (
    Comparison,
    Draft,
    Encoding,
    FloatArray,
    Gradients,
    ImageQuality,
    PreparedImage,
    Prompted,
    QualityLevel,
    Reading,
    ReviewReason,
)
from dicomnode.settings import InferSettings

# B images of one batch, K findings, N images of one reading

DEFAULTS = InferSettings()


class Judged(NamedTuple):
    """A study's findings. K findings."""

    probabilities: FloatArray
    """(K,) calibrated."""
    intervals: FloatArray | None
    """(K, 2) limits of each probability, 95 %; None: not known."""


class Model:
    """One bundle in memory.

    Does: encode prepared images, put those of one reading together, write a draft, compare two readings.
    Does not: read DICOM, decide what is reported.

    Parameters
    ----------
    bundle
        A loaded bundle.
    settings
        Where and how its graphs run.
    cache
        Shared by the models of one process; None: one of its own.

    Raises
    ------
    BundleError
        If a graph cannot be loaded or breaks its contract, or the bundle is over the memory limit.
    SettingsError
        If ONNX Runtime cannot compute where the settings want it to.
    """

    def __init__(
        self, bundle: Bundle, settings: InferSettings = DEFAULTS, *, cache: EncodingCache | None = None
    ) -> None:
        if faults := memory_faults(bundle.graphs, settings.memory_limit_mb):
            raise BundleError(f"{bundle.folder}: {faults[0]}")
        self.bundle = bundle
        self._settings = settings
        self._cache = EncodingCache(settings.cache_images) if cache is None else cache
        self._graphs = open_graphs(bundle.folder, bundle.contract, settings.threads, settings.provider)
        if faults := contract_faults(self._graphs, bundle.contract):
            raise BundleError(f"{bundle.folder}: {faults[0]}")
        self._gradients: ort.InferenceSession | None = None

    def encode(self, image: PreparedImage) -> Encoding:
        """Findings, maps and features of one image."""
        return self.encode_many([image])[0]

    def encode_many(self, images: Sequence[PreparedImage]) -> tuple[Encoding, ...]:
        """Encode images in batches of `infer.batch_size`; those that were encoded a moment ago are not again.

        Returns
        -------
        One encoding for each image, in their order.
        """
        keys = [encoding_key(self.bundle.identity, image) for image in images]
        known = {key: encoding for key in keys if (encoding := self._cache.get(key)) is not None}
        new = {key: image for key, image in zip(keys, images, strict=True) if key not in known}
        for first in range(0, len(new), self._settings.batch_size):
            batch = dict([*new.items()][first : first + self._settings.batch_size])
            known |= zip(batch, self._encode_batch([*batch.values()]), strict=True)
        for key in new:
            self._cache.put(key, known[key])
        return tuple(known[key] for key in keys)

    def _encode_batch(self, images: Sequence[PreparedImage]) -> list[Encoding]:
        names, count = self._graphs.encoder_outputs, len(self.bundle.findings)
        feeds = {"pixel_values": np.stack([image.pixel_values for image in images])}
        given = dict(zip(names, run(self._graphs.encoder, names, feeds), strict=True))
        shapes = {"class_maps": (count, 0, 0), "features": (0,), "segmentation": (0, 0, 0), "tokens": (0, 0)}
        shapes["attended"] = (count, 0)
        for name in ENCODER_OUTPUTS:
            if name not in given:
                given[name] = np.zeros((len(images), *shapes[name]), dtype=np.float32)
        probabilities = calibrated(given["logits"], self.bundle.calibration)
        return [
            Encoding(probabilities=probabilities[n], **{name: array[n] for name, array in given.items()})
            for n in range(len(images))
        ]

    def logits(self, pixel_values: FloatArray) -> FloatArray:
        """Logits (N, K) of pixels (N, C, rows, columns), which are not remembered: those of images that were altered.

        Raises
        ------
        BundleError
            If the graph fails.
        """
        step = self._settings.batch_size
        parts = [pixel_values[first : first + step] for first in range(0, len(pixel_values), step)]
        return np.concatenate([run(self._graphs.encoder, ("logits",), {"pixel_values": part})[0] for part in parts])

    @property
    def has_gradients(self) -> bool:
        """Whether the bundle can say how a logit depends on an image."""
        return GRADIENTS in self.bundle.optional

    def gradients(self, pixel_values: FloatArray, finding: int) -> Gradients:
        """How a finding's logit depends on one image; the graph is loaded at its first use.

        Parameters
        ----------
        pixel_values
            (C, rows, columns).
        finding
            Index of the finding.

        Raises
        ------
        BundleError
            If the bundle has no such graph, or it cannot be loaded, breaks its contract or fails.
        """
        if not self.has_gradients:
            raise BundleError(f"bundle {self.bundle.identity.name} has no {GRADIENTS}")
        if self._gradients is None:
            self._gradients = self._opened_gradients()
        chosen = np.eye(len(self.bundle.findings), dtype=np.float32)[[finding]]
        feeds = {"pixel_values": pixel_values[np.newaxis], "chosen": chosen}
        given = dict(zip(GRADIENT_OUTPUTS, run(self._gradients, GRADIENT_OUTPUTS, feeds), strict=True))
        logits, places = given.pop("logits"), given.pop("places")
        rest = {name: array[0] for name, array in given.items()}
        return Gradients(logit=float(logits[0, finding]), places=places[0, finding], **rest)

    def _opened_gradients(self) -> ort.InferenceSession:
        path = self.bundle.folder / GRADIENTS
        session = open_session(path, self._settings.threads, self._settings.provider)
        if faults := gradient_faults(session, self.bundle.contract):
            raise BundleError(f"{self.bundle.folder}: {faults[0]}")
        return session

    def prompt(self, encodings: Sequence[Encoding]) -> Prompted:
        """Put the images of one reading together: one film, or all slices of a volume.

        A bundle without a prompter answers with the likeliest image and has no out-of-distribution score.
        """
        if self._graphs.prompter is None or self.bundle.drafting is None:
            return _likeliest(encodings)
        feeds = {name: np.stack([getattr(encoding, name) for encoding in encodings]) for name in ENCODER_OUTPUTS}
        given = dict(zip(PROMPTER_OUTPUTS, run(self._graphs.prompter, PROMPTER_OUTPUTS, feeds), strict=True))
        logits = given.pop("study_logits")
        probabilities = calibrated(logits, self.bundle.drafting.study_calibration)
        return Prompted(probabilities=probabilities, logits=logits, **given)

    def generate(self, prompted: Prompted, *, beams: int | None = None) -> Draft:
        """Write a draft; a bundle without a decoder gives an empty one.

        Parameters
        ----------
        beams
            Texts that are tried side by side, 1: always the likeliest word. None: as the settings say.
        """
        drafting, sizes = self.bundle.drafting, self.bundle.contract.decoder
        if self._graphs.decoder is None or drafting is None or sizes is None:
            return NO_DRAFT
        decoder = CachedDecoder(self._graphs.decoder, sizes.empty_cache, prompted)
        return written(decoder, drafting, beams or self._settings.beams)

    def triage(self, images: Sequence[PreparedImage]) -> FloatArray:
        """Probabilities (K,) of a study, by encoder and prompter alone.

        Raises
        ------
        ValueError, BundleError, NotJudgedError
            As `read`.
        """
        return self._probabilities(self._encoded(images))

    def judge(self, images: Sequence[PreparedImage]) -> Judged:
        """What a study's findings are, without a draft.

        Raises
        ------
        ValueError, BundleError, NotJudgedError
            As `read`.
        """
        study = self._encoded(images)
        return Judged(probabilities=self._probabilities(study), intervals=self._intervals(study))

    def _probabilities(self, study: EncodedStudy) -> FloatArray:
        return coherent(self.bundle.findings, study.probabilities)

    def _intervals(self, study: EncodedStudy) -> FloatArray | None:
        if self.bundle.resamples is None:
            return None
        return coherent(self.bundle.findings, limits_of(study.logits, self.bundle.resamples))

    def read(
        self, images: Sequence[PreparedImage], *, has_draft: bool = True, doubts: Collection[ReviewReason] = ()
    ) -> Reading:
        """Read one study: the draft is written from the volume or from the most conspicuous film.

        Parameters
        ----------
        images
            At least one.
        has_draft
            Whether a text is written; a prior study is read without.
        doubts
            Why the images are unlike those that the model was measured on, as `Selection.doubts` has it.

        Raises
        ------
        ValueError
            If there is no image.
        NotJudgedError
            If no film, or less than half of a volume, looks like those that the model was trained on.
        BundleError
            If a graph fails.
        """
        study = self._encoded(images)
        drafted_from = study.most_conspicuous([finding.threshold for finding in self.bundle.findings])
        return Reading(
            images=study.images,
            encodings=study.encodings,
            logits=study.logits,
            probabilities=self._probabilities(study),
            slice_attention=study.slice_attention,
            strangeness=study.strangeness,
            best_images=study.best_images,
            not_judged=study.not_judged,
            draft=self.generate(study.prompted[drafted_from]) if has_draft else NO_DRAFT,
            drafted_from=None if self.bundle.is_volume else drafted_from,
            intervals=self._intervals(study),
            quality=study.quality,
            missing_images=study.missing,
            cannot_exclude=study.cannot_exclude(doubts),
        )

    def quality(self, images: Sequence[PreparedImage]) -> ImageQuality | None:
        """How good the images of one reading are; None where the bundle does not know what is usual."""
        if not self.bundle.quality:
            return None
        recipe = self.bundle.pixels
        return assessed([image.pixel_values * recipe.std + recipe.mean for image in images], self.bundle.quality)

    def compare(self, current: Reading, prior: Reading | None) -> Comparison | None:
        """Compare a reading with an earlier one of the same patient, each finding in the image that speaks most for it.

        Parameters
        ----------
        prior
            Read by this model; None: there is no prior study, and learned inputs stand for it.

        Returns
        -------
        Comparison | None
            None where the bundle has no comparer.

        Raises
        ------
        BundleError
            If the graph fails.
        """
        if self._graphs.comparer is None:
            return None
        feeds = _side("current", current) | _side("prior", prior or current)
        findings = len(self.bundle.findings)
        feeds["has_prior"] = np.full(findings, prior is not None, dtype=np.float32)
        logits, attentions = run(self._graphs.comparer, COMPARER_OUTPUTS, feeds)
        each = np.arange(findings)  # row k of the batch is the pair of images for finding k
        powers = np.exp(logits[each, each] - logits[each, each].max(axis=1, keepdims=True))
        return Comparison(
            probabilities=powers / powers.sum(axis=1, keepdims=True),
            attention=attentions[each, each],
            current_images=current.best_images,
            prior_images=() if prior is None else prior.best_images,
        )

    def _encoded(self, images: Sequence[PreparedImage]) -> EncodedStudy:
        """Encode a study and put its images together, without the films that cannot be judged."""
        if not images:
            raise ValueError("a study must have at least one image to be read")
        if self.bundle.is_volume:
            return self._encoded_volume(images)
        readable = [(image, quality) for image in images if _is_readable(quality := self.quality([image]))]
        if not readable:
            raise NotJudgedError(NON_DIAGNOSTIC, review=ReviewReason.QUALITY)
        encodings = self.encode_many([image for image, _ in readable])
        films = [(*film, one, self.prompt([one])) for film, one in zip(readable, encodings, strict=True)]
        judged = [film for film in films if film[3].strangeness[0] <= OUT_OF_DISTRIBUTION]
        if not judged:
            raise NotJudgedError(NOT_JUDGED, review=ReviewReason.OUT_OF_DISTRIBUTION)
        kept_images, qualities, kept_encodings, prompted_each = zip(*judged, strict=True)
        return EncodedStudy(
            images=kept_images,
            encodings=kept_encodings,
            prompted=prompted_each,
            not_judged=len(images) - len(judged),
            quality=worst(qualities),
        )

    def _encoded_volume(self, images: Sequence[PreparedImage]) -> EncodedStudy:
        quality = self.quality(images)
        if not _is_readable(quality):
            raise NotJudgedError(NON_DIAGNOSTIC, review=ReviewReason.QUALITY)
        encodings = self.encode_many(images)
        prompted = self.prompt(encodings)
        if outlier_share(prompted.strangeness) > 0.5:
            raise NotJudgedError(NOT_JUDGED, review=ReviewReason.OUT_OF_DISTRIBUTION)
        return EncodedStudy(
            images=tuple(images), encodings=encodings, prompted=(prompted,), not_judged=0, quality=quality
        )


def _is_readable(quality: ImageQuality | None) -> bool:
    return quality is None or quality.level is not QualityLevel.NON_DIAGNOSTIC


def _side(side: str, reading: Reading) -> dict[str, FloatArray]:
    """One side of the comparer's inputs: of each finding the image that speaks most for it."""
    best = [reading.encodings[index] for index in reading.best_images]
    return {f"{side}_{name}": np.stack([getattr(one, name) for one in best]) for name in COMPARED_OUTPUTS}


def _likeliest(encodings: Sequence[Encoding]) -> Prompted:
    """The answer of a classifier to several images: for each finding, the most likely one."""
    probabilities = np.stack([encoding.probabilities for encoding in encodings])  # (N, K)
    logits = np.stack([encoding.logits for encoding in encodings])
    best = probabilities.argmax(axis=0)  # (K,)
    findings = np.arange(len(best))
    nothing = np.zeros((1, 0, 0), dtype=np.float32)
    return Prompted(
        probabilities=probabilities[best, findings],
        logits=logits[best, findings],
        slice_attention=np.asarray(best[:, np.newaxis] == np.arange(len(encodings)), dtype=np.float32),
        strangeness=np.zeros(len(encodings), dtype=np.float32),
        prompt_embeds=nothing,
        encoder_key_values=np.zeros((0, 2, 1, 0, 0, 0), dtype=np.float32),
        anatomical_bias=nothing,
    )
