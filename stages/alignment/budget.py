"""How large the samples may be for the report to fit its budget, by counting operations instead of watching a clock.

A cap by the clock would give the same commit other samples on a busy machine than on a free one. The count needs only what is
known before anything is measured: rows, tokens, the size of the encoder. It is given in seconds of two cores that have AVX2
and no more, as CI's often do, so that people can say what they want to spend there; two cores with AVX512-BF16 need half of it.

The samples of statistics shrink first, by fifths, and the train records of the probes only when the others are small: a probe
that has seen less than the tuned model makes tuning look better than it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stages.params.alignment import Budget

READING = 1.25e11
"""Operations per second of an encoder that reads text, in float32."""
FITTING = 2.5e10
"""Operations per second of everything else: matrices are smaller, and much of it is memory."""
SHIFTS = ("validation", "test", "shifted", "unlabelled")
FEW_RECORDS = 300
"""Where shrinking stops until probes have shrunk as well: intervals of shares are then 6 points to either side."""
FEWEST_RECORDS = 100
"""As the params allow: below it an interval says nothing."""
FEWEST_PROBED = 1000
SHRINK = 0.8
FLOOR_RECORDS = 2000
"""As in `stages.alignment.task_gap`: train records that the floor of random weights reads."""
EXPLAINED, STRETCHES = 10, 60
"""Decisions that are explained (`stages.alignment.surroundings`), and readings of each (`stages.analysis.explanation`)."""
SENTENCES = 1.5
"""Tokens of a general sentence over those of a record; messages are short."""
LOGISTIC_STEPS = 60
"""Iterations of logistic regression, typically, for each of three strengths."""


@dataclass(frozen=True)
class Job:
    """What the cost follows from.

    Attributes:
        rows: records by split.
        tokens: per record, on average.
        weights: of the encoder that a token passes through, embeddings left out.
        width: of a vector.
        layers: of the encoder.
        classes: of the task.
        texts: sentences of each reference text.
        sets: records of each labelled, paired or tagged reference.
        permutations: of two-sample tests.
        resamples: of the bootstrap.
    """

    rows: dict[str, int]
    tokens: float
    weights: int
    width: int
    layers: int
    classes: int
    texts: list[int] = field(default_factory=list)
    sets: list[int] = field(default_factory=list)
    permutations: int = 200
    resamples: int = 2000


@dataclass(frozen=True)
class Sizes:
    """What the budget allows.

    Attributes:
        records: most records per statistic and split.
        probed: most train records that probes are fitted on.
        seconds: what all of it costs, by the count.
        capped: whether samples had to shrink for it.
    """

    records: int
    probed: int
    seconds: float
    capped: bool = False


def plan(job: Job, budget: Budget, most_probed: int) -> Sizes:
    """The largest samples that fit; the smallest ones when none does.

    Args:
        job: what is to be measured.
        budget: the caps.
        most_probed: train records for probes when nothing caps them.
    """
    records, probed = budget.records, min(job.rows["train"], most_probed)
    capped = False
    while True:
        seconds = cost(job, records, probed)
        smallest = records <= FEWEST_RECORDS and probed <= FEWEST_PROBED
        if budget.seconds is None or seconds <= budget.seconds or smallest:
            return Sizes(records, probed, seconds, capped)
        capped = True
        if records > FEW_RECORDS:
            records = max(FEW_RECORDS, int(records * SHRINK))
        elif probed > FEWEST_PROBED:
            probed = max(FEWEST_PROBED, int(probed * SHRINK))
        else:
            records = max(FEWEST_RECORDS, int(records * SHRINK))


def cost(job: Job, records: int, probed: int) -> float:
    """Seconds that samples of these sizes cost, by the count."""
    return (
        texts_read(job, records, probed) * job.tokens * 2 * job.weights / READING
        + _fitted(job, records, probed) / FITTING
    )


def texts_read(job: Job, records: int, probed: int) -> float:
    """Texts that some model reads, each time counted."""

    def of(split: str, most: int = records) -> int:
        return min(job.rows.get(split, 0), most)

    task = probed + job.rows["validation"] + job.rows["test"] + min(probed, FLOOR_RECORDS) + of("test")
    # Raw texts of train, validation and test are known from the probes; what is left is the normalised ones.
    shift = of("train") + sum(of(split) for split in SHIFTS) + of("shifted") + of("unlabelled")
    # Of a text: sentences, halves (two of half a length), and every second sentence with two words swapped, by three models.
    asked = sum(min(n, records) for n in job.texts) * 2.5 * 3 * SENTENCES
    labelled = sum(min(n, 2 * records) for n in job.sets) * 3
    longest = max([0, *(min(n, 2 * records) for n in job.sets), *(SENTENCES * min(n, records) for n in job.texts)])
    way = 3 * (of("test", records // 2) + longest)
    around = 7 * of("test", records // 2) + of("train") + EXPLAINED * (3 + min(job.tokens, STRETCHES))
    if "out_of_scope" in job.rows:
        around += of("train", 2 * records) + job.rows["out_of_scope"]
    return float(task + shift + asked + labelled + way + around)


def _fitted(job: Job, records: int, probed: int) -> float:
    """Operations of probes, two-sample statistics and intervals."""
    d, r, test = job.width, records, job.rows["test"]
    logistic = 3 * LOGISTIC_STEPS * 4 * probed * d * job.classes
    ridges = (job.layers + 5) * (2 * probed * d * d + 10 * d**3)
    references = len(job.texts) * 3 + len(job.sets)
    refitted = references * (3 * 5 + 2 * 2 * (job.layers + 1)) * (2 * r * d * d + 10 * d**3)
    splits = sum(split in job.rows for split in SHIFTS)
    classifier = 2 * 5 * (4 * r * d * d + 10 * d**3 + 4 * r * d * job.permutations)
    discrepancy = (2 * r) ** 2 * (2 * d + 2 * job.permutations)
    near = r * r * (2 * d + 50) + min(probed, 2000) ** 2 * (2 * d + 200)
    intervals = job.resamples * (test * 12 + r * 30) * 10
    return float(logistic + ridges + refitted + splits * (classifier + discrepancy + near) + intervals)
