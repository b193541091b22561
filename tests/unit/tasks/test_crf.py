"""The CRF against enumeration of all paths, with positions that do not count scattered anywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from stages.corpora.tag_schemes import Tagset
from stages.tasks import viterbi
from stages.tasks.crf import IGNORED, Crf
from stages.tasks.partition import log_partition
from stages.tasks.viterbi import FORBIDDEN, Transitions

TAGSETS = [Tagset("BIO", ("A", "B")), Tagset("IOB1", ("A",)), Tagset("BIOES", ("A",)), Tagset("BMES", ("A",))]
LENGTH = 6


def made(tagset: Tagset, seed: int) -> tuple[Crf, torch.Tensor, torch.Tensor]:
    """A CRF with random scores, emissions `(8, 6, tags)`, and a mask with holes; one row counts nowhere, one everywhere."""
    generator = torch.Generator().manual_seed(seed)
    crf = Crf(tagset.allowed)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    tags = len(tagset.tags)
    counts = torch.rand(8, LENGTH, generator=generator) < 0.6
    counts[0], counts[1] = False, True
    return crf, 2 * torch.randn(8, LENGTH, tags, generator=generator), counts


def legal(tagset: Tagset, length: int) -> np.ndarray:
    """Every sequence that the scheme has `(paths, length)`."""
    every = np.array(list(itertools.product(range(len(tagset.tags)), repeat=length)))
    edges = np.arange(0, every.size + 1, length)
    return every[tagset.malformed(every.ravel(), edges) == 0]


def scores_of(crf: Crf, emissions: torch.Tensor, paths: np.ndarray) -> np.ndarray:
    """The score of each path, in float64, term by term."""
    start, end, between = (one.detach().double().numpy() for one in crf.scores())
    own = emissions.double().numpy()
    total = start[paths[:, 0]] + end[paths[:, -1]]
    for i in range(paths.shape[1]):
        total = total + own[i, paths[:, i]] + (between[paths[:, i - 1], paths[:, i]] if i else 0)
    return total


@pytest.mark.parametrize("tagset", TAGSETS, ids=lambda tagset: tagset.scheme)
def test_likelihood_and_best_path_equal_enumeration(tagset: Tagset) -> None:
    crf, emissions, counts = made(tagset, 1)
    every = {n: legal(tagset, n) for n in range(1, LENGTH + 1)}
    found = crf.decode(emissions, counts)
    labels = torch.full(counts.shape, IGNORED)
    expected = []
    for i, row in enumerate(counts):
        positions = row.nonzero()[:, 0]
        if len(positions) == 0:
            expected.append(0.0)
            continue
        own = emissions[i, positions]
        paths = every[len(positions)]
        scores = scores_of(crf, own, paths)
        assert found[i, positions].tolist() == paths[scores.argmax()].tolist()
        gold = (7 * i) % len(paths)
        labels[i, positions] = torch.from_numpy(paths[gold])
        expected.append(scores[gold] - np.logaddexp.reduce(scores))
    assert crf.log_likelihood(emissions, labels).tolist() == pytest.approx(expected, abs=1e-5)
    assert (found[~counts] == IGNORED).all()


@pytest.mark.parametrize("tagset", TAGSETS, ids=lambda tagset: tagset.scheme)
def test_probabilities_of_all_legal_paths_sum_to_one_and_others_have_none(tagset: Tagset) -> None:
    crf, emissions, _ = made(tagset, 2)
    paths = torch.from_numpy(legal(tagset, 3))
    likelihood = crf.log_likelihood(emissions[:1, :3].expand(len(paths), -1, -1), paths)
    assert float(likelihood.detach().double().exp().sum()) == pytest.approx(1, abs=1e-5)
    inside = torch.tensor([[next(i for i, role in enumerate(tagset.roles) if role in {"I", "E"}), 0, 0]])
    if tagset.scheme != "IOB1":
        assert float(crf.log_likelihood(emissions[:1, :3], inside).detach()) < FORBIDDEN / 2


def test_gradients_equal_finite_differences() -> None:
    crf, emissions, counts = made(Tagset("BIO", ("A",)), 3)
    labels = torch.where(counts, 0, IGNORED)
    labels[1] = torch.tensor([1, 2, 0, 1, 1, 2])
    own = emissions.clone().requires_grad_()
    tensors = [own, *crf.parameters()]
    gradients = torch.autograd.grad(crf.log_likelihood(own, labels).sum(), tensors)
    step = 1e-2
    for tensor, gradient in zip(tensors, gradients, strict=True):
        generator = np.random.default_rng(4)
        for flat in generator.choice(tensor.numel(), min(12, tensor.numel()), replace=False):
            at = np.unravel_index(flat, tensor.shape)
            with torch.no_grad():
                values = []
                for sign in (1, -1):
                    tensor[at] += sign * step
                    values.append(float(crf.log_likelihood(own, labels).double().sum()))
                    tensor[at] -= sign * step
            assert float(gradient[at]) == pytest.approx((values[0] - values[1]) / (2 * step), abs=2e-3)


@pytest.mark.parametrize("tagset", TAGSETS, ids=lambda tagset: tagset.scheme)
def test_no_decision_leaves_the_scheme_and_numpy_decides_as_torch_does(tagset: Tagset) -> None:
    crf, _, _ = made(tagset, 5)
    generator = torch.Generator().manual_seed(6)
    emissions = 3 * torch.randn(300, 12, len(tagset.tags), generator=generator)
    counts = torch.rand(300, 12, generator=generator) < 0.5
    found = crf.decode(emissions, counts)
    rows = [row[mask].numpy() for row, mask in zip(found, counts, strict=True)]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    assert tagset.malformed(np.concatenate(rows), offsets).sum() == 0
    ragged = [one[mask].numpy() for one, mask in zip(emissions, counts, strict=True)]
    for one, other in zip(viterbi.decode(ragged, crf.transitions()), rows, strict=True):
        assert one.tolist() == other.tolist()
    plain = viterbi.decode(ragged, Transitions.of(tagset.allowed))
    assert tagset.malformed(np.concatenate(plain), offsets).sum() == 0


def test_the_likelihood_is_float32_under_autocast_and_padding_changes_nothing() -> None:
    crf, emissions, counts = made(TAGSETS[0], 7)
    labels = torch.where(counts, 0, IGNORED)
    plain = crf.log_likelihood(emissions, labels)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(crf.log_likelihood(emissions, labels), plain)
    wide = torch.nn.functional.pad(labels, (0, 5), value=IGNORED)
    padded = torch.nn.functional.pad(emissions, (0, 0, 0, 5), value=99.0)
    assert torch.equal(crf.log_likelihood(padded, wide), plain)


def test_forbidden_scores_learn_nothing_and_are_not_saved() -> None:
    crf, emissions, _ = made(TAGSETS[0], 8)
    likelihood = crf.log_likelihood(emissions, torch.zeros(8, LENGTH, dtype=torch.long)).sum()
    [gradient] = torch.autograd.grad(likelihood, [crf.between])
    assert gradient.any()
    assert not gradient[crf.barred[:-1, :-1]].any()
    assert set(crf.state_dict()) == {"start", "end", "between"}


def slow_partition(emissions: torch.Tensor, lengths: torch.Tensor, scores: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The forward algorithm in logarithms, step by step, with autograd's own gradient."""
    start, end, between = scores
    alpha = start + emissions[:, 0]
    for step in range(1, emissions.shape[1]):
        following = torch.logsumexp(alpha[:, :, None] + between, dim=1) + emissions[:, step]
        alpha = torch.where((step < lengths)[:, None], following, alpha)
    return torch.logsumexp(alpha + end, dim=1)


