"""Every gold span of the shared tagging sets: encoded over windows and decoded, it comes back, or its loss is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.corpora import words
from stages.corpora.readers import conll
from stages.corpora.tag_schemes import Census, Span, Tagset, spans_of
from stages.corpora.words import Piece
from stages.encoding import base_model, tokenizer, word_labels
from stages.encoding.word_labels import IGNORED
from stages.params.data import Csv
from stages.params.model import ModelParams

pytestmark = pytest.mark.real
Sentence = tuple[str, list[Piece], list[Span]]
MAX_LENGTH = 32
"""Short enough for many windows."""


def from_conll(file: Path) -> Iterator[Sentence]:
    for block in conll.read(file, Csv()):
        for tokens, tags in zip(block.values("tokens"), block.values("tags"), strict=True):
            text, places = words.join(tokens)
            yield text, places, [(places[start][0], places[end - 1][1], name) for start, end, name in spans_of(tags)]


def from_jsonl(file: Path) -> Iterator[Sentence]:
    for line in file.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        spans = [(one["start"], one["end"], one["label"]) for one in record["entities"]]
        yield record["text"], words.cut(record["text"]), sorted(spans)


@pytest.mark.parametrize(
    ("name", "expected", "cut_a_word", "longest"),
    [
        ("wnut17", 1975 + 836 + 1079, 0, 1),
        ("broad_twitter_ner", 6295 + 1912 + 3368, 0, 3),
        ("snips_nlu", 10362 + 1794, 6, 0),
        ("weibo_ner", 1895 + 389 + 418, 0, 0),
        ("crossner", 19587, 0, 0),
    ],
)
def test_every_span_comes_back_or_is_counted(
    shared_data: Path, name: str, expected: int, cut_a_word: int, longest: int
) -> None:
    tools = tokenizer.load(base_model.locate(ModelParams(), verify=False))
    frame = word_labels.framing(tools, MAX_LENGTH, 12)
    files = sorted((shared_data / name).rglob("*.conll")) or sorted((shared_data / name).glob("*.jsonl"))
    sentences = [one for file in files for one in (from_conll if file.suffix == ".conll" else from_jsonl)(file)]
    tagset = Tagset("BIO", tuple(sorted({name for _, _, spans in sentences for _, _, name in spans})))
    encoded = word_labels.pieces(tools, [text for text, _, _ in sentences], [places for _, places, _ in sentences])
    total = lost = parted = several = 0
    for (_, places, spans), sentence in zip(sentences, encoded, strict=True):
        inside, cut = word_labels.to_words(spans, places)
        spread = word_labels.windows(sentence, frame)
        rows, without = word_labels.labels(spread, inside, tagset)
        taught = [tagset.tags[tag] for row in rows for tag in row if tag != IGNORED]
        back = [(places[start][0], places[end - 1][1], kind) for start, end, kind in spans_of(taught)]
        total, lost, parted, several = total + len(spans), lost + cut, parted + without, several + (len(spread) > 1)
        if without == 0:
            assert back == [(places[start][0], places[end - 1][1], kind) for start, end, kind in inside]
            assert set(back) <= set(spans)
            assert len(spans) - len(back) == cut
    assert (total, lost, parted) == (expected, cut_a_word, longest)
    assert several > 0


def test_weibos_malformed_steps_are_counted(shared_data: Path) -> None:
    found = {}
    for file in sorted((shared_data / "weibo_ner").glob("*.conll")):
        census = Census()
        for block in conll.read(file, Csv()):
            for tags, row in zip(block.values("tags"), block.rows, strict=True):
                census.add(tags, row)
        assert census.scheme == "BIO"
        found[file.stem] = census.malformed
    assert found == {"train": 10, "dev": 0, "test": 4}
