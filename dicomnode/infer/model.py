"""A loaded model: prepared images in, findings and a draft out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dicomnode.errors import BundleError, NotJudgedError
from dicomnode.infer.bundle import Bundle
from dicomnode.infer.cache import EncodingCache, encoding_key
from dicomnode.infer.calibrate import calibrated
from dicomnode.infer.contract import contract_faults, open_graphs
from dicomnode.infer.decoding import NO_DRAFT, CachedDecoder, written
from dicomnode.infer.memory import memory_faults
from dicomnode.infer.sessions import COMPARED_OUTPUTS, COMPARER_OUTPUTS, ENCODER_OUTPUTS, PROMPTER_OUTPUTS, run
from dicomnode.infer.study import NOT_JUDGED, STRANGE, EncodedStudy
from dicomnode.records import Comparison, Draft, Encoding, FloatArray, PreparedImage, Prompted, Reading
from dicomnode.settings import InferSettings

# B images of one batch, K findings, N images of one reading

DEFAULTS = InferSettings()


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

    def prompt(self, encodings: Sequence[Encoding]) -> Prompted:
        """Put the images of one reading together: one film, or all slices of a volume.

        A bundle without a prompter answers with the likeliest image, and finds nothing strange.
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
        return self._encoded(images).probabilities

    def read(self, images: Sequence[PreparedImage]) -> Reading:
        """Read one study: the draft is written from the volume or from the most conspicuous film.

        Parameters
        ----------
        images
            At least one.

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
        thresholds = [finding.threshold for finding in self.bundle.findings]
        return Reading(
            images=study.images,
            encodings=study.encodings,
            logits=study.logits,
            probabilities=study.probabilities,
            slice_attention=study.slice_attention,
            strangeness=study.strangeness,
            best_images=study.best_images,
            not_judged=study.not_judged,
            draft=self.generate(study.most_conspicuous(thresholds)),
        )

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
        """Encode a study and put its images together, without the films that are too strange."""
        if not images:
            raise ValueError("a study to read must have at least one image")
        encodings = self.encode_many(images)
        if self.bundle.is_volume:
            prompted = self.prompt(encodings)
            if np.median(prompted.strangeness) > STRANGE:
                raise NotJudgedError(NOT_JUDGED)
            return EncodedStudy(images=tuple(images), encodings=encodings, prompted=(prompted,), not_judged=0)
        films = [(image, one, self.prompt([one])) for image, one in zip(images, encodings, strict=True)]
        judged = [film for film in films if film[2].strangeness[0] <= STRANGE]
        if not judged:
            raise NotJudgedError(NOT_JUDGED)
        kept_images, kept_encodings, prompted_each = zip(*judged, strict=True)
        return EncodedStudy(
            images=kept_images,
            encodings=kept_encodings,
            prompted=prompted_each,
            not_judged=len(films) - len(judged),
        )


def _side(side: str, reading: Reading) -> dict[str, FloatArray]:
    """One side of the comparer's inputs: of each finding the image that speaks most for it."""
    best = [reading.encodings[index] for index in reading.best_images]
    return {f"{side}_{name}": np.stack([getattr(one, name) for one in best]) for name in COMPARED_OUTPUTS}


def _likeliest(encodings: Sequence[Encoding]) -> Prompted:
    """What a mere classifier says of several images: of each finding the likeliest."""
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
