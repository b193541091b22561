"""`data`: where the records come from, how their columns are called, and how they are cleaned and split."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.augmentation import Augmentation, Rehearsal
from stages.params.section import Section, Settings

Names = str | Annotated[list[str], Field(min_length=1)]
"""A column's name, or several of which the first that exists is taken."""
Action = Literal["keep", "drop", "refuse"]


class Columns(Settings):
    """What the data set calls its columns.

    Attributes:
        id: the record's own identity; when null, ids are made from split and row number.
        text: the text to read; of a pair, the first one.
        text_b: the second text of a pair.
        label: the class of a text or of a pair.
        labels: the labels of a text, where it may have any number: a list, or a string with `label_separator`.
        label_columns: instead of `labels`, one column of 0 and 1 per label, which is called like the label.
        label_separator: what stands between labels in one string; null expects lists.
        score: the number that a pair is to be given.
        head: the first entity of a relation: a span of the text (relation).
        tail: the second one (relation).
        relations: instead of head, tail and label, a list of objects that have them: several relations of one text.
        answers: what answers the question `text` in the context `text_b`, with places (question_answering).
        tokens: the words of a text, a list (CoNLL files have one); null for data with a `text` and `spans`.
        tags: a tag for each of the tokens, in any of the usual schemes.
        spans: marked spans of a text, a list of `{start, end, label}` in characters.
        token_words: whether tags are decided on for the data's own tokens, or for the words that a release cuts from raw text.
        group: records that share a value stay in one split: none is cut through, and train loses the records whose group
            stands in a validation or test split of the data set's own (`data.cleaning.leakage`); null for none.
        keep: further columns carried along for slices.
    """

    id: Names | None = None
    text: Names = "text"
    text_b: Names = "text_b"
    label: Names = "label"
    labels: Names = "labels"
    label_columns: list[str] = Field(default_factory=list)
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    score: Names = "score"
    head: Names = "head"
    tail: Names = "tail"
    relations: Names = "relations"
    answers: Names = "answers"
    tokens: Names | None = None
    tags: Names = Field(default_factory=lambda: ["tags", "ner_tags"])
    spans: Names = Field(default_factory=lambda: ["spans", "entities"])
    token_words: bool = True
    group: str | None = None
    keep: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _kept_columns_are_no_texts(self) -> Columns:
        if "text_b" in self.keep:
            msg = (
                "keep: text_b would be taken for the second text of a pair; call the column otherwise, or leave it out"
            )
            raise ValueError(msg)
        return self


class Csv(Settings):
    """How delimited text is read.

    Attributes:
        delimiter: one character; null takes a comma for `.csv` and a tab for `.tsv`.
        quote: the quoting character; null for none.
        encoding: the text encoding, by Python's name of it, such as gb18030, big5, cp932, euc-kr or cp1252.
    """

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(min_length=1, max_length=1)] | None = '"'
    encoding: str = "utf-8"


class Split(Settings):
    """How splits that the data set lacks are cut from train: seeded, stratified by label, whole groups.

    Attributes:
        validation: share of the records, in (0, 0.5].
        test: share of the records, in (0, 0.5]; it moves when records arrive, so that models over time need a file of your own.
        seed: of the cut.
    """

    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    test: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    seed: Annotated[int, Field(ge=0)] = 13


class Cleaning(Settings):
    """What happens to records that should not be as they are. `refuse` ends the stage with their rows.

    Attributes:
        normalize: Unicode form that texts are brought to; null leaves them alone.
        empty: texts without a visible character.
        unlabelled: labelled splits' records whose label is missing.
        duplicates: the same text with the same label again; the first one stays. Texts are the same that differ in case,
            width, sentence punctuation or blanks; symbols, emoji, `# % & @ *` and the minus of a number count, so that `C++` is
            not `C`. `drop` works on train, unlabelled and out_of_scope: held-out splits stay whole, and comparable, and their
            repeats are counted.
        near_duplicates: texts of one split and label whose 5-character shingles overlap by at least
            `near_threshold`; `drop` as above.
        near_threshold: Jaccard similarity from which on two texts are near duplicates.
        swapped_pairs: whether the same two texts in the other order are the `same` pair, for duplicates, conflicts and
            leakage: so it is where a relation is symmetric, such as similarity.
        misplaced_answers: answers that do not stand where their data set says; `anchor` moves them to the nearest place
            where the context holds them.
        conflicts: the same text with different labels, within train.
        leakage: train records whose text (the same as for duplicates) stands in validation, test or shifted, or whose group
            stands in validation or test.
        malformed_tags: tags that break their scheme (an inside tag after `O`): `repair` reads them as the CoNLL scorer does.
        rare: classes with fewer records in train than `rare_below`; `drop` takes them out of splits cut from train, too.
        rare_below: the smallest number of train records of a class.
        unknown_labels: records of validation, test or shifted with a label that train lacks.
    """

    normalize: Literal["NFC", "NFKC"] | None = "NFC"
    empty: Literal["drop", "refuse"] = "drop"
    unlabelled: Literal["drop", "refuse"] = "refuse"
    duplicates: Action = "drop"
    near_duplicates: Action = "keep"
    near_threshold: Annotated[float, Field(ge=0.5, le=1)] = 0.9
    swapped_pairs: Literal["distinct", "same"] = "distinct"
    misplaced_answers: Literal["refuse", "drop", "anchor"] = "refuse"
    conflicts: Action = "keep"
    leakage: Action = "drop"
    malformed_tags: Literal["repair", "refuse"] = "repair"
    rare: Action = "keep"
    rare_below: Annotated[int, Field(ge=1)] = 2
    unknown_labels: Literal["drop", "refuse"] = "refuse"


class DataParams(Section):
    """The `data` section.

    Attributes:
        path: a file (one to split), a folder with one file per split, or a `*.hub.yaml` file that names a hub data set
            and its revision. It is also what DVC watches.
        columns: names in the data set.
        csv: for delimited text.
        split: for splits that are missing.
        cleaning: what happens to doubtful records.
        augmentation: changed versions of train's records.
        rehearsal: records of another corpus.
        limit: use only this many records of each split (seeded sample, stratified); null for all. For trial runs.
    """

    section: ClassVar[str] = "data"
    path: str
    columns: Columns = Columns()
    csv: Csv = Csv()
    split: Split = Split()
    cleaning: Cleaning = Cleaning()
    augmentation: Augmentation = Augmentation()
    rehearsal: Rehearsal = Rehearsal()
    limit: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _some_is_left_to_train_on(self) -> DataParams:
        if self.split.validation + self.split.test > 0.8:
            msg = "split.validation and split.test together leave less than 20 % to train on"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _another_corpus_is_rehearsed(self) -> DataParams:
        if self.rehearsal.share > 0 and self.rehearsal.path == self.path:
            msg = "rehearsal.path is data.path itself; name another corpus, or set rehearsal.share: 0"
            raise ValueError(msg)
        return self
