"""Hugging Face checkpoints in the encoder's and the decoder's place."""

from __future__ import annotations

import json

import pytest
import torch
from helpers import ROOT
from tiny_checkpoints import SIDE, as_theirs, write_byte_tokenizer, write_captioner, write_checkpoint

from dicomnode.errors import BundleError
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.train.imports.caption import captioner_from
from dicomnode.train.imports.checkpoints import CLASSIFIER_CLASSES, LANGUAGE_CLASSES, read_tokenizer
from dicomnode.train.imports.classifier import classifier_from
from dicomnode.train.imports.graph import write_language
from dicomnode.train.imports.language import LanguagePrompter, LanguageShape, language_from
from dicomnode.train.imports.vision import recipe_for, vision_from
from dicomnode.train.recipe import Recipe, read_recipe

PIXELS = PixelRecipe(rows=SIDE, columns=SIDE, channels=1, fit="pad", mean=0.5, std=0.25)
PHRASES = (("Haze.", "No haze."), ("A line.", "Clear."))
Inputs = tuple[torch.Tensor, ...]


def inputs(shape: LanguageShape, tokens: int, prompts: int = 0, memory: int = 0, batch: int = 2) -> Inputs:
    """Tokens, prompts and memory at random, with an empty cache."""
    generator = torch.Generator().manual_seed(2)
    state = (shape.layers, 2, batch, shape.heads)
    return (
        torch.randint(shape.vocabulary, (batch, tokens), generator=generator),
        torch.randn(batch, prompts, shape.width, generator=generator),
        torch.randn(*state, memory, shape.head_width, generator=generator),
        torch.randn(batch, shape.layers, memory, generator=generator),
        torch.zeros(*state, 0, shape.head_width),
    )


@pytest.fixture(scope="module")
def a_recipe() -> Recipe:
    """The shipped recipe, on tiny pixels."""
    recipe = read_recipe(ROOT / "conf" / "train" / "cxr.toml")
    return recipe.model_copy(update={"pixels": PIXELS})


@pytest.fixture(scope="module", params=LANGUAGE_CLASSES)
def a_language(request, tmp_path_factory):
    """Each class of language model: as transformers has it, and in the decoder's place."""
    folder = tmp_path_factory.mktemp(request.param)
    return write_checkpoint(folder, request.param), language_from(folder)