@pytest.mark.parametrize("spread", [1.0, 30.0])
@pytest.mark.parametrize("tagset", TAGSETS, ids=lambda tagset: tagset.scheme)
def test_sum_and_gradient_equal_those_of_the_slow_recursion(tagset: Tagset, spread: float) -> None:
    crf, _, _ = made(tagset, 3)
    generator = torch.Generator().manual_seed(4)
    lengths = torch.tensor([1, 2, 9, 5, 0, 9])
    emissions = spread * torch.randn(6, 9, len(tagset.tags), generator=generator)
    wanted = torch.rand(6, generator=generator) * (lengths > 0)
    found = []
    for sums, kind in ((log_partition, torch.float32), (slow_partition, torch.float64)):
        leaves = [one.detach().clone().to(kind).requires_grad_() for one in (emissions, *crf.scores())]
        said = sums(leaves[0], lengths, tuple(leaves[1:]))  # type: ignore[arg-type]
        (said * wanted.to(kind)).sum().backward()  # type: ignore[no-untyped-call]
        found.append([said.detach(), *(one.grad for one in leaves)])
    for ours, reference in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), reference.double(), rtol=1e-5, atol=1e-5)


def test_a_long_sequence_of_sure_tags_neither_overflows_nor_vanishes() -> None:
    crf, _, _ = made(TAGSETS[0], 5)
    emissions = (300 * torch.randn(2, 400, 5, generator=torch.Generator().manual_seed(6))).requires_grad_()
    crf.log_likelihood(emissions, torch.zeros(2, 400, dtype=torch.long)).sum().backward()  # type: ignore[no-untyped-call]
    assert emissions.grad is not None
    assert emissions.grad.isfinite().all()
    assert float(emissions.grad.sum(dim=2).abs().max()) < 1e-4, "one tag less its probability, over all tags"
