"""The sum over all tag sequences of a linear chain, and its gradient: the forward-backward algorithm (Rabiner 1989, §III, §V).

Passes are scaled at each position, so that a step is a product with the exponentials of the step scores instead of a logarithm
of sums for each pair of tags, and the gradient is made of marginal probabilities, without a graph of single steps. In float64
no probability above e^-700 is lost.

With B sequences of T positions and K tags; a is the forward pass, scaled to sum to 1, n what it was scaled by, b the backward
pass, scaled so that Σ a b = 1; e are exponentials of emissions, P of step scores:

    a_t = (a_{t-1} P) e_t / n_t        b_{t-1} = P (e_t b_t) / n_t
    Pr(tag k at t) = a_t(k) b_t(k)     Pr(i at t-1, j at t) = a_{t-1}(i) P(i,j) e_t(j) b_t(j) / n_t
"""

from __future__ import annotations

from typing import Any

import torch

LEAST = 1e-300
"""In place of a sum of nothing: a sequence that no allowed step continues."""


def log_partition(
    emissions: torch.Tensor, lengths: torch.Tensor, scores: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Logarithm of the sum over all sequences `(batch,)`, in float32.

    Args:
        emissions: `(batch, positions, tags)`.
        lengths: positions of each sequence `(batch,)`; of a sequence without any, the first one is taken.
        scores: start `(tags,)`, end `(tags,)` and steps `(tags, tags)`, the earlier tag in rows.
    """
    found: torch.Tensor = _Partition.apply(emissions, lengths, *scores)  # type: ignore[no-untyped-call]
    return found


class _Partition(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        emissions: torch.Tensor,
        lengths: torch.Tensor,
        start: torch.Tensor,
        end: torch.Tensor,
        between: torch.Tensor,
    ) -> torch.Tensor:
        by_position = emissions.double().transpose(0, 1)
        steps, ends = between.double().exp(), end.double().exp()
        inside = torch.arange(len(by_position), device=emissions.device)[:, None] < lengths
        most = by_position.amax(dim=2, keepdim=True)
        own = (by_position - most).exp()
        a = torch.empty_like(own)
        sums = torch.ones_like(most)
        first = start.double() + by_position[0]
        total = first.logsumexp(dim=1)
        a[0] = (first - total[:, None]).exp()
        for t in range(1, len(own)):
            following = a[t - 1] @ steps * own[t]
            sums[t] = following.sum(dim=1, keepdim=True).clamp(min=LEAST)
            a[t] = torch.where(inside[t, :, None], following / sums[t], a[t - 1])
        # Positions behind the end count nothing, and the last scaled sums stand at the last position.
        total = total + torch.where(inside[1:], (sums[1:].log() + most[1:])[:, :, 0], 0.0).sum(dim=0)
        closing = (a[-1] * ends).sum(dim=1).clamp(min=LEAST)
        ctx.save_for_backward(a, own / sums, steps, ends, closing, inside)
        ctx.kinds = emissions.dtype, start.dtype
        return (total + closing.log()).to(emissions.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        a, own, steps, ends, closing, inside = ctx.saved_tensors
        b = torch.empty_like(a)
        b[-1] = ends / closing[:, None]
        reached = torch.zeros_like(a)
        for t in range(len(a) - 1, 0, -1):
            reached[t] = own[t] * b[t]
            b[t - 1] = torch.where(inside[t, :, None], reached[t] @ steps.T, b[t])
        weight = gradients[0].double()[None, :, None]
        last = b[-1] * a[-1] * weight[0]
        marginals = a * b * weight
        pairs = torch.where(inside[1:, :, None], a[:-1] * weight, 0.0).flatten(0, 1).T @ reached[1:].flatten(0, 1)
        first = marginals[0].sum(dim=0)
        # A sequence without positions is asked at its first one, as the forward pass takes it.
        inside[0] = True
        marginals = torch.where(inside[:, :, None], marginals, 0.0)
        kind, other = ctx.kinds
        found = (
            marginals.transpose(0, 1).to(kind),
            first.to(other),
            last.sum(dim=0).to(other),
            (pairs * steps).to(other),
        )
        return found[0], None, *found[1:]