@torch.no_grad()
def test_without_prompts_a_language_model_says_what_it_always_said(a_language):
    """Nothing told, the logits are those of transformers."""
    model, language = a_language
    given = inputs(language.shape, 6)

    torch.testing.assert_close(model(given[0]).logits, language(*given)[0], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_prompts_stand_before_the_text(a_language):
    """Prompts that are embeddings of words have the effect of these words."""
    model, language = a_language
    words = torch.tensor([[5, 6, 7], [8, 9, 10]])
    given = inputs(language.shape, 4)
    expected = model(torch.cat([words, given[0]], 1)).logits[:, 3:]

    logits = language(given[0], model.get_input_embeddings()(words), *given[2:])[0]

    torch.testing.assert_close(expected, logits, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_steps_with_the_cache_give_what_one_call_gives(a_language):
    """Prompts once, then word by word: the same logits, cache and attention to the memory."""
    _, language = a_language
    ids, prompts, memory, bias, past = inputs(language.shape, 5, prompts=3, memory=4)
    logits, present, seen = language(ids, prompts, memory, bias, past)

    for place in range(5):
        step = language(ids[:, place : place + 1], prompts if place == 0 else prompts[:, :0], memory, bias, past)
        past = step[1]
        torch.testing.assert_close(logits[:, [place]], step[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(seen[:, [place]], step[2], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(present, past, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_anatomical_bias_draws_attention_at_every_step(a_language):
    """A large bias on one position of the memory moves the attention there, also with words in the cache."""
    _, language = a_language
    ids, prompts, memory, bias, past = inputs(language.shape, 3, memory=4)
    bias = torch.zeros_like(bias)
    bias[:, :, 2] = 20
    first = language(ids, prompts, memory, bias, past)

    later = language(ids[:, :1], prompts, memory, bias, first[1])

    assert first[2][..., 2].min() > 0.99
    assert later[2][..., 2].min() > 0.99


def test_only_the_prompter_learns(a_language, a_recipe):
    """The language model is frozen, stays in evaluation, and still hands the gradient on to the prompts."""
    _, language = a_language
    language.train()
    prompter = LanguagePrompter(a_recipe, language)
    side, findings, features = 8, len(a_recipe.findings), a_recipe.encoder.widths[-1]
    structures = len(a_recipe.phantoms.structures)
    told = prompter(
        torch.randn(2, findings),
        torch.randn(2, 2 * features),
        torch.rand(2, structures, side, side),
        torch.randn(2, side**2 // 4, features),
        torch.randn(2, findings, features),
        torch.rand(2, findings, side, side),
    )
    ids, *_, past = inputs(language.shape, 4)

    language(ids, *told, past)[0].logsumexp(2).sum().backward()

    assert all(not parameter.requires_grad for parameter in language.parameters())
    assert not language.model.training
    assert prompter.prompts.grad.abs().sum() > 0
    assert prompter.key_value.weight.grad.abs().sum() > 0
    assert prompter.opened.grad.abs().sum() > 0


def test_a_language_model_of_grouped_queries_is_exported(tmp_path):
    """The graph equals the module for a first call and a cached step; write_language raises otherwise."""
    write_checkpoint(tmp_path, "Qwen3ForCausalLM", num_hidden_layers=1)
    language = language_from(tmp_path)

    write_language(language, language.shape, 32, tmp_path / "decoder.onnx")

    assert (2, 8) == (language.shape.heads, language.shape.head_width)
    assert (tmp_path / "decoder.onnx").stat().st_size > 0


def test_prompts_that_do_not_fit_are_refused(tmp_path, a_recipe):
    """GPT-2 has so many positions and not one more."""
    write_checkpoint(tmp_path, "GPT2LMHeadModel", n_positions=16)

    with pytest.raises(BundleError, match="exceed the model's 16 positions"):
        LanguagePrompter(a_recipe, language_from(tmp_path))


@pytest.mark.parametrize("name", ["ViTModel", "Dinov2Model", "Dinov2WithRegistersModel", "DINOv3ViTModel"])
def test_a_vision_backbone_takes_the_encoders_place(tmp_path, a_recipe, name):
    """Outputs have the encoder's shapes, maps sum to the logits, and only our heads learn."""
    write_checkpoint(tmp_path, name)
    encoder = vision_from(tmp_path, a_recipe)
    said = encoder(torch.randn(2, 1, SIDE, SIDE))
    said.logits.sum().backward()
    findings = len(a_recipe.findings)

    assert (2, findings, 4, 4) == tuple(said.class_maps.shape)
    assert (2, 4, 16) == tuple(said.tokens.shape)
    assert (2, 32) == tuple(said.features.shape)
    torch.testing.assert_close(said.logits - encoder.bias, said.class_maps.sum((2, 3)))
    assert all(parameter.grad is None for parameter in encoder.backbone.parameters())
    assert encoder.place.weight.grad.abs().sum() > 0
    assert 16 == recipe_for(a_recipe, encoder).encoder.widths[-1]


@torch.no_grad()
def test_register_tokens_are_no_places(tmp_path, a_recipe):
    """DINOv3 has three registers beside its class token; a change in one patch shows in its own cell most."""
    write_checkpoint(tmp_path, "DINOv3ViTModel")
    encoder = vision_from(tmp_path, a_recipe).eval()
    image = torch.zeros(1, 1, SIDE, SIDE)
    changed = image.clone()
    changed[..., 8:, :8] = 3

    apart = (encoder(changed).tokens - encoder(image).tokens).norm(dim=2)[0]

    assert 4 == len(apart)
    assert 2 == apart.argmax()


@torch.no_grad()
@pytest.mark.parametrize("name", CLASSIFIER_CLASSES)
@pytest.mark.parametrize("scores", ["sigmoid", "softmax"])
def test_a_classifier_keeps_its_probabilities(tmp_path, name, scores):
    """Each logit is that of the checkpoint's probability; where there are maps they sum to it."""
    model = write_checkpoint(tmp_path, name, num_labels=3, id2label={0: "a", 1: "b", 2: "c"})
    image = torch.randn(2, 1, SIDE, SIDE)
    theirs = model(image.expand(-1, 3, -1, -1)).logits
    expected = torch.sigmoid(theirs) if scores == "sigmoid" else torch.softmax(theirs, 1)

    logits, *maps = classifier_from(tmp_path, PIXELS, ("c", 0), 2, scores)(image)

    torch.testing.assert_close(expected[:, [2, 0]], torch.sigmoid(logits), atol=1e-5, rtol=1e-4)
    assert (0 if name.startswith("ViT") else 1) == len(maps)
    for one in maps:
        torch.testing.assert_close(logits, one.sum((2, 3)), atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("width", [16, 24])
def test_a_captioner_writes_what_it_always_wrote(tmp_path, width):
    """Encoder, prompter and decoder together give the logits of transformers, also where a projection lies between."""
    model = write_captioner(tmp_path, width=width)
    parts = captioner_from(tmp_path, PIXELS, PHRASES)
    image, ids = torch.randn(1, 1, SIDE, SIDE), torch.tensor([[257, 3, 4, 5]])
    theirs = model(pixel_values=as_theirs(image, PIXELS.mean, PIXELS.std), decoder_input_ids=ids).logits
    shape = parts.decoder.shape
    past = torch.zeros(shape.layers, 2, 1, shape.heads, 0, shape.head_width)

    told = parts.prompter(*parts.encoder(image))[3:]

    torch.testing.assert_close(theirs, parts.decoder(ids, *told, past)[0], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_captioner_is_asked_by_sentences(tmp_path):
    """A finding's logit is the likelihood of the sentence that states it against that of the one that denies it."""
    model = write_captioner(tmp_path)
    parts = captioner_from(tmp_path, PIXELS, PHRASES)
    image = torch.randn(2, 1, SIDE, SIDE)
    theirs = as_theirs(image, PIXELS.mean, PIXELS.std)
    alphabet = json.loads((tmp_path / "tokenizer.json").read_text())["model"]["vocab"]

    def likelihood(text: str) -> torch.Tensor:
        ids = torch.tensor([[alphabet[letter.replace(" ", "Ġ")] for letter in text]]).expand(2, -1)
        given = torch.cat([torch.full((2, 1), 257), ids[:, :-1]], 1)
        likely = model(pixel_values=theirs, decoder_input_ids=given).logits.log_softmax(2)
        return likely.gather(2, ids[..., None]).sum((1, 2))

    expected = torch.stack([likelihood(states) - likelihood(denies) for states, denies in PHRASES], 1)

    logits, maps, *_ = parts.encoder(image)

    torch.testing.assert_close(expected, logits, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(logits, maps.sum((2, 3)), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "open_it", "sentence"),
    [
        ("ViTModel", language_from, "holds a ViTModel; the decoder's place takes GPT2LMHeadModel, LlamaForCausalLM"),
        ("BertLMHeadModel", language_from, "holds a BertLMHeadModel"),
        ("GPT2LMHeadModel", lambda f: classifier_from(f, PIXELS, (0,), 1, None), "an hf-classifier takes ViTForImage"),
        ("ViTModel", lambda f: captioner_from(f, PIXELS, PHRASES), "an hf-captioner takes VisionEncoderDecoderModel"),
    ],
)
def test_a_checkpoint_of_the_wrong_class_is_named(tmp_path, name, open_it, sentence):
    """The sentence says what is there and what would be right."""
    write_checkpoint(tmp_path, name)

    with pytest.raises(BundleError, match=sentence):
        open_it(tmp_path)


def test_a_captioner_with_another_decoder_is_named(tmp_path):
    """Only a GPT-2's cross-attention is written out here."""
    write_captioner(tmp_path, decoder="BertLMHeadModel")

    with pytest.raises(BundleError, match="has a BertLMHeadModel as decoder"):
        captioner_from(tmp_path, PIXELS, PHRASES)


def test_pickled_weights_are_not_opened(tmp_path):
    """A pickle can run code."""
    write_checkpoint(tmp_path, "GPT2LMHeadModel")
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")

    with pytest.raises(BundleError, match="pickled weights can run code"):
        language_from(tmp_path)


def test_missing_weights_are_noticed(tmp_path):
    """A backbone without its head would answer at random."""
    write_checkpoint(tmp_path, "ViTModel")
    config = json.loads((tmp_path / "config.json").read_text())
    config["architectures"] = ["ViTForImageClassification"]
    (tmp_path / "config.json").write_text(json.dumps(config))

    with pytest.raises(BundleError, match="is not a complete ViTForImageClassification: 2 weights are missing"):
        classifier_from(tmp_path, PIXELS, (0,), 1, "sigmoid")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": 24, "columns": 24}, "pixels are 24x24, this ViT reads only 16x16"),
        ({"channels": 2}, "pixels.channels is 2, the model needs 3"),
    ],
)
def test_pixels_that_do_not_fit_are_refused(tmp_path, changes, sentence):
    """The bundle's pixels must be those that the checkpoint reads."""
    write_checkpoint(tmp_path, "ViTForImageClassification", num_labels=2)

    with pytest.raises(BundleError, match=sentence):
        classifier_from(tmp_path, PIXELS.model_copy(update=changes), (0,), 1, "sigmoid")


@pytest.mark.parametrize(
    ("outputs", "scores", "sentence"),
    [
        (("d",), "sigmoid", r"output 'd' is not one of the model's 2 \(LABEL_0, LABEL_1\)"),
        ((0,), None, 'has no problem_type: set scores = "sigmoid" or "softmax"'),
        ((), "sigmoid", "has 2 labels, but 1 findings are described"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, outputs, scores, sentence):
    """Findings must be among the checkpoint's labels."""
    write_checkpoint(tmp_path, "ViTForImageClassification", num_labels=2)

    with pytest.raises(BundleError, match=sentence):
        classifier_from(tmp_path, PIXELS, outputs, 1, scores)


def test_only_tokenizers_that_serving_decodes_are_taken(tmp_path):
    """Byte-level BPE passes; sentence pieces are refused by name."""
    write_byte_tokenizer(tmp_path)
    assert 259 == len(read_tokenizer(tmp_path)["model"]["vocab"]) + 3

    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram", "vocab": []}}')
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        read_tokenizer(tmp_path)


def test_no_checkpoint_at_all_is_said(tmp_path):
    """An empty folder is not mistaken for a broken one."""
    with pytest.raises(BundleError, match=r"has no config\.json; give the folder of a checkpoint"):
        language_from(tmp_path)


def test_a_frozen_language_learns_to_say_what_the_image_shows(tmp_path, a_recipe):
    """With only the prompter trained, two images get two different texts out of a model that never changes."""
    write_checkpoint(tmp_path, "GPT2LMHeadModel")
    language, before = language_from(tmp_path), language_from(tmp_path).state_dict()
    torch.manual_seed(0)
    prompter = LanguagePrompter(a_recipe, language)
    findings, features = len(a_recipe.findings), a_recipe.encoder.widths[-1]
    structures = len(a_recipe.phantoms.structures)
    encoded = (
        torch.randn(2, findings),
        torch.randn(2, 2 * features),
        torch.rand(2, structures, 8, 8),
        torch.randn(2, 16, features),
        torch.randn(2, findings, features),
        torch.rand(2, findings, 8, 8),
    )
    texts = torch.tensor([[257, 10, 20], [257, 11, 21]])
    past = inputs(language.shape, 1)[-1]
    optimizer = torch.optim.Adam(prompter.parameters(), lr=1e-2)
    for _ in range(40):
        logits = language(texts[:, :-1], *prompter(*encoded), past)[0]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    with torch.no_grad():
        said = language(texts[:, :-1], *prompter(*encoded), past)[0].argmax(2)

    assert texts[:, 1:].tolist() == said.tolist()
    for name, tensor in language.state_dict().items():
        torch.testing.assert_close(before[name], tensor, atol=0, rtol=0)
