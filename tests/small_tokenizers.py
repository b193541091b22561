"""Tokenizers of the three usual families, trained within a second on the texts that a test has.

`wordpiece` is BERT's: lower case, accents off, Chinese characters one by one. `byte_level` is RoBERTa's: bytes, blanks kept in
the tokens (also in their offsets), so that one Chinese character may be several tokens. `sentencepiece` is T5's and
XLM-R's: a blank before every word, normalised by NFKC, which makes one character of several or several of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def wordpiece(texts: Iterable[str], size: int = 6000) -> Tokenizer:
    """A BERT tokenizer with its template `[CLS] a [SEP] b [SEP]`."""
    made = Tokenizer(models.WordPiece(unk_token=SPECIAL[1]))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False)
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", made.token_to_id("[CLS]")), ("[SEP]", made.token_to_id("[SEP]"))],
    )
    return made


def byte_level(texts: Iterable[str], size: int = 1500) -> Tokenizer:
    """A RoBERTa tokenizer with its template `<s> a </s></s> b </s>`; blanks stay in the tokens' offsets."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made


def sentencepiece(texts: Iterable[str], size: int = 1500) -> Tokenizer:
    """A unigram tokenizer with the template `a </s> b </s>`, which has no token in front."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    marks = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=marks, unk_token=marks[2], show_progress=False)
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return made


FAMILIES: dict[str, Callable[[Iterable[str]], Tokenizer]] = {
    "wordpiece": wordpiece,
    "byte_level": byte_level,
    "sentencepiece": sentencepiece,
}
