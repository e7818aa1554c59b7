"""The comparer: two images of one patient to what has changed between them.

Each cell of one image is held against the cells of the other that look alike and lie near. A query for each finding
then attends to the cells of both images at once, and what it finds in each is held against the other. Time may be
turned: what is new from the prior to the current image is resolved from the current to the prior one, by construction.
Where there is no prior image, learned inputs stand for it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.train.hyperparameters import ComparerRecipe
from dicomnode.train.pairs import CHANGES, Seen

# B pairs, K findings, D token width, W width, H heads, T cells of one image, h, w cells of a map

_TINY = 1e-4
_FALLOFF = 40.0
"""How fast a cell's counterparts are lost with distance, at first: at a tenth of the side by a third."""


class _Found(NamedTuple):
    """What the queries find in each image."""

    summary: Tensor
    """(2 * B, K, 2 * W + 2 * H + 1)."""
    weights: Tensor
    """(2 * B, H, K, T) within the image."""
    mass: Tensor
    """(2 * B, H, K) logarithm, with which the image competes against the other."""
    cells: Tensor
    """(2 * B, K, T) log-odds of the first head that the cell shows the finding."""


class Compared(NamedTuple):
    """What the comparer says of pairs."""

    change_logits: Tensor
    """(B, K, 5) in the order of `CHANGES`."""
    attentions: Tensor
    """(B, K, 2, h, w), current before prior, which sum to 1 over both images."""
    cells: Tensor
    """(B, K, 2, h, w) log-odds that the cell shows the finding."""


