"""Base models are found and checked; texts keep their closing token when they are cut."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from stages import tokenize
from stages.encoding import base_model, ids, lengths, tokenizer
from stages.errors import ModelError
from stages.params.model import ModelParams
from tests import small_tokenizers

PACKAGED = base_model.locate(ModelParams(), verify=False)
WORDS: Tokenizer = tokenizer.load(PACKAGED)


def test_the_packaged_model_is_the_pinned_one() -> None:
    assert base_model.locate(ModelParams()) == PACKAGED
    assert base_model.pooling_of(PACKAGED) == "mean"
    assert tokenizer.longest_input(PACKAGED) == 512
    assert tokenizer.pad_id(PACKAGED, WORDS) == 0


@pytest.mark.parametrize(
    ("base", "extra", "says"),
    [
        ("packaged:nothing", {}, "no packaged model"),
        ("some/model", {}, "revision is not set"),
        ("some/model", {"revision": "0" * 40}, "not in the local cache"),
        ("./nowhere", {}, "no config.json"),
        ("packaged:all-MiniLM-L6-v2", {"sha256": "0" * 64}, "expected 0000"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_with_the_remedy(base: str, extra: dict[str, str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        base_model.locate(ModelParams.model_validate({"base": base, **extra}))


def test_a_commit_says_nothing_of_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_text("weights")
    params = ModelParams(base=str(tmp_path), revision="0" * 40)
    assert base_model.locate(params) == tmp_path
    assert f"Set model.sha256: {hashlib.sha256(b'weights').hexdigest()}" in caplog.text
    assert base_model.pin(params) is None
    assert base_model.pin(ModelParams(revision="0" * 40)) is None
    assert base_model.pin(ModelParams(base="some/model", revision="0" * 40)) == "0" * 40


def test_pickled_weights_are_never_taken(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match="never read"):
        base_model.locate(ModelParams(base=str(tmp_path)))


def test_a_folder_without_a_tokenizer_is_refused_instead_of_one_made_up(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": 30522}))
    with pytest.raises(ModelError, match=r"holds no tokenizer.*save_pretrained"):
        tokenizer.load(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_a_pointer_in_the_place_of_a_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ModelError, match=f"{name}: is no .*git-lfs"):
        tokenizer.load(tmp_path) if name == "tokenizer.json" else tokenizer.longest_input(tmp_path)


def test_a_folder_beside_params_is_found_from_a_copy_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "copy"
    for folder in (copy, tmp_path / "my-model"):
        folder.mkdir(parents=True)
    (tmp_path / "my-model" / "config.json").write_text("{}")
    (tmp_path / "my-model" / "model.safetensors").write_text("weights")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(copy))
    assert base_model.is_local("my-model")
    assert base_model.locate(ModelParams(base="./my-model")) == tmp_path / "my-model"


@pytest.mark.parametrize(("share", "said"), [(0.0007, 0), (0.78, 1)])
def test_texts_that_the_tokenizer_does_not_know_are_said(
    caplog: pytest.LogCaptureFixture, share: float, said: int
) -> None:
    tokenize.warn(share, "packaged:all-MiniLM-L6-v2")
    assert caplog.text.count("does not know 78 % of train's tokens") == said


def test_a_pooling_that_does_not_exist_here_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
    with pytest.raises(ModelError, match="lasttoken"):
        base_model.pooling_of(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), min_size=1, max_size=6))
def test_cut_texts_end_with_the_closing_token(texts: list[str]) -> None:
    encoded = ids.encode(WORDS, texts, 8)
    whole = [one.ids for one in WORDS.encode_batch(texts)]
    closing = WORDS.token_to_id("[SEP]")
    for row, full, kept, length in zip(
        encoded.ids.to_pylist(), whole, encoded.lengths, encoded.full_lengths, strict=True
    ):
        assert length == len(full)
        assert kept == len(row) <= 8
        assert row[-1] == closing
        assert row[:-1] == full[: len(row) - 1]


def test_words_in_scripts_without_spaces_are_characters() -> None:
    assert lengths.words("我的订单 LF-12 在哪里") == 9
    assert lengths.words("Where's my order?") == 4
    assert lengths.words("ABC中文") == 3


def test_automatic_length_covers_the_percentile_within_the_models_reach() -> None:
    full = np.arange(1, 201)
    assert lengths.automatic(full, 99.5, 512) == 200
    assert lengths.automatic(full, 90, 512) == 181
    assert lengths.automatic(full, 99.5, 64) == 64
    assert lengths.automatic(np.array([3, 3]), 99.5, 512) == 8


def test_an_unknown_token_is_known_whatever_the_tokenizer() -> None:
    texts = ["where is my order", "the order is late"] * 20
    for made in (small_tokenizers.wordpiece(texts), small_tokenizers.sentencepiece(texts, 60)):
        unknown = ids.unknown_id(made)
        assert unknown is not None
        assert unknown in made.encode("order \u597d").ids
        assert unknown not in made.encode("order").ids
    assert ids.unknown_id(small_tokenizers.byte_level(texts, 300)) is None


def test_weights_in_several_files_are_pinned_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for name in (
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ):
        (tmp_path / name).write_text(name)
    words = ["bash", "-c", "sha256sum model*.safetensors* | sha256sum"]
    said = subprocess.run(words, cwd=tmp_path, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True)
    digest = said.stdout.decode().split()[0]
    assert base_model.locate(ModelParams(base=str(tmp_path), sha256=digest)) == tmp_path
    (tmp_path / "model-00002-of-00002.safetensors").write_text("another")
    with pytest.raises(ModelError, match=f"expected {digest}"):
        base_model.locate(ModelParams(base=str(tmp_path), sha256=digest))


def test_pooling_may_be_named_by_a_word(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    file = tmp_path / "1_Pooling" / "config.json"
    file.write_text(json.dumps({"pooling_mode": "cls"}))
    assert base_model.pooling_of(tmp_path) == "cls"
    file.write_text(json.dumps({"pooling_mode": "lasttoken"}))
    with pytest.raises(ModelError, match="lasttoken"):
        base_model.pooling_of(tmp_path)


def test_marks_belong_to_their_word() -> None:
    for text, expected in [
        ("\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", 2),
        ("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", 4),
        ("cafe\u0301 au lait", 3),
    ]:
        found = lengths.words_in(text)
        assert len(found) == expected
        assert "".join(one[0] for one in found) == text.replace(" ", "")


def test_figures_of_a_split_by_hand() -> None:
    counts = lengths.Counts()
    rows = pa.chunked_array([pa.array([[101, 7, 102], [101, 7, 100, 9, 9, 9, 9, 9, 9, 102], [101, *[7] * 8, 102]])])
    counts.add(["one", "我想 退货", "long text"], 1 + 10 + 18, rows, 100)
    found = lengths.describe(np.array([3, 12, 20]), 10, counts, 2)
    assert (counts.words, counts.pieces, counts.ids) == (1 + 4 + 2, 29, 23)
    assert found["tokens"] == 35
    assert (found["length_mean"], found["length_median"], found["length_max"]) == (11.6667, 12, 20)
    assert (found["truncated_records"], found["truncated_share"], found["tokens_lost"]) == (2, 0.6667, 12)
    assert found["subwords_per_word"] == pytest.approx(29 / 7, abs=1e-4)
    assert (found["unknown_tokens"], found["unknown_share"]) == (1, pytest.approx(1 / 17, abs=1e-4))
