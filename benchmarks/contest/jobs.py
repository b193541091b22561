"""What is played: a recipe, the public data set that it is played on, and the figures that count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One data set with one recipe.

    Attributes:
        recipe: name of a file in `recipes`, without `.params.yaml`.
        folder: of the data set, within the folder of public data sets.
        figures: that are compared, as `benchmarks.contest.scoring` names them.
    """

    recipe: str
    folder: str
    figures: tuple[str, ...]


JOBS = {
    "wnut17": Job("wnut17", "wnut17", ("f1",)),
    "broad_twitter_ner": Job("broad_twitter_ner", "broad_twitter_ner", ("f1",)),
    "snips_slots": Job("snips_slots", "snips_nlu", ("f1",)),
    "semeval2010": Job("semeval2010", "semeval2010_task8", ("macro_f1",)),
    "goemotions": Job("goemotions", "goemotions", ("macro_f1", "micro_f1")),
    "stsb": Job("stsb", "stsb_en", ("spearman",)),
    "xquad": Job("xquad", "xquad_en", ("exact_match", "f1")),
}
TAGGING = ("wnut17", "snips_slots")
"""Where the heads of taggers are compared."""
HEADS = ("linear", "crf", "bilstm_crf")
NAMES = {
    "f1": "F1",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "spearman": "Spearman",
    "exact_match": "exact match",
}
