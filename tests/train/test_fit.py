"""Losses, varied images and the loop that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from dicomnode.errors import SettingsError
from dicomnode.train.augment import hidden, turned, varied, without_patient
from dicomnode.train.fit import Plan, fitted, masked_loss
from dicomnode.train.recipe import Recipe


def _plan(folder: Path, steps: int = 20, recipe: str = "a") -> Plan:
    return Plan(
        name="line",
        steps=steps,
        learning_rate=0.05,
        weight_decay=0.0,
        average_decay=0.5,
        checkpoint_steps=5,
        seed=1,
        recipe=recipe,
        folder=folder,
    )


def _loss(model: nn.Module, generator: torch.Generator) -> torch.Tensor:
    x = torch.randn(8, 3, generator=generator)
    return ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _line() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def test_unknown_labels_do_not_count():
    """The loss of a batch is that of its known labels alone, and no gradient reaches an unknown one."""
    nan = float("nan")
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]], requires_grad=True)
    labels = torch.tensor([[1.0, nan], [nan, 0.0]])

    loss = masked_loss(logits, labels, 0.0)
    loss.backward()

    expected = nn.functional.binary_cross_entropy_with_logits(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 0.0]))
    assert expected.item() == pytest.approx(loss.item())
    assert [0.0, 0.0] == [logits.grad[0, 1].item(), logits.grad[1, 0].item()]


def test_a_stopped_run_ends_like_an_unbroken_one(tmp_path: Path):
    """A run that died after a checkpoint and started again ends at the same weights."""
    calls = 0

    def dies_once(model: nn.Module, generator: torch.Generator) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 13:
            raise KeyboardInterrupt
        return _loss(model, generator)

    unbroken = fitted(_line(), _loss, _plan(tmp_path / "unbroken"))
    with pytest.raises(KeyboardInterrupt):
        fitted(_line(), dies_once, _plan(tmp_path / "stopped"))
    resumed = fitted(_line(), _loss, _plan(tmp_path / "stopped"))

    assert torch.equal(unbroken.weight, resumed.weight)
    assert not torch.equal(_line().weight, resumed.weight)


def test_another_recipes_checkpoint_is_refused(tmp_path: Path):
    """Weights of one recipe never go on under another."""
    fitted(_line(), _loss, _plan(tmp_path))

    with pytest.raises(SettingsError, match="made by another recipe"):
        fitted(_line(), _loss, _plan(tmp_path, recipe="b"))


def test_varied_images_stay_images(a_recipe: Recipe):
    """Varied images keep shape and range, differ from what they were, and repeat with the seed."""
    images = torch.rand(6, 2, 64, 64, generator=torch.Generator().manual_seed(1))
    masks = torch.zeros(6, 3, 8, 8)

    (first, moved), (second, _) = (
        varied(images, masks, a_recipe.augment, torch.Generator().manual_seed(2)) for _ in range(2)
    )

    assert images.shape == first.shape
    assert masks.shape == moved.shape
    assert 0 <= first.min() <= first.max() <= 1
    assert torch.equal(first, second)
    assert (first - images).abs().mean() > 0.01


def test_margins_stay_black(a_recipe: Recipe):
    """Black margins are black after any change of brightness, as they are in serving; noise alone may tint them."""
    recipe = a_recipe.augment.model_copy(update={"noise": 0.0, "erased": 0.0, "contrast": 0.9})

    assert 0 == varied(torch.zeros(4, 1, 64, 64), torch.zeros(4, 1, 8, 8), recipe, _seeded())[0].max()


def test_images_without_a_patient_are_of_several_kinds():
    """Some are wholly black, some are not, all are in range."""
    images = without_patient(40, 64, torch.Generator().manual_seed(1))

    assert (40, 64, 64) == tuple(images.shape)
    assert 0 <= images.min() <= images.max() <= 1
    assert 0 < (images.amax((1, 2)) == 0).sum() < 40


def test_masks_move_with_their_image(a_recipe: Recipe):
    """After any turn, zoom and mirror, the mask still lies on what it marks."""
    recipe = a_recipe.augment.model_copy(
        update={"rotation_degrees": 40.0, "shift": 0.1, "erased": 0.0, "noise": 0.0, "gamma": 0.0, "contrast": 0.0}
    )
    images = torch.zeros(16, 1, 64, 64)
    images[:, :, 16:32, 40:56] = 1
    masks = torch.nn.functional.avg_pool2d(images, 8)

    moved, moved_masks = varied(images, masks, recipe, _seeded())

    assert (torch.nn.functional.avg_pool2d(moved, 8) - moved_masks).abs().mean() < 0.02
    assert (moved - images).abs().mean() > 0.02


def test_images_turn_by_their_own_quarters():
    """Each image is turned counter-clockwise by its own number of quarters."""
    images = torch.rand(4, 1, 8, 8, generator=_seeded())

    shown = turned(images, torch.arange(4))

    assert all(torch.equal(torch.rot90(images[n], n, (1, 2)), shown[n]) for n in range(4))


def test_hidden_patches_are_named():
    """What is greyed out is what the second answer says, and nothing else changes."""
    images = torch.rand(3, 1, 64, 64, generator=_seeded())

    shown, cells = hidden(images, 0.5, _seeded())

    changed = torch.nn.functional.max_pool2d((shown != images).float(), 8)
    assert torch.equal(changed, cells)
    assert 0.2 < cells.mean() < 0.8
