"""Emissions do not depend on a batch's other texts, with a BiLSTM either."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from stages.corpora.tag_schemes import Tagset
from stages.tasks.tagger import BothWays, Tagger

TAGSET = Tagset("BIO", ("LOC",))


def tagger(hidden: int | None) -> Tagger:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    return Tagger(BertModel(config, add_pooling_layer=False), 3, hidden, TAGSET.allowed, 0.1).eval()


def test_both_ways_equal_torchs_own_lstm_on_packed_sequences() -> None:
    torch.manual_seed(1)
    own, torchs = BothWays(6, 4), torch.nn.LSTM(6, 4, batch_first=True, bidirectional=True)
    weights = torchs.state_dict()
    own.onward.load_state_dict({name: value for name, value in weights.items() if not name.endswith("_reverse")})
    own.inward.load_state_dict(
        {name.removesuffix("_reverse"): value for name, value in weights.items() if name.endswith("_reverse")}
    )
    states, mask = torch.randn(3, 7, 6), torch.tensor([[1] * 7, [1] * 3 + [0] * 4, [1] + [0] * 6])
    packed = torch.nn.utils.rnn.pack_padded_sequence(states, mask.sum(1), batch_first=True)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(torchs(packed)[0], batch_first=True)
    keep = mask.bool()
    torch.testing.assert_close(own(states, mask)[keep], expected[keep])


@pytest.mark.parametrize("hidden", [None, 8])
def test_emissions_do_not_depend_on_padding(hidden: int | None) -> None:
    model = tagger(hidden)
    alone = (torch.tensor([[3, 4, 5]]), torch.ones(1, 3, dtype=torch.long))
    together = (torch.tensor([[3, 4, 5, 0, 0], [9] * 5]), torch.tensor([[1, 1, 1, 0, 0], [1] * 5]))
    with torch.no_grad():
        torch.testing.assert_close(model(*together)[:1, :3], model(*alone), rtol=1e-5, atol=1e-6)


def test_emissions_are_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert tagger(8)(torch.tensor([[3, 4]]), torch.ones(1, 2, dtype=torch.long)).dtype == torch.float32
