"""One label per record: of a text (`classification`), or of two (`pair_classification`).

One prepared record: ``{"id": "train-7", "text": "where is my parcel", "label": "delivery"}``, and with a second text
``{"id": "train-7", "text": "A man sleeps.", "text_b": "Nobody is awake.", "label": "contradiction"}``.
"""

from __future__ import annotations

from stages.corpora.shapes.shape import Shape


class Labelled(Shape):
    """A text and its label."""


class LabelledPair(Shape):
    """Two texts and the label of their relation. What may repeat or leak is the pair, not its texts."""

    texts = ("text", "text_b")
