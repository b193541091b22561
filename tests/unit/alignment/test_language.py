"""Losses per token by their slow definition; the output layer on another body; forgetting seen in a model trained here."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, BertModel, GPT2Config, GPT2LMHeadModel

from stages.alignment import interpolation, language
from stages.alignment.abilities import Ability
from stages.alignment.readers import Reader
from stages.metrics.intervals import Bootstrap
from tests import tiny

SENTENCES = ["the cat sat on the mat today", "my order is late again please help", "water boils at a hundred degrees"]


def words_of(texts: list[str], special: list[str]) -> Tokenizer:
    """A tokenizer that knows the words of some texts."""
    known = dict.fromkeys(word for text in texts for word in text.lower().split())
    vocabulary = {word: i for i, word in enumerate([*special, *known])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=special[0]))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masked")
    torch.manual_seed(0)
    size = words_of(SENTENCES, ["[UNK]", "[MASK]"]).get_vocab_size()
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


def test_each_token_is_masked_once(masked: Path) -> None:
    words = words_of(SENTENCES, ["[UNK]", "[MASK]"])
    speaker = language.speaker(masked, words, 0)
    assert speaker is not None
    assert speaker.kind == "masked"
    found = speaker.losses(SENTENCES)
    ids = words.encode(SENTENCES[0]).ids
    slow = 0.0
    for i, token in enumerate(ids):
        row = torch.tensor([[*ids[:i], 1, *ids[i + 1 :]]])
        with torch.no_grad():
            slow -= float(torch.log_softmax(speaker.model(input_ids=row).logits[0, i], 0)[token])
    assert found.nats[0] == pytest.approx(slow, rel=1e-5)
    assert found.tokens.tolist() == [len(text.split()) for text in SENTENCES]
    assert found.bits_per_byte == pytest.approx(found.nats.sum() / np.log(2) / sum(len(text) for text in SENTENCES))
    assert found.perplexity == pytest.approx(np.exp(found.nats.sum() / found.tokens.sum()))


def test_bytes_are_those_of_the_tokens_that_were_asked(masked: Path, tmp_path: Path) -> None:
    long = " ".join(["水"] * 40 + ["order"] * 60)
    words = words_of([*SENTENCES, "水"], ["[UNK]", "[MASK]"])
    speaker = language.speaker(masked, words_of(SENTENCES, ["[UNK]", "[MASK]"]), 0)
    assert speaker is not None
    found = speaker.losses([long, SENTENCES[0]])
    assert found.tokens.tolist() == [64, 7]
    # 40 characters of three bytes with a blank each, 24 words of five with a blank between.
    assert found.covered.tolist() == [40 * 4 + 24 * 6 - 1, len(SENTENCES[0])]
    config = GPT2Config(vocab_size=words.get_vocab_size(), n_embd=8, n_layer=1, n_head=1, n_positions=64)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    forced = language.speaker(tmp_path, words, 1)
    assert forced is not None
    found = forced.losses([long, SENTENCES[0], "the"])
    assert found.tokens.tolist() == [63, 6, 0]
    assert found.covered.tolist() == [40 * 4 + 24 * 6 - 1 - 3, len(SENTENCES[0]) - 3, 0]
    assert found.nats[2] == 0


def test_another_body_changes_the_losses_and_the_same_one_does_not(masked: Path) -> None:
    words = words_of(SENTENCES, ["[UNK]", "[MASK]"])
    speaker = language.speaker(masked, words, 0)
    assert speaker is not None
    same = speaker.with_body(speaker.model.bert)
    np.testing.assert_allclose(same.losses(SENTENCES)[0], speaker.losses(SENTENCES)[0])
    torch.manual_seed(9)
    other = speaker.with_body(BertModel(speaker.model.config, add_pooling_layer=False).eval())
    assert not np.allclose(other.losses(SENTENCES)[0], speaker.losses(SENTENCES)[0])


def test_a_base_model_without_output_layer_has_nothing_to_put_back(tmp_path: Path) -> None:
    folder = tiny.base(tmp_path / "base")
    assert language.speaker(folder, Tokenizer.from_file(str(folder / "tokenizer.json")), 0) is None


def train(model: GPT2LMHeadModel, words: Tokenizer, texts: list[str], steps: int, rate: float) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    generator = np.random.default_rng(0)
    rows = [torch.tensor(words.encode(text.lower()).ids[:24]) for text in texts]
    model.train()
    for _ in range(steps):
        chosen = [rows[i] for i in generator.choice(len(rows), 16)]
        batch = torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True, padding_value=1)
        labels = batch.masked_fill(batch == 1, -100)
        loss = model(input_ids=batch, attention_mask=(batch != 1).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()


@pytest.mark.slow
def test_a_causal_model_trained_here_forgets_general_text_when_it_is_tuned(project: Path, tmp_path: Path) -> None:
    general = (project / "data/raw/helpdesk/general.txt").read_text(encoding="utf-8").lower().splitlines()
    lines = (project / "data/raw/helpdesk/train.jsonl").read_text(encoding="utf-8").splitlines()
    own = [json.loads(line)["text"].lower() for line in lines]
    words = words_of([*general, *own], ["<unk>", "<pad>"])
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=words.get_vocab_size(),
        n_embd=128,
        n_layer=2,
        n_head=4,
        n_positions=64,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    train(model, words, general[:330], 160, 2e-3)
    model.save_pretrained(tmp_path)
    before = language.speaker(tmp_path, words, 1)
    assert before is not None
    assert before.kind == "causal"
    replaying = copy.deepcopy(model)
    train(model, words, own, 80, 2e-3)
    # Replay: every second record is one of the general sentences that the model was trained on.
    train(replaying, words, [text for pair in zip(own, general[100:330] * 4, strict=False) for text in pair], 80, 2e-3)
    held = general[:100]
    losses = [one.losses(held) for one in (before, *(before.with_body(m.transformer) for m in (model, replaying)))]
    perplexity, forgot, kept = (one.perplexity for one in losses)
    assert forgot > 1.5 * perplexity
    assert perplexity < kept < perplexity + 0.8 * (forgot - perplexity)
    bits = [one.bits_per_byte for one in losses]
    assert bits[0] < bits[2] < bits[1]


def test_between_base_and_tuned() -> None:
    config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    words = words_of(SENTENCES, ["[UNK]", "[MASK]"])
    readers = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        readers.append(Reader(BertModel(config, add_pooling_layer=False).eval(), words, "mean", 16, 0))
    base, tuned = readers
    torch.manual_seed(2)
    head = torch.nn.Linear(8, 2)
    gold = (tuned.vectors(SENTENCES) @ head.weight.detach().numpy().T + head.bias.detach().numpy()).argmax(1)
    ability = Ability("a", lambda reader: (reader.vectors(SENTENCES)[:, 0] > 0).astype(float), 3)
    found = interpolation.measure(base, tuned, head, (SENTENCES, gold), ability, Bootstrap(100, 0.95, 1))
    assert [one.share for one in found] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found[-1].accuracy.value == 1.0
    half = interpolation.mixed(base, tuned, 0.5).encoder.state_dict()
    for name, value in tuned.encoder.state_dict().items():
        torch.testing.assert_close(half[name], (value + base.encoder.state_dict()[name]) / 2)
    assert interpolation.distance(base, base) == 0
    assert interpolation.distance(base, tuned) > 0.1
