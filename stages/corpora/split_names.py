"""What files of a folder and splits of the hub are called, by which of ours they are."""

from __future__ import annotations

NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development", "eval", "evaluation"),
    "test": ("test", "testing", "holdout", "hold_out", "hold-out", "heldout", "held_out", "held-out"),
    "shifted": ("shifted",),
    "unlabelled": ("unlabelled", "unlabeled", "unsupervised"),
    "out_of_scope": ("out_of_scope", "out-of-scope", "oos"),
}
"""In the order in which they are looked for where a data set has several."""
