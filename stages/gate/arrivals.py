"""`python -m stages.gate data [--baseline REV]`: what is new in the train data, said before anything is trained on it.

Run it after prepare. It names labels that are new or gone, and says whether the records that came in look like those that were
there: a classifier is asked to tell them apart by their character n-grams, which needs no model and serves every language.
Exit code 0: nothing to stop for, or a kind of task that is not compared. 1: `gate.data` says stop. 2: the revision's data
cannot be had.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow.parquet as pq

from stages import artifacts
from stages.artifacts import Schema
from stages.errors import UserError
from stages.gate import sources
from stages.gate.sources import Reader
from stages.metrics.two_sample import Separation, classifier_test
from stages.params.gate import GateParams, NewData
from stages.params.loading import load

LEAST = 20
"""Records that came in, below which their texts are not tested."""
MOST = 1000
"""Records of each side that are tested; a seeded sample of more."""
DIMENSIONS = 64
PERMUTATIONS = 200
SHOWN = 10
log = logging.getLogger("stages.gate")


@dataclass(frozen=True)
class Corpus:
    """A train split.

    Attributes:
        texts: of its records.
        labels: of its records.
        test: hash of the test split beside it.
    """

    texts: list[str]
    labels: list[str]
    test: str | None

    def shares(self) -> dict[str, float]:
        """Share of each label."""
        names, counts = np.unique(np.array(self.labels, dtype=object).astype(str), return_counts=True)
        return {str(name): float(count) / len(self.labels) for name, count in zip(names, counts, strict=True)}


@dataclass(frozen=True)
class Arrivals:
    """How one train split differs from an earlier one.

    Attributes:
        came: records, by text and label, that the earlier one has not.
        went: records that only the earlier one has.
        new: labels that only the later one has.
        gone: labels that only the earlier one has.
        distance: total variation between the shares of labels, in [0, 1].
        separation: of texts that came in from those that were there; None where too few came.
        same_test: whether both lie beside the same test split.
    """

    came: int
    went: int
    new: list[str]
    gone: list[str]
    distance: float
    separation: Separation | None
    same_test: bool


def data(words: Sequence[str]) -> int:
    """Compare, tell, and stop where params say so."""
    parser = argparse.ArgumentParser(prog="python -m stages.gate data", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--baseline", help="revision to compare with; gate.baseline by default")
    chosen = parser.parse_args(words)
    try:
        params = cast("GateParams", load((GateParams,))["gate"])
        revision = chosen.baseline or params.baseline
        kind = _kind(sources.here())
        earlier = _kind(sources.reader(revision)) if kind in sources.JUDGED else kind
        if kind != earlier or kind not in sources.JUDGED:
            named = kind if kind == earlier else f"{kind} where {earlier} was"
            sys.stdout.write(f"train since {revision}: of task.kind {named} nothing is compared, and nothing stopped\n")
            return 0
        before, now = read(sources.reader(revision)), read(sources.here())
    except UserError as error:
        log.error("gate: %s", error)
        return 2
    found = compare(before, now, params.seed)
    for line in told(found, revision):
        sys.stdout.write(line + "\n")
    reasons = stops(found, params.data)
    for reason in reasons:
        sys.stdout.write(f"STOP: {reason}\n")
    return 1 if reasons else 0


def _kind(reader: Reader) -> str:
    return str(json.loads(reader(artifacts.SCHEMA))["task"])


def read(reader: Reader) -> Corpus:
    """The train split and what lies beside it.

    Raises:
        CannotJudgeError: it cannot be had.
    """
    schema = Schema(**json.loads(reader(artifacts.SCHEMA)))
    sources.judged(schema)
    table = pq.read_table(io.BytesIO(reader(artifacts.prepared("train"))))
    return Corpus(sources.texts_of(table), table["label"].to_pylist(), schema.fingerprint.get("test"))


def compare(before: Corpus, now: Corpus, seed: int) -> Arrivals:
    """Measure how a train split differs from an earlier one.

    Args:
        before: the earlier one.
        now: the later one.
        seed: of samples, folds and permutations.
    """
    earlier = set(zip(before.texts, before.labels, strict=True))
    later = set(zip(now.texts, now.labels, strict=True))
    known = set(before.texts)
    fresh = [text for text in dict.fromkeys(now.texts) if text not in known]
    had, has = before.shares(), now.shares()
    names = sorted({*had, *has})
    return Arrivals(
        len(later - earlier),
        len(earlier - later),
        [name for name in names if name not in had],
        [name for name in names if name not in has],
        sum(abs(had.get(name, 0.0) - has.get(name, 0.0)) for name in names) / 2,
        separation(list(dict.fromkeys(before.texts)), fresh, seed),
        before.test == now.test,
    )


def separation(earlier: Sequence[str], fresh: Sequence[str], seed: int) -> Separation | None:
    """How well texts can be told from earlier ones by what stands in them; None where there are too few of either."""
    n = min(len(earlier), len(fresh), MOST)
    if n < LEAST:
        return None
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    generator = np.random.default_rng(seed)
    texts = [one[i] for one in (earlier, fresh) for i in generator.permutation(len(one))[:n]]
    weighed = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True).fit_transform(texts)
    dimensions = min(DIMENSIONS, weighed.shape[1] - 1)
    points = TruncatedSVD(dimensions, random_state=seed).fit_transform(weighed)
    return classifier_test(points[:n], points[n:], PERMUTATIONS, seed)


def told(found: Arrivals, revision: str) -> list[str]:
    """What was found, in sentences."""
    said = [f"train since {revision}: {found.came:,} records came, {found.went:,} went"]
    for what, names in (("new", found.new), ("gone", found.gone)):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            said.append(f"labels that are {what}: {', '.join(names[:SHOWN])}{more}")
    said.append(f"shares of labels moved by {found.distance:.1%} (total variation)")
    one = found.separation
    if one is None:
        said.append(f"texts: fewer than {LEAST} are new, too few to compare")
    else:
        area = f"AUC {one.auc:.3f} ({one.low:.3f} to {one.high:.3f}), p = {one.p:.3f}, n = {one.n:,} of each"
        said.append(f"texts that came in can be told from those that were there with {area}; .5 is chance")
    if not found.same_test:
        said.append("the test split is another one: `compare` will not be able to judge")
    return said


def stops(found: Arrivals, params: NewData) -> list[str]:
    """Why params say that nothing may be trained on this."""
    reasons = []
    if found.new and params.new_labels == "stop":
        reasons.append(f"gate.data.new_labels: {', '.join(found.new[:SHOWN])}")
    if params.label_distance is not None and found.distance > params.label_distance:
        reasons.append(f"gate.data.label_distance: {found.distance:.3f} is above {params.label_distance:g}")
    one = found.separation
    if one is not None and params.text_auc is not None and one.low > params.text_auc:
        reasons.append(f"gate.data.text_auc: the interval of {one.auc:.3f} lies above {params.text_auc:g}")
    return reasons
