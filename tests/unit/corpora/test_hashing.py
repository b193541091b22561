"""Numbers that never change."""

from __future__ import annotations

import numpy as np

from stages.corpora import hashing


def test_digests_are_the_same_everywhere() -> None:
    assert hashing.digests(["", "a", "我"]).tolist() == [
        0xB4B2797457A0A6E4, 0x2F42665B399EF840, 0xADA14E5122535FA9,
    ]  # fmt: skip


def test_splitmix_gives_its_published_first_value() -> None:
    # The first output of SplitMix64 seeded with 0: the golden gamma, scrambled.
    assert hashing.scramble(np.array([0x9E3779B97F4A7C15], dtype=np.uint64)).tolist() == [0xE220A8397B1DCDAF]


def test_lots_depend_on_key_and_seed_alone() -> None:
    keys = np.array([5, 7, 5], dtype=np.uint64)
    one, other = hashing.lots(keys, 1), hashing.lots(keys, 2)
    assert one[0] == one[2] != one[1]
    assert not np.isin(one, other).any()


def test_lots_are_even() -> None:
    share = (hashing.lots(np.arange(100_000, dtype=np.uint64), 3) < np.uint64(2**62)).mean()
    assert abs(share - 0.25) < 0.01
