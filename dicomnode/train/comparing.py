"""Training of the comparer on pairs with a known change, from what the served encoder says of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from dicomnode.records import Change
from dicomnode.train.comparer import Compared, Comparer
from dicomnode.train.fit import Plan, fitted
from dicomnode.train.hyperparameters import ComparerRecipe
from dicomnode.train.pairs import CHANGES, UNKNOWN, VIEWS, SeenSeries
from dicomnode.train.pool import CELL
from dicomnode.train.recipe import Recipe

# R series, P pairs, B pairs of a batch, K findings

_READ_BATCH = 128
_UNCHANGED = CHANGES.index(Change.UNCHANGED)
_COVERED_WEIGHT = 4.0
"""A cell that shows the finding counts as so many that do not, as lesions are small."""
_TEMPERATURES = np.geomspace(0.25, 8.0, 121)


def fit_comparer(
    recipe: Recipe, table: ComparerRecipe, train: SeenSeries, validation: SeenSeries, folder: Path
) -> Comparer:
    """Train a comparer and set its temperature.

    Parameters
    ----------
    table
        The recipe's table [comparer].
    train, validation
        Series of the two splits.
    folder
        Where the checkpoint lies.
    """
    torch.manual_seed(table.seed)
    comparer = Comparer(table, len(recipe.keys), train.seen.tokens.shape[-1], recipe.pixels.rows // (2 * CELL))

    def loss(model: Comparer, generator: Generator) -> Tensor:
        return _loss(model, table, train, generator)

    comparer = fitted(comparer, loss, _plan(recipe, table, folder))
    comparer.eval()
    comparer.temperature.fill_(_temperature(comparer, table, validation))
    return comparer


def _plan(recipe: Recipe, table: ComparerRecipe, folder: Path) -> Plan:
    digest = hashlib.sha256((recipe.digest + table.model_dump_json()).encode()).hexdigest()
    return Plan(
        name="comparer",
        steps=table.steps,
        learning_rate=table.learning_rate,
        weight_decay=table.weight_decay,
        average_decay=recipe.fit.average_decay,
        checkpoint_steps=recipe.fit.checkpoint_steps,
        seed=table.seed,
        recipe=digest,
        folder=folder,
    )


def _loss(model: Comparer, table: ComparerRecipe, train: SeenSeries, generator: Generator) -> Tensor:
    """Cross-entropy of the changes that are known; without a prior image nothing can be said, so all are alike."""
    series = torch.randint(len(train.areas), (table.batch,), generator=generator)
    prior = torch.randint(VIEWS, (table.batch,), generator=generator)
    current = (prior + torch.randint(1, VIEWS, (table.batch,), generator=generator)) % VIEWS
    has_prior = (torch.rand(table.batch, generator=generator) >= table.absent).float()
    truth = torch.from_numpy(train.changes(series, prior, current, table.growth))
    said = model(train.side(series, current), train.side(series, prior), has_prior)
    logits = said.change_logits
    is_known = (truth != UNKNOWN) & (has_prior[:, None] > 0)
    weights = torch.where(torch.arange(len(CHANGES)) == _UNCHANGED, table.unchanged, 1.0)
    value = functional.cross_entropy(logits[is_known], truth[is_known], weights)
    is_absent = has_prior == 0
    if bool(is_absent.any()):
        value = value - functional.log_softmax(logits[is_absent], -1).mean() * is_absent.float().mean()
    return value + table.attention * _placed(said, train, (series, prior, current), is_known)


def _placed(said: Compared, train: SeenSeries, pairs: tuple[Tensor, Tensor, Tensor], is_known: Tensor) -> Tensor:
    """Attention lies on the drawn lesion, and cells show it where they do; a real one has no known place."""
    series, prior, current = pairs
    masks = torch.stack([train.masks[series, view] for view in (current, prior)], 2).float() / 255  # (B, K, 2, s, s)
    covered = functional.avg_pool2d(masks.flatten(0, 2)[:, None], 2).view(said.cells.shape)
    marked = is_known & (covered.flatten(2).sum(-1) > 0)
    is_absent = torch.from_numpy(np.maximum(train.areas[series, prior], train.areas[series, current]) == 0)
    placed = marked | (is_known & is_absent)
    value = torch.zeros(())
    if bool(placed.any()):
        value = functional.binary_cross_entropy_with_logits(
            said.cells[placed], covered[placed], pos_weight=torch.tensor(_COVERED_WEIGHT)
        )
    if bool(marked.any()):
        inside = (said.attentions * covered).flatten(2).sum(-1)[marked]
        value = value - 0.1 * torch.log(inside + 1e-3).mean()
    return value


def change_logits(comparer: Comparer, data: SeenSeries, pairs: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """(P, K, 5) and attentions (P, K, 2, h, w) of pairs: series, prior view, current view."""
    parts = []
    with torch.inference_mode():
        for series, prior, current in zip(*(part.split(_READ_BATCH) for part in pairs), strict=True):
            said = comparer(data.side(series, current), data.side(series, prior), torch.ones(len(series)))
            parts.append((said.change_logits, said.attentions))
    logits, attentions = (torch.cat(part) for part in zip(*parts, strict=True))
    return logits, attentions


def _temperature(comparer: Comparer, table: ComparerRecipe, validation: SeenSeries) -> float:
    """The temperature at which the validation pairs are least surprising."""
    pairs = validation.of_measured_pairs()
    logits, _ = change_logits(comparer, validation, pairs)
    truth = torch.from_numpy(validation.changes(*pairs, table.growth))
    is_known = truth != UNKNOWN
    losses = [float(functional.cross_entropy(logits[is_known] / t, truth[is_known])) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])
