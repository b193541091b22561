"""A linear-chain conditional random field over emissions (Lafferty, McCallum & Pereira 2001; on a BiLSTM: Lample et al. 2016).

Steps that the tag scheme does not have score `FORBIDDEN` in the partition function and in decoding alike, so that no
probability and no decision is ever spent on them. Positions that do not count (special tokens, later pieces of a word, other
windows' words) may lie anywhere: the counting ones are gathered to the front first, and from there on every sequence is
contiguous. The recursions run over positions and are vectorised over the batch; scores are in float32, under autocast too, and
sums over sequences in float64 (`stages.tasks.partition`).

Cost: one product per counting position of `batch x tags x tags`; a few per cent of an encoder's pass.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from stages.tasks.partition import log_partition
from stages.tasks.viterbi import FORBIDDEN, Transitions

IGNORED = -100


class Crf(nn.Module):
    """Scores of tag sequences.

    Args:
        allowed: steps of the scheme, the last row and column standing for the edges `(tags + 1, tags + 1)`.

    Attributes:
        start: scores of first tags `(tags,)`.
        end: of last tags `(tags,)`.
        between: of steps, the earlier tag in rows `(tags, tags)`.
    """

    barred: torch.Tensor

    def __init__(self, allowed: np.ndarray) -> None:
        super().__init__()
        tags = len(allowed) - 1
        self.start = nn.Parameter(torch.zeros(tags))
        self.end = nn.Parameter(torch.zeros(tags))
        self.between = nn.Parameter(torch.zeros(tags, tags))
        # Follows from the scheme, so that it is not saved with the weights.
        self.register_buffer("barred", torch.from_numpy(~allowed), persistent=False)

    def scores(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Start, end and step scores in float32, with forbidden ones in place."""
        start = self.start.float().masked_fill(self.barred[-1, :-1], FORBIDDEN)
        end = self.end.float().masked_fill(self.barred[:-1, -1], FORBIDDEN)
        between = self.between.float().masked_fill(self.barred[:-1, :-1], FORBIDDEN)
        return start, end, between

    def transitions(self) -> Transitions:
        """The same for decoding in numpy."""
        start, end, between = (one.detach().cpu().numpy() for one in self.scores())
        return Transitions(start, end, between)

    def log_likelihood(self, emissions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Log-probability of each sequence `(batch,)`, in nats; 0 for one without counting positions.

        Args:
            emissions: `(batch, length, tags)`.
            labels: tag ids, `IGNORED` where a position does not count `(batch, length)`.
        """
        with torch.autocast(emissions.device.type, enabled=False):
            counts = labels != IGNORED
            gathered, order, lengths = gather(emissions.float(), counts)
            tags = labels.gather(1, order).clamp(min=0)
            scores = self.scores()
            likelihood = self._score(gathered, tags, lengths, scores) - log_partition(gathered, lengths, scores)
            return torch.where(lengths > 0, likelihood, torch.zeros_like(likelihood))

    def decode(self, emissions: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """The best sequence: tag ids at the positions that count, `IGNORED` elsewhere `(batch, length)`.

        Args:
            emissions: `(batch, length, tags)`.
            counts: which positions do `(batch, length)`.
        """
        with torch.autocast(emissions.device.type, enabled=False), torch.no_grad():
            gathered, order, lengths = gather(emissions.float(), counts)
            start, end, between = self.scores()
            score, pointers = start + gathered[:, 0], []
            for step in range(1, gathered.shape[1]):
                best, earlier = (score[:, :, None] + between).max(dim=1)
                score = torch.where((step < lengths)[:, None], best + gathered[:, step], score)
                pointers.append(earlier)
            tag = (score + end).argmax(dim=1)
            rows = [tag]
            for step in range(gathered.shape[1] - 1, 0, -1):
                earlier = pointers[step - 1].gather(1, tag[:, None])[:, 0]
                tag = torch.where(step < lengths, earlier, tag)
                rows.append(tag)
            found = torch.full(counts.shape, IGNORED, device=counts.device)
            found = found.scatter(1, order, torch.stack(rows[::-1], dim=1))
            return found.masked_fill(~counts, IGNORED)

    @staticmethod
    def _score(
        emissions: torch.Tensor, tags: torch.Tensor, lengths: torch.Tensor, scores: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Unnormalised score of the given tags `(batch,)`."""
        start, end, between = scores
        inside = torch.arange(tags.shape[1], device=tags.device)[None] < lengths[:, None]
        own = emissions.gather(2, tags[:, :, None])[:, :, 0].masked_fill(~inside, 0.0)
        steps = between[tags[:, :-1], tags[:, 1:]].masked_fill(~inside[:, 1:], 0.0)
        last = tags.gather(1, (lengths - 1).clamp(min=0)[:, None])[:, 0]
        return own.sum(1) + steps.sum(1) + start[tags[:, 0]] + end[last]


def gather(emissions: torch.Tensor, counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bring the positions that count to the front, in their order.

    Returns:
        Emissions `(batch, most, tags)`, the positions that they come from `(batch, most)`, and how many count `(batch,)`.
        `most` is the largest of those, at least 1.
    """
    lengths = counts.sum(dim=1)
    most = max(int(lengths.max()), 1)
    order = torch.argsort((~counts).to(torch.uint8), dim=1, stable=True)[:, :most]
    return emissions.gather(1, order[:, :, None].expand(-1, -1, emissions.shape[2])), order, lengths
