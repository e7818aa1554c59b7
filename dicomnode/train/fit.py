"""The training loop of both stages, which goes on where it was stopped."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog
import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.errors import SettingsError

log = structlog.get_logger(__name__)

Model = TypeVar("Model", bound=nn.Module)

_SHOWN_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one stage is trained."""

    name: str
    """Name of the stage in the log, and of its checkpoint."""
    steps: int
    learning_rate: float
    weight_decay: float
    average_decay: float
    checkpoint_steps: int
    seed: int
    recipe: str
    """Digest of the recipe; another recipe's checkpoint is refused."""
    folder: Path
    """Where checkpoints lie."""


def masked_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Binary cross-entropy over the labels that are known.

    Parameters
    ----------
    logits, labels
        (B, K); NaN where a label is unknown.
    smoothing
        A label of 1 counts as 1 - smoothing, one of 0 as smoothing.
    """
    known = ~torch.isnan(labels)
    targets = labels[known] * (1 - 2 * smoothing) + smoothing
    return functional.binary_cross_entropy_with_logits(logits[known], targets)


def fitted(model: Model, loss: Callable[[Model, torch.Generator], Tensor], plan: Plan) -> Model:
    """Train a model and return the average of its weights.

    Every step draws from a generator seeded by the stage and the step, so a run that was stopped and goes on
    from its checkpoint sees what an unbroken run would have seen.

    Parameters
    ----------
    model
        Changed in place.
    loss
        Draws one batch with the generator and returns the loss of the model on it.

    Raises
    ------
    SettingsError
        If the folder holds a checkpoint of another recipe.
    """
    average: Model = copy.deepcopy(model)
    average.eval()
    optimizer = torch.optim.AdamW(_trained(model), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.steps + 1, pct_start=0.15
    )
    parts = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
    running = 0.0
    for step in range(_resumed(parts, plan), plan.steps):
        value = _stepped(model, loss, optimizer, torch.Generator().manual_seed(plan.seed * 1_000_003 + step))
        schedule.step()
        _averaged(average, model, min(plan.average_decay, (step + 1) / (step + 10)))
        running = value if step == 0 else 0.95 * running + 0.05 * value
        if (step + 1) % _SHOWN_STEPS == 0:
            log.info("trained", stage=plan.name, step=step + 1, steps=plan.steps, loss=round(running, 4))
            _note(plan, step + 1, running)
        if (step + 1) % plan.checkpoint_steps == 0 or step + 1 == plan.steps:
            _keep(parts, plan, step + 1)
    return average


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _stepped(
    model: Model,
    loss: Callable[[Model, torch.Generator], Tensor],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> float:
    # Dropout draws from the global generator; it must not depend on what ran before.
    torch.manual_seed(generator.initial_seed())
    model.train()
    optimizer.zero_grad()
    value = loss(model, generator)
    value.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(value.detach())


def _averaged(average: nn.Module, model: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)


def _note(plan: Plan, step: int, loss: float) -> None:
    """Add a point to the stage's loss curve."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    with (plan.folder / "losses.csv").open("a", encoding="utf-8") as curve:
        curve.write(f"{plan.name},{step},{loss:.5f}\n")


def _checkpoint(plan: Plan) -> Path:
    return plan.folder / f"{plan.name}.pt"


def _resumed(parts: dict[str, nn.Module], plan: Plan) -> int:
    """Load the stage's checkpoint into the parts and say which step comes next."""
    path = _checkpoint(plan)
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True)
    if saved["recipe"] != plan.recipe:
        raise SettingsError(f"{path} was made by another recipe; remove {plan.folder} to start over")
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    log.info("resumed", stage=plan.name, step=saved["step"])
    return int(saved["step"])


def _keep(parts: dict[str, nn.Module], plan: Plan, step: int) -> None:
    plan.folder.mkdir(parents=True, exist_ok=True)
    path = _checkpoint(plan)
    partial = path.with_suffix(".partial")
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"recipe": plan.recipe, "step": step, **states}, partial)
    partial.replace(path)  # a kill while writing leaves the checkpoint before it
