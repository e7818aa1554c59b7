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

from dicomnode.train.pairs import CHANGES, Seen
from dicomnode.train.recipe import ComparerRecipe

# B pairs, K findings, D token width, W width, H heads, T cells of one image, h, w cells of a map

_TINY = 1e-4


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
        places = torch.cartesian_prod(torch.arange(side), torch.arange(side)).float() / side
        self.register_buffer("distances", torch.cdist(places, places) ** 2, persistent=False)  # (T, T)
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
        prior = self._or_absent(prior, has_prior)
        looks = [self.query(self.attended_norm(side.attended)) for side in (current, prior)]  # (B, K, W)
        query = self._split(self.finding + looks[0] + looks[1])  # (B, H, K, W / H)
        cells = [self.cell(self.token_norm(side.tokens)) for side in (current, prior)]  # (B, T, W)
        locals_ = [self._against(*cells), self._against(*cells[::-1])]
        found = [self._found(query, *side) for side in zip((current, prior), locals_, looks, strict=True)]
        (now, now_weights, now_mass, now_cells), (then, then_weights, then_mass, then_cells) = found
        logits = self._held(now, then) + self._held(then, now).flip(-1)
        shares = torch.softmax(torch.stack([now_mass, then_mass], -1), -1)  # (B, H, K, 2)
        both = torch.stack([now_weights * shares[..., :1], then_weights * shares[..., 1:]], 3)  # (B, H, K, 2, T)
        rows, columns = (length // 2 for length in current.class_maps.shape[2:])
        maps = (*current.logits.shape, 2, rows, columns)
        shown = torch.stack([now_cells, then_cells], 2)
        return Compared(logits / self.temperature, both.mean(1).view(maps), shown.view(maps))

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

    def _against(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """Each cell (B, T, W) of one image beside what sets it apart from its counterparts in the other."""
        scores = self.match(ours) @ self.match(theirs).transpose(1, 2) * ours.shape[-1] ** -0.5
        scores = scores - 40 * torch.exp(self.nearness) * self.distances
        apart = ours - torch.softmax(scores, -1) @ theirs
        return self.local(torch.cat([ours, apart], -1))

    def _found(self, query: Tensor, side: Seen, local: Tensor, look: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the queries find in one image.

        Returns
        -------
        tuple[Tensor, Tensor, Tensor, Tensor]
            A summary (B, K, 2 * W + 2 * H + 1), the weights (B, H, K, T) within this image, the attention mass
            (B, H, K) that it competes with against the other image, a logarithm, and the log-odds (B, K, T) of the
            first head that each cell shows the finding.
        """
        key, value = self._split(self.key(local)), self._split(self.value(local))
        evidence = functional.avg_pool2d(side.class_maps, 2).flatten(2)[:, None]  # (B, 1, K, T)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + self.evidence[:, None, None] * evidence
        mass = torch.logsumexp(scores, -1)
        weights = torch.softmax(scores, -1)
        # How much of the image scores high: a softmax alone cannot tell a large lesion from a small one.
        cells = scores + self.level[:, None, None]
        extent = torch.log(torch.sigmoid(cells).mean(-1) + _TINY)
        pooled = (weights @ value).transpose(1, 2).flatten(2)  # (B, K, W)
        measures = torch.cat([mass, extent], 1).transpose(1, 2)  # (B, K, 2 * H)
        return torch.cat([pooled, look, measures, side.logits[..., None]], -1), weights, mass, cells[:, 0]

    def _held(self, one: Tensor, other: Tensor) -> Tensor:
        """One summary held against the other, (B, K, 5)."""
        finding = self.finding.expand(one.shape[0], *self.finding.shape)
        return self.head(torch.cat([self.drop(one), self.drop(other), finding], -1))


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
        return self.comparer(current, prior, has_prior)[:2]