class Comparer(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """What changed between two images.

    Parameters
    ----------
    shape
        Sizes.
    findings
        How many.
    width
        Of the encoder's tokens.
    side
        Cells along one side of an image.
    """

    def __init__(self, shape: ComparerRecipe, findings: int, width: int, side: int) -> None:
        super().__init__()
        self.heads = shape.heads
        inner = shape.width
        self.absent_token = nn.Parameter(torch.zeros(width))
        self.absent_attended = nn.Parameter(torch.zeros(findings, width))
        self.absent_logits = nn.Parameter(torch.zeros(findings))
        self.token_norm, self.attended_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.finding = nn.Parameter(0.3 * torch.randn(findings, inner))
        self.cell, self.query = nn.Linear(width, inner), nn.Linear(width, inner)
        self.match = nn.Linear(inner, inner)
        self.nearness = nn.Parameter(torch.zeros(()))
        self.local = nn.Sequential(nn.Linear(2 * inner, 2 * inner), nn.GELU(), nn.Linear(2 * inner, inner))
        self.key, self.value = nn.Linear(inner, inner), nn.Linear(inner, inner)
        rows = torch.arange(side).float() / side
        self.register_buffer("places", torch.cartesian_prod(rows, rows), persistent=False)  # (T, 2)
        self.evidence = nn.Parameter(torch.zeros(shape.heads))
        self.level = nn.Parameter(torch.zeros(shape.heads))
        self.drop = nn.Dropout(shape.dropout)
        summary = 2 * inner + 2 * shape.heads + 1
        self.head = nn.Sequential(
            nn.Linear(2 * summary + inner, 2 * inner),
            nn.GELU(),
            nn.Dropout(shape.dropout),
            nn.Linear(2 * inner, len(CHANGES)),
        )
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, current: Seen, prior: Seen, has_prior: Tensor) -> Compared:
        """Compare pairs.

        Parameters
        ----------
        current, prior
            What the encoder says of each image; what stands in `prior` does not matter where there is none.
        has_prior
            (B,) 1 where there is a prior image, else 0.
        """
        # Both images go through every layer in one batch: (2 * B, ...), the current ones first.
        both = Seen(*(torch.cat(parts) for parts in zip(current, self._or_absent(prior, has_prior), strict=True)))
        look = self.query(self.attended_norm(both.attended))  # (2 * B, K, W)
        found = self._found(self._split(self.finding + look + _swapped(look)), both, look)
        logits = self._held(found.summary)
        shares = torch.softmax(torch.stack(_halves(found.mass), -1), -1)  # (B, H, K, 2)
        looked = torch.stack(_halves(found.weights), 3) * shares[..., None]  # (B, H, K, 2, T)
        rows, columns = (length // 2 for length in current.class_maps.shape[2:])
        maps = (*current.logits.shape, 2, rows, columns)
        return Compared(
            logits / self.temperature, looked.mean(1).view(maps), torch.stack(_halves(found.cells), 2).view(maps)
        )

    def _or_absent(self, prior: Seen, has_prior: Tensor) -> Seen:
        """The prior image, or the learned inputs in its place."""
        is_there = has_prior[:, None, None] > 0
        return Seen(
            logits=torch.where(is_there[:, 0], prior.logits, self.absent_logits),
            class_maps=torch.where(is_there[..., None], prior.class_maps, torch.zeros(())),
            tokens=torch.where(is_there, prior.tokens, self.absent_token),
            attended=torch.where(is_there, prior.attended, self.absent_attended),
        )

    def _split(self, x: Tensor) -> Tensor:
        """(B, N, W) to (B, H, N, W / H)."""
        batch, count, width = x.shape
        return x.view(batch, count, self.heads, width // self.heads).transpose(1, 2)

    def _against(self, cells: Tensor) -> Tensor:
        """Each cell (2 * B, T, W) beside what sets it apart from its counterparts in the other image."""
        match = self.match(cells) * cells.shape[-1] ** -0.25
        # Squared distances, multiplied out, so that no table of all pairs of cells need be kept.
        falloff = _FALLOFF * torch.exp(self.nearness)
        place = (torch.sqrt(2 * falloff) * self.places).expand(cells.shape[0], *self.places.shape)
        near = torch.cat([match, place], -1)
        scores = near @ _swapped(near).transpose(1, 2) - falloff * (self.places**2).sum(1)
        apart = cells - torch.softmax(scores, -1) @ _swapped(cells)
        return self.local(torch.cat([cells, apart], -1))

    def _found(self, query: Tensor, both: Seen, look: Tensor) -> _Found:
        """What the queries (2 * B, H, K, W / H) find in each image."""
        local = self._against(self.cell(self.token_norm(both.tokens)))
        key, value = self._split(self.key(local)), self._split(self.value(local))
        evidence = functional.avg_pool2d(both.class_maps, 2).flatten(2)[:, None]  # (2 * B, 1, K, T)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + self.evidence[:, None, None] * evidence
        mass = torch.logsumexp(scores, -1)
        weights = torch.softmax(scores, -1)
        # How much of the image scores high: a softmax alone cannot tell a large lesion from a small one.
        cells = scores + self.level[:, None, None]
        extent = torch.log(torch.sigmoid(cells).mean(-1) + _TINY)
        pooled = (weights @ value).transpose(1, 2).flatten(2)  # (2 * B, K, W)
        measures = torch.cat([mass, extent], 1).transpose(1, 2)  # (2 * B, K, 2 * H)
        summary = torch.cat([pooled, look, measures, both.logits[..., None]], -1)
        return _Found(summary=summary, weights=weights, mass=mass, cells=cells[:, 0])

    def _held(self, summary: Tensor) -> Tensor:
        """Each summary (2 * B, K, ...) held against the other's; both ways of time make one answer, (B, K, 5)."""
        finding = self.finding.expand(summary.shape[0], *self.finding.shape)
        dropped = self.drop(summary)
        forth, back = _halves(self.head(torch.cat([dropped, _swapped(dropped), finding], -1)))
        return forth + back.flip(-1)


def _swapped(both: Tensor) -> Tensor:
    """(2 * B, ...) current images before prior ones to prior ones before current ones."""
    return torch.cat(_halves(both)[::-1])


def _halves(both: Tensor) -> tuple[Tensor, Tensor]:
    """(2 * B, ...) to what belongs to the current and to the prior images."""
    count = both.shape[0] // 2
    return both[:count], both[count:]


class ServedComparer(nn.Module):  # type: ignore[misc]
    """The comparer with the inputs of its graph one by one, as `COMPARER` names them."""

    def __init__(self, comparer: Comparer) -> None:
        super().__init__()
        self.comparer = comparer

    def forward(
        self,
        current_logits: Tensor,
        current_class_maps: Tensor,
        current_tokens: Tensor,
        current_attended: Tensor,
        prior_logits: Tensor,
        prior_class_maps: Tensor,
        prior_tokens: Tensor,
        prior_attended: Tensor,
        has_prior: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """`change_logits` and `attentions`."""
        current = Seen(current_logits, current_class_maps, current_tokens, current_attended)
        prior = Seen(prior_logits, prior_class_maps, prior_tokens, prior_attended)
        said = self.comparer(current, prior, has_prior)
        return said.change_logits, said.attentions
