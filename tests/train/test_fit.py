"""Losses, varied images and the loop that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from dicomnode.errors import SettingsError
from dicomnode.train.augment import varied, with_opacities, without_patient
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
    images = torch.rand(6, 64, 64, generator=torch.Generator().manual_seed(1))

    first, second = (varied(images, a_recipe.augment, torch.Generator().manual_seed(2)) for _ in range(2))

    assert images.shape == first.shape
    assert 0 <= first.min() <= first.max() <= 1
    assert torch.equal(first, second)
    assert (first - images).abs().mean() > 0.01


def test_margins_stay_black(a_recipe: Recipe):
    """Black margins are black after any change of brightness, as they are in serving; noise alone may tint them."""
    recipe = a_recipe.augment.model_copy(update={"noise": 0.0, "erased": 0.0, "contrast": 0.9})

    assert 0 == varied(torch.zeros(4, 64, 64), recipe, torch.Generator().manual_seed(1)).max()


def test_images_without_a_patient_are_of_several_kinds():
    """Some are wholly black, some are not, all are in range."""
    images = without_patient(40, 64, torch.Generator().manual_seed(1))

    assert (40, 64, 64) == tuple(images.shape)
    assert 0 <= images.min() <= images.max() <= 1
    assert 0 < (images.amax((1, 2)) == 0).sum() < 40


def test_opacities_brighten_the_chosen_images_only():
    """A drawn opacity makes its image brighter in one place, and leaves the others as they are."""
    images = torch.full((8, 64, 64), 0.3)
    chosen = torch.arange(8) < 4

    drawn = with_opacities(images, chosen, torch.Generator().manual_seed(1))

    assert torch.equal(images[4:], drawn[4:])
    assert (drawn[:4].amax((1, 2)) > 0.4).all()
    assert (drawn >= images).all()
    assert ((drawn[:4] - 0.3) > 0.05).float().mean() < 0.25
