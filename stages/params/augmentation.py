"""`data.augmentation` and `data.rehearsal`: what finetune learns from besides train.

Both make splits of their own, so that whatever else reads train (baselines, distances, the head's start) sees the records that
people wrote for this job and no others.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stages.params.section import Settings

Copies = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0, le=1)]
File = Annotated[str, Field(min_length=1)]


class WordDropout(Settings):
    """Words are left out.

    Attributes:
        copies: versions made of each record; 0 for none.
        rate: share of a text's words, at least one.
    """

    copies: Copies = 0
    rate: Rate = 0.1


class WordSwap(Settings):
    """Neighbouring words change places.

    Attributes:
        copies: versions made of each record; 0 for none.
        rate: pairs, as a share of a text's words, at least one.
    """

    copies: Copies = 0
    rate: Rate = 0.1


class Typos(Settings):
    """Letters become a neighbour on a QWERTY keyboard, are left out, or come twice; other scripts stay as they are.

    Attributes:
        copies: versions made of each record; 0 for none.
        rate: share of a text's words that get one, at least one.
    """

    copies: Copies = 0
    rate: Rate = 0.1


class Synonyms(Settings):
    """Words and phrases of a list are replaced by others.

    Attributes:
        copies: versions made of each record; 0 for none.
        rate: share of what the list knows of a text, at least one.
        file: `.tsv` (word, then alternatives) or `.jsonl` (`{"word": ..., "synonyms": [...]}`). DVC watches it.
    """

    copies: Copies = 0
    rate: Rate = 0.3
    file: File = "data/raw/helpdesk/synonyms.tsv"


class BackTranslation(Settings):
    """A text is replaced by what came back from another language (Sennrich et al. 2016), or by any other paraphrase.

    Attributes:
        copies: most versions made of each record, one for each of the file's paraphrases of its text; 0 for none.
        file: `.tsv` (text, then paraphrases) or `.jsonl` (`{"text": ..., "paraphrases": [...]}`). DVC watches it.
    """

    copies: Copies = 0
    file: File = "data/raw/helpdesk/paraphrases.tsv"


class Augmentation(Settings):
    """Changed versions of train's records, with the same targets. Each version is changed in one way.

    Attributes:
        seed: of what is changed.
        word_dropout: words left out.
        word_swap: neighbouring words in the other order.
        typos: slips on a keyboard.
        synonyms: from a list.
        back_translation: from a parallel file.
    """

    seed: Annotated[int, Field(ge=0)] = 5
    word_dropout: WordDropout = WordDropout()
    word_swap: WordSwap = WordSwap()
    typos: Typos = Typos()
    synonyms: Synonyms = Synonyms()
    back_translation: BackTranslation = BackTranslation()

    @property
    def copies(self) -> dict[str, int]:
        """Versions of each record by kind, for kinds that make any."""
        found = {name: getattr(self, name).copies for name in type(self).model_fields if name != "seed"}
        return {name: copies for name, copies in found.items() if copies}


class Rehearsal(Settings):
    """Records of another corpus with the same labels, learned beside train (rehearsal, Robins 1995).

    Attributes:
        share: of that corpus' train records, a seeded sample that keeps each label's share; 0 for none.
        path: as `data.path`, read with the same `data.columns`; only its train split is used. DVC watches it.
        seed: of the sample.
    """

    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    path: File = "data/raw/helpdesk"
    seed: Annotated[int, Field(ge=0)] = 19
