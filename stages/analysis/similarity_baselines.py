"""What one gets without fine-tuning where pairs have scores: train's mean, and the cosine of TF-IDF vectors.

The cosine is brought to the scale of the scores by a straight line through train's pairs, which leaves its correlations as they
are. It is a strong baseline where a score means similarity and says little where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.analysis.baselines import LARGEST, features_of

Pairs = tuple[Sequence[str], Sequence[str]]


class CosineBaseline:
    """Cosine of the two texts' TF-IDF vectors, on the scale of the scores.

    Args:
        pairs: first and second texts of train; of more than `LARGEST` a sample is used.
        scores: of train `(records,)`.
        seed: of the sample.
    """

    def __init__(self, pairs: Pairs, scores: np.ndarray, seed: int = 0) -> None:
        if len(scores) > LARGEST:
            chosen = np.sort(np.random.default_rng(seed).choice(len(scores), LARGEST, replace=False))
            pairs, scores = ([pairs[0][i] for i in chosen], [pairs[1][i] for i in chosen]), scores[chosen]
        self.features, _ = features_of([*pairs[0], *pairs[1]])
        cosine = self.cosines(pairs)
        spread = float(cosine.var())
        self.slope = float(((cosine - cosine.mean()) * scores).mean()) / spread if spread > 0 else 0.0
        self.level = float(scores.mean()) - self.slope * float(cosine.mean())

    def cosines(self, pairs: Pairs) -> np.ndarray:
        """In [0, 1] `(pairs,)`."""
        one, other = (self.features.transform(texts) for texts in pairs)
        above = np.asarray(one.multiply(other).sum(axis=1)).ravel()
        norms = [np.sqrt(np.asarray(part.multiply(part).sum(axis=1)).ravel()) for part in (one, other)]
        return above / np.maximum(norms[0] * norms[1], 1e-12)

    def predict(self, pairs: Pairs) -> np.ndarray:
        """Scores `(pairs,)`."""
        return self.level + self.slope * self.cosines(pairs)
