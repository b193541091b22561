"""The picture: drawn for any labels, the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.corpora import picture
from stages.corpora.profile import SplitProfile


def corpus(classes: int) -> dict[str, SplitProfile]:
    lengths = np.arange(1, 50)
    return {
        "train": SplitProfile("train", lengths, lengths, np.arange(classes) + 1, {}),
        "unlabelled": SplitProfile("unlabelled", lengths, lengths, None, {}),
    }


def test_the_same_data_give_the_same_bytes() -> None:
    labels = ["$x^{", "查询余额", "lost 😡", "a\nb", "w" * 99, *(f"label {i}" for i in range(40))]
    for name in ("one.png", "other/two.png"):
        picture.draw(corpus(len(labels)), labels, Path(name))
    content = Path("one.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert b"Software" not in content
    assert content == Path("other/two.png").read_bytes()


@pytest.mark.parametrize(
    ("label", "shown"),
    [("refund", "refund"), ("a$b", r"a\$b"), ("余", r"\u4f59"), ("a\nb", r"a\u000ab"), ("w" * 40, "w" * 31 + "…")],
)
def test_labels_are_spelt_so_that_every_machine_can_draw_them(label: str, shown: str) -> None:
    assert picture.drawable(label) == shown
