"""A bundle with an external, frozen language model behind an encoder that is already trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import structlog
import torch

from dicomnode.errors import SettingsError
from dicomnode.train.bundle import write_words
from dicomnode.train.calibration import calibrations, image_examples, study_examples
from dicomnode.train.compress.export import Reader, StudyPrompter, read_images
from dicomnode.train.data import read_auxiliary
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.drafting import encoded_views
from dicomnode.train.imports.joined import LanguageWords, fit_joined, write_joined
from dicomnode.train.imports.language import language_from
from dicomnode.train.pool import build_pool
from dicomnode.train.recipe import Recipe
from dicomnode.train.run import features_of, pixel_values, write_measured
from dicomnode.train.stages import trained_encoders

log = structlog.get_logger(__name__)


def join_bundle(recipe: Recipe, data_dir: Path, trained_dir: Path, language_dir: Path, out_dir: Path) -> None:
    """Put a frozen language model in the decoder's place, train the prompter between them, and measure.

    Checkpoints go to `<out_dir>.training`; a run that was stopped goes on from them.

    Parameters
    ----------
    data_dir
        As in `run.train_bundle`.
    trained_dir
        Bundle that this recipe trained, with its checkpoints beside it: the encoder is taken as it is.
    language_dir
        Checkpoint of a causal language model (GPT-2, Llama, Qwen2), as safetensors, with its tokenizer.
    out_dir
        The new bundle's folder; files in it are replaced.

    Raises
    ------
    BundleError
        If the checkpoint is of another class or not whole, or a graph differs from its model.
    PermanentError
        If the data are wrong.
    SettingsError
        If the encoder is not trained yet.
    """
    torch.set_num_threads(recipe.fit.threads)
    encoder = [*trained_encoders(recipe, trained_dir.with_name(trained_dir.name + ".training")).values()][-1]
    graph = trained_dir / "encoder.onnx"
    if not graph.is_file():
        raise SettingsError(f"{trained_dir} has no encoder.onnx; run `dicomnode model train` with this recipe first")
    language, words = language_from(language_dir), LanguageWords(language_dir)
    recipe = recipe.reported
    train, validation = (read_any_split(data_dir, name, recipe.keys, recipe, recipe.data) for name in ("train", "val"))
    read = [read_images(graph, pixel_values(recipe, split)) for split in (train, validation)]
    logits = np.concatenate([one.logits for one in read[1]])
    of_images = calibrations(image_examples(validation, logits, recipe.keys))
    of_studies = calibrations(study_examples(validation, logits, recipe.keys, recipe.fit.seed))
    auxiliary = read_auxiliary(data_dir, recipe.keys, recipe.pixels, recipe.data)
    views = encoded_views(recipe, encoder, build_pool(recipe, train, auxiliary))
    prompter = fit_joined(recipe, language, words, views, of_images, out_dir.with_name(out_dir.name + ".training"))

    out_dir.mkdir(parents=True, exist_ok=True)
    for name in ("encoder.onnx", "gradients.onnx"):  # these do not know of the decoder
        if (trained_dir / name).is_file():
            shutil.copyfile(trained_dir / name, out_dir / name)
    study = StudyPrompter(prompter, encoder.domain, of_studies, (features_of(read[0]), features_of(read[1]))).eval()
    with torch.no_grad():
        encoded = Reader(encoder)(torch.from_numpy(pixel_values(recipe, validation)[:3]))
    write_words(recipe, of_images, of_studies, out_dir)
    tables = write_joined(study, language, words, encoded, recipe, out_dir)
    command = "dicomnode model join RECIPE --data DIR --trained BUNDLE_DIR --language FOLDER --out NEW_BUNDLE_DIR"
    export = {"language_model": language_dir.name, "sha256_of_the_language_model": words.digest}
    write_measured(recipe, data_dir, out_dir, of_studies, export, command, tables)
